"""Invariants 1 to 9 and 11 over long histories of all types (acceptance 2); 10 is `test_bridge_histories.py`, whose histories are as long.

Every check adds up by hand what a recorded history did; the ledger's own checks are not asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.accounts import Balance
from ledger.assets import Asset, attested_of, vault_of
from ledger.backing import worth_of
from ledger.conditions import Purse
from ledger.errors import OK
from ledger.holds import Hold
from ledger.state import Overlay
from ledger.transactions import apply_transaction
from ledger.transactions.bodies import TYPES, Issue, Pay, Redeem, Settle
from tests.ledger.recorded import LENGTH, StateAt, genuine, history
from tests.ledger.world import DAY_MS
from tests.naive_books import Books
from tests.naive_facts import attested, worth
from tests.simulation_ledger.ledger import plain_record

if TYPE_CHECKING:
    from ledger.state import Record
    from ledger.transactions.bodies import Body
    from tests.ledger.recorded import Step

SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(2, 12))]
REDEEMING = ("redeem", "settle", "pay", "seize")
"""Types that may take off a supply: settle of what was queued, pay and settle where purpose money is spent, seize where it has ended."""


def done(step: Step) -> tuple[str, Body]:
    """Return type and body of what a transaction carried out: of a vote, what it was on."""
    carried = step.outcome.ballot.carried if step.outcome.ballot is not None else None
    for name, kind in TYPES.items():
        if isinstance(carried, kind):
            return name, carried
    return step.tx.type, step.tx.body


def assets_of(records: dict[str, Record]) -> list[Asset]:
    """Assets of a state."""
    return [record for record in records.values() if isinstance(record, Asset)]


@pytest.mark.parametrize("seed", SEEDS)
def test_whole_histories_have_every_type_and_are_long(seed: int) -> None:
    """Goal: what follows is about all types. Method: count what the blocks have taken, and what of it succeeded."""
    steps = [step for _, step, _ in history(seed).walk()]
    assert len(steps) >= LENGTH
    assert {step.tx.type for step in steps} >= {name for name in TYPES if not name.startswith("bridge.")}
    assert sum(step.outcome.code == OK for step in steps) > len(steps) // 4


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_01_every_asset_sums_to_zero_over_all_types(seed: int) -> None:
    """Goal: 1. Method: after every block, add all balances of each asset; minus the contra account is the supply, within the cap."""
    for _, records in history(seed).blocks():
        sums: dict[str, int] = {}
        for key, record in records.items():
            if isinstance(record, Balance):
                code = key.rpartition("/")[2]
                sums[code] = sums.get(code, 0) + record.posted
        assert not any(sums.values())
        for asset in assets_of(records):
            contra = records.get(f"balance/{asset.policy.issuer}/contra:{asset.policy.code}/{asset.policy.code}")
            posted = contra.posted if isinstance(contra, Balance) else 0
            assert 0 <= asset.supply == -posted == asset.issued - asset.redeemed
            assert asset.policy.cap is None or asset.supply <= asset.policy.cap


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_02_only_issue_and_redemption_change_a_supply_over_all_types(seed: int) -> None:
    """Goal: 2. Method: after every transaction, the change of each supply is what its body says, or nothing."""
    for _, step, _ in history(seed).walk():
        type_, body = done(step)
        for before, after in step.writes.values():
            if not isinstance(after, Asset):
                continue
            change = after.supply - (before.supply if isinstance(before, Asset) else 0)
            if isinstance(body, Issue) and after.policy.code == body.asset:
                assert change == body.amount
            elif isinstance(body, Redeem) and change:
                assert (after.policy.code, change) == (body.asset, -body.amount)
            else:
                assert change == 0 or (change < 0 and type_ in REDEEMING)


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_03_held_is_the_sum_of_open_holds_over_all_types(seed: int) -> None:
    """Goal: 3. Method: after every block, add the holds up by account and asset."""
    for _, records in history(seed).blocks():
        held: dict[str, int] = {}
        for record in records.values():
            if isinstance(record, Hold):
                key = f"balance/{record.source}/{record.asset}"
                held[key] = held.get(key, 0) + record.left + record.fee_left
        for key, record in records.items():
            if isinstance(record, Balance) and "/contra:" not in key:
                assert 0 <= record.held == held.get(key, 0) <= record.posted


def terms_of(hold: Hold) -> Hold:
    """Return what of a hold never changes: a purse takes receipts, and ends earlier once its loss was reported."""
    if isinstance(hold.condition, Purse):
        hold = replace(hold, until=0, condition=replace(hold.condition, used=b"", revoked=0))
    return replace(hold, left=0, fee_left=0)


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_04_holds_end_by_settlement_void_or_time_over_all_types(seed: int) -> None:
    """Goal: 4. Method: follow every hold: its terms stay, it shrinks by settlements before its end alone, and goes once it is over."""
    for frame, step, _ in history(seed).walk():
        type_, body = done(step)
        now = frame.context.time_ms
        for before, after in step.writes.values():
            if isinstance(after, Hold) and before is None:
                assert type_ in ("hold", "redeem")
                assert after.left == after.amount
            elif isinstance(after, Hold) and isinstance(before, Hold):
                assert terms_of(after) == terms_of(before)
                settled = body.amount if isinstance(body, Settle) else 0
                assert (before.left - after.left, now < before.until) == (settled, True)
                assert settled or (type_, isinstance(after.condition, Purse), after.until <= before.until) == ("void", True, True)
            elif isinstance(before, Hold) and before.until > now:
                assert type_ in ("settle", "void")
                assert not isinstance(body, Settle) or body.amount == before.left
    for frame, records in history(seed).blocks():
        if not frame.result.due_left:
            lapsed = [each for each in records.values() if isinstance(each, Hold) and each.until <= frame.context.time_ms]
            assert all(frame.ended.get(f"hold/{hold.id.hex()}", hold) is None for hold in lapsed)


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_05_a_refusal_changes_nothing_but_its_reference_over_all_types(seed: int) -> None:
    """Goal: 5. Method: what each refused transaction wrote."""
    for _, step, _ in history(seed).walk():
        assert step.used == [step.tx.ref_id]
        if step.outcome.code != OK:
            assert step.outcome.entries == ()
            assert all(before == after for before, after in step.writes.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_06_the_order_of_legs_has_no_meaning_over_all_histories(seed: int) -> None:
    """Goal: 6. Method: every atomic pay again on the same state, its legs the other way round: same code, same records."""
    met = 0
    for frame, step, records in history(seed).walk():
        body = step.tx.body
        if not isinstance(body, Pay) or body.mode != "atomic" or len(body.legs) < 2:
            continue
        ends = []
        for legs in (body.legs, body.legs[::-1]):
            overlay = Overlay(StateAt(dict(records), frame.refs))
            mark = overlay.mark()
            tx = replace(step.tx, body=replace(body, legs=legs))
            code = apply_transaction(overlay, tx, frame.context, genuine).code
            ends.append((code, {key: end for key, (_, end) in overlay.writes_since(mark).items()}))
        assert ends[0] == ends[1]
        assert ends[0][0] == step.outcome.code
        met += 1
    assert met > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_07_no_transaction_creates_value_over_all_types(seed: int) -> None:
    """Goal: 7. Method: what leaves is what arrives, by transaction and asset; a payment's fees are those that it quotes."""
    for frame, step, _ in history(seed).walk():
        sums: dict[str, int] = {}
        for entry in (*step.outcome.entries, *frame.swept):
            sums[entry.asset] = sums.get(entry.asset, 0) + entry.posted
        assert not any(sums.values())
        if isinstance(step.tx.body, Pay) and step.tx.body.mode == "atomic" and step.outcome.code == OK:
            paid = sum(entry.posted for entry in step.outcome.entries if "/fee:" in entry.account)
            to_fees = sum(leg.amount for leg in step.tx.body.legs if "/fee:" in leg.credit)
            from_fees = sum(leg.amount + leg.fee for leg in step.tx.body.legs if "/fee:" in leg.debit)
            assert paid == sum(leg.fee for leg in step.tx.body.legs) + to_fees - from_fees


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_08_supply_is_within_its_vault_over_all_types(seed: int) -> None:
    """Goal: 8. Method: before every transaction of any type, compare supply and vault of each asset that has one."""
    for _, step, records in history(seed).walk():
        if not any(isinstance(after, Asset) or "/vault:" in key for key, (_, after) in step.writes.items()):
            continue
        after_it = {**records, **{key: record for key, (_, record) in step.writes.items() if record is not None}}
        for asset in assets_of(after_it):
            vault = vault_of(asset.policy)
            if vault is not None:
                balance = after_it.get(f"balance/{vault[0]}/{vault[1]}", Balance(0, 0))
                assert isinstance(balance, Balance)
                assert asset.supply <= balance.posted - balance.held


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_09_what_was_issued_is_covered_and_redemption_is_free_over_all_types(seed: int) -> None:
    """Goal: 9. Method: after each issue of an attested asset, weigh its facts by the model; see why redemptions were refused."""
    covered = 0
    for frame, step, records in history(seed).walk():
        type_, body = done(step)
        if type_ == "redeem":
            assert step.outcome.code not in (155, 156, 160, 161, 162, 163)
        asset = records.get(f"asset/{body.asset}") if isinstance(body, Issue) else None
        if step.outcome.code != OK or not isinstance(asset, Asset) or attested_of(asset.policy) is None:
            continue
        books = Books({key: plain_record(record) for key, record in records.items() if key[0] != "~"}, frame.context.time_ms)
        policy = books.asset(asset.policy.code).policy
        reserve = attested(policy)
        assert reserve is not None
        value = worth(books, policy, reserve)
        (after,) = [after for _, after in step.writes.values() if isinstance(after, Asset)]
        assert not value.unseen
        assert (after.supply + value.foreign) * reserve.ratio_bps <= value.eligible * 10_000
        covered += 1
    assert covered


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_11_time_prices_and_haircuts_never_raise_what_is_eligible_over_all_types(seed: int) -> None:
    """Goal: 11. Method: along the history, weigh each attested asset now, later, at lower prices, and with larger haircuts."""
    weighed = 0
    for number, (frame, records) in enumerate(history(seed).blocks()):
        if number % 5:
            continue
        for asset in assets_of(records):
            reserve = attested_of(asset.policy)
            if reserve is None:
                continue
            overlay = Overlay(StateAt(dict(records)))
            now = worth_of(overlay, asset.policy, reserve, frame.context).eligible
            for later in (1, 3_600_000, DAY_MS, 31 * DAY_MS):
                context = replace(frame.context, time_ms=frame.context.time_ms + later)
                assert worth_of(overlay, asset.policy, reserve, context).eligible <= now
            terms = tuple(replace(each, haircut_bps=min(10_000, each.haircut_bps + 500)) for each in reserve.terms)
            assert worth_of(overlay, asset.policy, replace(reserve, terms=terms), frame.context).eligible <= now
            for key, record in records.items():
                if key.startswith(f"feed/{asset.policy.code}:"):
                    overlay.put(key, replace(record, price=max(1, getattr(record, "price", 1) // 2)))
            assert worth_of(overlay, asset.policy, reserve, frame.context).eligible <= now
            weighed += now > 0
    assert weighed
