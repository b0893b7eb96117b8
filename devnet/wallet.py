"""The keys of the devnet's roles, in the clear: make and sign transactions for the demonstration, the load and the tests."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.codec import make_envelope, sign_transaction, tx_id_of

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body

VALID_MS = 120_000


@dataclass(frozen=True, slots=True)
class Signed:
    """A transaction ready to send."""

    tx_id: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Wallet:
    """Seeds by (participant, keyset), and the chain they sign for."""

    chain: bytes
    seeds: dict[tuple[str, str], bytes]

    def sign(self, sender: str, body: Body, *keysets: str, ref: str = "", valid_ms: int = VALID_MS) -> Signed:
        """Make and sign a transaction from `sender`. `keysets` are `participant/keyset`; none: the sender's `ops`."""
        envelope = make_envelope(
            chain=self.chain,
            sender=sender,
            ref=ref or f"dn-{secrets.token_hex(8)}",
            valid_until=time.time_ns() // 1_000_000 + valid_ms,
            salt=secrets.token_bytes(16),
            body=body,
        )
        names = keysets or (f"{sender}/ops",)
        signers = [(*owner_and_keyset(name), self.seeds[owner_and_keyset(name)]) for name in names]
        return Signed(tx_id_of(envelope), sign_transaction(envelope, signers))


def owner_and_keyset(name: str) -> tuple[str, str]:
    """Split `participant/keyset`."""
    owner, _, keyset = name.partition("/")
    return owner, keyset
