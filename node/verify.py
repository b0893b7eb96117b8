"""Every Ed25519 check of a running node: one by one, each signature once, in chunks that let votes pass between.

What was verified is remembered under the whole of what was verified (raw_id of a transaction; key, bytes and signature of a vote), never
under tx_id or (view, signer): a wrongly signed copy must not use up the place of the good one (consensus.md section 2). Only good ones
are remembered.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from consensus.certificates import check_certificate
from consensus.signing import signing_bytes
from consensus.types import ChainId
from ledger.keys import verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consensus.types import Certificate, SignedVote, ValidatorSet
    from ledger.transactions.bodies import Transaction
    from node.chain import Chain
    from node.metrics import Metrics
    from node.transactions import TransactionCache

CHUNK_SIGNATURES = 32
"""Signatures between two yields: about 1.4 ms, the longest a vote waits for a transaction."""
CHUNK_TRANSACTIONS = 2_000
"""Transactions between two yields where all of them were verified before."""
EPOCHS_MAX = 4
"""Verifiers kept: the current epoch's, the last one's, and what catching up looks at."""
VIEWS_REMEMBERED = 512
"""Views whose votes are remembered, two of each validator: twice what the core retains (K19)."""

Checked = tuple[bytes, bytes, bytes]
"""Public key, signed bytes, signature."""


class VoteVerifier:
    """Votes and certificates of one epoch."""

    def __init__(self, chain: ChainId, validators: ValidatorSet, metrics: Metrics, good: dict[Checked, None] | None = None) -> None:
        """`good`: what was verified before, oldest first, shared by all epochs; a verifier without it remembers for itself."""
        self._chain, self._validators, self._metrics = chain, validators, metrics
        self._good = {} if good is None else good
        self._good_max = 2 * VIEWS_REMEMBERED * validators.size

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
        while len(self._good) >= self._good_max:
            del self._good[next(iter(self._good))]
        self._good[known] = None
        return True


class EpochVerifiers:
    """One verifier for each epoch that is looked at: a certificate counts by the set of its own epoch, whichever that is."""

    def __init__(self, chain: Chain, metrics: Metrics) -> None:
        self._chain, self._metrics = chain, metrics
        self._by_epoch: dict[int, VoteVerifier] = {}
        self._good: dict[Checked, None] = {}

    def of(self, epoch: int) -> VoteVerifier | None:
        """Return the verifier of an epoch; None where it has not begun here."""
        known = self._by_epoch.get(epoch)
        validators = self._chain.validators_of(epoch) if known is None else None
        if validators is None:
            return known
        while len(self._by_epoch) >= EPOCHS_MAX:
            del self._by_epoch[min(self._by_epoch)]
        made = self._by_epoch[epoch] = VoteVerifier(ChainId(self._chain.chain_id), validators, self._metrics, self._good)
        return made

    def certificate(self, certificate: Certificate) -> bool:
        """Whether a quorum of its own epoch's set signed it; False where that epoch has not begun here."""
        verifier = self.of(certificate.subject.epoch)
        return verifier is not None and verifier.certificate(certificate)


class TransactionVerifier:
    """Signatures of many transactions, in chunks. Which are good already, the cache knows."""

    def __init__(self, cache: TransactionCache, metrics: Metrics) -> None:
        self._cache, self._metrics = cache, metrics
        self._urgent = 0
        self._calm = asyncio.Event()
        self._calm.set()

    async def check(self, transactions: Sequence[Transaction]) -> list[bool]:
        """Whether each has good signatures only, in order; gives way to votes between chunks, and to `held_back` altogether."""
        answers: list[bool] = []
        while len(answers) < len(transactions):
            await self._calm.wait()
            self._chunk(transactions, answers)
            if len(answers) < len(transactions):
                await asyncio.sleep(0)
        return answers

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Let every check wait as long as this lasts: what a proposal needs is verified first (by its judge)."""
        self._urgent += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._urgent -= 1
            if not self._urgent:
                self._calm.set()

    def _chunk(self, transactions: Sequence[Transaction], answers: list[bool]) -> None:
        """Answer for the next transactions, up to a chunk's worth of signatures that had to be verified."""
        cache = self._cache
        until = cache.signatures_verified + CHUNK_SIGNATURES
        with self._metrics.stage("verify"):
            for place in range(len(answers), min(len(answers) + CHUNK_TRANSACTIONS, len(transactions))):
                answers.append(cache.verified(transactions[place]))
                if cache.signatures_verified >= until:
                    return
