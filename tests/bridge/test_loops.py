"""Attestors and relayer against the ledger's rules and the contract's code: what they bring about together, and what survives a kill."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from bridge.attestor import Stalled, Stopped
from bridge.cursor import CursorBroken, CursorFile
from bridge.errors import BridgeError
from bridge.home import HomeUnreachable
from bridge.relayer import chosen
from bridge.speaker import Spoken
from bridge.watcher import Later
from ledger.bridges import Attestor as Member
from ledger.bridges import Word
from ledger.transactions.bodies import GrantPut
from tests.bridge.keys import key
from tests.bridge.whole import ALICE, Killed, Whole, steps
from tests.ledger.bridge_world import BIG_DELAY_MS, WITNESSES, defined
from tests.ledger.cast import BY_ROOT
from tests.ledger.world import HOUR_MS, MAIN_A, grant

if TYPE_CHECKING:
    from pathlib import Path

THREE = WITNESSES[:3]


@pytest.fixture
def whole(tmp_path: Path) -> Whole:
    """Make a route; nobody runs yet."""
    return Whole(tmp_path)


def check_totals(whole: Whole) -> None:
    """Insist on the end-to-end inequality (B1): what circulates there is in the vault here."""
    route = whole.ledger.route
    vault = route.locked - route.refunded - route.released
    assert vault == whole.ledger.balance(f"operator/vault:{route.id}")[0]
    minted, burned = whole.contract("cumulativeMinted"), whole.contract("cumulativeBurned")
    assert minted <= route.locked - route.refunded
    assert route.released <= route.burned <= burned
    assert vault - (minted - burned) >= 0


def test_locked_minted_burned_and_released(whole: Whole) -> None:
    """Goal: the whole way with one of four dead. Method: totals of both sides, what the ledger knows of the other, and the inspection."""
    whole.lock(500)
    whole.lock(20)
    steps(whole)
    assert whole.contracts.token.read("balanceOf", ALICE) == (520,)
    before = whole.ledger.balance(MAIN_A)[0]
    whole.burn(120)
    steps(whole)
    route = whole.ledger.route
    assert whole.ledger.balance(MAIN_A)[0] == before + 120
    assert (route.locked, route.minted, route.burned, route.released) == (520, 520, 120, 120)
    assert whole.shown[-1].totals["surplus"] == 0
    assert not whole.shown[-1].stalled
    check_totals(whole)


def test_nobody_alone_moves_anything(whole: Whole) -> None:
    """Goal: B9. Method: two of four attest; nothing is minted or released. The third decides."""
    whole.lock(500)
    steps(whole, THREE[:2])
    assert whole.contract("cumulativeMinted") == 0
    steps(whole)
    whole.burn(100)
    for name in THREE[:2]:
        whole.attestor(name).step()
    assert whole.ledger.route.released == 0
    steps(whole)
    assert whole.ledger.route.released == 100


def test_attestors_that_come_at_other_times_sign_the_same(whole: Whole) -> None:
    """Goal: a height is given, never chosen. Method: each attestor signs after other locks and votes have changed the route."""
    for number, name in enumerate(WITNESSES):
        whole.lock(100 + number)
        with suppress(BridgeError):
            whole.attestor(name).step()
        whole.ledger.time_ms += 60_000
    steps(whole, WITNESSES)
    assert whole.contract("cumulativeMinted") == 406
    assert len(whole.here["bank-a"].signatures("mint", 1)) == 4
    assert len(whole.here["bank-a"].signatures("checkpoint", 0)) == 4


def test_b5_what_was_not_minted_in_time_is_refunded_and_can_never_be_minted(whole: Whole) -> None:
    """Goal: the other chain's clock decides. Method: no relayer until after the deadline; then the refund's checkpoint is carried."""
    before = whole.ledger.balance(MAIN_A)[0]
    whole.lock(500)
    for name in THREE:
        whole.attestor(name).step()
    whole.later(90_000)
    for name in THREE:
        whole.attestor(name).step()
    assert whole.ledger.lock_of(1).state == "refunded"
    assert whole.ledger.balance(MAIN_A)[0] == before
    steps(whole)
    assert whole.contract("cumulativeMinted") == 0
    assert whole.contract("cumulativeRefunded") == 500
    check_totals(whole)


def test_b7_a_big_lock_is_signed_when_it_has_waited(whole: Whole) -> None:
    """Goal: big amounts wait at home, and the ones after them do not. Method: a big lock, a small one, then the delay."""
    whole.lock(3_000)
    whole.lock(100)
    steps(whole)
    assert whole.contract("cumulativeMinted") == 100
    assert whole.attestor("bank-a").state.spoken.waiting == (1,)
    whole.later(BIG_DELAY_MS // 1_000 + 1)
    steps(whole)
    assert whole.contract("cumulativeMinted") == 3_100
    assert whole.attestor("bank-a").state.spoken.waiting == ()


def test_a_rotation_is_carried_and_open_locks_are_signed_again(whole: Whole) -> None:
    """Goal: B9, the chain of sets. Method: treasury gets another key while a lock is open; the old set signs the new one."""
    whole.lock(500)
    for name in THREE:
        whole.attestor(name).step()
    whole.later(2 * HOUR_MS // 1_000)
    members = [Member(each.address, name) for each, name in zip(whole.keys, WITNESSES, strict=True) if name != "treasury"]
    set_ = tuple(sorted((*members, Member(key(99).address, "treasury")), key=lambda each: each.address))
    assert whole.ledger.set(defined(terms=None, status="", attestors=set_)).code == 0
    whole.changes()
    steps(whole, times=6)
    assert whole.contract("epoch") == 2
    assert whole.contract("cumulativeMinted") == 500
    assert whole.attestor("bank-a").state.spoken.rotation == 2


def test_a_signature_that_is_none_spoils_nothing(whole: Whole) -> None:
    """Goal: the ledger keeps opaque bytes, so whoever carries them looks. Method: the fourth attestor leaves rubbish under the digest."""
    whole.lock(500)
    for name in THREE:
        whole.attestor(name).step()
    digest = _digest(whole, 1)
    assert whole.here["treasury"].sign(Word("mint", 1, 1, digest, b"\x11" * 65)) == 0
    found = chosen(whole.here["bank-a"], "mint", 1, digest, whole.ledger.route.attestors)
    assert len(found) == 3
    assert chosen(whole.here["bank-a"], "mint", 1, bytes(32), whole.ledger.route.attestors) == ()
    whole.relayer.step()
    assert whole.contract("cumulativeMinted") == 500


def _digest(whole: Whole, nonce: int) -> bytes:
    from bridge.attest import domain_of, mint_auth_of  # noqa: PLC0415 - of this one test
    from bridge.digests import digest  # noqa: PLC0415

    change = next(each for each in whole.changes() if each.at.height == whole.ledger.lock_of(nonce).height)
    return digest(domain_of(change.route.terms), mint_auth_of(change.route, whole.ledger.lock_of(nonce), change.at))


def test_b6_a_break_stops_this_attestor_for_good(whole: Whole) -> None:
    """Goal: it says nothing more, also after a restart, until a person has looked. Method: another block stands where a final one stood."""
    whole.lock(500)
    steps(whole)
    whole.burn(100)
    cursor = CursorFile(whole.folder / "bank-a" / "cursor.json", type(whole.attestor("bank-a").state))
    kept = cursor.load()
    assert kept is not None
    cursor.save(replace(kept, watched=replace(kept.watched, progress=replace(kept.watched.progress, block_hash=bytes(32)))))
    whole.end("bank-a")
    with pytest.raises(Stopped, match="reorganised past its finality"):
        whole.attestor("bank-a").step()
    whole.end("bank-a")
    said = len(whole.here["bank-a"].codes)
    with pytest.raises(Stopped, match="reorganised past its finality"):
        whole.attestor("bank-a").step()
    assert len(whole.here["bank-a"].codes) == said
    steps(whole, WITNESSES[1:])
    assert whole.ledger.route.released == 100
    whole.attestor("bank-a").resume()
    assert whole.attestor("bank-a").state.stopped == ""


def test_a_chain_that_finalises_no_more_says_so(whole: Whole) -> None:
    """Goal: the route is paused, and it is said why. Method: hours without a block, seen by an attestor that may pause; no lock passes."""
    whole.ledger.must(GrantPut(grant("pause-bank-a", "order.pause", "bank-a", asset="KGS")), by=BY_ROOT)
    whole.lock(500)
    steps(whole)
    whole.chain.wait(whole.chain.newest.time + 7_200 - whole.chain.now)
    with pytest.raises(Stalled, match="has not finalised for 7200 s"):
        whole.attestor("bank-a").step()
    assert whole.shown[-1].stalled
    said = whole.here["bank-a"].codes
    assert said[-1] == 0
    assert whole.ledger.lock(20, MAIN_A, bytes.fromhex(ALICE[2:])) == 131
    with pytest.raises(Stalled):
        whole.attestor("bank-a").step()
    assert said.count(0) == len(said)


def test_what_is_not_final_releases_nothing(whole: Whole) -> None:
    """Goal: B6. Method: the newest blocks are not final; then they are."""
    whole.lock(500)
    steps(whole)
    for there in whole.there.values():
        there.held_back = 2
    whole.burn(100)
    steps(whole)
    assert (whole.ledger.route.burns, whole.ledger.route.released) == (0, 0)
    for there in whole.there.values():
        there.held_back = 0
    steps(whole)
    assert whole.ledger.route.released == 100


def test_a_ledger_that_is_silent_or_paused_is_told_later(whole: Whole) -> None:
    """Goal: nothing is lost. Method: a silent node, then a route that takes nothing in; the cursor stays where it was."""
    whole.lock(500)
    steps(whole)
    whole.burn(100)
    whole.silent = True
    with pytest.raises(HomeUnreachable):
        whole.attestor("bank-a").step()
    whole.silent = False
    assert whole.ledger.status("paused_in") == 0
    whole.changes()
    steps(whole)
    assert whole.ledger.route.released == 0
    assert whole.ledger.status("active") == 0
    whole.changes()
    steps(whole)
    assert whole.ledger.route.released == 100


def test_a_lost_cursor_costs_work_alone(whole: Whole) -> None:
    """Goal: the ledger takes each thing once. Method: remove every cursor; everything is looked at again, and nothing happens twice."""
    whole.lock(500)
    steps(whole)
    whole.burn(100)
    steps(whole)
    before = whole.ledger.route
    for name in THREE:
        whole.end(name)
        (whole.folder / name / "cursor.json").unlink()
    steps(whole)
    after = whole.ledger.route
    assert (after.minted, after.burned, after.released) == (before.minted, before.burned, before.released)
    assert whole.attestor("bank-a").state.watched.progress.burned == 100


def test_a_damaged_cursor_is_named(tmp_path: Path) -> None:
    """Goal: no guess. Method: rubbish, another form, a folder in its place; nothing at all is a new beginning."""
    path = tmp_path / "deep" / "cursor.json"
    cursor = CursorFile(path, Spoken)
    assert cursor.load() is None
    cursor.save(Spoken(height=7))
    assert cursor.load() == Spoken(height=7)
    for rubbish in (b"", b"{", b'{"height": "x"}', b'{"other": 1}', b"\xff"):
        path.write_bytes(rubbish)
        with pytest.raises(CursorBroken, match="damaged"):
            cursor.load()
    path.unlink()
    path.mkdir()
    with pytest.raises(CursorBroken):
        cursor.load()
    with pytest.raises(CursorBroken):
        cursor.save(Spoken())


@pytest.mark.parametrize("seed", range(6))
def test_b1_processes_killed_anywhere_lose_and_double_nothing(whole: Whole, seed: int) -> None:
    """Goal: B1 and B2 over the whole system. Method: random histories; processes are killed between any two calls, and start again.

    The inequality holds at every step; in the end everything that was locked is minted or refunded, everything burned is released.
    """
    history(whole, random.Random(seed), 40)  # noqa: S311 - a seed that replays


def history(whole: Whole, draw: random.Random, length: int) -> None:
    """Let things happen at random, the inequality checked after each; then let everybody finish, and compare all totals."""
    for _ in range(length):
        act(whole, draw)
        check_totals(whole)
    for there in whole.there.values():
        there.held_back = 0
    whole.later(90_000)
    steps(whole, WITNESSES, times=12)
    route = whole.ledger.route
    assert whole.contract("cumulativeMinted") == route.minted == route.locked - route.refunded
    assert route.released == route.burned == whole.contract("cumulativeBurned")
    check_totals(whole)


def act(whole: Whole, draw: random.Random) -> None:
    """Let one thing happen: money moves, a process does a step and may be killed in it, time passes, finality lags."""
    match draw.choice(("lock", "burn", "attest", "attest", "attest", "attest", "relay", "time", "lag")):
        case "lock":
            whole.later(3_600)
            with suppress(AssertionError):  # the bucket is empty: an order like any other that is refused
                whole.lock(draw.randrange(10, 900))
        case "burn":
            (held,) = whole.contracts.token.read("balanceOf", ALICE)
            if isinstance(held, int) and held > 1:
                whole.burn(draw.randrange(1, min(held, 400)))
        case "attest":
            killed(whole, draw, draw.choice(WITNESSES))
        case "relay":
            killed(whole, draw, "relayer")
        case "time":
            whole.later(draw.randrange(1, 40_000))
        case _:
            for there in whole.there.values():
                there.held_back = draw.randrange(3)


def killed(whole: Whole, draw: random.Random, name: str) -> None:
    """Let a process do a step; it may end at any of its calls, before or after the other side has heard."""
    whole.fuses[name].left = draw.choice((0, draw.randrange(1, 50)))
    try:
        with suppress(BridgeError):
            if name == "relayer":
                whole.relayer.step()
            else:
                whole.attestor(name).step()
    except Killed:
        whole.end(name)
    whole.fuses[name].left = 0


def test_b8_a_rogue_quorum_is_seen_at_once(whole: Whole) -> None:
    """Goal: what was never locked here and is minted there stops attestors that are honest. Method: three keys sign a lock that is none."""
    whole.lock(500)
    steps(whole)
    whole.contracts.carry(whole.contracts.auth(nonce=99, deadline=whole.chain.now + 60, ledger_height=10_000))
    for name in WITNESSES:
        with pytest.raises(Stopped, match="minted 1500 there"):
            whole.attestor(name).step()


def test_what_the_ledger_does_not_take_now_is_told_again(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: the cursor moves past nothing that was refused. Method: an order stops the route (131) while a burn is told."""
    whole.lock(500)
    steps(whole)
    whole.burn(100)
    before = whole.attestor("bank-a").state.watched.progress
    with monkeypatch.context() as patched:
        patched.setattr(whole.here["bank-a"], "tell", lambda _: 131)
        with pytest.raises(Later, match="131"):
            whole.attestor("bank-a").step()
    assert whole.attestor("bank-a").state.watched.progress == before
    steps(whole)
    assert whole.ledger.route.released == 100


