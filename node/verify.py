"""Every Ed25519 check of a running node: one by one, each signature once, in chunks that let votes pass between.

What was verified is remembered under the whole of what was verified (raw_id of a transaction; key, bytes and signature of a vote), never
under tx_id or (view, signer): a wrongly signed copy must not use up the place of the good one (consensus.md section 2). Only good ones
are remembered.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from consensus.certificates import check_certificate
from consensus.signing import signing_bytes
from ledger.codec import signing_bytes as transaction_bytes
from ledger.keys import verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consensus.types import Certificate, ChainId, SignedVote, ValidatorSet
    from ledger.transactions.bodies import Transaction
    from node.metrics import Metrics

CHUNK_SIGNATURES = 32
"""Signatures between two yields: about 1.4 ms, the longest a vote waits for a transaction."""
TRANSACTIONS_MAX = 65_536
"""Verified transactions remembered: ten times the pool."""
VOTES_MAX = 65_536
"""Verified votes remembered: retention of 256 views, two votes and 64 validators make half of that."""


class VoteVerifier:
    """Votes and certificates of one epoch."""

    def __init__(self, chain: ChainId, validators: ValidatorSet, metrics: Metrics) -> None:
        self._chain, self._validators, self._metrics = chain, validators, metrics
        self._good: dict[tuple[bytes, bytes, bytes], None] = {}

    def vote(self, signed: SignedVote) -> bool:
        """Whether a vote is signed by the validator it names. Its index must be in the set."""
        with self._metrics.stage("verify"):
            return self._verify(self._validators.keys[signed.signer], signing_bytes(self._chain, signed.vote), signed.signature)

    def certificate(self, certificate: Certificate) -> bool:
        """Whether a certificate has the right form and exactly q good signatures; those of votes seen before cost nothing."""
        with self._metrics.stage("verify"):
            return check_certificate(certificate, self._validators, self._chain, self._verify)

    def _verify(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        known = (public_key, message, signature)
        if known in self._good:
            return True
        if not verify(public_key, message, signature):
            return False
        while len(self._good) >= VOTES_MAX:
            del self._good[next(iter(self._good))]
        self._good[known] = None
        return True


class TransactionVerifier:
    """Signatures of transactions. Called like a function it answers at once: that is what execution uses."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._good: dict[bytes, None] = {}
        self._urgent = 0
        self._calm = asyncio.Event()
        self._calm.set()

    def __call__(self, tx: Transaction) -> bool:
        """Whether every signature in the envelope is good."""
        if tx.raw_id in self._good:
            return True
        message = transaction_bytes(tx.tx_id)
        for signature in tx.signatures:
            if not verify(signature.public_key, message, signature.signature):
                return False
        while len(self._good) >= TRANSACTIONS_MAX:
            del self._good[next(iter(self._good))]
        self._good[tx.raw_id] = None
        return True

    def knows(self, raw_id: bytes) -> bool:
        """Whether this very transaction was verified before."""
        return raw_id in self._good

    async def check(self, transactions: Sequence[Transaction]) -> list[bool]:
        """Verify many, in order, giving way to votes between chunks and to `check_urgent` altogether."""
        answers: list[bool] = []
        start = 0
        while start < len(transactions):
            await self._calm.wait()
            start = self._chunk(transactions, start, answers)
            await asyncio.sleep(0)
        return answers

    async def check_urgent(self, transactions: Sequence[Transaction]) -> list[bool]:
        """Verify first what a proposal needs: every other check waits until this one is done."""
        answers: list[bool] = []
        start = 0
        self._urgent += 1
        self._calm.clear()
        try:
            while start < len(transactions):
                start = self._chunk(transactions, start, answers)
                await asyncio.sleep(0)
        finally:
            self._urgent -= 1
            if not self._urgent:
                self._calm.set()
        return answers

    def _chunk(self, transactions: Sequence[Transaction], start: int, answers: list[bool]) -> int:
        """Verify up to a chunk's worth of signatures; return where the next chunk begins."""
        signatures = 0
        with self._metrics.stage("verify"):
            for place in range(start, len(transactions)):
                tx = transactions[place]
                if tx.raw_id not in self._good:
                    signatures += len(tx.signatures)
                answers.append(self(tx))
                if signatures >= CHUNK_SIGNATURES:
                    return place + 1
        return len(transactions)
