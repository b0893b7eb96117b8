"""Whatever a node of a public chain answers, the bridge gives a typed value or a typed error: it never stops on it, never hangs (B6)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.chains import ForeignBlock
from bridge.errors import BridgeError
from bridge.evm import EvmChain
from bridge.evm_node import EvmNode
from bridge.http_calls import HttpCalls
from bridge.tron_chain import TronChain, TronSender
from bridge.tron_node import TronBlock, TronNode
from tests.bridge.test_tron_chain import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "http://node.example"
AT = ForeignBlock(1, bytes(32), 1)
TRON_AT = TronBlock(AT, 1_000, (bytes(32),))
CONTRACT = bytes(20)

hexes = st.one_of(
    st.sampled_from(("", "0x", "0x0", "0x1", "0x38", "11" * 32, "0x" + "00" * 32, "0x" + "11" * 20, "41" + "11" * 20)),
    st.binary(max_size=40).map(lambda value: "0x" + value.hex()),
    st.text(max_size=5),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), hexes)
EVM_NAMES = (
    "number",
    "hash",
    "timestamp",
    "address",
    "topics",
    "data",
    "blockNumber",
    "blockHash",
    "transactionHash",
    "logIndex",
    "removed",
)
TRON_NAMES = (
    *(
        "blockID",
        "block_header",
        "raw_data",
        "timestamp",
        "number",
        "transactions",
        "txID",
        "id",
        "log",
        "receipt",
        "result",
        "ret",
        "code",
    ),
    *(
        "energy_used",
        "constant_result",
        "transaction",
        "chainParameter",
        "key",
        "value",
        "message",
        "topics",
        "address",
        "data",
        "blockNumber",
    ),
)


def shapes(names: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Return JSON that has the names which a node uses, at any place and with any value."""
    return st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(names), inner, max_size=6)),
        max_leaves=12,
    )


class Said(HttpCalls):
    """A node that answers every request with the same bytes, once its id is in place."""

    def __init__(self, made: Callable[[Any], bytes]) -> None:
        super().__init__(URL)
        self._made = made

    def post(self, path: str, document: bytes) -> bytes:
        """Answer."""
        return self._made(msgspec.json.decode(document) | {"path": path})


def evm_uses(node: EvmNode) -> list[Callable[[], object]]:
    """Return everything that is asked of a node of an EVM chain."""
    chain = EvmChain([node], 56)
    return [
        node.chain_id,
        node.final_number,
        node.market,
        lambda: node.block(1),
        lambda: node.logs(CONTRACT, 0, 9),
        lambda: node.call(CONTRACT, b"", AT),
        lambda: node.estimate(CONTRACT, CONTRACT, b""),
        lambda: node.sent_count(CONTRACT),
        lambda: node.broadcast(b""),
        lambda: node.receipt(bytes(32)),
        chain.final,
        lambda: chain.events(CONTRACT, 0, 1),
        lambda: chain.state(CONTRACT, AT),
        lambda: chain.nonce_used(CONTRACT, 1, AT),
        lambda: chain.total_supply(CONTRACT, AT),
    ]


def tron_uses(node: TronNode) -> list[Callable[[], object]]:
    """Return everything that is asked of a node of Tron."""
    chain = TronChain([node])
    return [
        node.solid,
        node.newest,
        node.energy_price,
        lambda: node.block(1),
        lambda: node.logs(CONTRACT, TRON_AT),
        lambda: node.call(CONTRACT, b""),
        lambda: node.attempt(CONTRACT, CONTRACT, b""),
        lambda: node.broadcast(b""),
        lambda: node.receipt(bytes(32)),
        chain.final,
        lambda: chain.events(CONTRACT, 0, 1),
        lambda: chain.total_supply(CONTRACT, AT),
        lambda: chain.nonce_used(CONTRACT, 1, AT),
        lambda: TronSender([node], KEY).carry(CONTRACT, b"data"),
    ]


@given(shapes(EVM_NAMES), st.sampled_from(("result", "error")))
def test_any_json_of_an_evm_node_is_a_value_or_a_typed_error(answer: Any, where: str) -> None:  # noqa: ANN401
    """Goal: nothing but `BridgeError` comes out. Method: property, over all that is asked."""
    for use in evm_uses(EvmNode(URL, Said(lambda asked: msgspec.json.encode({"id": asked["id"], where: answer})))):
        with suppress(BridgeError):
            use()


@given(shapes(TRON_NAMES))
def test_any_json_of_a_tron_node_is_a_value_or_a_typed_error(answer: Any) -> None:  # noqa: ANN401
    """Goal: nothing but `BridgeError` comes out. Method: property, over all that is asked."""
    for use in tron_uses(TronNode(URL, Said(lambda _: msgspec.json.encode(answer)))):
        with suppress(BridgeError):
            use()


@given(st.binary(max_size=60))
def test_any_bytes_are_a_typed_error(answer: bytes) -> None:
    """Goal: the same of what is no JSON. Method: property."""
    for use in (*evm_uses(EvmNode(URL, Said(lambda _: answer))), *tron_uses(TronNode(URL, Said(lambda _: answer)))):
        with suppress(BridgeError):
            use()


@pytest.mark.parametrize("depth", [10, 2_000, 200_000])
def test_nesting_without_end_is_a_typed_error(depth: int) -> None:
    """Goal: no answer exhausts the stack. Method: lists in lists."""
    for node in (EvmNode(URL, Said(lambda _: b"[" * depth)), TronNode(URL, Said(lambda _: b'{"block_header":' * depth))):
        with pytest.raises(BridgeError):
            node.block(1)
