"""Ways round a limit or an arrest that must fail; a test per way, named after it. See `test_holes.py` for the holes of other systems."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.accounts import Account, Balance, Total
from ledger.assets import Asset
from ledger.errors import OK, LedgerError
from ledger.execute import BlockTooLargeError, Execution
from ledger.expiry import PASSING_MAX
from ledger.genesis import check_draft
from ledger.genesis_document import GenesisError
from ledger.holds import Hold
from ledger.lapsing import TooMuchLapsedError
from ledger.participants import Keyset
from ledger.state import Overlay
from ledger.transactions import apply_transaction, begin_block
from ledger.transactions.bodies import (
    AccountOpen,
    AccountSet,
    AssetPut,
    GrantPut,
    Issue,
    KeysetPut,
    Leg,
    Pay,
    Redeem,
    ReturnOf,
    Settle,
    Void,
)
from tests.benchmarks.sorted_state import SortedState
from tests.ledger.backing_world import TREASURY, WRAPPED, vault_policy
from tests.ledger.cast import BANK_A, BANK_B, BY_ROOT
from tests.ledger.order_cast import OPERATOR, SEIZERS, arrest, order, put, seize
from tests.ledger.people import CAROL, CAROL_A, CAROL_A2, CAROL_B, COUNTED, DAVE_B, GHOST_A, alter, peopled, register
from tests.ledger.people_cases import UETR
from tests.ledger.test_people_rules import code, given, rich, spent
from tests.ledger.world import (
    DAY_MS,
    HOUR_MS,
    MAIN_A,
    MAIN_B,
    TILL,
    VIEW_KEY,
    World,
    grant,
    hold,
    keyset,
    make_genesis,
    pay,
    seed_of,
    signers,
    verified,
)

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body
    from tests.ledger.world import Signer

TODAY_OUT, TRANSACTION, BALANCE = 2_000, 1_000, 5_000
"""Of tier basic."""


def wrapping(world: World) -> None:
    """Define KGST, which is issued against locked KGS and has no limits of its own."""
    world.must(AssetPut(vault_policy()), by=[*BY_ROOT, *TREASURY])
    world.must(GrantPut(grant("issue-kgst", "issue", "treasury", asset=WRAPPED)), by=BY_ROOT)


def wrap(world: World, source: str, to: str, amount: int) -> int:
    """Return the code of a wrap."""
    by = [*OPERATOR, *TREASURY, *signers(f"{source.partition('/')[0]}/ops")]
    return world.do(Issue(WRAPPED, to, amount, "", source), by=list(dict.fromkeys(by))).code


def unwrap(world: World, source: str, to: str, amount: int) -> int:
    """Return the code of an unwrap."""
    return world.do(Redeem(WRAPPED, source, amount, "", to), by=[*OPERATOR, *signers(f"{source.partition('/')[0]}/ops")]).code


def in_kgst(debit: str, credit: str, amount: int) -> Pay:
    """Pay body in KGST."""
    return Pay((Leg(debit, credit, WRAPPED, amount, 0, ""),), "atomic", "", None, "", None, None)


def test_way_round_a_limit_by_wrap() -> None:
    """Goal: another asset is no exit. Method: wrap more than a transaction, a day; what was wrapped goes on freely, and no more of it."""
    world = rich()
    wrapping(world)
    assert wrap(world, CAROL_A, CAROL_A, TRANSACTION + 1) == 155
    assert [wrap(world, name, DAVE_B, TRANSACTION) for name in (CAROL_A, CAROL_B, CAROL_A)] == [OK, OK, 156]
    assert code(world, (CAROL_A, MAIN_A, 1)) == 156
    assert spent(world).day_out == TODAY_OUT


def test_way_round_a_balance_limit_by_wrap_and_unwrap() -> None:
    """Goal: nobody is lifted above the tier by the way back. Method: unwrap more than there is room for; the excess is the servicer's."""
    world = rich()
    wrapping(world)
    assert wrap(world, MAIN_B, CAROL_B, 4_000) == OK
    till = world.balance(MAIN_B)[0]
    assert unwrap(world, CAROL_B, CAROL_B, 4_000) == OK
    assert (spent(world).total, world.balance(MAIN_B)[0]) == (BALANCE, till + 3_000)


