"""What a running node remembers of what it verified: enough to check nothing twice, and no more the longer it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consensus.signing import signing_bytes
from consensus.types import BlockId, Epoch, Kind, SignedVote, ValidatorId, View, Vote
from ledger.codec import decode_transaction
from ledger.keys import sign
from ledger.keys import verify as check
from node import verify
from node.chain import Chain
from node.metrics import Metrics
from node.transactions import FINAL_MAX, TransactionCache
from node.verify import VIEWS_REMEMBERED, EpochVerifiers, VoteVerifier
from tests.node.test_gossip import payment
from tests.node.test_sync import CHAIN, SEEDS, VALIDATORS

if TYPE_CHECKING:
    from consensus.types import ValidatorSet

REMEMBERED = 2 * VIEWS_REMEMBERED * len(SEEDS)


class Epochs(Chain):
    """A chain of many epochs with the same validators."""

    def __init__(self) -> None:  # super's needs a store, which nothing here asks for
        self.chain_id = CHAIN

    def validators_of(self, epoch: int) -> ValidatorSet | None:
        """Whichever it is."""
        assert epoch >= 0
        return VALIDATORS


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the signatures that libsodium is asked about."""
    asked: list[bytes] = []

    def counted(public_key: bytes, message: bytes, signature: bytes) -> bool:
        asked.append(signature)
        return check(public_key, message, signature)

    monkeypatch.setattr(verify, "verify", counted)
    return asked


def vote(view: int, *, epoch: int = 0, signer: int = 0) -> SignedVote:
    subject = Vote(Kind.NOTARIZE, Epoch(epoch), View(view), View(view - 1), BlockId(b"b" * 32))
    return SignedVote(subject, ValidatorId(signer), sign(SEEDS[signer], signing_bytes(CHAIN, subject)))


def test_votes_of_the_newest_views_are_remembered_and_no_more(checks: list[bytes]) -> None:
    """Goal: each is checked once, and memory is flat. Method: more than are remembered; the newest cost nothing again, the first do."""
    verifier = VoteVerifier(CHAIN, VALIDATORS, Metrics())
    votes = [vote(view) for view in range(1, REMEMBERED + 11)]
    assert all(map(verifier.vote, votes))
    assert len(checks) == len(votes)
    assert all(map(verifier.vote, votes[10:]))
    assert len(checks) == len(votes)
    assert verifier.vote(votes[9])
    assert len(checks) == len(votes) + 1


def test_many_epochs_remember_no_more_votes_than_one(checks: list[bytes]) -> None:
    """Goal: an epoch's votes go with it. Method: four epochs, each with as many votes as are remembered; only the newest are known."""
    verifiers = EpochVerifiers(Epochs(), Metrics())
    made = [[vote(view, epoch=epoch) for view in range(1, REMEMBERED + 1)] for epoch in range(4)]
    for epoch, votes in enumerate(made):
        verifier = verifiers.of(epoch)
        assert verifier is not None
        assert all(map(verifier.vote, votes))
    before = len(checks)
    newest, oldest = verifiers.of(3), verifiers.of(0)
    assert newest is not None
    assert oldest is not None
    assert all(map(newest.vote, made[3]))
    assert len(checks) == before
    assert all(map(oldest.vote, made[0][:10]))
    assert len(checks) == before + 10


def test_a_vote_of_another_key_is_not_known_by_its_bytes(checks: list[bytes]) -> None:
    """Goal: what one validator signed proves nothing of another. Method: its signature under another index, after it was verified."""
    verifier = VoteVerifier(CHAIN, VALIDATORS, Metrics())
    good = vote(1, signer=1)
    assert verifier.vote(good)
    assert not verifier.vote(SignedVote(good.vote, ValidatorId(2), good.signature))
    assert len(checks) == 2


def test_final_transactions_are_forgotten_after_some_more() -> None:
    """Goal: a node remembers what waits and what was final a moment ago. Method: many final ones beside one that waits all the time."""
    cache = TransactionCache()
    waiting = cache.decode(payment(0))
    assert cache.verified(waiting)
    raws = [payment(number) for number in range(1, FINAL_MAX + 11)]
    made = [cache.decode(raw) for raw in raws]
    assert all(map(cache.verified, made[:12]))
    for transaction in made:
        cache.final((transaction,))
    assert cache.find(waiting.raw_id) is waiting
    assert [cache.find(each.raw_id) for each in made[:10]] == [None] * 10
    assert all(cache.find(each.raw_id) is each for each in made[10:])
    verified = cache.signatures_verified
    assert cache.verified(decode_transaction(raws[11]))
    assert cache.signatures_verified == verified, "remembered with its signatures"
    assert cache.verified(decode_transaction(raws[9]))
    assert cache.signatures_verified == verified + 1, "forgotten with its signatures"
