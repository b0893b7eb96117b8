"""Keysets of the whole model: brought, rotated, recovered after a delay, objected to, decided on; and the registry of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.naive_books import CLOSED, KIND, NO_PARTICIPANT, Books, Plain, Refused, changed

if TYPE_CHECKING:
    from collections.abc import Sequence

BAD_KEYS = 128
LASTING_MS = 30 * 86_400_000


def move_keys(books: Books, owner: str, role: str, old: Sequence[bytes], new: Sequence[bytes]) -> None:
    """Take keys off the registry and enter others, each in one place only."""
    for key in old:
        if key not in new:
            books.put(f"key/{key.hex()}", None)
    for key in new:
        if key not in old:
            if books.get(f"key/{key.hex()}"):
                raise Refused(BAD_KEYS)
            books.put(f"key/{key.hex()}", Plain(owner=owner, keyset=role))


def keyset_owner(account: Plain) -> None:
    """Refuse accounts that have no keyset."""
    if account.status == "closed":
        raise Refused(CLOSED)
    if account.kind in ("contra", "vault", "fee"):
        raise Refused(KIND)


def body_of(record: Plain) -> Plain:
    """Keyset as it was put, without what waits."""
    return Plain(name=record.name, m=record.m, keys=record.keys, recovery=record.recovery, delay_ms=record.delay_ms)


def settled(books: Books, record: Plain | None) -> Plain | None:
    """Return the record with what is due in force."""
    if record is None or record.waiting is None or record.waiting.objected or books.now < record.waiting.due:
        return record
    return changed(record.waiting.keyset, waiting=None)


def public(record: Plain | None) -> list[bytes]:
    """Keys that a keyset has in the registry, those of what waits too."""
    if record is None:
        return []
    waiting = record.waiting.keyset.keys if record.waiting is not None else ()
    return list(dict.fromkeys(key.public_key for key in (*record.keys, *waiting)))


def write(books: Books, owner: str, old: Plain | None, new: Plain) -> None:
    """Replace a keyset, also by one of another name."""
    if old is not None and old.name != new.name:
        books.put(f"keyset/{owner}/{old.name}", None)
        move_keys(books, owner, old.name, public(old), ())
        old = None
    move_keys(books, owner, new.name, public(old), public(new))
    books.put(f"keyset/{owner}/{new.name}", new)


def take_effect(books: Books, owner: str, record: Plain) -> None:
    """Write down what is due."""
    now = settled(books, record)
    if now is not None and now is not record:
        write(books, owner, record, now)


def leaves(record: Plain) -> int:
    """Leaves that what waits will write: the keyset, and each key that leaves."""
    staying = [key.public_key for key in record.waiting.keyset.keys]
    return 1 + sum(key.public_key not in staying for key in record.keys)


def lasting(keyset: Plain, now: int) -> None:
    """Refuse keys that do not last."""
    if sum(key.not_after == 0 or key.not_after > now + LASTING_MS for key in keyset.keys) < keyset.m:
        raise Refused(BAD_KEYS)


def terms(keyset: Plain) -> tuple[str, int]:
    """Who recovers, and how slowly."""
    return keyset.recovery, keyset.delay_ms


def check_terms(books: Books, old: Plain | None, new: Plain, servicer: str) -> None:
    """Refuse terms that could not serve; those that are in force or wait already were good once."""
    known = [] if old is None else [terms(old)] + ([terms(old.waiting.keyset)] if old.waiting is not None else [])
    if not new.recovery or terms(new) in known:
        return
    if new.delay_ms < books.param("recovery_delay_ms_min") or books.get(f"keyset/{servicer}/{new.recovery}") is None:
        raise Refused(BAD_KEYS)


def rotated(books: Books, record: Plain | None, new: Plain) -> Plain:
    """Record after a keyset put another in its place: keys at once, other terms after the old delay."""
    if record is None or terms(record) == terms(new) or record.delay_ms == 0:
        return changed(new, waiting=None)
    waiting = record.waiting
    due = waiting.due if waiting is not None and terms(waiting.keyset) == terms(new) else books.now + record.delay_ms
    later = Plain(keyset=new, due=due, by="current", objected=0)
    return changed(new, recovery=record.recovery, delay_ms=record.delay_ms, waiting=later)


def recovering(record: Plain | None) -> bool:
    """Whether a recovery waits."""
    return record is not None and record.waiting is not None and record.waiting.by == "recovery"


def put_own(books: Books, owner: str, current: Plain | None, new: Plain) -> None:
    """Give an account a keyset, or another in the place of its own."""
    if recovering(current):
        raise Refused(BAD_KEYS)
    if current is not None:
        take_effect(books, owner, books.must(f"keyset/{owner}/{current.name}", BAD_KEYS))
    lasting(new, books.now)
    check_terms(books, current, new, books.servicer(owner))
    write(books, owner, current, rotated(books, current, new))


def authorise_keyset(books: Books, act: Plain) -> None:
    """Find who may put this keyset now, and each key that is new."""
    owner, new = act.body.owner, act.body.keyset
    act.account = books.account(owner) if "/" in owner else None
    if act.account is None:
        books.must(f"participant/{owner}", NO_PARTICIPANT)
    act.grant, act.servicer = None, books.servicer(owner) if act.account else owner
    act.record = record = settled(books, books.get(f"keyset/{owner}/{act.account.keyset if act.account else new.name}"))
    suspended = record is not None and record.waiting is not None and bool(record.waiting.objected)
    _check_owner(books, act, suspended=suspended)
    if act.body.by == "recovery":
        if record is None or not record.recovery or suspended:
            raise Refused(BAD_KEYS)
        books.active(act.servicer)
    if record is None:
        act.way = "first"
        _need_registrar(books, act)
        act.voices.need_change(owner, None, new)
    elif suspended:
        act.way = "decision"
        _need_registrar(books, act)
        act.voices.need_brought(owner, record, new)
    elif act.body.by == "recovery":
        act.way = "recovery"
        act.voices.need(f"{act.servicer}/{record.recovery}")
        act.voices.need_brought(owner, record, new)
    else:
        act.way = "current"
        act.voices.need_change(owner, record, new)


def _check_owner(books: Books, act: Plain, *, suspended: bool) -> None:
    if act.account is None:
        books.active(act.body.owner)
        return
    keyset_owner(act.account)
    if not act.account.keyset or suspended:
        books.active(act.servicer)


def _need_registrar(books: Books, act: Plain) -> None:
    if act.account is not None:
        act.voices.need(f"{act.servicer}/ops")
    elif act.way == "decision" and act.body.owner == "operator":
        act.grant = books.use(act.voices, "root")
    else:
        act.grant = books.use(act.voices, "register", participant=act.body.owner)


def perform_keyset(books: Books, act: Plain) -> None:
    """Check the keys and terms; write."""
    owner, new, record = act.body.owner, act.body.keyset, act.record
    if record is not None:
        take_effect(books, owner, books.must(f"keyset/{owner}/{record.name}", BAD_KEYS))
    fresh = _after(books, act)
    stays = record is not None and new == body_of(record) and (act.way == "recovery" or (act.way == "current" and recovering(record)))
    if not stays:
        lasting(new, books.now if fresh.waiting is None else fresh.waiting.due)
    if act.account is not None and act.account.keyset not in ("", new.name):
        raise Refused(BAD_KEYS)
    check_terms(books, record, new, act.servicer)
    write(books, owner, record, fresh)
    if act.account is not None:
        books.put(f"account/{owner}", changed(act.account, keyset=new.name))
    if act.grant is not None:
        books.charge(act.grant, 1)
    if fresh.waiting is not None and fresh.waiting.objected:
        books.check_root()


def _after(books: Books, act: Plain) -> Plain:
    """Record after the put."""
    record, new = act.record, act.body.keyset
    if record is None or act.way == "decision":
        return changed(new, waiting=None)
    current = body_of(record)
    if act.way == "recovery":
        if new == current and not recovering(record):
            raise Refused(BAD_KEYS)
        waits = Plain(keyset=new, due=books.now + record.delay_ms, by="recovery", objected=0)
        return changed(current, waiting=None if new == current else waits)
    if not recovering(record):
        return rotated(books, record, new)
    if new != current:
        raise Refused(BAD_KEYS)
    return changed(current, waiting=changed(record.waiting, objected=books.now))
