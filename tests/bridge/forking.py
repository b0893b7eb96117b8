"""A public chain within the process that forks: blocks, a pool, finality, and any call at any block, answered by the contracts' byte code.

The EVM keeps a checkpoint after each block. A read at an older block goes back to it, calls, and runs the blocks after it again; a
reorganisation goes back and leaves the other branch away. So what a block took with it is really gone, from logs and from state.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.chains import ForeignBlock
from tests.bridge.contracts.chain import GAS_MAX, GENESIS_TIME, Chain, Log, RawRefusal, Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyrevm

BLOCK_SECONDS = 12
READER = "0x" + "ee" * 20
"""Who asks, where nobody sends."""


class Sent(Struct, frozen=True):
    """A transaction as somebody sent it."""

    sender: str
    to: str
    data: bytes
    tx_hash: bytes
    """32 bytes."""
    nonce: int = -1
    """Of the account that signed it; negative: of somebody whose nonces nobody looks at."""
    price: int = 0


class Mined(Struct, frozen=True):
    """A transaction in a block."""

    sent: Sent
    logs: tuple[Log, ...]
    refused: bytes | None
    """With what it reverted; None: it did not."""


class Block(Struct, frozen=True):
    """A block with what is in it."""

    facts: ForeignBlock
    mined: tuple[Mined, ...]


class ForkingChain(Chain):
    """The EVM with blocks. Contracts are deployed into block 0, and `found` closes it."""

    def __init__(self, chain_id: int = 56, now: int = GENESIS_TIME) -> None:
        super().__init__(chain_id)
        self.wait(now - self.now)
        self.blocks: list[Block] = []
        self.pool: list[Sent] = []
        """What waits for a block."""
        self.final_number = 0
        self._marks: list[pyrevm.JournalCheckpoint] = []
        self._answers: dict[tuple[bytes, str, bytes], tuple[bytes, bytes | None]] = {}
        self._made = self._base = 0

    def found(self) -> None:
        """Close block 0: everything so far is in it, and final."""
        self.blocks = [Block(ForeignBlock(0, sha256(b"block 0 there").digest(), self.now), ())]
        self._marks = [self._evm.snapshot()]

    def keep(self) -> None:
        """Have every history begin on the newest block, from now on."""
        self._base = self.newest.number

    def restart(self, now: int) -> None:
        """Begin another history: on the block that was kept, else on block 0, with a final block of this time (Unix seconds)."""
        self._back_to(self._base)
        del self.blocks[self._base + 1 :]
        self.now = max(now, self.newest.time)
        self.pool = []
        self._answers.clear()
        self.final_number = self.mine().facts.number

    @property
    def newest(self) -> ForeignBlock:
        """Newest block, final or not."""
        return self.blocks[-1].facts

    def mine(self, sent: Sequence[Sent] = (), time: int = 0) -> Block:
        """Make a block of these transactions, in this order; one that reverts is in it, too. `time`: Unix seconds, now where 0."""
        before = self.newest
        time = max(time or self.now, before.time + 1)
        self.now = max(self.now, time)
        self._made += 1
        number = before.number + 1
        name = before.hash + number.to_bytes(8, "big") + self._made.to_bytes(8, "big")
        self._set_block(number, time)
        block = Block(ForeignBlock(number, sha256(name).digest(), time), tuple(self._run(each) for each in sent))
        self.blocks.append(block)
        self._marks.append(self._evm.snapshot())
        return block

    def mine_now(self, sent: Sent) -> Mined:
        """Make a block of one transaction."""
        return self.mine([sent]).mined[0]

    def drop(self, depth: int) -> list[Mined]:
        """Take the newest blocks away: a reorganisation. Return what was in them, in order."""
        self._back_to(len(self.blocks) - 1 - depth)
        gone = self.blocks[len(self.blocks) - depth :]
        del self.blocks[len(self.blocks) - depth :]
        return [each for block in gone for each in block.mined]

    def at(self, block_hash: bytes) -> int:
        """Return the number of a block of this branch; negative: it is none."""
        return next((block.facts.number for block in reversed(self.blocks) if block.facts.hash == block_hash), -1)

    def view(self, to: str, data: bytes, number: int) -> tuple[bytes, bytes | None]:
        """Return what a contract answers in the state after a block, or (second) with what it reverts."""
        facts = self.blocks[number].facts
        key = (facts.hash, to, data)
        if key not in self._answers:
            behind = self.blocks[number + 1 :]
            if behind:
                self._back_to(number)
            self._set_block(number, facts.time)
            self._answers[key] = self._asked(READER, to, data)
            self._again(behind)
        return self._answers[key]

    def tried(self, sender: str, to: str, data: bytes) -> tuple[int, bytes | None]:
        """Return the gas that a transaction would take on top of the newest block, or with what it would revert; nothing stays of it."""
        self._set_block(self.newest.number + 1, max(self.now, self.newest.time + 1))
        mark = self._evm.snapshot()
        try:
            return super().call(sender, to, data).gas, None
        except RawRefusal as refused:
            return 0, refused.data
        finally:
            self._evm.revert(mark)

    def call(self, sender: str, to: str, data: bytes) -> Receipt:
        """Run a transaction in a block of its own, at once; what logs nothing changes nothing here, and needs no block."""
        if not self.blocks:
            return super().call(sender, to, data)
        if sender == READER:
            returned, refused = self.view(to, data, self.newest.number)
            if refused is not None:
                raise RawRefusal(refused)
            return Receipt(0, (), returned)
        self._made += 1
        mined = self.mine_now(Sent(sender, to, data, sha256(b"transaction %d" % self._made).digest()))
        if mined.refused is not None:
            raise RawRefusal(mined.refused)
        return Receipt(0, mined.logs, b"")

    def _run(self, sent: Sent) -> Mined:
        try:
            return Mined(sent, super().call(sent.sender, sent.to, sent.data).logs, None)
        except RawRefusal as refused:
            return Mined(sent, (), refused.data)

    def _asked(self, sender: str, to: str, data: bytes) -> tuple[bytes, bytes | None]:
        try:
            return bytes(self._evm.message_call(sender, to, data, gas=GAS_MAX, is_static=True)), None
        except RuntimeError as error:
            found = re.search(r"output: 0x([0-9a-f]*)", str(error))
            if not found:
                raise AssertionError(f"the EVM stopped without a refusal: {error}") from None
            return b"", bytes.fromhex(found.group(1))

    def _again(self, blocks: Sequence[Block]) -> None:
        """Run blocks of this branch again, on the state of the one before them."""
        for block in blocks:
            self._set_block(block.facts.number, block.facts.time)
            again = tuple(self._run(each.sent) for each in block.mined)
            if again != block.mined:
                raise AssertionError(f"block {block.facts.number} does otherwise when it is run again")
            self._marks.append(self._evm.snapshot())

    def _back_to(self, number: int) -> None:
        while len(self._marks) > number:
            self._evm.revert(self._marks.pop())  # one after another: each is a level of calls to the EVM, which has 1,024
        self._marks.append(self._evm.snapshot())

    def _set_block(self, number: int, time: int) -> None:
        self._evm.set_block_env(self._revm.BlockEnv(number=number, timestamp=time, gas_limit=GAS_MAX))
