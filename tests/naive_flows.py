"""Holds, issue and redeem of the whole model."""

from __future__ import annotations

from tests import naive_shown as conditions
from tests.naive_books import (
    AMOUNT,
    MOST,
    NO_ACCOUNT,
    NO_PARTICIPANT,
    Books,
    Entry,
    Plain,
    Refused,
    bank_of,
    changed,
    contra_of,
    over,
    use_first,
    vault_of,
)
from tests.naive_facts import backed, redeemed
from tests.naive_limits import accepted, eligible, give_back, keep, person, room, spend
from tests.naive_money import (
    CAP,
    FEE,
    HOLD_AMOUNT,
    HOLD_TIME,
    NO_HOLD,
    TOO_MANY,
    VAULT,
    fee_of,
    not_ended,
    paid_in,
    pays,
    rule_of,
    spendable,
    takes,
)
from tests.naive_restraint import ARRESTED, check_credit, check_debit, check_pause, gross, on


def authorise_hold(books: Books, act: Plain) -> None:
    """Let everybody exist, and the debited party agree, or a grant to debit it."""
    body = act.body
    arbiter = getattr(body.condition, "by", "")
    parties = [party for party in (body.settle_by, body.void_by, arbiter) if party]
    for party in parties:
        if "/" not in party:
            books.must(f"participant/{party}", NO_PARTICIPANT)
    source = books.account(body.source)
    target = books.account(body.target) if "/" in body.target else None
    for party in parties:
        if "/" in party:
            books.must(f"account/{party}", NO_ACCOUNT)
    policy = books.asset(body.asset).policy
    books.member_active(books.signer(source))
    not_ended(books, policy)
    pays(source)
    if target is not None:
        takes(target)
    spendable(source)
    if target is not None:
        spendable(target)
    act.mandate = None
    try:
        act.voices.need(books.signer(source))
    except Refused:
        act.mandate = books.mandate(act.voices, body.source, body.asset, bank_of(body.target) if target else "")
    if target is not None and conditions.needs_agreement(books, source, target, policy, body.amount):
        act.voices.need(f"{books.servicer(target.id)}/compliance")


def perform_hold(books: Books, act: Plain) -> None:
    """Check fee, orders, funds, number, time, limits; reserve."""
    body = act.body
    source, policy = books.account(body.source), books.asset(body.asset).policy
    target = books.account(body.target) if "/" in body.target else None
    act.sweep(body.source)
    rule = rule_of(policy, "hold", source, target or Plain(kind="wallet"))
    if body.fee != fee_of(rule, body.amount):
        raise Refused(FEE)
    check_debit(books, body.source, body.asset)
    if target is not None:
        check_credit(books, body.target, paid_in(policy, target))
    books.post([(body.source, body.asset, 0, body.amount + body.fee, 0)], gross(books, [(body.source, body.asset)]))
    _check_count(books, body.source)
    latest = books.now + books.param("hold_ms_max")
    latest = latest if policy.expires is None else min(latest, policy.expires.at - 1)
    if not books.now < body.until <= latest or books.now >= getattr(body.condition, "valid_to", latest):
        raise Refused(HOLD_TIME)
    check_pause(books, (body.source, body.target) if target else (body.source,), body.asset)
    window = spend(books, {}, [(body.source, body.target, body.asset, body.amount + body.fee, 0)])
    eligible(books, source, policy)
    if target is not None:
        eligible(books, target, policy)
        accepted(policy, source, target)
    if act.mandate is not None:
        books.charge(act.mandate, body.amount + body.fee)
    hold = Plain(id=act.id, source=body.source, target=body.target, asset=body.asset, amount=body.amount, left=body.amount)
    hold.until, hold.settle_by, hold.void_by, hold.kind, hold.window = body.until, body.settle_by, body.void_by, body.kind, window
    hold.condition, hold.fee_rule, hold.fee_left = conditions.kept(books, body.condition), rule, body.fee
    books.put(f"hold/{act.id.hex()}", hold)


def _check_count(books: Books, account: str) -> None:
    if sum(hold.source == account for hold in books.tables["hold"].values()) >= books.param("holds_per_account_max"):
        raise Refused(TOO_MANY)


def open_hold(books: Books, name: bytes) -> Plain:
    """Hold that is open."""
    hold = books.must(f"hold/{name.hex()}", NO_HOLD)
    if over(hold.until, books.now):
        raise Refused(HOLD_TIME)
    return hold


