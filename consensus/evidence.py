"""Proof that a validator signed two conflicting messages (README.md, "Evidence").

Subjects are compared, never signature bytes: Ed25519 allows many signatures of one message. Notarize and nullify of one view are legal
together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consensus.signing import signing_bytes
from consensus.types import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from consensus.types import ChainId, SignedVote, ValidatorSet, Vote


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two signed votes of one validator that an honest one never signs both. `first` came first here."""

    first: SignedVote
    second: SignedVote


def conflicting(first: Vote, second: Vote) -> bool:
    """Tell whether one honest validator can never have signed both: two notarize, two finalize, or nullify and finalize of one view."""
    if (first.epoch, first.view) != (second.epoch, second.view):
        return False
    if first.kind is second.kind:
        return first != second
    return Kind.NOTARIZE not in (first.kind, second.kind)


def check_evidence(evidence: Evidence, validators: ValidatorSet, chain: ChainId, verify: Callable[[bytes, bytes, bytes], bool]) -> bool:
    """Check a proof against the set: one member signed both, and they conflict. `verify(key, message, signature)`."""
    first, second = evidence.first, evidence.second
    if first.signer != second.signer or not 0 <= first.signer < validators.size or not conflicting(first.vote, second.vote):
        return False
    key = validators.keys[first.signer]
    return all(verify(key, signing_bytes(chain, signed.vote), signed.signature) for signed in (first, second))
