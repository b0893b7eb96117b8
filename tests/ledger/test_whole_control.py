"""Invariants 12 to 17 over long histories of all types (acceptance 2): orders, limits, quotas, duties, signatures, what never changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ledger.accounts import Account, Balance
from ledger.assets import Asset
from ledger.errors import OK
from ledger.grants import GrantRecord
from ledger.holders import Holder, Pseudonym, Spent
from ledger.holds import Hold
from ledger.orders import OrderRecord
from ledger.participants import Participant
from ledger.proposals import Proposal
from ledger.transactions.bodies import Approve, Settle
from tests.ledger.recorded import history
from tests.ledger.test_whole_money import SEEDS, assets_of, done
from tests.ledger.world import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.grants import Grant
    from ledger.holders import Limit
    from ledger.state import Record
    from tests.ledger.recorded import Step

WORDS = {"pay": ("fee", "return", "tax"), "redeem": ("redeem",), "settle": ("holds", "redeem")}
"""Type -> what an order may have allowed of it."""
DUTIES = ("attest.reserve", "attest.price")
Records = dict[str, "Record"]
Net = dict[tuple[str, str], tuple[int, int]]


def bank_of(account: str) -> str:
    """Participant before the slash."""
    return account.partition("/")[0]


def net_of(step: Step) -> Net:
    """Add up posted and held by account and asset; accounts of an asset are left out."""
    net: Net = {}
    for entry in step.outcome.entries:
        if not any(word in entry.account for word in ("/contra:", "/vault:", "/fee:")):
            posted, held = net.get((entry.account, entry.asset), (0, 0))
            net[entry.account, entry.asset] = (posted + entry.posted, held + entry.held)
    return net


def person(records: Records, account: str) -> str:
    """Who is behind an account: a holder in hex, an anonymous wallet itself, or nobody."""
    record = records.get(f"account/{account}")
    if not isinstance(record, Account):
        return ""
    known = records.get(f"pseudonym/{bank_of(account)}/{record.pseudonym.hex()}")
    if isinstance(known, Pseudonym):
        return known.holder.hex()
    return account if "anonymous" in record.classes else ""


def orders_on(records: Records, account: str, asset: str, now: int) -> list[OrderRecord]:
    """Orders in force on an account, in an asset that may be frozen."""
    policy = records[f"asset/{asset}"]
    if not isinstance(policy, Asset) or "freeze" not in policy.policy.powers:
        return []
    subjects = {("account", account), ("participant", bank_of(account)), ("holder", person(records, account) or "nobody")}
    return [
        each
        for each in records.values()
        if isinstance(each, OrderRecord)
        and each.status == "active"
        and (each.order.until == 0 or each.order.until > now)
        and (each.order.scope, each.order.subject) in subjects
        and each.order.asset in ("", asset)
    ]


def balance(records: Records, account: str, asset: str) -> Balance:
    """Balance of an account."""
    record = records.get(f"balance/{account}/{asset}")
    return record if isinstance(record, Balance) else Balance(0, 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_12_nothing_gets_round_a_block_over_all_types(seed: int) -> None:
    """Goal: 12. Method: for each change of a balance, the orders on it before: a block falls silent only where it allows the type."""
    met = 0
    for frame, step, records in history(seed).walk():
        type_, _ = done(step)
        met += step.outcome.code in (152, 153)
        for entry in step.outcome.entries:
            if not entry.posted or any(word in entry.account for word in ("/contra:", "/vault:", "/fee:")):
                continue
            side = "debit" if entry.posted < 0 else "credit"
            for record in orders_on(records, entry.account, entry.asset, frame.context.time_ms):
                if record.order.mode in (side, "both"):
                    allowed = any(word in record.order.allow for word in WORDS.get(type_, ()))
                    assert allowed or (type_ == "seize" and side == "debit")
    assert met


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_13_arrested_value_leaves_by_seizure_alone_over_all_types(seed: int) -> None:
    """Goal: 13. Method: for each account under arrests, what is free afterwards is what they cover, or not less than it was."""
    met = 0
    for frame, step, records in history(seed).walk():
        met += any(isinstance(after, OrderRecord) and after.order.mode == "arrest" for _, after in step.writes.values())
        for (account, asset), (posted, held) in net_of(step).items():
            arrests = [each for each in orders_on(records, account, asset, frame.context.time_ms) if each.order.mode == "arrest"]
            covered = sum(10**18 if each.order.amount is None else each.order.amount - each.seized for each in arrests)
            before = balance(records, account, asset)
            free = before.posted - before.held
            if done(step)[0] == "seize":
                assert posted >= 0 or covered > 0
            elif arrests:
                assert free + posted - held >= min(covered, free)
    assert met


def limit_of(records: Records, who: str, asset: str, now: int) -> Limit | None:
    """Tier of a person in an asset, where one covers it."""
    policy, holder = records[f"asset/{asset}"], records.get(f"holder/{who}")
    if not isinstance(policy, Asset):
        return None
    for limit in policy.policy.limits:
        if "/" in who and limit.anonymous:
            return limit
        if isinstance(holder, Holder) and holder.tier == limit.tier and (holder.valid_until == 0 or holder.valid_until > now):
            return limit
    return None


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_14_limits_hold_over_all_wallets_by_any_path_over_all_types(seed: int) -> None:
    """Goal: 14. Method: whatever rises of what a person has or has spent stays within the tier."""
    met = 0
    for frame, step, records in history(seed).walk():
        for key, (before, after) in step.writes.items():
            if not isinstance(after, Spent):
                continue
            who, _, asset = key.removeprefix("limit/").rpartition("/")
            old = before if isinstance(before, Spent) else Spent(0, "", 0, "", 0)
            limit = limit_of(records, who, asset, frame.context.time_ms)
            if limit is None:
                continue
            for most, now, was in (
                (limit.balance_max, after.total, old.total),
                (limit.day_out_max, after.day_out, old.day_out if old.day == after.day else 0),
                (limit.month_out_max, after.month_out, old.month_out if old.month == after.month else 0),
            ):
                assert most is None or now <= max(most, was)
                met += most is not None
    assert met


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_14_what_a_person_has_is_the_sum_of_the_wallets_over_all_types(seed: int) -> None:
    """Goal: 14, what limits are measured by. Method: after every block, add the wallets of each person up."""
    for _, records in history(seed).blocks():
        totals: dict[str, int] = {}
        for key, record in records.items():
            if isinstance(record, Balance):
                account, _, asset = key.removeprefix("balance/").rpartition("/")
                who = person(records, account)
                if who:
                    totals[f"limit/{who}/{asset}"] = totals.get(f"limit/{who}/{asset}", 0) + record.posted
        for key, value in totals.items():
            kept = records.get(key)
            assert value == (kept.total if isinstance(kept, Spent) else 0)


def hold_of_duty(records: Records, permissions: tuple[str, ...]) -> Iterator[tuple[str, Grant]]:
    """Participants that hold grants of these permissions, or sit in their quorums."""
    for record in records.values():
        if isinstance(record, GrantRecord) and record.grant.permission in permissions:
            quorum = record.grant.need.of if record.grant.need else ()
            for participant in {record.grant.to, *map(bank_of, quorum)}:
                yield participant, record.grant


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_15_quotas_grants_and_duties_over_all_types(seed: int) -> None:
    """Goal: 15. Method: after every block no grant is used beyond its quota, nobody issues and attests; no issue without a grant."""
    for _, records in history(seed).blocks():
        for record in records.values():
            if isinstance(record, GrantRecord) and record.grant.quota is not None:
                assert 0 <= record.used <= record.grant.quota.amount
        attesting = list(hold_of_duty(records, DUTIES))
        for participant, grant in hold_of_duty(records, ("issue",)):
            for other, attest in attesting:
                apart = "" not in (grant.scope.asset, attest.scope.asset) and grant.scope.asset != attest.scope.asset
                assert participant != other or apart
    for frame, step, records in history(seed).walk():
        type_, body = done(step)
        if type_ == "issue" and step.outcome.code == OK:
            now = frame.context.time_ms
            grants = [grant for _, grant in hold_of_duty(records, ("issue",)) if grant.scope.asset in ("", getattr(body, "asset", ""))]
            assert any(grant.not_before <= now and (grant.until == 0 or grant.until > now) for grant in grants)


def speakers(step: Step, records: Records) -> set[str]:
    """Keysets that signed a transaction, or voted for what it carried out."""
    members = {f"{each.participant}/{each.keyset}" for each in step.tx.signatures}
    if isinstance(step.tx.body, Approve):
        proposal = records.get(f"proposal/{step.tx.body.proposal.hex()}")
        members |= {vote.keyset for vote in proposal.votes if vote.choice == "yes"} if isinstance(proposal, Proposal) else set()
    return members


def servicer(records: Records, account: str) -> str:
    """Who services an account: the end of the chain of successors."""
    name = bank_of(account)
    while isinstance(record := records[f"participant/{name}"], Participant) and record.status != "active" and record.successor:
        name = record.successor
    return name


def mandates(records: Records, account: str) -> Iterator[set[str]]:
    """Keysets that may use a grant to debit an account."""
    for record in records.values():
        if isinstance(record, GrantRecord) and record.grant.permission == "debit" and record.grant.scope.account == account:
            yield set(record.grant.need.of) if record.grant.need else {f"{record.grant.to}/ops"}


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_16_every_debit_is_authorised_over_all_types(seed: int) -> None:
    """Goal: 16. Method: behind each account that loses value or has it held stands its keyset, its hold, a seizure, or a sweep."""
    met = 0
    for frame, step, records in history(seed).walk():
        type_, body = done(step)
        for (account, asset), (posted, held) in net_of(step).items():
            if posted >= 0 and held <= 0:
                continue
            met += 1
            record = records[f"account/{account}"]
            assert isinstance(record, Account)
            hold = records.get(f"hold/{body.hold.hex()}") if isinstance(body, Settle) else None
            if isinstance(hold, Hold):
                assert (hold.source, hold.asset) == (account, asset)
            elif type_ == "seize":
                arrests = [each for each in orders_on(records, account, asset, frame.context.time_ms) if each.order.mode == "arrest"]
                assert getattr(body, "order", "") in [each.order.id for each in arrests]
            else:
                member = f"{account}/{record.keyset}" if record.keyset else f"{servicer(records, account)}/ops"
                spoke = speakers(step, records)
                assert member in spoke or any(spoke & mandate for mandate in mandates(records, account))
    assert met


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_17_fixed_fields_stay_and_a_guardians_pause_ends_over_all_types(seed: int) -> None:
    """Goal: 17. Method: every change of an asset that was issued, and every pause by one guardian."""
    for frame, step, _ in history(seed).walk():
        for before, after in step.writes.values():
            if isinstance(after, OrderRecord) and after.cooled_ms:
                assert 0 < after.order.until <= after.time_ms + DAY_MS
                assert after.time_ms <= frame.context.time_ms
            if isinstance(before, Asset) and before.issued:
                assert isinstance(after, Asset)
                old, new = before.policy, after.policy
                always = all(getattr(old, field) == getattr(new, field) for field in ("code", "decimals", "issuer", "expires", "fixed"))
                named = all(getattr(old, field) == getattr(new, field) for field in old.fixed)
                assert (always, named, set(old.powers) <= set(new.powers)) == (True, True, True)
                assert isinstance(old.reserve, str) == isinstance(new.reserve, str)
    for _, records in history(seed).blocks():
        assert assets_of(records)
