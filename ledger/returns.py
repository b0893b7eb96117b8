"""Returns (L18): a payment that carried a UETR can be sent back, in parts or whole, outside window limits.

The ledger keeps such a payment under `return/TXID/0` for `return_days`, so whoever judges a return needs no past block. Every other payment
is paid back as a payment of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import ConditionNotMet
from ledger.holders import Returnable, return_key
from ledger.indexes import put_indexed
from ledger.parameters import DAY_MS

if TYPE_CHECKING:
    from ledger.state import Overlay
    from ledger.transactions.bodies import Leg, ReturnOf
    from ledger.transactions.work import Work

UETR_LEG = 0
"""A UETR names one payment, so it has one leg."""


def keep_returnable(work: Work, leg: Leg) -> None:
    """Remember a payment that can be returned."""
    until = work.time_ms + work.context.parameters.return_days * DAY_MS
    put_indexed(work.overlay, return_key(work.tx.tx_id, UETR_LEG), Returnable(leg.debit, leg.credit, leg.asset, leg.amount, 0, until))


def returned_payment(overlay: Overlay, original: ReturnOf, leg: Leg, time_ms: int) -> Returnable:
    """Find the payment that a leg returns.

    Raises
    ------
    ConditionNotMet
        There is none of this id that can still be returned, the leg does not reverse its parties and asset, or less is left of it.

    Source: ledger/README.md, L18.
    """
    payment = f"payment {original.tx_id.hex()}/{original.leg}"
    record = overlay.get(return_key(original.tx_id, original.leg))
    if not isinstance(record, Returnable) or record.until <= time_ms:
        raise ConditionNotMet(subject=payment, condition="a final payment with a UETR that is not too old to be returned")
    if (leg.debit, leg.credit, leg.asset) != (record.credit, record.debit, record.asset):
        raise ConditionNotMet(subject=payment, condition="its parties reversed, and its asset")
    if leg.amount > record.amount - record.returned:
        raise ConditionNotMet(subject=payment, condition=f"at most {record.amount - record.returned} returned")
    return record


def count_return(overlay: Overlay, original: ReturnOf, record: Returnable, amount: int) -> None:
    """Note how much of a payment has been returned."""
    changed = Returnable(record.debit, record.credit, record.asset, record.amount, record.returned + amount, record.until)
    put_indexed(overlay, return_key(original.tx_id, original.leg), changed)
