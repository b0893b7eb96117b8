"""Participants, keysets, holders and accounts of the whole model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.naive_books import (
    CLOSED,
    KIND,
    NO_PARTICIPANT,
    SUSPENDED,
    Books,
    Plain,
    Refused,
    bank_of,
    changed,
)
from tests.naive_restraint import in_force
from tests.naive_rotation import keyset_owner, move_keys, put_own, settled

if TYPE_CHECKING:
    from collections.abc import Sequence

EXISTS, NOT_EMPTY, TOO_MANY, BAD_KEYS, NOT_ELIGIBLE, FIXED = 125, 126, 127, 128, 132, 133
OPENABLE = ("settlement", "wallet", "clearing")
PSEUDONYMS = 256


# --- participants, keysets, holders --------------------------------------------------------------------------------------


def authorise_participant(books: Books, act: Plain) -> None:
    """Refuse who is closed, and a second operator; the registrar agrees."""
    new = act.body.participant
    old = books.get(f"participant/{new.id}")
    if new.successor:
        books.must(f"participant/{new.successor}", NO_PARTICIPANT)
    if old is not None and old.status == "closed" and changed(old, successor=new.successor) != new:
        raise Refused(SUSPENDED)
    if new.successor:
        books.active(new.successor)
    if old is None and new.kind == "operator":
        raise Refused(KIND)
    act.grant = books.use(act.voices, "register", participant=new.id)


def perform_participant(books: Books, act: Plain) -> None:
    """Check kind, number and keys; a root that can act remains."""
    new = act.body.participant
    old = books.get(f"participant/{new.id}")
    if old is not None and old.kind != new.kind:
        raise Refused(FIXED)
    if old is None and len(books.tables["participant"]) >= books.param("participants_max"):
        raise Refused(TOO_MANY)
    move_keys(books, new.id, "~node", old.node_keys if old else (), new.node_keys)
    move_keys(books, new.id, "~box", old.box_keys if old else (), new.box_keys)
    books.charge(act.grant, 1)
    books.put(f"participant/{new.id}", new)
    if new.status != "active":
        books.check_root()


def authorise_holder(books: Books, act: Plain) -> None:
    """Refuse a pseudonym of somebody else."""
    for each in act.body.pseudonyms:
        books.must(f"participant/{each.participant}", NO_PARTICIPANT)
    for each in act.body.pseudonyms:
        known = books.get(f"pseudonym/{each.participant}/{each.pseudonym.hex()}")
        if known is not None and known.holder != act.body.holder:
            raise Refused(EXISTS)
    act.grant = books.use(act.voices, "tier")


def perform_holder(books: Books, act: Plain) -> None:
    """Check the number of pseudonyms; register."""
    body = act.body
    known = sum(each.holder == body.holder for each in books.tables["pseudonym"].values())
    new = [each for each in body.pseudonyms if books.get(f"pseudonym/{each.participant}/{each.pseudonym.hex()}") is None]
    if known + len(new) > PSEUDONYMS:
        raise Refused(TOO_MANY)
    books.charge(act.grant, 1)
    record = Plain(id=body.holder, tier=body.tier, valid_until=body.valid_until, pseudonyms=known + len(new))
    books.put(f"holder/{body.holder.hex()}", record)
    for each in new:
        books.put(f"pseudonym/{each.participant}/{each.pseudonym.hex()}", Plain(holder=body.holder))


# --- accounts ------------------------------------------------------------------------------------------------------------


def use_wallet(books: Books, act: Plain, account: str, classes: Sequence[str]) -> Plain:
    """Grant that covers an account and its classes; whoever vouches agrees."""
    bank = books.servicer(account)
    vouchers = sorted({name.partition("@")[2] for name in classes} - {""})
    for voucher in vouchers:
        books.active(voucher)
    record = books.use(act.voices, "wallet", participant=bank, account=account, to=bank, classes=list(classes))
    for voucher in vouchers:
        act.voices.need(f"{voucher}/ops")
    return record


def authorise_open(books: Books, act: Plain) -> None:
    """Let the servicer be active, licensed and agree; and each key of the account."""
    body, bank = act.body, bank_of(act.body.id)
    books.must(f"participant/{bank}", NO_PARTICIPANT)
    if books.get(f"account/{body.id}"):
        raise Refused(EXISTS)
    books.active(bank)
    if body.kind not in OPENABLE:
        raise Refused(KIND)
    act.voices.need(f"{bank}/ops")
    act.grant = use_wallet(books, act, body.id, body.classes)
    if body.keyset is not None:
        act.voices.need_change(body.id, None, body.keyset)


def perform_open(books: Books, act: Plain) -> None:
    """Check keys, quota and person; open."""
    body = act.body
    if body.keyset is not None:
        put_own(books, body.id, None, body.keyset)
    books.charge(act.grant, 1)
    if body.pseudonym and books.get(f"pseudonym/{bank_of(body.id)}/{body.pseudonym.hex()}") is None:
        raise Refused(NOT_ELIGIBLE)
    name = body.keyset.name if body.keyset else ""
    record = Plain(id=body.id, kind=body.kind, pseudonym=body.pseudonym, keyset=name, status="open", classes=body.classes)
    books.put(f"account/{body.id}", record)


def authorise_set(books: Books, act: Plain) -> None:
    """Let the servicer agree, for a keyset the current one and each new key, for new classes a grant."""
    body, account = act.body, books.account(act.body.id)
    books.active(books.servicer(body.id))
    if account.status == "closed" and body.status != "open":
        raise Refused(CLOSED)
    if account.kind not in OPENABLE:
        raise Refused(KIND)
    act.voices.need(f"{books.servicer(body.id)}/ops")
    act.current = settled(books, books.get(f"keyset/{body.id}/{account.keyset}"))
    if body.keyset is not None:
        keyset_owner(account)
        act.voices.need_change(body.id, act.current, body.keyset)
    added = [name for name in body.classes or () if name not in account.classes]
    act.grant = use_wallet(books, act, body.id, added) if added else None


def perform_set(books: Books, act: Plain) -> None:
    """Check that what closes is empty, the classes and the keys; change."""
    body = act.body
    act.sweep(body.id)
    account = books.account(body.id)
    if body.status == "closed":
        _close(books, account)
    classes = account.classes if body.classes is None else body.classes
    if ("anonymous" in classes) != ("anonymous" in account.classes):
        raise Refused(FIXED)
    if act.grant is not None:
        books.charge(act.grant, 1)
    keyset = account.keyset
    if body.keyset is not None:
        put_own(books, body.id, act.current, body.keyset)
        keyset = body.keyset.name
    books.put(f"account/{body.id}", changed(account, keyset=keyset, classes=classes, status=body.status or account.status))


def _close(books: Books, account: Plain) -> None:
    if any((each.order.scope, each.order.subject) == ("account", account.id) for each in in_force(books)):
        raise Refused(NOT_EMPTY)
    for asset in books.tables["asset"].values():
        expires = asset.policy.expires
        if asset.state != "expired" and expires is not None and expires.budget_line == account.id:
            raise Refused(NOT_EMPTY)
        if books.posted(account.id, asset.policy.code):
            raise Refused(NOT_EMPTY)
    if any(hold.source == account.id for hold in books.tables["hold"].values()):
        raise Refused(NOT_EMPTY)
