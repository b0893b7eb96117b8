"""No tipping-off (L23): what a refusal may say to whom.

Only the servicer of an account sees why that account refused. Everybody else, its user included, sees that funds do not suffice (150) or
that the payment is not accepted (159). So that no proof tells more than its reader may know, what transactions_root binds of a receipt is
its public form; the true code is in the view of who may know it, and in the records of nodes that see everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.names import servicer_of
from ledger.succession import servicer_now

if TYPE_CHECKING:
    from ledger.blocks import Receipt
    from ledger.refusals import LedgerError
    from ledger.state import Overlay

FUNDS, NOT_ACCEPTED = 150, 159
PUBLIC: dict[int, int] = {151: FUNDS, 152: FUNDS, 155: FUNDS, 156: FUNDS, 153: NOT_ACCEPTED, 154: NOT_ACCEPTED}
"""Code -> what others see: 150 to 156 on the debit side, 153 and 154 on the credit side. Every other code is the same for everybody."""


def public_code(code: int) -> int:
    """Code as everybody may see it."""
    return PUBLIC.get(code, code)


def public_codes(codes: tuple[int, ...]) -> tuple[int, ...]:
    """Codes per leg as everybody may see them."""
    return tuple(PUBLIC.get(code, code) for code in codes) if codes else codes


def public_receipt(receipt: Receipt) -> Receipt:
    """Receipt as everybody may see it: what transactions_root binds and a proof shows."""
    return receipt if receipt.code == receipt.public_code else replace(receipt, code=receipt.public_code)


def refused_by(overlay: Overlay, refusal: LedgerError) -> tuple[str, ...]:
    """Who services the account that refused, where it alone may know why; else empty.

    After a succession (L29) in the view of who opened the account, whose tree the successor reads, and in the successor's own.
    """
    account = refusal.facts.get("account")
    if refusal.code not in PUBLIC or not isinstance(account, str):
        return ()
    return tuple(dict.fromkeys((servicer_of(account), servicer_now(overlay, account))))