def test_way_round_an_arrest_by_wrap() -> None:
    """Goal: arrested soms cannot become KGST. Method: an arrest on the holder; wrap at both banks; others wrap as before."""
    world = rich()
    wrapping(world)
    put(world, order("arrest", CAROL.hex(), scope="holder", seize_to=TILL))
    assert [wrap(world, name, DAVE_B, 1) for name in (CAROL_A, CAROL_B)] == [151, 151]
    assert wrap(world, MAIN_A, CAROL_A, 5) == OK


def test_way_round_a_limit_by_returns() -> None:
    """Goal: what is called a return is one. Method: return twice, to another wallet, of another payment, and pay on as `return`."""
    world = rich()
    sent = Pay((Leg(DAVE_B, CAROL_A, "KGS", 300, 0, ""),), "atomic", "", UETR, "", None, None)
    of = ReturnOf(world.must(sent, by=BANK_B, sender="bank-b").tx_id, 0)
    assert [code(world, (name, MAIN_A, 1_000)) for name in (CAROL_A, CAROL_B)] == [OK, OK]

    def back(debit: str, credit: str, amount: int) -> int:
        body = Pay((Leg(debit, credit, "KGS", amount, 0, ""),), "atomic", "RETN", None, "", None, of)
        return world.do(body, by=signers(f"{debit.partition('/')[0]}/ops"), sender=debit.partition("/")[0]).code

    assert [back(CAROL_B, DAVE_B, 300), back(CAROL_A, MAIN_B, 300), back(CAROL_A, DAVE_B, 301)] == [172, 172, 172]
    assert [back(CAROL_A, DAVE_B, 200), back(CAROL_A, DAVE_B, 101), back(CAROL_A, DAVE_B, 100)] == [OK, 172, OK]
    assert spent(world).day_out == TODAY_OUT


def test_way_round_an_arrest_by_returns() -> None:
    """Goal: an arrest catches what is to go back, too. Method: be paid, be arrested, return."""
    world = World(money=1_000)
    sent = Pay((Leg(MAIN_A, MAIN_B, "KGS", 100, 0, ""),), "atomic", "", UETR, "", None, None)
    of = ReturnOf(world.must(sent, by=BANK_A, sender="bank-a").tx_id, 0)
    put(world, arrest(MAIN_B, 1_050))
    back = Pay((Leg(MAIN_B, MAIN_A, "KGS", 51, 0, ""),), "atomic", "", None, "", None, of)
    assert world.do(back, by=BANK_B, sender="bank-b").code == 151
    assert world.do(replace(back, legs=(replace(back.legs[0], amount=50),)), by=BANK_B, sender="bank-b").code == OK


def test_way_round_a_limit_by_netting() -> None:
    """Goal: what comes in with the same transaction frees nothing. Method: pay out too much, with as much coming in beside it."""
    world = rich()
    assert code(world, (CAROL_A, MAIN_A, 1_001), (MAIN_A, CAROL_A, 1_001)) == 155
    for _ in range(2):
        assert code(world, (CAROL_A, MAIN_A, 1_000), (MAIN_A, CAROL_A, 1_000)) == OK
    assert code(world, (CAROL_A, MAIN_A, 1), (MAIN_A, CAROL_A, 1)) == 156


def test_way_round_an_arrest_by_netting() -> None:
    """Goal: gross, not net. Method: pay arrested value out beside as much coming in, in every order and mode."""
    world = World(money=1_000)
    put(world, arrest(MAIN_A, 1_000))
    for legs in (((MAIN_A, MAIN_B, 5), (MAIN_B, MAIN_A, 5)), ((MAIN_B, MAIN_A, 5), (MAIN_A, MAIN_B, 5))):
        assert world.do(pay(*legs), by=[*BANK_A, *BANK_B], sender="bank-a").code == 151
    outcome = world.do(pay((MAIN_B, MAIN_A, 5), (MAIN_A, MAIN_B, 6), mode="each"), by=[*BANK_A, *BANK_B], sender="bank-a")
    assert outcome.codes == (OK, 151)
    assert world.balance(MAIN_A) == (1_005, 0)


