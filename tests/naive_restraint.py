"""Orders of the whole model: what they stop, who makes and lifts them, and what is seized."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.naive_books import (
    CLOSED,
    KIND,
    MOST,
    NO_ACCOUNT,
    NO_PARTICIPANT,
    QUORUM,
    SPENDABLE,
    Books,
    Plain,
    Refused,
    bank_of,
    changed,
    contra_of,
    needed,
    over,
    use_first,
    vault_of,
)
from tests.naive_facts import redeemed
from tests.naive_limits import keep, person

if TYPE_CHECKING:
    from collections.abc import Iterable

ARRESTED, NO_DEBIT, NO_CREDIT, PAUSED = 151, 152, 153, 131
EXISTS, TOO_MANY, NO_ORDER, ORDER_AMOUNT, NO_SAY = 125, 127, 180, 181, 182
PERMISSIONS = {"debit": "order.freeze", "credit": "order.freeze", "both": "order.freeze", "arrest": "order.arrest", "pause": "order.pause"}


def in_force(books: Books) -> list[Plain]:
    """Orders in force, by precedence."""
    orders = books.tables["order"].values()
    active = [each for each in orders if each.status == "active" and not over(each.order.until, books.now)]
    return sorted(active, key=place_of)


def place_of(record: Plain) -> tuple[int, int, int]:
    """Precedence: the lowest goes first."""
    return record.rank, record.height, record.index


def on(books: Books, account: str, asset: str, *modes: str) -> list[Plain]:
    """Orders of these modes in force on an account, in an asset that gives the power."""
    known = books.get(f"account/{account}")
    powers = books.asset(asset).policy.powers
    if known is None or known.kind in ("contra", "vault") or "freeze" not in powers:
        return []
    subjects = {"account": account, "participant": bank_of(account), "holder": holder_of(books, known)}
    return [
        each
        for each in in_force(books)
        if each.order.mode in modes and subjects.get(each.order.scope) == each.order.subject and each.order.asset in ("", asset)
    ]


def holder_of(books: Books, account: Plain) -> str:
    """Holder of a wallet; something that is none where there is nobody."""
    return person(books, account.id) if account.pseudonym else "-"


def check_debit(books: Books, account: str, asset: str, *words: str) -> None:
    """Refuse what an order stops."""
    if any(not allows(each, words) for each in on(books, account, asset, "debit", "both")):
        raise Refused(NO_DEBIT)


def check_credit(books: Books, account: str, asset: str, *words: str) -> None:
    """Refuse what an order stops; fees are always taken."""
    fee = account.split("/", maxsplit=1)[1].startswith("fee:")
    if not fee and any(not allows(each, words) for each in on(books, account, asset, "credit", "both")):
        raise Refused(NO_CREDIT)


def allows(record: Plain, words: Iterable[str]) -> bool:
    """Whether an order lets one of these pass."""
    return any(word in record.order.allow for word in words)


def check_pause(books: Books, accounts: Iterable[str], asset: str, *words: str) -> None:
    """Refuse what is paused."""
    banks = [bank_of(account) for account in accounts]
    for record in in_force(books):
        order = record.order
        here = order.scope == "ledger" or (order.scope == "asset" and order.subject == asset)
        there = order.scope == "participant" and order.subject in banks
        if order.mode == "pause" and (here or there) and order.asset in ("", asset) and not allows(record, words):
            raise Refused(PAUSED)


def arrested(arrests: Iterable[Plain]) -> int:
    """Sum of what arrests cover."""
    return sum(MOST if each.order.amount is None else each.order.amount - each.seized for each in arrests)


def kept(books: Books, account: str, asset: str) -> int:
    """Return what orders keep on an account, whatever the rules of the asset say."""
    return MOST if on(books, account, asset, "debit", "both") else arrested(on(books, account, asset, "arrest"))


def lapse(books: Books, record: Plain) -> None:
    """Let an order be over."""
    books.put(f"order/{record.order.id}", changed(record, status="lapsed"))
    resume(books, record.order)


def resume(books: Books, order: Plain) -> None:
    """Let the sweep of expired assets come back for what an order kept."""
    for key, asset in list(books.tables["asset"].items()):
        under_way = asset.state == "restrained" or (asset.swept and asset.state != "expired")
        if under_way and order.mode != "pause":
            books.put(key, changed(asset, swept="", state="open"))


def gross(books: Books, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Places whose funds are checked gross, and what is arrested there."""
    found = {}
    for account, asset in places:
        if on(books, account, asset, "debit", "both", "arrest"):
            found[account, asset] = arrested(on(books, account, asset, "arrest"))
    return found


