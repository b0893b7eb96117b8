"""Proof of lies, kept on disk: double votes (an alarm, for governance), and certificates that exclude each other (the node stops).

The folder outlives epochs and restarts; what is in it is read once, at the start, and served at `GET /v1/evidence`.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Annotated

import msgspec
import structlog
from msgspec import Meta, Struct

from consensus.evidence import Evidence
from node.doublevotes import DoubleVote, file_of
from node.errors import MoreThanFLiars
from node.wire import CERTIFICATES_MAX, WireCertificate, WireError, core_vote, wire_certificate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from consensus.types import Certificate
    from node.fatal import Fatal
    from node.files import Files

EVIDENCE_MAX = 1_024
"""Proofs kept: one against a validator is enough to act on."""
EVIDENCE_PER_SIGNER_MAX = 8
"""Proofs kept against one validator of one epoch: a liar must not fill the book before the next one lies, nor have us sync for ever."""
SUFFIX = ".evidence"
HALT_SUFFIX = ".halt"

log = structlog.get_logger("evidence")


class Excluding(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Why the node stopped, and the certificates that prove it."""

    reason: str
    certificates: Annotated[tuple[WireCertificate, ...], Meta(max_length=CERTIFICATES_MAX)]


class EvidenceBook:
    """A folder with one file per proof, named by its hash."""

    def __init__(self, files: Files, folder: Path, fail: Callable[[Fatal], None]) -> None:
        """Read what is there; a file that cannot be read is passed over with a word in the log, and never written over."""
        self._files, self._folder, self._fail = files, folder, fail
        files.make_folder(folder)
        names = files.names(folder)
        self._names = {name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)}
        """Of every proof in the folder, readable or not."""
        self._kept: dict[str, Evidence] = {}
        self._counts: dict[tuple[int, int], int] = {}
        """(epoch, signer) -> proofs kept."""
        self.halts = sum(name.endswith(HALT_SUFFIX) for name in names)
        """Proofs kept of more than f liars."""
        for name in sorted(self._names):
            found = self._read(name)
            if found is not None:
                self._remember(name, found)

    @property
    def count(self) -> int:
        """Double votes kept."""
        return len(self._kept)

    def store(self, evidence: Evidence) -> None:
        """Keep a double vote; the same one again changes nothing, and no validator has more than its share of an epoch kept."""
        data = file_of(evidence)
        name, vote, signer = sha256(data).hexdigest(), evidence.first.vote, evidence.first.signer
        full = len(self._names) >= EVIDENCE_MAX or self._counts.get((vote.epoch, signer), 0) >= EVIDENCE_PER_SIGNER_MAX
        if name in self._names or full:
            return
        log.error(
            "double vote",
            validator=signer,
            epoch=vote.epoch,
            view=vote.view,
            kinds=[vote.kind.name, evidence.second.vote.kind.name],
            file=name + SUFFIX,
            todo="tell the operator of the network: GET /v1/evidence has the proof; governance takes the validator out",
        )
        self._write(name + SUFFIX, data)
        self._names.add(name)
        self._remember(name, evidence)

    def page(self, after: str, limit: int) -> list[tuple[str, Evidence]]:
        """Double votes by name (64 hex digits, the hash of the file), those above `after`, at most `limit`."""
        return [(name, self._kept[name]) for name in sorted(name for name in self._kept if name > after)[:limit]]

    def halt(self, reason: str, certificates: tuple[Certificate, ...]) -> None:
        """Save both sides, then stop the node."""
        kept = Excluding(reason, tuple(wire_certificate(certificate) for certificate in certificates[:CERTIFICATES_MAX]))
        data = msgspec.msgpack.encode(kept)
        name = f"{sha256(data).hexdigest()}{HALT_SUFFIX}"
        if not self._files.exists(self._folder / name):
            self._write(name, data)
            self.halts += 1
        self._fail(MoreThanFLiars(f"{reason}; the proof is {self._folder / name}: do not start again, call the other operators"))

    def _read(self, name: str) -> Evidence | None:
        data = self._files.read(self._folder / (name + SUFFIX))
        why = "its name is not the hash of its content"
        if sha256(data).hexdigest() == name:
            try:
                pair = msgspec.msgpack.decode(data, type=DoubleVote)
                return Evidence(core_vote(pair.first), core_vote(pair.second))
            except (msgspec.MsgspecError, WireError) as problem:
                why = str(problem)
        log.warning("evidence cannot be read", file=name + SUFFIX, why=why)
        return None

    def _remember(self, name: str, evidence: Evidence) -> None:
        self._kept[name] = evidence
        whose = (evidence.first.vote.epoch, evidence.first.signer)
        self._counts[whose] = self._counts.get(whose, 0) + 1

    def _write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all, whenever the power goes."""
        hidden = self._folder / "new"
        if self._files.exists(hidden):
            self._files.unlink(hidden)
        file = self._files.create(hidden)
        file.write_at(0, data)
        file.sync()
        file.close()
        self._files.rename(hidden, self._folder / name)
        self._files.sync_folder(self._folder)