@pytest.mark.parametrize("ends", ["void", "lapse"])
def test_way_round_a_limit_by_a_void_on_a_later_day(ends: str) -> None:
    """Goal: room of a day cannot be carried on. Method: hold today's limit, free it tomorrow; tomorrow has its own room and no more."""
    world = rich()
    made = [
        world.must(hold(name, DAVE_B, 1_000, until=world.time_ms + DAY_MS + HOUR_MS, void_by=bank), by=signers(f"{bank}/ops"), sender=bank)
        for name, bank in ((CAROL_A, "bank-a"), (CAROL_B, "bank-b"))
    ]
    world.time_ms += DAY_MS
    assert code(world, (CAROL_A, MAIN_A, 1_000)) == OK
    if ends == "void":
        for each, bank in zip(made, ("bank-a", "bank-b"), strict=True):
            world.must(Void(each.tx_id), by=signers(f"{bank}/ops"), sender=bank)
    else:
        world.time_ms += HOUR_MS
    world.block()
    assert (spent(world).day_out, spent(world).month_out) == (1_000, 1_000)
    assert [code(world, (CAROL_B, MAIN_B, amount)) for amount in (1_000, 1)] == [OK, 156]


def test_way_round_an_arrest_by_a_void_on_a_later_day() -> None:
    """Goal: what a hold frees is caught. Method: hold, be arrested, void a day later; nothing is free but what was not arrested."""
    world = World(money=1_000)
    body = hold(MAIN_A, MAIN_B, 600, until=world.time_ms + 3 * DAY_MS, void_by="bank-a")
    held = world.must(body, by=BANK_A, sender="bank-a").tx_id
    put(world, arrest(MAIN_A, 900, seize_to=TILL))
    world.time_ms += DAY_MS
    world.must(Void(held), by=BANK_A, sender="bank-a")
    assert world.do(pay((MAIN_A, MAIN_B, 101)), by=BANK_A, sender="bank-a").code == 151
    assert world.do(seize(MAIN_A, 900), by=[*OPERATOR, *SEIZERS]).code == OK


def test_way_round_a_limit_by_many_anonymous_wallets() -> None:
    """Goal: L18, each has its own limits and their number is limited. Method: open until the quota is used; wallets without the class."""
    world = peopled()
    opened = [f"bank-a/mask-{number}" for number in range(COUNTED)]
    codes = [world.do(AccountOpen(name, "wallet", b"", None, ("anonymous",)), by=BANK_A, sender="bank-a").code for name in opened]
    assert codes == [OK] * (COUNTED - 1) + [113], "one of this month's was opened with the world"
    given(world, GHOST_A, 500)
    assert code(world, (MAIN_A, GHOST_A, 1)) == 154
    assert [code(world, (GHOST_A, MAIN_A, amount)) for amount in (101, 100, 100, 1)] == [155, OK, OK, 156]
    world.must(AccountOpen("bank-a/plain", "wallet", b"", None, ()), by=BANK_A, sender="bank-a")
    assert code(world, (MAIN_A, "bank-a/plain", 1)) == 132
    world.must(AccountSet(opened[0], "closed", None), by=BANK_A, sender="bank-a")
    assert world.do(AccountOpen("bank-a/mask-9", "wallet", b"", None, ("anonymous",)), by=BANK_A, sender="bank-a").code == 113


