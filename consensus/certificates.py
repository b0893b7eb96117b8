"""Certificates: their form, their check, how votes become one, and which two of them prove more than f liars (README.md, "Objects")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.signing import signing_bytes
from consensus.types import NO_BLOCK, Certificate, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consensus.types import ChainId, SignedVote, ValidatorSet, View, Vote

SIGNATURE_BYTES = 64
EPOCH_MAX = 2**32 - 1
VIEW_MAX = 2**63 - 1
"""Signing bytes hold a u64; headers and SQL hold 63 bits, so no view is larger."""


def vote_form(vote: Vote) -> bool:
    """Tell whether a vote can mean anything: numbers in range, a nullify names no block, a block's parent is in an earlier view."""
    if not (0 <= vote.epoch <= EPOCH_MAX and 1 <= vote.view <= VIEW_MAX):
        return False
    if vote.kind is Kind.NULLIFY:
        return vote.parent_view == 0 and vote.block_id == NO_BLOCK
    return 0 <= vote.parent_view < vote.view and len(vote.block_id) == 32


def certificate_form(certificate: Certificate, validators: ValidatorSet) -> bool:
    """Tell whether a certificate has exactly q signatures of 64 bytes by members, indices strictly rising. Costs no signature check."""
    if len(certificate.signatures) != validators.quorum or not vote_form(certificate.subject):
        return False
    previous = -1
    for signer, signature in certificate.signatures:
        if not previous < signer < validators.size or len(signature) != SIGNATURE_BYTES:
            return False
        previous = signer
    return True


def check_certificate(
    certificate: Certificate, validators: ValidatorSet, chain: ChainId, verify: Callable[[bytes, bytes, bytes], bool]
) -> bool:
    """Check form and every signature, one by one. `verify(key, message, signature)` must be strict Ed25519."""
    if not certificate_form(certificate, validators):
        return False
    message = signing_bytes(chain, certificate.subject)
    return all(verify(validators.keys[signer], message, signature) for signer, signature in certificate.signatures)


def assemble(votes: Sequence[SignedVote], validators: ValidatorSet) -> Certificate:
    """Make a certificate of q verified votes with one subject by different signers."""
    signatures = tuple(sorted((signed.signer, signed.signature) for signed in votes))
    certificate = Certificate(votes[0].vote, signatures)
    if len(signatures) != validators.quorum or any(signed.vote != certificate.subject for signed in votes):
        raise AssertionError(f"a certificate of {len(signatures)} votes with other subjects or without a quorum")
    return certificate


def contradictory(first: Vote, second: Vote) -> bool:
    """Tell whether two certified subjects of one view prove more than f liars.

    Quorums meet in an honest validator, so K5 excludes two notarizations, K7 two finalizations and a finalization of what was not
    notarized, and K6 with K7 a finalization beside a nullification.
    """
    if (first.epoch, first.view) != (second.epoch, second.view):
        return False
    if first.kind is not Kind.NULLIFY and second.kind is not Kind.NULLIFY:
        return (first.parent_view, first.block_id) != (second.parent_view, second.block_id)
    return Kind.FINALIZE in (first.kind, second.kind)


def ranges_of(views: Sequence[View], count_max: int) -> tuple[tuple[View, View], ...]:
    """Fold falling views into rising inclusive pairs, the newest `count_max` of them."""
    pairs: list[tuple[View, View]] = []
    for view in views:
        if pairs and view == pairs[-1][0] - 1:
            pairs[-1] = (view, pairs[-1][1])
        elif len(pairs) == count_max:
            break
        else:
            pairs.append((view, view))
    return tuple(reversed(pairs))
