"""Votes, certificates and blocks for the tests of journal and signer."""

from __future__ import annotations

from pathlib import Path

from consensus.effects import BodyRecord, CertificateRecord, CertifiedRecord, ProposalRecord, VoteRecord
from consensus.types import BlockFacts, BlockId, Certificate, Epoch, Height, Kind, SignedVote, TimeMs, ValidatorId, View, Vote
from node.records import Entry, StoredBlock, encode

FOLDER = Path("/data")
JOURNAL = FOLDER / "journal"
MARK = FOLDER / "signer.mark"
FIRST = JOURNAL / "00000001.log"
ME = ValidatorId(2)
EPOCH = Epoch(0)
SEED = bytes(range(32))


def block_id(view: int) -> BlockId:
    return BlockId(view.to_bytes(8, "big") * 4)


def facts(view: int, height: int | None = None) -> BlockFacts:
    number = Height(view if height is None else height)
    return BlockFacts(block_id(view), block_id(max(view - 1, 0)), EPOCH, number, View(view), ValidatorId(view % 4), TimeMs(1_000 * view))


def vote(kind: Kind, view: int, epoch: int = 0) -> Vote:
    if kind is Kind.NULLIFY:
        return Vote.nullify(Epoch(epoch), View(view))
    return Vote(kind, Epoch(epoch), View(view), View(view - 1), block_id(view))


def signing_bytes(subject: Vote) -> bytes:
    """Anything that differs where votes differ: the signer does not read it."""
    return b"%d/%d/%d/%d/" % (subject.kind, subject.epoch, subject.view, subject.parent_view) + subject.block_id


def signed(kind: Kind, view: int, epoch: int = 0) -> VoteRecord:
    return VoteRecord(SignedVote(vote(kind, view, epoch), ME, bytes([kind]) * 64))


def certificate(kind: Kind, view: int) -> Certificate:
    return Certificate(vote(kind, view), tuple((ValidatorId(index), bytes([index]) * 64) for index in range(3)))


def block(view: int, size: int = 40) -> StoredBlock:
    return StoredBlock(b"header %d" % view, bytes([view % 256]) * size)


def entries_of(view: int, size: int = 40) -> list[Entry]:
    """Return what a validator journals in a view that goes well."""
    return [
        encode(BodyRecord(facts(view)), block(view, size)),
        encode(CertifiedRecord(facts(view))),
        encode(ProposalRecord(vote(Kind.NOTARIZE, view), facts(view))),
        encode(signed(Kind.NOTARIZE, view)),
        encode(CertificateRecord(certificate(Kind.NOTARIZE, view))),
        encode(signed(Kind.FINALIZE, view)),
        encode(CertificateRecord(certificate(Kind.FINALIZE, view))),
    ]
