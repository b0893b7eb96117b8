"""What a transaction offers for its gas: two numbers where the chain has a base fee (EIP-1559), one elsewhere; never more than is allowed.

A node tells both the base fee and what to add, and may lie about either: then the transaction is refused here, or lies in no block; the
purse loses at most what the operator allows for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bridge.errors import PriceTooHigh

if TYPE_CHECKING:
    from bridge.evm_node import Market

GWEI: Final = 10**9
FEE_MAX: Final = 500 * GWEI
"""Wei for one unit of gas where an operator does not say otherwise: Ethereum asked more in a few hours of its history."""
COST_MAX: Final = 10**17
"""Wei for one transaction, 0.1 of the chain's coin: no node's price or gas empties the purse."""
HEADROOM: Final = 2
"""Times the base fee that are offered: five full blocks in a row raise it by an eighth each, and it still is enough."""
TIP_MIN: Final = 10**6
"""Wei, a thousandth of a gwei: what raises of an eighth start from where a node wants nothing."""


class Limits(Struct, frozen=True):
    """What an operator allows, wei."""

    fee: int = FEE_MAX
    """For one unit of gas."""
    cost: int = COST_MAX
    """For one transaction."""


class Price(Struct, frozen=True):
    """Of one unit of gas, wei."""

    most: int
    """What is paid at most; of a transaction of the old form, what is paid."""
    tip: int | None
    """What the block's producer gets of it, beside the base fee that is burned; None: a transaction of the old form."""


def bid(market: Market, gas: int, limits: Limits, floor: Price | None = None) -> Price:
    """Return the price of a transaction: what the chain asks, not below `floor`, not above the limits.

    Raises
    ------
    PriceTooHigh
        What the newest block would take is above the limits already, or the floor is. The headroom alone is cut instead.
    """
    least = floor.most if floor else 0
    if market.base is None:
        needed = most = max(market.suggested, least)
        tip = None
    else:
        tip = max(market.suggested, TIP_MIN, _tip(floor) if floor else 0)
        needed = max(market.base + tip, least)
        most = max(HEADROOM * market.base + tip, least)
    ceiling = min(limits.fee, limits.cost // gas)
    if needed > ceiling:
        raise PriceTooHigh(needed=gas * needed, allowed=min(limits.cost, gas * limits.fee))
    return Price(min(most, ceiling), tip)


def raised(price: Price) -> Price:
    """Return the least price at which nodes let a transaction replace one of this price: both numbers an eighth higher."""
    return Price(_more(price.most), None if price.tip is None else _more(price.tip))


def _more(wei: int) -> int:
    return wei + wei // 8 + 1


def _tip(floor: Price) -> int:
    """Return the tip of a price; one of the old form is all tip where it is compared."""
    return floor.most if floor.tip is None else floor.tip
