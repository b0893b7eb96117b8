"""The light client (K23): believes the genesis document, a clock and its own memory; a node's answers only as far as signatures reach.

Pure but for `Newest`, which keeps one number in a file. Not here: whose signatures count in which epoch (`cli.trust`, point 2 of K23), and
fetching and printing (`cli.proof`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec import Struct

from cli.faults import Distrust, Refusal
from cli.times import time_text
from consensus.certificates import check_certificate
from consensus.types import BlockId, Certificate, ChainId, Epoch, Kind, ValidatorId, View, Vote
from ledger.keys import verify
from ledger.proofs import ProofError, check_state_proof, check_transaction_proof

if TYPE_CHECKING:
    from pathlib import Path

    from cli.trust import Trusted
    from ledger.proofs import Proven, ProvenState, ProvenTransaction

AGE_MS_MAX = 30_000
"""K23 (6): a state older than this is shown only to who asks for that height."""
CLOCK_MS_MAX = 30_000
"""A block further in the future than this says that our own clock is wrong, and with it every age."""
NUMBER_BYTES_MAX = 20


class Moment(Struct, frozen=True):
    """When and against what a state is checked."""

    now_ms: int
    newest: int
    """Newest height that this client has verified."""
    at: int | None
    """Height that was asked for: its age does not matter then."""


def verify_state(data: bytes, trusted: Trusted, moment: Moment) -> ProvenState:
    """Check a state proof completely, its age included.

    Raises
    ------
    Distrust
        It proves nothing, or something old.

    Source: consensus/README.md, K23.
    """
    try:
        proven = check_state_proof(data, chain=trusted.chain)
    except ProofError as error:
        raise Distrust(f"the proof does not hold ({error}): do not believe this node") from None
    _check_finality(proven.block, trusted)
    _check_age(proven.block, moment)
    return proven


def verify_transaction(data: bytes, trusted: Trusted) -> ProvenTransaction:
    """Check the proof of a transaction and its receipt completely. It has no age: what is final stays so.

    Raises
    ------
    Distrust
        It proves nothing.
    """
    try:
        proven = check_transaction_proof(data, chain=trusted.chain)
    except ProofError as error:
        raise Distrust(f"the proof does not hold ({error}): do not believe this node") from None
    _check_finality(proven.block, trusted)
    return proven


class Newest:
    """The newest height this client has verified on a chain: one number in a file, so that a node cannot turn time back (K23, 6)."""

    def __init__(self, folder: Path, chain: bytes) -> None:
        self.path = folder / f"newest-{chain.hex()[:16]}"

    def read(self) -> int:
        """Height; 0 where none was seen yet."""
        try:
            with self.path.open("rb") as file:
                text = file.read(NUMBER_BYTES_MAX + 1)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise Refusal(f"{self.path} cannot be read: {error.strerror}") from None
        if not text.strip().isdigit() or len(text) > NUMBER_BYTES_MAX:
            raise Refusal(f"{self.path} is damaged: it holds the newest height seen; remove it if you know that the node you ask is honest")
        return int(text)

    def raise_to(self, height: int) -> None:
        """Remember a height if it is newer."""
        if height <= self.read():
            return
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_text(f"{height}\n")
            draft.replace(self.path)
        except OSError as error:
            raise Refusal(f"{self.path} cannot be written: {error.strerror}") from None


def _check_finality(block: Proven, trusted: Trusted) -> None:
    shown, header = block.certificate, block.header
    if shown.epoch != header.epoch:
        raise Distrust(f"the block is of epoch {header.epoch}, its certificate of epoch {shown.epoch}: do not believe this node")
    validators = trusted.keys_at(header.epoch, header.height)
    subject = Vote(Kind.FINALIZE, Epoch(shown.epoch), View(shown.view), View(shown.parent_view), BlockId(shown.block_id))
    certificate = Certificate(subject, tuple((ValidatorId(index), signature) for index, signature in shown.signatures))
    if not check_certificate(certificate, validators, ChainId(trusted.chain), verify):
        raise Distrust(
            f"the block of height {header.height} is not signed by {validators.quorum} of the {validators.size} validators of epoch "
            f"{header.epoch}: do not believe this node"
        )


def _check_age(block: Proven, moment: Moment) -> None:
    height, time_ms = block.header.height, block.header.time_ms
    if moment.at is not None:
        if height != moment.at:
            raise Distrust(f"the proof is of height {height}, not of the height {moment.at} that was asked for")
        return
    if height < moment.newest:
        raise Distrust(
            f"the proof is of height {height}, but height {moment.newest} was seen already: the node is behind, or hides what is new; "
            f"ask another node, or add --at {height} if that state is what you want"
        )
    age_ms = moment.now_ms - time_ms
    if age_ms > AGE_MS_MAX:
        raise Distrust(
            f"the proof is of height {height}, {time_text(time_ms)}, {age_ms // 1_000} s ago: older than 30 s; "
            f"ask another node, or add --at {height} if that state is what you want"
        )
    if age_ms < -CLOCK_MS_MAX:
        raise Distrust(f"the block is of {time_text(time_ms)}, {-age_ms // 1_000} s ahead of this machine's clock: set the clock first")