def test_way_round_a_limit_by_another_pseudonym() -> None:
    """Goal: one person stays one. Method: a second pseudonym at the same bank, somebody else's, and one that nobody registered."""
    world = rich()
    other = sha256(b"carol, again").digest()[:16]
    refused = AccountOpen("bank-a/carol.8", "wallet", other, None, ())
    assert world.do(refused, by=BANK_A, sender="bank-a").code == 132
    register(world, CAROL)
    assert [code(world, (name, MAIN_A, 1_000)) for name in (CAROL_A, CAROL_B)] == [OK, OK]
    assert code(world, (CAROL_A2, MAIN_A, 1)) in (150, 156)
    assert code(world, (CAROL_B, MAIN_B, 1)) == 156


def test_way_round_a_quorum_by_one_key_in_three_keysets() -> None:
    """Goal: L24, a key counts once. Method: bring a key that stands elsewhere into a quorum, another participant, an account, genesis."""
    world = World()
    shared, secret = keyset("operator", "ops").keys, seed_of("operator")
    board = sorted((*keyset("operator", "board", 2, 2).keys, *shared), key=lambda key: key.public_key)
    tries: list[tuple[Body, list[Signer], str]] = [
        (
            KeysetPut("operator", Keyset("board", 2, tuple(board), "", 0)),
            [*OPERATOR, *signers("operator/board", 2), ("operator", "board", secret)],
            "operator",
        ),
        (
            KeysetPut("treasury", Keyset("treasury", 1, shared, "", 0)),
            [*TREASURY, *signers("treasury/treasury"), ("treasury", "treasury", secret)],
            "treasury",
        ),
        (
            AccountOpen("bank-a/x", "wallet", b"", Keyset("user", 1, shared, "", 0), ()),
            [*BANK_A, ("bank-a/x", "user", secret)],
            "bank-a",
        ),
    ]
    assert [world.do(body, by=by, sender=sender).code for body, by, sender in tries] == [128, 128, 128]
    operator, *others = make_genesis().participants
    both = (*operator.keysets[:1], replace(operator.keysets[1], keys=operator.keysets[0].keys))
    with pytest.raises(GenesisError):
        check_draft(replace(make_genesis(), participants=(replace(operator, keysets=both), *others)))


def test_way_round_receive_classes_by_a_bank_that_awards_them_to_itself() -> None:
    """Goal: L25, a merchant is one that the issuer vouched for. Method: classes by the bank alone, with and without a voucher."""
    world = World(money=1_000)
    alter(world, receive=("mcc:8211",))
    plain = AccountOpen("bank-a/shop", "wallet", b"", None, ("mcc:8211",))
    world.must(plain, by=BANK_A, sender="bank-a")
    assert world.do(pay((MAIN_B, "bank-a/shop", 1)), by=BANK_B, sender="bank-b").code == 132
    vouched = AccountOpen("bank-a/shop2", "wallet", b"", None, ("mcc:8211@operator",))
    with pytest.raises(LedgerError, match="operator/ops"):
        world.do(vouched, by=BANK_A, sender="bank-a")
    with pytest.raises(LedgerError, match="operator/ops"):
        world.do(AccountSet("bank-a/shop", "", None, ("mcc:8211@operator",)), by=BANK_A, sender="bank-a")
    itself = AccountSet("bank-a/shop", "", None, ("mcc:8211@bank-a",))
    world.must(itself, by=BANK_A, sender="bank-a")
    assert world.do(pay((MAIN_B, "bank-a/shop", 1)), by=BANK_B, sender="bank-b").code == 132
    world.must(vouched, by=[*BANK_A, *OPERATOR], sender="bank-a")
    assert world.do(pay((MAIN_B, "bank-a/shop2", 1)), by=BANK_B, sender="bank-b").code == OK


HOLDERS_OF_MANY, EACH = 400, 250
"""Accounts, and holds on each: 100,000 holds."""


