"""Carrying messages to a contract: once, whatever is repeated, lost or restarted, and never for more than allowed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.contracts import artifact
from bridge.errors import ChainUnreachable, PriceTooHigh, TransactionRefused
from bridge.evm_node import EvmNode
from bridge.evm_sender import RESEND_SECONDS, EvmSender, raised, signed_transaction
from bridge.keys import FileKey
from tests.bridge.anvil import RICH, Anvil
from tests.bridge.servers import Answer, serving
from tests.bridge.test_evm import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.network

INTERFACE = artifact("SomBridge").interface
KEY = FileKey(RICH)
DEAD = "http://127.0.0.1:1"


class Clock:
    """Seconds that pass when the test says so."""

    seconds = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


@pytest.fixture
def site() -> Iterator[Site]:
    """One real node for each test: they stop its mining."""
    with Anvil(56) as node:
        yield Site(node)


def mint(site: Site, nonce: int) -> bytes:
    """Return the call that mints a lock."""
    return INTERFACE.call("mint", site.leave(nonce, 100))


def minted(site: Site) -> int:
    """Return what was minted there, in the newest block."""
    total = INTERFACE.record("state", site.node.client.call(site.bridge.address, INTERFACE.call("state", ())))["cumulativeMinted"]
    assert isinstance(total, int)
    return total


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**70),
    st.integers(0, 2**63 - 1),
    st.binary(max_size=300),
    st.integers(1, 2**40),
)
def test_transactions_are_the_bytes_that_eth_account_makes(nonce: int, price: int, gas: int, data: bytes, chain_id: int) -> None:
    """Goal: the chain takes what we sign by an interface that an HSM has, too. Method: property, against the reference."""
    fields = {"to": bytes([7] * 20), "data": data, "value": 0, "gas": gas, "gasPrice": price, "nonce": nonce, "chainId": chain_id}
    ours = signed_transaction(KEY, chain_id, (nonce, price, gas, bytes([7] * 20), 0, data))
    assert ours == bytes(Account.sign_transaction(fields, RICH).raw_transaction)


def test_a_message_is_carried_once_whatever_is_repeated(site: Site) -> None:
    """Goal: idempotent. Method: carry, carry again, again from a new process, and the same message by another account."""
    sender = EvmSender([EvmNode(DEAD), EvmNode(site.node.url)], 56, KEY)
    first = sender.carry(site.contract, mint(site, 1))
    site.node.ask("evm_mine")  # a block by its own mining comes when it comes
    again = sender.carry(site.contract, mint(site, 1))
    assert (first.mined, again.mined, again.tx_hash) == (False, True, first.tx_hash)
    for one in (sender, EvmSender([EvmNode(site.node.url)], 56, KEY)):
        with pytest.raises(TransactionRefused) as caught:
            one.carry(site.contract, mint(site, 1))
        assert INTERFACE.refusal(caught.value.data).name == "NonceUsed"
    assert minted(site) == 100
    assert not sender.carry(site.contract, mint(site, 2)).mined
    site.node.ask("evm_mine")
    assert sender.carry(site.contract, mint(site, 2)).mined


def test_what_no_block_takes_is_sent_again_dearer_and_only_then(site: Site) -> None:
    """Goal: neither stuck nor twice. Method: no blocks; within the wait nothing is sent; after it the price rises; one of both is mined."""
    site.node.ask("evm_setAutomine", False)  # noqa: FBT003 - what the node wants
    clock = Clock()
    sender = EvmSender([EvmNode(site.node.url)], 56, KEY, now=clock)
    first = sender.carry(site.contract, mint(site, 1))
    clock.seconds = RESEND_SECONDS - 1
    assert sender.carry(site.contract, mint(site, 1)) == first
    assert sender.carry(site.contract, mint(site, 2)) == first, "one is in flight at a time"
    clock.seconds = RESEND_SECONDS
    second = sender.carry(site.contract, mint(site, 1))
    assert second.tx_hash != first.tx_hash
    site.node.ask("evm_mine")
    assert sender.carry(site.contract, mint(site, 1)).mined
    assert minted(site) == 100


def test_a_restart_replaces_what_is_in_flight_or_finds_it_done(site: Site) -> None:
    """Goal: nothing on disk, nothing lost or doubled. Method: new senders one after another while no block comes; then blocks."""
    site.node.ask("evm_setAutomine", False)  # noqa: FBT003
    for nonce in (1, 1, 2):
        assert not EvmSender([EvmNode(site.node.url)], 56, KEY).carry(site.contract, mint(site, nonce)).mined
    site.node.ask("evm_mine")
    site.node.ask("evm_setAutomine", True)  # noqa: FBT003
    last = EvmSender([EvmNode(site.node.url)], 56, KEY)
    for nonce in (1, 2):
        with suppress(TransactionRefused):  # done before the restart
            last.carry(site.contract, mint(site, nonce))
        site.node.ask("evm_mine")
    assert minted(site) == 200


def test_another_message_takes_the_place_of_one_that_no_block_takes(site: Site) -> None:
    """Goal: one message that nobody mines does not stop the rest. Method: no blocks; another message after the wait."""
    site.node.ask("evm_setAutomine", False)  # noqa: FBT003
    clock = Clock()
    sender = EvmSender([EvmNode(site.node.url)], 56, KEY, now=clock)
    sender.carry(site.contract, mint(site, 1))
    clock.seconds = RESEND_SECONDS
    other = sender.carry(site.contract, mint(site, 2))
    site.node.ask("evm_mine")
    assert sender.carry(site.contract, mint(site, 2)) == msgspec.structs.replace(other, mined=True)
    assert minted(site) == 100


def test_nothing_is_paid_above_the_limit(site: Site) -> None:
    """Goal: no node's price empties the purse. Method: a limit of one wei; a node that names a mad price and counts what is sent."""
    with pytest.raises(PriceTooHigh, match="allowed are 1 "):
        EvmSender([EvmNode(site.node.url)], 56, KEY, cost_max=1).carry(site.contract, mint(site, 1))
    assert minted(site) == 0