def test_b6_what_a_lagging_node_leaves_out_is_not_passed_over(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: no burn is lost where a node gives only the events that it has. Method: no events for a step; then all of them."""
    whole.lock(500)
    steps(whole)
    whole.burn(100)
    before = whole.attestor("bank-a").state.watched.progress
    with monkeypatch.context() as patched:
        patched.setattr(whole.there["bank-a"], "events", lambda *_: ())
        with pytest.raises(Later, match=r"the contract has \(1, 100, 500\)"):
            whole.attestor("bank-a").step()
    assert whole.attestor("bank-a").state.watched.progress == before
    steps(whole)
    assert whole.ledger.route.released == 100


def test_what_changed_in_a_halt_is_attested_when_it_is_over(whole: Whole) -> None:
    """Goal: the contract hears of every total. Method: a set that begins in a halt; the first height after it is attested by that set."""
    whole.lock(500)
    steps(whole)
    assert whole.ledger.status("halted") == 0
    whole.changes()
    whole.later(2 * HOUR_MS // 1_000)
    members = [each for each in whole.ledger.route.attestors if each.participant != "treasury"]
    set_ = tuple(sorted((*members, Member(key(99).address, "treasury")), key=lambda each: each.address))
    assert whole.ledger.set(defined(terms=None, status="", attestors=set_)).code == 0
    whole.changes()
    assert whole.ledger.status("active") == 0
    opened = whole.changes()[-1].at.height
    steps(whole)
    assert whole.here["bank-a"].attested("checkpoint") == opened
