"""What lapses by itself (L19): holds, orders, grants and proposals past `until` are void for every read, and swept at the start of blocks.

A sweep writes at most `sweep_max` leaves a block, in order of (until, id). While something due is left over, whoever touches an account
sweeps that account's holds first, so no check ever sees a lapsed hold as held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.accounts import Account
from ledger.assets import Asset
from ledger.blocks import Entry
from ledger.errors import BrokenState
from ledger.grants import GrantRecord
from ledger.holders import Returnable
from ledger.holds import Hold
from ledger.indexes import due_key, put_indexed
from ledger.lapsing import TooMuchLapsedError, has_lapsed
from ledger.limits import give_back
from ledger.maturity import resume_ended, sweep_ended
from ledger.money import post
from ledger.orders import OrderRecord, order_key
from ledger.participants import KeysetRecord
from ledger.proposals import Proposal
from ledger.recovery import effect_leaves, take_effect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.parameters import BlockContext
    from ledger.state import Overlay, Record

HOLD_LEAVES = 3
"""Leaves that a lapsed hold writes: the hold, its source's balance, its source's account; and its window, if it counts in one."""
OTHER_LEAVES = 1
"""A lapsed grant, proposal or order, or a payment that is too old to be returned, is one record."""

PASSING_MAX = 2_000
"""Lapsed holds that the transactions of one block release on the accounts that they touch, beside what its start has swept: a block costs
what it costs whatever waits (L19)."""
ENDED_LEAVES = 2
"""Leaves that the sweep of an expired asset writes for each account that it empties: its balance, and what its holder has."""


def hold_key(hold_id: bytes) -> str:
    """Storage key of a hold."""
    return f"hold/{hold_id.hex()}"


def sweep(overlay: Overlay, context: BlockContext) -> tuple[Entry, ...]:
    """Remove what has lapsed, earliest first, within `sweep_max` leaf writes; return the entries of released holds."""
    most = context.parameters.sweep_max
    entries: list[Entry] = []
    written = 0
    due = overlay.scan("~due/", due_key(context.time_ms + 1, ""), most + 1)
    overlay.due_left = False
    for index in due:
        key = index.split("/", 2)[2]
        record = overlay.get(key)
        written += _leaves(record)
        if written > most and index != due[0]:
            overlay.due_left = True
            break
        if isinstance(record, Hold):
            entries.append(release(overlay, record, context.time_ms))
        elif isinstance(record, GrantRecord | Proposal | Returnable):
            put_indexed(overlay, key, None)
        elif isinstance(record, OrderRecord):
            lapse(overlay, record)
        elif isinstance(record, KeysetRecord):
            take_effect(overlay, key.removeprefix("keyset/").rpartition("/")[0], record, context.time_ms)
        elif isinstance(record, Asset):
            room = (most - written) // ENDED_LEAVES
            swept, emptied = sweep_ended(overlay, record, room, context.time_ms) if room else ([], 0)
            entries += swept
            written += emptied * ENDED_LEAVES
            if overlay.get(index) is not None:
                overlay.due_left = True
                break
        else:
            raise BrokenState(f"{index} points at nothing that lapses")
    return tuple(entries)


def _leaves(record: Record | None) -> int:
    """Leaves that what has lapsed writes; those of the accounts of an expired asset come on top."""
    if isinstance(record, Hold):
        return HOLD_LEAVES + bool(record.window)
    return effect_leaves(record) if isinstance(record, KeysetRecord) else OTHER_LEAVES


def sweep_accounts(overlay: Overlay, accounts: Iterable[str], time_ms: int) -> list[Entry]:
    """Release the lapsed holds of accounts that a transaction touches; nothing to do where the block's sweep has reached its end.

    Raises
    ------
    TooMuchLapsedError
        The transactions of the block would release more than PASSING_MAX holds that way.

    Source: ledger/README.md, L19.
    """
    if not overlay.due_left:
        return []
    entries: list[Entry] = []
    for account in sorted(dict.fromkeys(accounts)):
        record = overlay.get("account/" + account)
        if isinstance(record, Account) and record.holds:
            entries += _release_lapsed(overlay, record, time_ms)
    return entries


def _release_lapsed(overlay: Overlay, account: Account, time_ms: int) -> list[Entry]:
    """Release what has lapsed on one account, with one change of its balances and of its record."""
    start, lapsed = f"~held/{account.id}/", []
    for index in overlay.scan(start, start + "~", account.holds):
        hold = overlay.get("hold/" + index.removeprefix(start))
        if isinstance(hold, Hold) and has_lapsed(hold.until, time_ms):
            lapsed.append(hold)
    if not lapsed:
        return []
    overlay.passing += len(lapsed)
    if overlay.passing > PASSING_MAX:
        raise TooMuchLapsedError(f"more than {PASSING_MAX} lapsed holds on the accounts that this block touches")
    entries = [freed(hold) for hold in lapsed]
    post(overlay, entries)
    for hold in lapsed:
        give_back(overlay, hold, time_ms)
        put_indexed(overlay, hold_key(hold.id), None)
    count_hold(overlay, account.id, -len(lapsed))
    return entries


def lapse(overlay: Overlay, record: OrderRecord) -> None:
    """End an order whose time is over; it stays on record, and says so."""
    put_indexed(overlay, order_key(record.order.id), replace(record, status="lapsed"))
    resume_ended(overlay, record.order)


def release(overlay: Overlay, hold: Hold, time_ms: int) -> Entry:
    """Remove a hold and free what it still reserves, its fee and its part of open windows included (L18); return the entry."""
    entry = freed(hold)
    post(overlay, (entry,))
    give_back(overlay, hold, time_ms)
    close_hold(overlay, hold)
    return entry


def freed(hold: Hold) -> Entry:
    """Entry that frees what a hold still reserves, its fee included."""
    return Entry(hold.source, hold.asset, 0, -(hold.left + hold.fee_left), 0)


def close_hold(overlay: Overlay, hold: Hold) -> None:
    """Remove a hold that reserves nothing any more from the state."""
    put_indexed(overlay, hold_key(hold.id), None)
    count_hold(overlay, hold.source, -1)


def count_hold(overlay: Overlay, source: str, change: int) -> None:
    """Keep an account's number of open holds."""
    account = overlay.get("account/" + source)
    if not isinstance(account, Account):
        raise BrokenState(f"hold on {source}, which does not exist")
    overlay.put(
        "account/" + source,
        Account(account.id, account.kind, account.pseudonym, account.keyset, account.status, account.classes, account.holds + change),
    )
