"""Who services an account (L29): the participant that opened it, or while that one cannot act whoever succeeds it.

One function answers for the whole ledger. The id of an account, its tree, its orders, its pseudonym and the grants that name a participant
go by who opened it (`names.servicer_of`), for ever; who signs, and who is paid in its stead, goes by `servicer_now`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import BrokenState
from ledger.names import servicer_of
from ledger.participants import Participant

if TYPE_CHECKING:
    from ledger.accounts import Account
    from ledger.state import Overlay, StateReader

CHAIN_MAX = 1_024
"""Successions in a row: no more than there may be participants. A circle cannot be: a successor is active when it is named."""


def servicer_now(state: StateReader | Overlay, owner: str) -> str:
    """Participant that services an account, or acts for a participant: the end of the chain of successors.

    One that is active names no successor (form). One that cannot act and has none is returned itself: its accounts wait.

    Source: ledger/README.md, L29.
    """
    participant = servicer_of(owner)
    for _ in range(CHAIN_MAX):
        record = state.get("participant/" + participant)
        if not isinstance(record, Participant) or not record.successor:
            return participant
        participant = record.successor
    raise BrokenState(f"the successors of {owner} go in a circle")


def signer_now(state: StateReader | Overlay, account: Account) -> str:
    """Keyset (`OWNER/NAME`) that signs an account's debits: its own, else `ops` of who services it."""
    return f"{account.id}/{account.keyset}" if account.keyset else f"{servicer_now(state, account.id)}/ops"
