"""Rules of keys and names (L3, L5), and of the overlay that makes refusals leave no trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger import edge_cases, names
from ledger.accounts import Balance
from ledger.assets import FeeRule
from ledger.codec import decode_transaction
from ledger.edge_cases import EDGE_CASES, VerifierDiffers, check_verifier
from ledger.errors import BY_CODE, LedgerError, Malformed, Ordered, Unorderable
from ledger.keys import is_usable_key, public_key_of, verify
from ledger.state import Mark, Overlay, UsedRef
from ledger.transactions import check_form
from ledger.transactions.bodies import AccountOpen, AccountSet, AssetPut, GrantPut, KeysetPut, ParticipantPut, Pay
from tests.ledger.cast import NEW_BANK, POLICY
from tests.ledger.world import DAY_MS, MAIN_A, MAIN_B, MemoryState, World, grant, keyset, pay, seed_of, signers

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.edge_cases import EdgeCase
    from ledger.transactions.bodies import Body


@pytest.mark.parametrize("case", EDGE_CASES, ids=lambda case: case.name)
def test_l5_the_verifier_judges_each_edge_case_as_all_nodes_do(case: EdgeCase) -> None:
    """Goal: no split of the chain. Method: the table, one by one."""
    assert verify(bytes.fromhex(case.public_key), bytes.fromhex(case.message), bytes.fromhex(case.signature)) is case.accepted


def test_l5_a_node_refuses_to_run_with_another_verifier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: the self-test finds a difference. Method: a table that expects the other verdict on one case."""
    check_verifier()
    wrong = replace(EDGE_CASES[3], accepted=True)
    monkeypatch.setattr(edge_cases, "EDGE_CASES", (*EDGE_CASES, wrong))
    with pytest.raises(VerifierDiffers, match="identity"):
        check_verifier()


def test_l5_small_order_and_non_canonical_keys_are_unusable() -> None:
    """Goal: refused when registered. Method: the eight points of small order that have a canonical form, and forms beyond the prime."""
    prime = 2**255 - 19
    small = ["00" * 32, "01" + "00" * 31, "ec" + "ff" * 30 + "7f", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"]
    beyond = [(prime + offset).to_bytes(32, "little") for offset in range(19)]
    for key in [*map(bytes.fromhex, small), *beyond, b"", bytes(31), bytes(33)]:
        assert not is_usable_key(key)
    assert all(is_usable_key(public_key_of(seed_of("x", index=index))) for index in range(20))


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (names.check_participant_id, ["ab", "bank-a", "a" * 16], ["", "a", "A1", "1a", "a" * 17, "bank_a", "bank-a\n", "bänk"]),
        (names.check_account_id, ["bank-a/x", "bank-a/A:b.c_d-e"], ["bank-a", "bank-a/", "b/x", "bank-a/x/y", "bank-a/x\n"]),
        (names.check_account_id, ["bank-a/" + "x" * 32], ["bank-a/" + "x" * 33]),
        (names.check_asset_code, ["KGS", "KGS.LUNCH", "A1", "A" * 16], ["K", "kgs", "1A", "A" * 17, "KGS-X", "KGS\n"]),
        (names.check_keyset_name, ["a", "ops", "a" * 35], ["", "Ops", "~node", "a" * 36, "ops/x"]),
        (names.check_grant_id, ["a", "issue:KGS", "x" * 64], ["", "a/b", "x" * 65, "~", " "]),
        (names.check_member, ["bank-a/ops"], ["ops", "bank-a/x/ops", "bank-a/"]),
        (names.check_owner, ["bank-a", "bank-a/x"], ["", "KGS", "bank-a/x/y"]),
    ],
)  # fmt: skip
def test_l3_names(check: Callable[[str], None], good: list[str], bad: list[str]) -> None:
    """Goal: L3. Method: both sides of each pattern's edges."""
    for name in good:
        check(name)
    for name in bad:
        with pytest.raises(Malformed):
            check(name)


BAD_FORMS: dict[str, Body] = {
    "a UETR on two legs": Pay(pay((MAIN_A, MAIN_B, 1), (MAIN_B, MAIN_A, 1)).legs, "atomic", "", bytes(16), "", None, None),
    "a leg without account": pay(("bank-a", MAIN_B, 1)),
    "an asset that is none": Pay((replace(pay((MAIN_A, MAIN_B, 1)).legs[0], asset="kgs"),), "atomic", "", None, "", None, None),
    "a reserved account": AccountOpen("bank-a/fee:KGS", "wallet", b"", None, ()),
    "nothing to set": AccountSet(MAIN_A, "", None),
    "a keyset that cannot agree": KeysetPut("bank-a", replace(keyset("bank-a", "x"), m=2)),
    "recovery without delay": KeysetPut("bank-a", replace(keyset("bank-a", "x"), recovery="board")),
    "a delay of no recovery": KeysetPut("bank-a", replace(keyset("bank-a", "x"), delay_ms=3 * DAY_MS)),
    "recovery by a name that is none": KeysetPut("bank-a", replace(keyset("bank-a", "x"), recovery="Board", delay_ms=3 * DAY_MS)),
    "keys that are not sorted": KeysetPut("bank-a", replace(keyset("bank-a", "x", 1, 2), keys=keyset("bank-a", "x", 1, 2).keys[::-1])),
    "a key twice": KeysetPut("bank-a", replace(keyset("bank-a", "x"), keys=keyset("bank-a", "x").keys * 2)),
    "a participant called root": ParticipantPut(replace(NEW_BANK, id="root")),
    "a participant without name": ParticipantPut(replace(NEW_BANK, name="")),
    "a BIC that is none": ParticipantPut(replace(NEW_BANK, bic="short")),
    "an LEI that is none": ParticipantPut(replace(NEW_BANK, lei="X" * 20)),
    "a country that is none": ParticipantPut(replace(NEW_BANK, country="kg")),
    "a successor of one that is active": ParticipantPut(replace(NEW_BANK, successor="bank-a")),
    "a successor of itself": ParticipantPut(replace(NEW_BANK, status="closed", successor=NEW_BANK.id)),
    "a successor that is none": ParticipantPut(replace(NEW_BANK, status="closed", successor="Bank")),
    "an operator that is suspended": ParticipantPut(replace(NEW_BANK, kind="operator", status="suspended")),
    "a grant that ends before it begins": GrantPut(replace(grant("x", "issue", "bank-a"), not_before=5, until=5)),
    "a fee above itself": AssetPut(replace(POLICY, fees=(FeeRule("pay", "", "", 0, 0, 5, 4),))),
    "fixed fields that are not sorted": AssetPut(replace(POLICY, fixed=("fees", "cap"))),
    "an asset code that is none": AssetPut(replace(POLICY, code="gold")),
}


