"""What an EVM node is asked (B6): a state by the hash of a final block, the final block by that name. No chain's software is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bridge.chains import ForeignBlock
from bridge.evm_node import EvmNode
from tests.bridge.servers import Answer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.network

AT = ForeignBlock(7, b"\x07" * 32, 1_800_000_000)
CONTRACT = b"\xb1" * 20


class Recording:
    """A node that keeps what it was asked, and answers one thing."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.result: Any = "0x"

    def answer(self, _: str, document: dict[str, Any]) -> Answer:
        """Note the request."""
        self.asked.append((document["method"], document["params"]))
        return Answer(msgspec.json.encode({"jsonrpc": "2.0", "id": document["id"], "result": self.result}))


@pytest.fixture
def recorded() -> Iterator[tuple[Recording, EvmNode]]:
    """Return a node and the client that asks it."""
    node = Recording()
    with serving(node.answer) as url:
        yield node, EvmNode(url)


def test_b6_a_contract_is_asked_for_its_state_after_a_block_named_by_hash(recorded: tuple[Recording, EvmNode]) -> None:
    """Goal: no answer of the newest state, and none of a block that was taken back (EIP-1898). Method: the request as it went out."""
    node, client = recorded
    node.result = "0x" + "00" * 32
    assert client.call(CONTRACT, b"\x01\x02", AT) == bytes(32)
    ((method, (call, where)),) = node.asked
    assert (method, call) == ("eth_call", {"to": "0x" + CONTRACT.hex(), "data": "0x0102"})
    assert where == {"blockHash": "0x" + AT.hash.hex(), "requireCanonical": True}


def test_b6_the_final_block_is_asked_for_by_that_name(recorded: tuple[Recording, EvmNode]) -> None:
    """Goal: the chain's own consensus says what is final. Method: the request as it went out."""
    node, client = recorded
    node.result = {"number": "0x7", "hash": "0x" + AT.hash.hex(), "timestamp": hex(AT.time), "parentHash": "0x" + "06" * 32}
    assert client.final_number() == AT.number
    assert node.asked == [("eth_getBlockByNumber", ["finalized", False])]
