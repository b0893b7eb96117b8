"""What became of one ordered transaction, before block height and index make a receipt of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ledger.blocks import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable


class Ballot(Struct, frozen=True):
    """What a vote on a proposal adds to its outcome (L26)."""

    told: tuple[str, ...]
    """Participants that may vote or have voted: they see every vote."""
    carried: object = None
    """Body that the vote has carried out."""


class Outcome(Struct, frozen=True, gc=False):
    """The effect of a transaction that a block may contain."""

    code: int
    """0: OK."""
    failed_leg: int | None
    codes: tuple[int, ...]
    """A code per leg in mode `each`; empty elsewhere."""
    entries: tuple[Entry, ...]
    """Every change of a balance, in order; empty where the transaction was refused."""
    detail: str = ""
    """One sentence for logs; never hashed, never in a receipt."""
    ballot: Ballot | None = None
    """None: neither a proposal nor a vote."""
    told: tuple[str, ...] = ()
    """Participants that see all of it though nothing of theirs moves: the servicer of an account that an order is put on."""
    knows: tuple[str, ...] = ()
    """Who may know why an account that it services refused (L23); empty: nobody, or there is nothing to know."""


def entries_by_participant(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return the entries of each participant's accounts, in order."""
    of: dict[str, list[Entry]] = {}
    for entry in entries:
        servicer = entry.account.partition("/")[0]
        if servicer in of:
            of[servicer].append(entry)
        else:
            of[servicer] = [entry]
    return of