def reaches(books: Books, order: Plain, account: Plain) -> bool:
    """Whether an order is on an account."""
    subjects = {"account": account.id, "participant": bank_of(account.id), "holder": holder_of(books, account)}
    return bool(subjects.get(order.scope) == order.subject)


def check_spendable(account: Plain) -> None:
    """Refuse accounts of an asset."""
    if account.kind not in SPENDABLE:
        raise Refused(KIND)


def check_takes(account: Plain) -> None:
    """Refuse accounts that take nothing."""
    if account.status != "open":
        raise Refused(CLOSED)


# --- order.put -----------------------------------------------------------------------------------------------------------


def _find(books: Books, order: Plain) -> None:
    books.must(f"participant/{order.by}", NO_PARTICIPANT)
    if order.scope == "participant":
        books.must(f"participant/{order.subject}", NO_PARTICIPANT)
    if order.scope == "holder":
        books.must(f"holder/{order.subject}", NO_ACCOUNT)
    for account in (order.subject if order.scope == "account" else "", order.seize_to):
        if account:
            books.account(account)
    if books.get(f"order/{order.id}"):
        raise Refused(EXISTS)
    for asset in (order.asset, order.subject if order.scope == "asset" else ""):
        if asset:
            books.asset(asset)


def authorise_put(books: Books, act: Plain) -> None:
    """Let everything exist, and the maker's grant be met; of pauses first those by quorum."""
    order = act.body.order
    _find(books, order)
    books.active(order.by)
    if order.scope == "account":
        check_spendable(books.account(order.subject))
    if order.seize_to:
        check_takes(books.account(order.seize_to))
        check_spendable(books.account(order.seize_to))
    wanted = {
        "asset": order.subject if order.scope == "asset" else order.asset,
        "participant": bank_of(order.subject) if order.scope in ("account", "participant") else "",
        "account": order.subject if order.scope == "account" else "",
        "to": order.by,
    }
    fitting = books.fitting(PERMISSIONS[order.mode], **wanted)
    if order.mode == "pause":
        fitting = [each for each in fitting if needed(each.grant) > 1] + [each for each in fitting if needed(each.grant) == 1]
    act.grant = use_first(act.voices, fitting)


def perform_put(books: Books, act: Plain) -> None:
    """Check quota, count, end and powers, and what one guardian may."""
    order, now = act.body.order, books.now
    books.charge(act.grant, 1)
    count = 0
    for record in list(books.tables["order"].values()):
        if (record.order.scope, record.order.subject, record.status) == (order.scope, order.subject, "active"):
            if over(record.order.until, now):
                lapse(books, record)
            else:
                count += 1
    if count >= books.param("orders_per_subject_max"):
        raise Refused(TOO_MANY)
    if over(order.until, now):
        raise Refused(NO_ORDER)
    _check_powers(books, order)
    guardian = order.mode == "pause" and needed(act.grant.grant) == 1
    if guardian:
        _check_guardian(books, order)
    grant = act.grant.grant
    record = Plain(order=order, rank=grant.rank, height=books.height, index=books.in_block, time_ms=now, need=grant.need)
    record.lifted_by, record.seized, record.status, record.ended_by, record.ended_basis = grant.lifted_by, 0, "active", "", None
    record.cooled_ms = order.until + books.param("guardian_cooldown") if guardian else 0
    books.put(f"order/{order.id}", record)


