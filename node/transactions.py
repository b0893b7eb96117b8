"""Transactions that this node has seen: each decoded once and each signature verified once, whoever brings it and however often.

Remembered under the hash of the whole bytes, signatures included, never under tx_id: a copy with another signature is another thing.
Only success is remembered. The memory is bounded: two generations, the younger of which becomes the older when it is full. What is final
goes before that: what a node remembers is what waits and what was final a moment ago, not what it saw since its start.
"""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from ledger.codec import decode_transaction, signing_bytes
from ledger.keys import verify

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ledger.transactions.bodies import Transaction

REMEMBERED_MAX: Final = 16_384
"""Transactions per generation: more than the pool (6,000) and a few unfinal blocks (2,000 each) hold at once."""
REMEMBERED_BYTES_MAX: Final = 64 * 1_048_576
"""Bytes per generation: a batch of 1,000 legs has 100 kB."""
FINAL_MAX: Final = 8_192
"""Final transactions remembered, four full blocks: copies of some are still on their way, and who is late with a block may ask for them."""


class TransactionCache:
    """Decoded transactions by raw_id, and which of them have good signatures."""

    __slots__ = ("_bytes", "_final", "_old", "_old_verified", "_verified", "_young", "signatures_verified")

    def __init__(self) -> None:
        self._young: dict[bytes, Transaction] = {}
        self._old: dict[bytes, Transaction] = {}
        self._verified: set[bytes] = set()
        self._old_verified: set[bytes] = set()
        self._bytes = 0
        self._final: deque[bytes] = deque()
        """raw_id of what is final and remembered, oldest first."""
        self.signatures_verified = 0
        """Counts the work of libsodium since the start."""

    def find(self, raw_id: bytes) -> Transaction | None:
        """Transaction with this hash, where it is remembered."""
        found = self._young.get(raw_id)
        return self._old.get(raw_id) if found is None else found

    def decode(self, raw: bytes) -> Transaction:
        """Transaction of these bytes, from memory or decoded now; raises Malformed."""
        return self.decode_known(sha256(raw).digest(), raw)

    def decode_known(self, raw_id: bytes, raw: bytes) -> Transaction:
        """Do as `decode` where the hash of the bytes is known already."""
        found = self._young.get(raw_id)
        if found is not None:
            return found
        found = self._old.get(raw_id)
        if found is None:
            found = decode_transaction(raw, raw_id)
        self._keep(found)
        return found

    def decode_once(self, raw: bytes) -> Transaction:
        """Transaction of bytes that are read for once, old blocks for one: not remembered."""
        found = self.find(sha256(raw).digest())
        return decode_transaction(raw) if found is None else found

    def remember(self, transaction: Transaction) -> None:
        """Keep one that was decoded elsewhere (by the client API), so that no block makes us decode it again."""
        if self.find(transaction.raw_id) is None:
            self._keep(transaction)

    def verified(self, transaction: Transaction) -> bool:
        """Whether every signature of the transaction is good; each is checked by libsodium once per node."""
        raw_id = transaction.raw_id
        if raw_id in self._verified:
            return True
        if raw_id not in self._old_verified:
            message = signing_bytes(transaction.tx_id)
            for signature in transaction.signatures:
                self.signatures_verified += 1
                if not verify(signature.public_key, message, signature.signature):
                    return False
        self._verified.add(raw_id)
        return True

    def final(self, transactions: Iterable[Transaction]) -> None:
        """Hear that these are final; all but the newest `FINAL_MAX` that are final are forgotten."""
        final = self._final
        final.extend(transaction.raw_id for transaction in transactions)
        self.forget([final.popleft() for _ in range(len(final) - FINAL_MAX)])

    def forget(self, raw_ids: Collection[bytes]) -> None:
        """Drop transactions that will not be asked for again."""
        for raw_id in raw_ids:
            gone = self._young.pop(raw_id, None)
            if gone is None:
                self._old.pop(raw_id, None)
            else:
                self._bytes -= len(gone.raw)
        self._verified.difference_update(raw_ids)
        self._old_verified.difference_update(raw_ids)

    def _keep(self, transaction: Transaction) -> None:
        self._young[transaction.raw_id] = transaction
        self._bytes += len(transaction.raw)
        if len(self._young) > REMEMBERED_MAX or self._bytes > REMEMBERED_BYTES_MAX:
            self._old, self._young, self._bytes = self._young, {}, 0
            self._old_verified, self._verified = self._verified, set()
