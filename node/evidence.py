"""Proof of lies, kept on disk: double votes (an alarm, for governance), and certificates that exclude each other (the node stops)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Annotated

import msgspec
import structlog
from msgspec import Meta, Struct

from consensus.evidence import Evidence
from node.errors import MoreThanFLiars
from node.wire import CERTIFICATES_MAX, WireCertificate, WireError, WireVote, core_vote, wire_certificate, wire_vote

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from consensus.types import Certificate
    from node.fatal import Fatal
    from node.files import Files

EVIDENCE_MAX = 1_024
"""Proofs kept: one against a validator is enough to act on."""

log = structlog.get_logger("evidence")


class DoubleVote(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Two votes of one validator that an honest one never signs both."""

    first: WireVote
    second: WireVote


class Excluding(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Why the node stopped, and the certificates that prove it."""

    reason: str
    certificates: Annotated[tuple[WireCertificate, ...], Meta(max_length=CERTIFICATES_MAX)]


class EvidenceBook:
    """A folder with one file per proof, named by its hash."""

    def __init__(self, files: Files, folder: Path, fail: Callable[[Fatal], None]) -> None:
        self._files, self._folder, self._fail = files, folder, fail
        files.make_folder(folder)
        self._names = {name for name in files.names(folder) if name.endswith(".evidence")}

    def store(self, evidence: Evidence) -> None:
        """Keep a double vote; the same one again changes nothing."""
        data = msgspec.msgpack.encode(DoubleVote(wire_vote(evidence.first), wire_vote(evidence.second)))
        name = f"{sha256(data).hexdigest()}.evidence"
        vote = evidence.first.vote
        log.error("double vote", validator=evidence.first.signer, epoch=vote.epoch, view=vote.view, kind=vote.kind.name, file=name)
        if name not in self._names and len(self._names) < EVIDENCE_MAX:
            self._write(name, data)
            self._names.add(name)

    def all(self) -> list[Evidence]:
        """Every double vote kept, in the order of the hashes. A file that cannot be read is passed over with a word in the log."""
        found: list[Evidence] = []
        for name in sorted(self._names):
            try:
                pair = msgspec.msgpack.decode(self._files.read(self._folder / name), type=DoubleVote)
                found.append(Evidence(core_vote(pair.first), core_vote(pair.second)))
            except (msgspec.MsgspecError, WireError) as problem:
                log.warning("evidence cannot be read", file=name, why=str(problem))
        return found

    def halt(self, reason: str, certificates: tuple[Certificate, ...]) -> None:
        """Save both sides, then stop the node."""
        kept = Excluding(reason, tuple(wire_certificate(certificate) for certificate in certificates[:CERTIFICATES_MAX]))
        data = msgspec.msgpack.encode(kept)
        name = f"{sha256(data).hexdigest()}.halt"
        if not self._files.exists(self._folder / name):
            self._write(name, data)
        self._fail(MoreThanFLiars(f"{reason}; the proof is {self._folder / name}: do not start again, call the other operators"))

    def _write(self, name: str, data: bytes) -> None:
        file = self._files.create(self._folder / name)
        file.write_at(0, data)
        file.sync()
        file.close()
        self._files.sync_folder(self._folder)
