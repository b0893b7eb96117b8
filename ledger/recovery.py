"""Which keyset is in force, and how one is rotated, recovered, objected to and decided on (L24).

A recovery, and a change of who may recover and how slowly, takes hold at its due time by itself: every read has it from then on, and a
sweep writes it down (L19). Until then the keyset as it was signs. A keyset whose owner objected to a recovery signs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.errors import BadKeyset
from ledger.indexes import put_indexed
from ledger.keysets import move_keys
from ledger.participants import Keyset, KeysetRecord, Waiting

if TYPE_CHECKING:
    from ledger.parameters import Parameters
    from ledger.state import Overlay, StateReader


def record_of(keyset: Keyset, waiting: Waiting | None = None) -> KeysetRecord:
    """Record of a keyset, with what waits."""
    return KeysetRecord(keyset.name, keyset.m, keyset.keys, keyset.recovery, keyset.delay_ms, waiting)


def body_of(record: KeysetRecord) -> Keyset:
    """Keyset of a record as it was put, without what waits."""
    return Keyset(record.name, record.m, record.keys, record.recovery, record.delay_ms)


def is_suspended(record: KeysetRecord) -> bool:
    """Whether a recovery was objected to and the registrar has not decided: it signs nothing, whatever the time."""
    return record.waiting is not None and record.waiting.objected != 0


def in_force(record: KeysetRecord, time_ms: int) -> Keyset | None:
    """Keyset that signs at a block time; None: it is suspended.

    Source: ledger/README.md, L24.
    """
    waiting = record.waiting
    if waiting is None:
        return record
    if waiting.objected:
        return None
    return waiting.keyset if waiting.due <= time_ms else record


def keyset_record(state: StateReader | Overlay, owner: str, name: str) -> KeysetRecord | None:
    """Record of an owner's keyset by name; None where there is none."""
    record = state.get(f"keyset/{owner}/{name}")
    return record if isinstance(record, KeysetRecord) else None


def settled(record: KeysetRecord, time_ms: int) -> KeysetRecord:
    """Return the record with what is due by now in force."""
    waiting = record.waiting
    if waiting is None or waiting.objected or time_ms < waiting.due:
        return record
    return record_of(waiting.keyset)


def keys_of(record: Keyset | None) -> tuple[bytes, ...]:
    """Public keys that a keyset has in the registry: those of what waits included."""
    if record is None:
        return ()
    keys = [key.public_key for key in record.keys]
    if isinstance(record, KeysetRecord) and record.waiting is not None:
        keys += [key.public_key for key in record.waiting.keyset.keys]
    return tuple(dict.fromkeys(keys))


def write_keyset(overlay: Overlay, owner: str, old: KeysetRecord | None, new: KeysetRecord) -> None:
    """Replace a keyset, also by one of another name, and move its keys in the registry.

    Raises
    ------
    BadKeyset
        A new key is unusable, or stands elsewhere in the ledger.
    """
    if old is not None and new.name != old.name:
        put_indexed(overlay, f"keyset/{owner}/{old.name}", None)
        move_keys(overlay, owner, old.name, keys_of(old), ())
        old = None
    move_keys(overlay, owner, new.name, keys_of(old), keys_of(new))
    put_indexed(overlay, f"keyset/{owner}/{new.name}", new)


def take_effect(overlay: Overlay, owner: str, record: KeysetRecord, time_ms: int) -> int:
    """Write down what is due of a keyset; return the number of leaves that changed (0: nothing is due)."""
    now = settled(record, time_ms)
    if now is record:
        return 0
    write_keyset(overlay, owner, record, now)
    return effect_leaves(record)


def effect_leaves(record: KeysetRecord) -> int:
    """Leaves that what waits will write when it is due: the keyset, and each key that leaves the registry."""
    waiting = record.waiting
    if waiting is None:
        return 0
    staying = {key.public_key for key in waiting.keyset.keys}
    return 1 + sum(1 for key in record.keys if key.public_key not in staying)


def same_terms(one: Keyset, other: Keyset) -> bool:
    """Whether both name the same keyset for recovery, with the same delay."""
    return (one.recovery, one.delay_ms) == (other.recovery, other.delay_ms)


def check_terms(overlay: Overlay, owner: str, old: KeysetRecord | None, new: Keyset, *, servicer: str, parameters: Parameters) -> None:
    """Refuse terms of recovery that could not serve: a delay below the network's, or a keyset that does not exist.

    Terms that are in force or wait already were good once, and stay so.

    Raises
    ------
    BadKeyset
        So.
    """
    known = () if old is None else (old,) if old.waiting is None else (old, old.waiting.keyset)
    if not new.recovery or any(same_terms(each, new) for each in known):
        return
    least = parameters.recovery_delay_ms_min
    if new.delay_ms < least:
        raise BadKeyset(owner=owner, keyset=new.name, reason=f"a recovery takes at least {least} ms here, not {new.delay_ms}")
    if keyset_record(overlay, servicer, new.recovery) is None:
        raise BadKeyset(owner=owner, keyset=new.name, reason=f"{servicer} has no keyset {new.recovery} that could recover it")


def rotated(record: KeysetRecord | None, new: Keyset, time_ms: int) -> KeysetRecord:
    """Record after a keyset has put another in its place: keys at once, other terms of recovery after the old delay (L24).

    Terms that wait already keep their time; a put with the terms that are in force withdraws them.

    Source: ledger/README.md, L24.
    """
    if record is None or same_terms(record, new) or record.delay_ms == 0:
        return record_of(new)
    waiting = record.waiting
    due = waiting.due if waiting is not None and same_terms(waiting.keyset, new) else time_ms + record.delay_ms
    now = replace(new, recovery=record.recovery, delay_ms=record.delay_ms)
    return record_of(now, Waiting(new, due, "current", 0))


def recovered(record: KeysetRecord, new: Keyset, time_ms: int) -> KeysetRecord:
    """Record after its recovery keyset has put another in its place: it waits. The keyset as it stands withdraws what waits.

    Terms that wait are dropped: else a thief could take `recovery` away while it is being used.

    Source: ledger/README.md, L24.
    """
    current = body_of(record)
    if new == current:
        return record_of(current)
    return record_of(current, Waiting(new, time_ms + record.delay_ms, "recovery", 0))


def objected(record: KeysetRecord, waiting: Waiting, time_ms: int) -> KeysetRecord:
    """Record after the keyset has objected to its recovery."""
    return record_of(record, replace(waiting, objected=time_ms))


def pending_recovery(record: KeysetRecord | None) -> Waiting | None:
    """Recovery that waits; None: none does."""
    waiting = record.waiting if record is not None else None
    return waiting if waiting is not None and waiting.by == "recovery" else None
