"""What still stands as held on an account although its hold has lapsed (L19): a read shows it as free, swept or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ledger.expiry import hold_key
from ledger.holds import Hold
from ledger.lapsing import has_lapsed

if TYPE_CHECKING:
    from ledger.accounts import Account
    from node.api.service import Service


class Lapsed(Struct, frozen=True):
    """Holds of one account that wait for their sweep."""

    count: int
    held: dict[str, int]
    """Asset -> minor units that they still hold in the state, fees included."""


def lapsed_on(service: Service, account: Account) -> Lapsed:
    """Look for holds of an account that were over at the newest final block: at most as many as an account may have."""
    count, held = 0, dict[str, int]()
    start, now = f"~held/{account.id}/", service.reads.tip.facts.time_ms
    for index in service.reads.state.scan(start, start + "~", account.holds) if account.holds else ():
        hold = service.record(hold_key(bytes.fromhex(index.removeprefix(start))), Hold)
        if hold is not None and has_lapsed(hold.until, now):
            count += 1
            held[hold.asset] = held.get(hold.asset, 0) + hold.left + hold.fee_left
    return Lapsed(count, held)
