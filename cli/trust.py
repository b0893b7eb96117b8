"""Whom the light client believes (K23, points 1 and 2): the validators of each epoch, from the genesis document or a checkpoint on.

Each epoch's end is finalized by its own set and names the next one, so a node only shows what is checked here; `node.epochchain` has the
rule. What was verified once is kept (`Shelf`) and is never asked for or replaced again. Not here: proofs (`cli.verify`), HTTP.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from msgspec import Struct

from cli.faults import Distrust, Misuse, Refusal
from ledger.blocks import block_id_of, decode_header
from ledger.epochs import Validator, set_hash
from ledger.errors import Malformed
from node.epochchain import LINK_BYTES_MAX, EpochChainBroken, check_link, decode_link, encode_link, key_set

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from consensus.types import ValidatorSet
    from ledger.blocks import Header
    from node.epochchain import EpochLink

_CHECKPOINT = re.compile(r"([0-9]{1,9}):([0-9a-f]{64})", re.ASCII)
CHECKPOINT_BYTES_MAX = 128


class Council(Struct, frozen=True):
    """An epoch as far as it is verified: who votes in it, and the height of the block that it stands on."""

    validators: tuple[Validator, ...]
    base: int


class Checkpoint(Struct, frozen=True):
    """What an operator tells over another channel: an epoch, and the id of the block that it stands on."""

    epoch: int
    block_id: bytes

    @property
    def text(self) -> str:
        """As `parse_checkpoint` reads it."""
        return f"{self.epoch}:{self.block_id.hex()}"


def parse_checkpoint(text: str) -> Checkpoint:
    """Checkpoint written as `EPOCH:BLOCK_ID`.

    Raises
    ------
    Misuse
        It is not.
    """
    found = _CHECKPOINT.fullmatch(text.strip())
    if found is None or int(found.group(1)) == 0:
        raise Misuse(
            f"{text.strip()[:80]!r} is not a checkpoint: it is an epoch from 1 on and a block id, EPOCH:64-HEX-DIGITS (som epoch show)"
        )
    return Checkpoint(int(found.group(1)), bytes.fromhex(found.group(2)))


def checkpoint_of(link: EpochLink) -> Checkpoint:
    """Checkpoint of the epoch that a link leads to."""
    return Checkpoint(decode_header(link.header).epoch + 1, block_id_of(link.header))


class Shelf:
    """Verified links as files, `N` for what leads to epoch N: what is on it was checked before it was put there."""

    def __init__(self, folder: Path, chain: bytes) -> None:
        self.folder = folder / f"epochs-{chain.hex()[:16]}"

    def find(self, epoch: int) -> EpochLink | None:
        """Return the link that leads to an epoch.

        Raises
        ------
        Refusal
            The file cannot be read, or is damaged.
        """
        path = self.folder / str(epoch)
        try:
            with path.open("rb") as file:
                link = decode_link(file.read(LINK_BYTES_MAX + 1), epoch - 1)
            decode_header(link.header)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Refusal(f"{path} cannot be read: {error.strerror}") from None
        except (EpochChainBroken, Malformed):
            raise Refusal(f"{path} is damaged: remove the folder {self.folder}, and what is in it is verified again") from None
        return link

    def newest(self, most: int) -> int:
        """Newest epoch up to `most` on the shelf; 0 where there is none."""
        try:
            names = [each.name for each in self.folder.iterdir()]
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise Refusal(f"{self.folder} cannot be read: {error.strerror}") from None
        return max((int(name) for name in names if name.isdecimal() and len(name) < 10 and int(name) <= most), default=0)

    def put(self, epoch: int, link: EpochLink) -> None:
        """Keep the link that leads to an epoch."""
        path = self.folder / str(epoch)
        draft = path.with_name(f"{epoch}.{os.getpid()}.new")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_bytes(encode_link(link))
            draft.replace(path)
        except OSError as error:
            raise Refusal(f"{path} cannot be written: {error.strerror}") from None


class Trusted:
    """What a light client believes of a chain, and how it learns more: `show` gives what a node shows of the way to an epoch."""

    def __init__(self, chain: bytes, genesis: Sequence[Validator], shelf: Shelf, show: Callable[[int], bytes]) -> None:
        self.chain = chain
        self._first = Council(tuple(genesis), 0)
        self._shelf, self._show = shelf, show
        self._known: dict[int, Council] = {}

    def start_at(self, checkpoint: Checkpoint) -> None:
        """Believe the epoch that an operator names, without the ones before it.

        Raises
        ------
        Distrust
            What the node shows is not of this checkpoint, or another way was verified before.
        """
        epoch = checkpoint.epoch
        link = self._shelf.find(epoch)
        if link is None:
            link = _decoded(self._show(epoch), epoch)
            header = _header_of(link, epoch)
            named = (header.chain, header.epoch, header.next) == (self.chain, epoch - 1, set_hash(epoch, link.validators))
            if block_id_of(link.header) != checkpoint.block_id or not named:
                raise Distrust(f"the node shows another beginning of epoch {epoch} than the checkpoint names: do not believe this node")
            self._shelf.put(epoch, link)
        elif block_id_of(link.header) != checkpoint.block_id:
            raise Distrust(
                f"epoch {epoch} was verified here with another beginning than the checkpoint names: one of both is forged, ask the operator"
            )

    def keys_at(self, epoch: int, height: int) -> ValidatorSet:
        """Consensus keys of the validators who may sign for a height of an epoch.

        Raises
        ------
        Distrust
            The way to the epoch is not proven, or the epoch does not have this height.
        """
        council = self.council(epoch)
        after = self._kept(epoch + 1)
        if height <= council.base or (after is not None and height > after.base):
            raise Distrust(f"epoch {epoch} has no block of height {height}: former validators may have signed it, do not believe this node")
        return key_set(council.validators)

    def council(self, epoch: int) -> Council:
        """Epoch, verified step by step from the newest one at or below it that is known."""
        number = self._shelf.newest(epoch)
        found = self._kept(number)
        if found is None:
            raise AssertionError(f"epoch {number} is not kept")
        while number < epoch:
            found = self._step(number, found)
            number += 1
        return found

    def _step(self, epoch: int, council: Council) -> Council:
        """Verify how an epoch ended; return the next one."""
        link = _decoded(self._show(epoch + 1), epoch + 1)
        try:
            header = check_link(link, epoch=epoch, validators=council.validators, chain=self.chain, after=council.base)
        except EpochChainBroken as problem:
            raise Distrust(f"{problem}: do not believe this node") from None
        self._shelf.put(epoch + 1, link)
        found = self._known[epoch + 1] = Council(link.validators, header.height)
        return found

    def _kept(self, epoch: int) -> Council | None:
        """Return an epoch that was verified before."""
        if epoch == 0:
            return self._first
        if epoch not in self._known:
            link = self._shelf.find(epoch)
            if link is None:
                return None
            self._known[epoch] = Council(link.validators, _header_of(link, epoch).height)
        return self._known[epoch]


def _decoded(data: bytes, epoch: int) -> EpochLink:
    try:
        link = decode_link(data, epoch - 1)
    except EpochChainBroken as problem:
        raise Distrust(f"{problem}: do not believe this node") from None
    if encode_link(link) != data:
        raise Distrust(f"the end of epoch {epoch - 1} is not shown in canonical bytes: do not believe this node")
    return link


def _header_of(link: EpochLink, epoch: int) -> Header:
    try:
        return decode_header(link.header)
    except Malformed as problem:
        raise Distrust(f"the end of epoch {epoch - 1} has no header ({problem}): do not believe this node") from None