@pytest.mark.parametrize("body", BAD_FORMS.values(), ids=BAD_FORMS)
def test_form_refuses_with_100(body: Body) -> None:
    """Goal: what no state could accept is refused before any state is read. Method: one bad body each, also through the decoder."""
    with pytest.raises(Malformed):
        check_form("", body)
    with pytest.raises(Malformed):
        World().sign(body, by=signers("bank-a/ops"), sender="bank-a")


def test_l6_bytes_that_are_not_canonical_are_refused() -> None:
    """Goal: one transaction, one encoding. Method: the same values with a wider integer, at the amount of the leg."""
    tx = World().sign(pay((MAIN_A, MAIN_B, 5)), by=signers("bank-a/ops"), sender="bank-a")
    narrow = b"\xa3KGS\x05\x00\xa0"
    assert tx.raw.count(narrow) == 1
    assert decode_transaction(tx.raw) == tx
    for wider in (b"\xa3KGS\xcc\x05\x00\xa0", b"\xd9\x03KGS\x05\x00\xa0", b"\xa3KGS\x05\xd0\x00\xa0"):
        with pytest.raises(Malformed):
            decode_transaction(tx.raw.replace(narrow, wider))


def test_every_refusal_has_a_name_a_reason_and_a_sentence() -> None:
    """Goal: codes are stable and complete. Method: each class stands under its own code, in the class that L15 gives it."""
    for code, refusal in BY_CODE.items():
        assert refusal.name.isupper()
        assert len(refusal.iso) == 4
        if refusal.error is not None:
            assert refusal.error.code == code
            assert issubclass(refusal.error, Unorderable if code <= 111 else Ordered)
            assert refusal.error.sentence
    classes = [*Unorderable.__subclasses__(), *Ordered.__subclasses__()]
    assert sorted(each.code for each in classes) == sorted(code for code, refusal in BY_CODE.items() if refusal.error)
    error: LedgerError = Malformed(reason="why")
    assert (error.name, error.iso, str(error)) == ("MALFORMED", "FF01", "why")


KEYS = ("a/1", "a/2", "~a", "~b", "~c")
writes = st.lists(st.tuples(st.sampled_from(KEYS), st.one_of(st.none(), st.integers(0, 3))), max_size=8)


@given(base=writes, first=writes, second=writes)
def test_an_overlay_rolls_back_to_its_mark(
    base: list[tuple[str, int | None]], first: list[tuple[str, int | None]], second: list[tuple[str, int | None]]
) -> None:
    """Goal: a refused transaction changes nothing. Method: two rounds of writes, the second undone; compare with a dict at each step."""
    below = {key: Balance(value, 0) for key, value in base if value is not None}
    state = MemoryState({})
    state.records.update(below)
    overlay = Overlay(state)
    truth: dict[str, Balance | None] = dict(below)
    for key, value in first:
        truth[key] = None if value is None else Balance(value, 1)
        overlay.put(key, truth[key])
    changes = dict(overlay.changes)
    mark = overlay.mark()
    before = {key: truth.get(key) for key in KEYS}
    for key, value in second:
        overlay.put(key, None if value is None else Balance(value, 2))
    assert {key: old for key, (old, _) in overlay.writes_since(mark).items()} == {key: before[key] for key, _ in second}
    overlay.use_ref(b"x", "bank-a", UsedRef(b"", 0))
    overlay.rollback(mark)
    assert overlay.changes == changes
    assert overlay.used_ref(b"x") is None
    assert (overlay.senders, overlay.fresh_refs) == ([], {"bank-a": 0})
    assert {key: overlay.get(key) for key in KEYS} == before
    expected = sorted(key for key in KEYS if key[0] == "~" and before[key] is not None)
    assert overlay.scan("~", "~~", 9) == expected
    assert overlay.scan("~", "~~", 1) == expected[:1]
    assert overlay.scan("~b", "~c", 9) == [key for key in expected if key == "~b"]


def test_an_index_key_is_a_mark() -> None:
    """Goal: an index says where, never what. Method: every index key of a world is a mark or a count."""
    world = World(money=5)
    kinds = {type(record).__name__ for key, record in world.state.records.items() if key[0] == "~"}
    assert kinds == {Mark.__name__, "Count"}