def crowded(world: World) -> tuple[SortedState, int]:
    """Return a state in which 100,000 holds lapse at one moment, and that moment."""
    until = world.time_ms + HOUR_MS
    records = {key: record for key, record in world.state.records.items() if key[0] != "~"}
    total = HOLDERS_OF_MANY * EACH
    for number in range(HOLDERS_OF_MANY):
        name = f"bank-a/many-{number:03}"
        records[f"account/{name}"] = Account(name, "settlement", b"", "", "open", (), EACH)
        records[f"balance/{name}/KGS"] = Balance(EACH, EACH)
        for index in range(EACH):
            made = sha256(b"%d/%d" % (number, index)).digest()
            records[f"hold/{made.hex()}"] = Hold(
                made, name, MAIN_B, "KGS", 1, 1, until, "bank-b", "bank-a", "none", "authorisation", None, 0, ""
            )
    records["total/bank-a/KGS"] = Total(total + getattr(records.get("total/bank-a/KGS"), "posted", 0), total)
    contra, asset = records["balance/operator/contra:KGS/KGS"], records["asset/KGS"]
    if not isinstance(contra, Balance) or not isinstance(asset, Asset):
        raise TypeError("there is no KGS")
    records["balance/operator/contra:KGS/KGS"] = Balance(contra.posted - total, 0)
    records["asset/KGS"] = replace(asset, supply=asset.supply + total, issued=asset.issued + total)
    return SortedState(records), until


def test_way_to_stop_the_chain_by_100_000_holds_that_lapse_in_one_block() -> None:
    """Goal: L19, bounded work and nothing shown after expiry. Method: count the leaves that blocks write; spend what was held at once."""
    world = World(money=1_000)
    state, until = crowded(world)
    world.time_ms = until
    most = world.context().parameters.sweep_max
    for number in range(3):
        overlay = Overlay(state)
        swept = begin_block(overlay, world.context())
        written = [key for key in overlay.changes if key[0] != "~"]
        assert len(written) <= most
        assert len(swept) == most // 3
        assert overlay.due_left
        name = f"bank-a/many-{399 - number:03}"
        tx = world.sign(pay((name, MAIN_B, EACH)), by=BANK_A, sender="bank-a")
        assert apply_transaction(overlay, tx, world.context(), verified).code == OK
        assert overlay.scan(f"~held/{name}/", f"~held/{name}/~", 1) == []
        left = next(key for key in state.records if key.startswith("hold/") and overlay.get(key) is not None)
        late = world.sign(Settle(bytes.fromhex(left.removeprefix("hold/")), 1, b""), by=BANK_B, sender="bank-b")
        assert apply_transaction(overlay, late, world.context(), verified).code == 171
        state.take(overlay.changes)
        world.time_ms += 1_000


def test_way_to_stop_the_chain_by_touching_all_that_has_lapsed() -> None:
    """Goal: L19, a block sweeps no more in passing than it may. Method: one payment out of 400 accounts; then one by one."""
    world = World(money=1_000)
    state, until = crowded(world)
    world.time_ms = until
    overlay = Overlay(state)
    begin_block(overlay, world.context())
    names = [f"bank-a/many-{number:03}" for number in range(HOLDERS_OF_MANY)]
    before = dict(overlay.changes)
    whole = world.sign(pay(*((name, MAIN_B, 1) for name in names)), by=BANK_A, sender="bank-a")
    with pytest.raises(TooMuchLapsedError):
        apply_transaction(overlay, whole, world.context(), verified)
    assert (overlay.changes, overlay.passing, overlay.used_ref(whole.ref_id)) == (before, 0, None)
    for name in names[:7]:
        tx = world.sign(pay((name, MAIN_B, EACH)), by=BANK_A, sender="bank-a")
        assert apply_transaction(overlay, tx, world.context(), verified).code == OK
    assert 6 * EACH < overlay.passing <= PASSING_MAX
    rest = world.sign(pay(*((name, MAIN_B, 1) for name in names[7:10])), by=BANK_A, sender="bank-a")
    with pytest.raises(TooMuchLapsedError):
        apply_transaction(overlay, rest, world.context(), verified)
    execution = Execution(state, world.context(), VIEW_KEY, verified)
    with pytest.raises(BlockTooLargeError):
        execution.apply(whole)
    assert execution.count == 0
