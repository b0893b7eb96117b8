"""How trust passes from one epoch to the next (K23, point 2): the block that ended each epoch, its finalization, the set that it named.

Whoever knows the validators of one epoch checks that the epoch's boundary block is final by them, and that the header's `next` is the hash
of the set shown; then it knows the validators of the following epoch. From the genesis document on, no node need be believed. Functions of
their arguments: a snapshot's client and the light client of the command line walk the same way; reading links from a chain is in
`node.epochlinks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta, Struct

from consensus.certificates import check_certificate
from consensus.types import ChainId, Kind, ValidatorSet
from ledger.canonical import HOSTILE
from ledger.epochs import Validator, Validators, set_hash
from ledger.keys import verify
from node.wire import WireCertificate, WireError, core_certificate, header_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consensus.types import Certificate
    from ledger.blocks import Header

LINKS_MAX: Final = 64
"""Epochs in one answer: with sets of 256 validators 6 MiB, with four 100 KiB."""
LINK_BYTES_MAX: Final = 131_072
"""256 validators of 256 bytes, 171 signatures of 72."""


class EpochLink(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How one epoch ended and what set it named for the next."""

    header: Annotated[bytes, Meta(max_length=512)]
    """Of its boundary block."""
    certificate: WireCertificate
    """Finalization of that very block, by its own epoch's set."""
    validators: Validators
    """Of the next epoch; `header.next` is the hash of it."""


class EpochChainBroken(ValueError):
    """A link that does not prove the set it shows: whoever showed it lies, or is of another chain."""

    def __init__(self, *, epoch: int, reason: str) -> None:
        super().__init__(f"the end of epoch {epoch} is not proven: {reason}")
        self.epoch = epoch


_LINK = msgspec.msgpack.Decoder(EpochLink)


def key_set(validators: Sequence[Validator]) -> ValidatorSet:
    """Consensus keys of a set, by index."""
    return ValidatorSet(tuple(each.consensus_key for each in validators))


def check_link(link: EpochLink, *, epoch: int, validators: Sequence[Validator], chain: bytes, after: int) -> Header:
    """Check how `epoch`, whose set is known, ended; return the header of its boundary block. `after`: height it must be above.

    Raises
    ------
    EpochChainBroken
        The header is no boundary of that epoch and chain, its finalization is not by the epoch's set, or `next` is of another set.
    """
    try:
        block_id, header = header_of(link.header)
        certificate = core_certificate(link.certificate)
    except WireError as problem:
        raise EpochChainBroken(epoch=epoch, reason=str(problem)) from None
    if header.chain != chain or header.epoch != epoch or header.height <= after:
        raise EpochChainBroken(epoch=epoch, reason="its header is of another chain, epoch or place")
    if not is_final(certificate, block_id, epoch=epoch, keys=key_set(validators), chain=chain):
        raise EpochChainBroken(epoch=epoch, reason="its last block is not finalized by its validators")
    if header.next != set_hash(epoch + 1, link.validators):
        raise EpochChainBroken(epoch=epoch, reason="the set shown is not the one that its last block names")
    return header


def walk(links: Iterable[EpochLink], *, genesis: Sequence[Validator], chain: bytes) -> list[tuple[Validator, ...]]:
    """Return the validators of every epoch, from those of the genesis document on; raises as `check_link`."""
    sets: list[tuple[Validator, ...]] = [tuple(genesis)]
    height = 0
    for epoch, link in enumerate(links):
        height = check_link(link, epoch=epoch, validators=sets[-1], chain=chain, after=height).height
        sets.append(link.validators)
    return sets


def is_final(certificate: Certificate, block_id: bytes, *, epoch: int, keys: ValidatorSet, chain: bytes) -> bool:
    """Whether a certificate is the finalization of a block by the validators of its epoch. Every signature is verified."""
    subject = certificate.subject
    return (
        subject.kind is Kind.FINALIZE
        and subject.block_id == block_id
        and subject.epoch == epoch
        and check_certificate(certificate, keys, ChainId(chain), verify)
    )


def encode_link(link: EpochLink) -> bytes:
    """Bytes of a link as they travel and lie in the store."""
    return msgspec.msgpack.encode(link)


def decode_link(data: bytes, epoch: int) -> EpochLink:
    """Undo `encode_link`.

    Raises
    ------
    EpochChainBroken
        Longer than `LINK_BYTES_MAX`, not a link, or not its canonical bytes.
    """
    if len(data) > LINK_BYTES_MAX:
        raise EpochChainBroken(epoch=epoch, reason=f"a link of {len(data)} bytes")
    try:
        link = _LINK.decode(data)
    except HOSTILE as problem:
        raise EpochChainBroken(epoch=epoch, reason=str(problem)) from None
    if encode_link(link) != data:
        raise EpochChainBroken(epoch=epoch, reason="the link is not canonical")
    return link