def dear_node(limit: int, sent: list[str]) -> Any:  # noqa: ANN401 - a context manager of the server
    """Serve a node that finds the first `limit` prices too low."""

    def answer(_: str, document: dict[str, Any]) -> Answer:
        method = document["method"]
        if method == "eth_sendRawTransaction":
            sent.append(document["params"][0])
            if len(sent) <= limit:
                fault = {"code": -32000, "message": "replacement transaction underpriced"}
                return Answer(msgspec.json.encode({"id": document["id"], "error": fault}))
        return Answer(msgspec.json.encode({"id": document["id"], "result": "0x64"}))

    return serving(answer)


def test_a_price_that_is_too_low_to_replace_is_raised_until_it_is_enough_or_the_node_is_mad() -> None:
    """Goal: a transaction of before a restart is replaced. Method: a node that wants three raises; one that always wants more."""
    sent: list[str] = []
    with dear_node(3, sent) as url:
        assert not EvmSender([EvmNode(url)], 56, KEY).carry(bytes(20), b"data").mined
    assert len(set(sent)) == 4
    with dear_node(10**6, sent) as url, pytest.raises(ChainUnreachable, match="every price"):
        EvmSender([EvmNode(url)], 56, KEY).carry(bytes(20), b"data")
    assert raised(0) == 1
    assert raised(100) >= 112


def test_a_message_that_reverts_in_its_block_is_refused(site: Site) -> None:
    """Goal: no success is claimed. Method: it is good when tried, and minting is paused before the block."""
    site.node.ask("evm_setAutomine", False)  # noqa: FBT003
    sender = EvmSender([EvmNode(site.node.url)], 56, KEY)
    data = mint(site, 1)
    sender.carry(site.contract, data)
    node = EvmNode(site.node.url)
    slot = {
        "from": "0x" + KEY.address.hex(),
        "to": site.bridge.address,
        "data": "0x" + data.hex(),
        "gas": "0x989680",
        "gasPrice": "0xffffffff",
    }
    slot["nonce"] = hex(node.sent_count(KEY.address))
    site.node.ask("eth_sendTransaction", slot | {"gas": "0x7530"})  # takes the nonce, and fails
    site.node.ask("evm_mine")
    assert not sender.carry(site.contract, data).mined
    site.node.ask("evm_mine")  # itself, not by automine: that comes when it comes
    assert sender.carry(site.contract, data).mined
    site.node.ask("evm_setAutomine", True)  # noqa: FBT003
    assert minted(site) == 100