def authorise_settle(books: Books, act: Plain) -> None:
    """Find the hold and a target that takes; whoever settles agrees, and the arbiter."""
    hold = open_hold(books, act.body.hold)
    target = books.account(conditions.payee_of(hold, act.body.witness))
    act.approvals = approvals(books, hold)
    parties = [party for party in (hold.settle_by, getattr(hold.condition, "by", "")) if party and not act.approvals]
    asked = [books.party(party) for party in parties]
    for member in asked:
        books.member_active(member)
    takes(target)
    if "/" not in hold.target:
        spendable(target)
        if conditions.needs_agreement(books, books.account(hold.source), target, books.asset(hold.asset).policy, act.body.amount):
            asked.append(f"{books.servicer(target.id)}/compliance")
    for member in asked:
        act.voices.need(member)
    act.grant = use_first(act.voices, act.approvals) if act.approvals else None


def approvals(books: Books, hold: Plain) -> list[Plain]:
    """Grants over a queued redemption, one of which settles it instead of the issuer."""
    if hold.kind != "queue":
        return []
    return books.fitting("redeem.approve", asset=hold.asset, participant=bank_of(hold.source), account=hold.source)


def perform_settle(books: Books, act: Plain) -> None:
    """Move a part or all; what the target may not have goes to its servicer."""
    amount, hold = act.body.amount, open_hold(books, act.body.hold)
    policy, target = books.asset(hold.asset).policy, books.account(conditions.payee_of(hold, act.body.witness))
    words = ("holds", "redeem") if hold.kind == "queue" else ("holds",)
    gets = paid_in(policy, target)
    condition = conditions.shown(hold, target, policy, act.body.witness)
    if any("holds" not in each.order.allow for each in on(books, hold.source, hold.asset, "arrest")):
        raise Refused(ARRESTED)
    check_debit(books, hold.source, hold.asset, *words)
    check_credit(books, target.id, gets, *words)
    if amount > hold.left or (hasattr(hold.condition, "digest") and amount < hold.left):
        raise Refused(HOLD_AMOUNT)
    act.sweep(hold.source, target.id)
    left = hold.left - amount
    fee_left = fee_of(hold.fee_rule, hold.amount) - fee_of(hold.fee_rule, hold.amount - left)
    fee = hold.fee_left - fee_left
    entries = [(hold.source, hold.asset, -amount - fee, -amount - fee, 0)]
    entries += _credits(books, changed(hold, target=target.id), gets, amount=amount, fee=fee)
    if fee:
        entries.append((f"{policy.issuer}/fee:{policy.code}", hold.asset, fee, 0, 0))
    for entry in entries[2:]:
        check_credit(books, entry[0], entry[1], "holds")
    vault = vault_of(policy)
    if gets != hold.asset and vault is not None:
        entries += [(contra_of(policy), hold.asset, amount, 0, 0), (vault[0], vault[1], -amount, 0, 0)]
    books.post(entries, {})
    keep(books, entries)
    if gets != hold.asset or hold.kind == "queue":
        redeemed(books, hold.asset, amount)
    if "/" not in hold.target:
        accepted(policy, books.account(hold.source), target)
    if act.grant is not None:
        books.charge(act.grant, amount)
    books.put(f"hold/{hold.id.hex()}", changed(hold, left=left, fee_left=fee_left, condition=condition) if left else None)


def _credits(books: Books, hold: Plain, gets: str, *, amount: int, fee: int) -> list[Entry]:
    may = room(books, hold.target, gets)
    who = person(books, hold.target)
    if who and who == person(books, hold.source):
        may += amount + fee
    if amount <= may:
        return [(hold.target, gets, amount, 0, 0)]
    return [(hold.target, gets, may, 0, 0), (books.till(books.servicer(hold.target)), gets, amount - may, 0, 0)]


def authorise_void(books: Books, act: Plain) -> None:
    """Find the hold; whoever voids agrees."""
    member = books.party(open_hold(books, act.body.hold).void_by)
    books.member_active(member)
    act.voices.need(member)


def perform_void(books: Books, act: Plain) -> None:
    """Free what is left; of a purse, bring its end forward."""
    hold = open_hold(books, act.body.hold)
    if hasattr(hold.condition, "grace"):
        books.put(f"hold/{hold.id.hex()}", conditions.revoked(books, hold))
        return
    act.sweep(hold.source)
    release(books, hold)


def release(books: Books, hold: Plain) -> None:
    """Free a hold, and its part of open windows."""
    give_back(books, hold)
    books.put(f"hold/{hold.id.hex()}", None)


# --- issue, redeem -------------------------------------------------------------------------------------------------------


