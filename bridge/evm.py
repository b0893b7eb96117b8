"""An EVM chain as the bridge sees it: final blocks only, by their hashes, told alike by every node that is asked (B6).

Final is what the chain's consensus calls `finalized`, and of several nodes the oldest that any of them gives: a node that lies about
finality alone can only delay. Nodes that do not answer are passed over while enough others do; two that answer differently stop this
attestor (`ProvidersDiffer`). What was final once and stands there no more is `FinalityBroken`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from bridge.chains import Seen
from bridge.contracts import artifact
from bridge.errors import ChainUnreachable, TransactionRefused, UnknownInterface, WrongChain
from bridge.evm_node import RangeTooLarge
from bridge.observe import in_ranges
from bridge.providers import FinalHead, Providers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.abi import Value
    from bridge.chains import ForeignBlock
    from bridge.evm_node import EvmLog, EvmNode

RANGE_BLOCKS_MAX: Final = 2_000
"""Blocks whose events are asked for at once: what public nodes allow."""


class EvmChain:
    """A chain behind one or several nodes; a `bridge.chains.PublicChain`."""

    def __init__(self, nodes: Sequence[EvmNode], chain_id: int, agree: int = 1) -> None:
        """Take the chain with this id; `agree` nodes must tell the same, or all where there are fewer (a route's finality policy)."""
        self._nodes = Providers(nodes, agree)
        self._chain_id = chain_id
        self._head = FinalHead()
        self._bridge, self._token = artifact("SomBridge").interface, artifact("SomToken").interface

    def chain_id(self) -> int:
        """Return the id that every node gives.

        Raises
        ------
        WrongChain
            It is not the one that was to be taken.
        """
        found = self._nodes.agreed("the chain's id", lambda node: node.chain_id())
        if found != self._chain_id:
            raise WrongChain(given=found, needed=self._chain_id)
        return found

    def final(self) -> ForeignBlock:
        """Return the newest block that is final; it never goes back.

        Raises
        ------
        FinalityBroken
            The block that was final last is no more where it was.
        """
        if self._head.newest is None:
            self.chain_id()
        return self._head.move(min(number for _, number in self._nodes.answers(lambda node: node.final_number())), self._at)

    def block(self, number: int) -> ForeignBlock:
        """Return a final block.

        Raises
        ------
        NotFinal
            It is not final yet.
        """
        self._head.check(number, self.final)
        return self._at(number)

    def events(self, contract: bytes, first: int, last: int) -> tuple[Seen, ...]:
        """Return what the bridge contract logged in the final blocks `first` to `last`, in the order of the chain.

        Raises
        ------
        NotFinal
            `last` is not final yet.
        UnknownInterface
            The contract, or every node, logs what the committed contract cannot.
        """
        if last < first:
            return ()
        self._head.check(last, self.final)
        blocks: dict[int, ForeignBlock] = {}
        found: list[Seen] = []
        for begin, end in in_ranges(first, last, RANGE_BLOCKS_MAX):
            logs = self._nodes.agreed(f"the events of blocks {begin} to {end}", partial(_logs, contract=contract, first=begin, last=end))
            found.extend(self._seen(log, blocks) for log in logs)
        return tuple(found)

    def state(self, contract: bytes, at: ForeignBlock) -> Mapping[str, Value]:
        """Return what the bridge contract says of itself after a final block."""
        return self._bridge.record("state", self._call(contract, self._bridge.call("state", ()), at))

    def nonce_used(self, contract: bytes, nonce: int, at: ForeignBlock) -> bool:
        """Whether a lock's nonce was minted by the end of a final block."""
        (used,) = self._bridge.answer("nonceUsed", self._call(contract, self._bridge.call("nonceUsed", (nonce,)), at))
        return bool(used)

    def total_supply(self, token: bytes, at: ForeignBlock) -> int:
        """Return the supply of a token after a final block."""
        (supply,) = self._token.answer("totalSupply", self._call(token, self._token.call("totalSupply", ()), at))
        if not isinstance(supply, int):
            raise UnknownInterface(what="number returned by", given="totalSupply")
        return supply

    def _call(self, contract: bytes, data: bytes, at: ForeignBlock) -> bytes:
        self._head.check(at.number, self.final)
        what = f"a call to 0x{contract.hex()} at block {at.number}"
        returned, reverted = self._nodes.agreed(what, partial(_run, contract=contract, data=data, at=at))
        if reverted is not None:
            raise TransactionRefused(what=what, data=reverted)
        return returned

    def _at(self, number: int) -> ForeignBlock:
        return self._nodes.agreed(f"block {number}", lambda node: node.block(number))

    def _seen(self, log: EvmLog, blocks: dict[int, ForeignBlock]) -> Seen:
        """Return a log as an event in the block that stands at its number, which all nodes must have told (B6)."""
        if log.block not in blocks:
            blocks[log.block] = self._at(log.block)
        block = blocks[log.block]
        if block.hash != log.block_hash:
            # A pool of nodes behind one address that are not at one; a real reorganisation past finality is found by `final`.
            raise ChainUnreachable(
                url=next(iter(self._nodes)).url, reason=f"an event of another block {block.number} than the one it gives there"
            )
        decoded = self._bridge.event(log.topics, log.data)
        return Seen(name=decoded.name, fields=decoded.fields, block=block, tx_hash=log.tx_hash, log_index=log.log_index)


def _run(node: EvmNode, contract: bytes, data: bytes, at: ForeignBlock) -> tuple[bytes, bytes | None]:
    """Return what a call returned, or with what it reverted: that, too, all nodes must tell alike."""
    try:
        return node.call(contract, data, at), None
    except TransactionRefused as refused:
        return b"", refused.data


def _logs(node: EvmNode, contract: bytes, first: int, last: int) -> tuple[EvmLog, ...]:
    """Return the events of a range, in halves where the node gives fewer at once."""
    try:
        return node.logs(contract, first, last)
    except RangeTooLarge:
        if first == last:
            raise
        middle = (first + last) // 2
        return _logs(node, contract, first, middle) + _logs(node, contract, middle + 1, last)
