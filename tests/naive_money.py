"""Money of the whole model: pay, hold, settle, void, issue and redeem, and what they owe to orders, limits and classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.naive_books import (
    CLOSED,
    KIND,
    SPENDABLE,
    Books,
    Entry,
    Plain,
    Refused,
    bank_of,
    changed,
    contra_of,
    matches,
    over,
    vault_of,
)
from tests.naive_facts import redeemed
from tests.naive_limits import (
    accepted,
    check_no_more,
    check_travel,
    eligible,
    keep,
    returned,
    spend,
    travelling,
)
from tests.naive_restraint import check_credit, check_debit, check_pause, gross

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

TOO_MANY_LEGS, FEE, CAP, VAULT, NO_HOLD, HOLD_TIME, HOLD_AMOUNT, TOO_MANY, ARRESTED = 142, 143, 160, 164, 170, 171, 173, 127, 151
DAY_MS = 86_400_000


def fee_of(rule: Plain | None, amount: int) -> int:
    """Fee by a rule."""
    if rule is None or amount == 0:
        return 0
    return int(min(rule.max, max(rule.min, rule.fixed + amount * rule.bps // 10_000)))


def rule_of(policy: Plain, type_: str, debit: Plain, credit: Plain) -> Plain | None:
    """First rule that fits."""
    fitting = [r for r in policy.fees if r.type == type_ and r.debit_kind in ("", debit.kind) and r.credit_kind in ("", credit.kind)]
    return fitting[0] if fitting else None


def pays_out(policy: Plain, credit: Plain) -> bool:
    """Whether this account gets what is locked."""
    if not policy.receive or vault_of(policy) is None:
        return False
    names = [name for name in credit.classes if name.startswith("mcc:") and name.endswith(f"@{policy.issuer}")]
    return any(matches(pattern, name) for pattern in policy.receive for name in names)


def paid_in(policy: Plain, credit: Plain) -> str:
    """Asset that this account gets."""
    vault = vault_of(policy) if pays_out(policy, credit) else None
    return str(policy.code) if vault is None else vault[1]


def not_ended(books: Books, policy: Plain) -> None:
    """Refuse an asset that has expired."""
    if policy.expires is not None and over(policy.expires.at, books.now):
        raise Refused(CLOSED)


def pays(account: Plain) -> None:
    """Refuse a closed account."""
    if account.status == "closed":
        raise Refused(CLOSED)


def takes(account: Plain) -> None:
    """Refuse an account that takes nothing."""
    if account.status != "open":
        raise Refused(CLOSED)


def spendable(account: Plain) -> None:
    """Refuse accounts of an asset."""
    if account.kind not in SPENDABLE:
        raise Refused(KIND)


# --- pay -----------------------------------------------------------------------------------------------------------------


def each_leg(act: Plain, check: Callable[[Plain], None]) -> None:
    """Run a check over all legs that have not failed."""
    for index, leg in enumerate(act.body.legs):
        if index not in act.failed:
            try:
                check(leg)
            except Refused as refused:
                act.failed[index] = refused.code
    if act.failed and act.body.mode == "atomic":
        code, index = min((code, index) for index, code in act.failed.items())
        raise Refused(code, index)


def authorise_pay(books: Books, act: Plain) -> None:
    """Let accounts and assets exist and be of the right kind, and every debited party agree."""
    body, act.failed, act.paid, act.mandates = act.body, {}, None, {}
    signing: dict[str, None] = {}
    if len(body.legs) > books.param("legs_max"):
        raise Refused(TOO_MANY_LEGS)

    def exists(leg: Plain) -> None:
        books.account(leg.debit)
        books.account(leg.credit)
        books.asset(leg.asset)

    def is_right(leg: Plain) -> None:
        debit, credit = books.account(leg.debit), books.account(leg.credit)
        if not act.voices.agrees(books.signer(debit)):
            books.member_active(books.signer(debit))
        pays(debit)
        takes(credit)
        spendable(debit)
        spendable(credit)
        signing[books.signer(debit)] = None

    each_leg(act, exists)
    if body.return_of is not None:
        act.paid = returned(books, body)
    each_leg(act, is_right)
    each_leg(act, lambda leg: not_ended(books, books.asset(leg.asset).policy))
    _need_debtors(books, act, list(signing))
    for each in body.travel or ():
        act.voices.need(f"{each.participant}/compliance")
    for index in act.failed:
        account = books.get(f"account/{body.legs[index].debit}")
        act.voices.allow([books.signer(account) if account else f"{bank_of(body.legs[index].debit)}/ops"])


def _need_debtors(books: Books, act: Plain, signing: list[str]) -> None:
    """Need each debited party, or where one does not agree a grant for each of its legs."""
    try:
        for member in signing:
            act.voices.need(member)
    except Refused:
        for index, leg in enumerate(act.body.legs):
            if index in act.failed:
                continue
            member = books.signer(books.account(leg.debit))
            if act.voices.agrees(member):
                act.voices.need(member)
            else:
                act.mandates[index] = books.mandate(act.voices, leg.debit, leg.asset, bank_of(leg.credit))


def words_of(books: Books, act: Plain, leg: Plain) -> list[str]:
    """Say what a leg is, in words that orders may allow."""
    words = ["fee"] if books.account(leg.credit).kind == "fee" else []
    words += ["return"] if act.body.return_of is not None else []
    treasury = books.get(f"participant/{bank_of(leg.credit)}")
    return words + (["tax"] if act.body.purpose == "TAXS" and treasury is not None and treasury.kind == "treasury" else [])


def perform_pay(books: Books, act: Plain) -> None:
    """Check fees and orders over all legs, then move them together or one by one."""
    body = act.body
    named = [name for leg in body.legs for name in (leg.debit, leg.credit) if books.get(f"account/{name}")]
    act.sweep(*named)

    def right_fee(leg: Plain) -> None:
        policy = books.asset(leg.asset).policy
        if leg.fee != fee_of(rule_of(policy, "pay", books.account(leg.debit), books.account(leg.credit)), leg.amount):
            raise Refused(FEE)

    def unblocked(leg: Plain) -> None:
        words = words_of(books, act, leg)
        check_debit(books, leg.debit, leg.asset, *words)
        check_credit(books, leg.credit, paid_in(books.asset(leg.asset).policy, books.account(leg.credit)), *words)

    each_leg(act, right_fee)
    each_leg(act, unblocked)
    places = [(leg.debit, leg.asset) for leg in body.legs if books.get(f"account/{leg.debit}") and books.get(f"asset/{leg.asset}")]
    restrained = gross(books, places)
    if body.mode == "atomic":
        needed = _travelling(books, act)
        _move(books, act, list(enumerate(body.legs)), restrained, {}, needed)
        return
    needed = _travelling(books, act)
    check_no_more(body.travel or (), needed)
    spent_so_far: dict[tuple[str, str], int] = {}
    for index, leg in enumerate(body.legs):
        if index not in act.failed:
            mark, before = len(books.journal), dict(spent_so_far)
            try:
                _move(books, act, [(index, leg)], restrained, spent_so_far, needed)
            except Refused as refused:
                books.undo(mark)
                spent_so_far = before
                act.failed[index] = refused.code
    act.codes = tuple(act.failed.get(index, 0) for index in range(len(body.legs)))
    if len(act.failed) == len(body.legs):
        raise Refused(act.failed[0], 0)


def _travelling(books: Books, act: Plain) -> dict[int, str]:
    legs = [(index, leg) for index, leg in enumerate(act.body.legs) if index not in act.failed]
    return travelling(books, [(leg.debit, leg.credit, leg.asset, leg.amount, index) for index, leg in legs])


def _move(
    books: Books,
    act: Plain,
    legs: Sequence[tuple[int, Plain]],
    restrained: dict[tuple[str, str], int],
    spent_so_far: dict[tuple[str, str], int],
    needed: dict[int, str],
) -> None:
    body = act.body
    entries = [entry for index, leg in legs for entry in _entries(books, index, leg)]
    books.post(entries, restrained)
    keep(books, entries)
    for _, leg in legs:
        if pays_out(books.asset(leg.asset).policy, books.account(leg.credit)):
            redeemed(books, leg.asset, leg.amount)
    if act.paid is None:
        spend(books, spent_so_far, [(leg.debit, leg.credit, leg.asset, leg.amount + leg.fee, index) for index, leg in legs])
        check_travel(body.travel or (), needed, [index for index, _ in legs])
        if body.mode == "atomic":
            check_no_more(body.travel or (), needed)
    _all_eligible(books, act, legs)
    for index, leg in legs:
        if index in act.mandates:
            try:
                books.charge(act.mandates[index], leg.amount + leg.fee)
            except Refused as refused:
                raise Refused(refused.code, index) from refused
    if act.paid is not None:
        key = f"return/{body.return_of.tx_id.hex()}/{body.return_of.leg}"
        books.put(key, changed(act.paid, returned=act.paid.returned + legs[0][1].amount))
    if body.uetr is not None:
        leg, until = legs[0][1], books.now + books.param("return_days") * DAY_MS
        paid = Plain(debit=leg.debit, credit=leg.credit, asset=leg.asset, amount=leg.amount, returned=0, until=until)
        books.put(f"return/{act.id.hex()}/0", paid)


def _all_eligible(books: Books, act: Plain, legs: Iterable[tuple[int, Plain]]) -> None:
    found = []
    for index, leg in legs:
        debit, credit, policy = books.account(leg.debit), books.account(leg.credit), books.asset(leg.asset).policy
        try:
            check_pause(books, (leg.debit, leg.credit), leg.asset, *words_of(books, act, leg))
            eligible(books, debit, policy)
            eligible(books, credit, policy)
            if act.paid is None:
                accepted(policy, debit, credit)
        except Refused as refused:
            found.append((refused.code, index))
    if found:
        raise Refused(*min(found))


def _entries(books: Books, index: int, leg: Plain) -> list[Entry]:
    policy = books.asset(leg.asset).policy
    entries = [(leg.debit, leg.asset, -leg.amount - leg.fee, 0, index)]
    vault = vault_of(policy)
    if vault is not None and pays_out(policy, books.account(leg.credit)):
        entries.append((contra_of(policy), leg.asset, leg.amount, 0, index))
        entries += [(vault[0], vault[1], -leg.amount, 0, index), (leg.credit, vault[1], leg.amount, 0, index)]
    else:
        entries.append((leg.credit, leg.asset, leg.amount, 0, index))
    return entries + ([(f"{policy.issuer}/fee:{policy.code}", leg.asset, leg.fee, 0, index)] if leg.fee else [])