def authorise_issue(books: Books, act: Plain) -> None:
    """Let everybody exist, the issuer act, the grant be met, and whoever pays agree."""
    body = act.body
    target = books.account(body.to)
    source = None if body.source is None else books.account(body.source)
    policy = books.asset(body.asset).policy
    books.active(policy.issuer)
    not_ended(books, policy)
    takes(target)
    spendable(target)
    if source is not None:
        books.member_active(books.signer(source))
        pays(source)
        spendable(source)
    act.grant = books.use(act.voices, "issue", asset=body.asset, participant=bank_of(body.to), account=body.to)
    if source is not None:
        act.voices.need(books.signer(source))


def perform_issue(books: Books, act: Plain) -> None:
    """Check orders, funds, limits, quota, cap, vault, pauses and backing; issue."""
    body, asset = act.body, books.asset(act.body.asset)
    policy, vault = asset.policy, vault_of(asset.policy)
    act.sweep(body.to, *([body.source] if body.source else []))
    wraps = vault if body.source is not None else None
    if wraps:
        check_debit(books, body.source, wraps[1])
    check_credit(books, body.to, body.asset)
    if asset.issued + body.amount > MOST:
        raise Refused(AMOUNT)
    entries = [(contra_of(policy), body.asset, -body.amount, 0, 0), (body.to, body.asset, body.amount, 0, 0)]
    if wraps:
        entries += [(body.source, wraps[1], -body.amount, 0, 0), (wraps[0], wraps[1], body.amount, 0, 0)]
    books.post(entries, gross(books, [(body.source, wraps[1])] if wraps else []))
    keep(books, entries)
    if wraps:
        spend(books, {}, [(body.source, wraps[0], wraps[1], body.amount, 0)])
        eligible(books, books.account(body.source), books.asset(wraps[1]).policy)
    eligible(books, books.account(body.to), policy)
    books.charge(act.grant, body.amount)
    supply = asset.supply + body.amount
    if policy.cap is not None and supply > policy.cap:
        raise Refused(CAP)
    if (vault is None) != (body.source is None):
        raise Refused(VAULT)
    if wraps:
        check_pause(books, [body.source], wraps[1])
    check_pause(books, [body.to], body.asset)
    books.put(f"asset/{body.asset}", backed(books, changed(asset, supply=supply, issued=asset.issued + body.amount)))


def authorise_redeem(books: Books, act: Plain) -> None:
    """Let everybody exist, and the debited party agree."""
    body = act.body
    source = books.account(body.source)
    target = None if body.to is None else books.account(body.to)
    policy = books.asset(body.asset).policy
    books.member_active(books.signer(source))
    not_ended(books, policy)
    pays(source)
    spendable(source)
    if target is not None:
        takes(target)
        spendable(target)
    act.voices.need(books.signer(source))


def perform_redeem(books: Books, act: Plain) -> None:
    """Check orders and funds; redeem, pay out of the vault, or queue."""
    body, policy = act.body, books.asset(act.body.asset).policy
    vault = vault_of(policy)
    act.sweep(body.source)
    check_debit(books, body.source, body.asset, "redeem")
    if vault is not None and body.to is not None:
        check_credit(books, body.to, vault[1], "redeem")
    restrained = gross(books, [(body.source, body.asset)])
    if policy.queued:
        _queue(books, act, policy, restrained)
        return
    entries = [(body.source, body.asset, -body.amount, 0, 0), (contra_of(policy), body.asset, body.amount, 0, 0)]
    if vault is not None and body.to is not None:
        may = min(body.amount, room(books, body.to, vault[1]))
        entries += [(vault[0], vault[1], -body.amount, 0, 0), (body.to, vault[1], may, 0, 0)]
        if may < body.amount:
            till = books.till(books.servicer(body.to))
            check_credit(books, till, vault[1], "redeem")
            entries.append((till, vault[1], body.amount - may, 0, 0))
    books.post(entries, restrained)
    keep(books, entries)
    if (vault is None) != (body.to is None):
        raise Refused(VAULT)
    check_pause(books, [body.source], body.asset, "redeem")
    redeemed(books, body.asset, body.amount)


def _queue(books: Books, act: Plain, policy: Plain, restrained: dict[tuple[str, str], int]) -> None:
    body = act.body
    books.post([(body.source, body.asset, 0, body.amount, 0)], restrained)
    if body.to is not None:
        raise Refused(VAULT)
    _check_count(books, body.source)
    check_pause(books, [body.source], body.asset, "redeem")
    hold = Plain(id=act.id, source=body.source, target=contra_of(policy), asset=body.asset, amount=body.amount, left=body.amount)
    hold.until, hold.settle_by, hold.void_by, hold.kind, hold.window = books.now + policy.queued, policy.issuer, policy.issuer, "queue", ""
    hold.condition, hold.fee_rule, hold.fee_left = "none", None, 0
    books.put(f"hold/{act.id.hex()}", hold)