def _check_powers(books: Books, order: Plain) -> None:
    if order.mode == "pause":
        if order.scope == "asset" and "pause" not in books.asset(order.subject).policy.powers:
            raise Refused(NO_SAY)
    elif order.asset and "freeze" not in books.asset(order.asset).policy.powers:
        raise Refused(NO_SAY)


def _check_guardian(books: Books, order: Plain) -> None:
    if order.until == 0 or order.until > books.now + books.param("guardian_pause_ms_max") or "redeem" not in order.allow:
        raise Refused(NO_SAY)
    for each in books.tables["order"].values():
        if (each.order.scope, each.order.subject) == (order.scope, order.subject) and each.cooled_ms > books.now:
            raise Refused(NO_SAY)


# --- order.lift ----------------------------------------------------------------------------------------------------------


def _active(books: Books, name: str) -> Plain:
    record = books.get(f"order/{name}")
    if record is None or record.status != "active" or over(record.order.until, books.now):
        raise Refused(NO_ORDER)
    return record


def authorise_lift(books: Books, act: Plain) -> None:
    """Let the maker's quorum lift, or `ops` of whom the grant named."""
    record = _active(books, act.body.id)
    if act.sender != record.order.by and act.sender not in record.lifted_by:
        raise Refused(NO_SAY)
    books.active(act.sender)
    if act.sender != record.order.by or record.need is None:
        act.voices.need(f"{act.sender}/ops")
        return
    if sum(act.voices.agrees(member) for member in record.need.of) < record.need.m:
        raise Refused(QUORUM)
    act.voices.allow(record.need.of)


def perform_lift(books: Books, act: Plain) -> None:
    """Write down who lifted it and why."""
    record = _active(books, act.body.id)
    books.put(f"order/{act.body.id}", changed(record, status="lifted", ended_by=act.sender, ended_basis=act.body.basis_hash))
    resume(books, record.order)


# --- seize ---------------------------------------------------------------------------------------------------------------


def authorise_seize(books: Books, act: Plain) -> None:
    """Find arrest, account and beneficiary, and let the grant be met."""
    body = act.body
    account = books.account(body.account)
    books.asset(body.asset)
    order = _active(books, body.order).order
    check_spendable(account)
    if order.seize_to in ("", body.account) or not reaches(books, order, account) or order.asset not in ("", body.asset):
        raise Refused(NO_SAY)
    check_takes(books.account(order.seize_to))
    wanted = {"asset": body.asset, "participant": bank_of(body.account), "account": body.account, "to": order.by}
    act.grant = books.use(act.voices, "order.seize", **wanted)


def perform_seize(books: Books, act: Plain) -> None:
    """Check what goes before the arrest, what it reaches and the powers; move."""
    body, record = act.body, _active(books, act.body.order)
    order = record.order
    act.sweep(body.account)
    if any(place_of(each) < place_of(record) for each in on(books, body.account, body.asset, "debit", "both")):
        raise Refused(NO_DEBIT)
    policy = books.asset(body.asset).policy
    vault = vault_of(policy) if policy.expires is not None and over(policy.expires.at, books.now) else None
    check_credit(books, order.seize_to, vault[1] if vault else body.asset)
    earlier = [each for each in on(books, body.account, body.asset, "arrest") if place_of(each) < place_of(record)]
    most = max(0, books.free(body.account, body.asset) - arrested(earlier))
    if order.amount is not None:
        most = min(most, order.amount - record.seized)
    books.charge(act.grant, body.amount)
    if body.amount > most:
        raise Refused(ORDER_AMOUNT)
    if "seize" not in policy.powers:
        raise Refused(NO_SAY)
    entries = [(body.account, body.asset, -body.amount, 0, 0), (order.seize_to, vault[1] if vault else body.asset, body.amount, 0, 0)]
    if vault:
        entries += [(contra_of(policy), body.asset, body.amount, 0, 0), (vault[0], vault[1], -body.amount, 0, 0)]
    books.post(entries, {})
    keep(books, entries)
    if vault:
        redeemed(books, body.asset, body.amount)
        resume(books, order)
    seized = record.seized + body.amount
    books.put(f"order/{order.id}", changed(record, seized=seized, status="served" if seized == order.amount else "active"))
