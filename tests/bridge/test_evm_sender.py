"""Carrying messages to a contract: once, whatever is repeated, lost or restarted, and never for more than allowed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.contracts import artifact
from bridge.errors import ChainUnreachable, PriceTooHigh, TransactionRefused
from bridge.evm_fees import FEE_MAX, GWEI, TIP_MIN, Limits, Price, bid, raised
from bridge.evm_node import EvmNode, Market
from bridge.evm_sender import RESEND_SECONDS, Call, EvmSender, signed_transaction
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


def purse(site: Site) -> int:
    """Return what the account that pays has, wei."""
    return int(str(site.node.ask("eth_getBalance", "0x" + KEY.address.hex(), "latest")), 16)


def minted(site: Site) -> int:
    """Return what was minted there, in the newest block."""
    total = INTERFACE.record("state", site.node.client.call(site.bridge.address, INTERFACE.call("state", ())))["cumulativeMinted"]
    assert isinstance(total, int)
    return total


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**70),
    st.none() | st.integers(0, 2**70),
    st.integers(0, 2**63 - 1),
    st.binary(max_size=300),
    st.integers(1, 2**40),
)
def test_transactions_are_the_bytes_that_eth_account_makes(
    nonce: int, most: int, tip: int | None, gas: int, data: bytes, chain_id: int
) -> None:
    """Goal: the chain takes what we sign by an interface that an HSM has, too. Method: property, against the reference, both forms."""
    most = most if tip is None else max(most, tip)
    fees = {"gasPrice": most} if tip is None else {"maxFeePerGas": most, "maxPriorityFeePerGas": tip, "accessList": []}
    fields = {"to": bytes([7] * 20), "data": data, "value": 0, "gas": gas, "nonce": nonce, "chainId": chain_id, **fees}
    ours = signed_transaction(KEY, chain_id, Call(nonce, Price(most, tip), gas, bytes([7] * 20), data))
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
    """Goal: no node's price empties the purse. Method: a limit of one wei, for all and for each unit of gas."""
    for limits in (Limits(cost=1), Limits(fee=1)):
        with pytest.raises(PriceTooHigh, match="nothing was sent"):
            EvmSender([EvmNode(site.node.url)], 56, KEY, limits=limits).carry(site.contract, mint(site, 1))
    assert minted(site) == 0


def sent_as(site: Site, tx_hash: bytes) -> dict[str, int]:
    """Return the numbers of a transaction as the node shows them."""
    found = site.node.ask("eth_getTransactionByHash", "0x" + tx_hash.hex())
    assert isinstance(found, Mapping)
    names = ("type", "nonce", "gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas")
    return {name: int(found[name], 16) for name in names if name in found}


def test_with_a_base_fee_what_is_over_comes_back(site: Site) -> None:
    """Goal: type 2, twice the base fee and a tip offered, base fee and tip paid. Method: a base fee; the transaction, and the purse."""
    site.node.ask("anvil_setNextBlockBaseFeePerGas", hex(7 * GWEI))
    site.node.ask("evm_mine")
    sender = EvmSender([EvmNode(site.node.url)], 56, KEY)
    before = purse(site)
    sent = sent_as(site, sender.carry(site.contract, mint(site, 1)).tx_hash)
    site.node.ask("evm_mine")
    assert sender.carry(site.contract, mint(site, 1)).mined
    tip = sent["maxPriorityFeePerGas"]
    assert (sent["type"], sent["maxFeePerGas"]) == (2, 14 * GWEI + tip)
    assert 0 < before - purse(site) <= sent["gas"] * (8 * GWEI + tip), "the base fee rose by an eighth at most"


def test_without_a_base_fee_the_old_form_is_sent() -> None:
    """Goal: chains from before EIP-1559. Method: a node of Berlin's rules; a stuck transaction is replaced there, too."""
    with Anvil(56, hardfork="berlin") as node:
        site, clock = Site(node), Clock()
        site.node.ask("evm_setAutomine", False)  # noqa: FBT003
        sender = EvmSender([EvmNode(node.url)], 56, KEY, now=clock)
        first = sender.carry(site.contract, mint(site, 1))
        clock.seconds = RESEND_SECONDS
        second = sender.carry(site.contract, mint(site, 1))
        was, now = (sent_as(site, each.tx_hash) if each is second else {} for each in (first, second))
        assert (now["type"], "maxFeePerGas" in now, was) == (0, False, {})
        site.node.ask("evm_mine")
        assert sender.carry(site.contract, mint(site, 1)).mined
        assert minted(site) == 100


def test_a_stuck_transaction_is_replaced_at_the_same_nonce_an_eighth_dearer_up_to_the_ceiling(site: Site) -> None:
    """Goal: neither stuck below the ceiling nor above it. Method: no blocks; the base fee rises past what was offered; a low ceiling."""
    site.node.ask("evm_setAutomine", False)  # noqa: FBT003
    clock = Clock()
    sender = EvmSender([EvmNode(site.node.url)], 56, KEY, limits=Limits(fee=3 * GWEI), now=clock)
    sent = [sent_as(site, sender.carry(site.contract, mint(site, 1)).tx_hash)]
    with suppress(PriceTooHigh):
        for _ in range(40):
            clock.seconds += RESEND_SECONDS
            sent.append(sent_as(site, sender.carry(site.contract, mint(site, 1)).tx_hash))
    assert 2 < len(sent) < 40
    for before, after in pairwise(sent):
        assert before["nonce"] == after["nonce"]
        for name in ("maxFeePerGas", "maxPriorityFeePerGas"):
            assert before[name] * 9 // 8 < after[name] <= 3 * GWEI
    site.node.ask("evm_mine")
    assert sender.carry(site.contract, mint(site, 1)).mined, "what was sent last may still be taken"
    assert minted(site) == 100


@given(
    st.none() | st.integers(0, 2**256 - 1) | st.integers(0, 10**12),
    st.integers(0, 2**256 - 1) | st.integers(0, 10**12),
    st.integers(21_000, 2**63) | st.integers(21_000, 10**6),
    st.none() | st.builds(Price, st.integers(0, 10**12), st.none() | st.integers(0, 10**12)),
)
def test_no_market_is_paid_more_than_the_limits_allow(base: int | None, suggested: int, gas: int, floor: Price | None) -> None:
    """Goal: whatever a node says, both ceilings hold, the tip fits, and what is replaced is outbid. Method: property."""
    limits, market = Limits(), Market(base, suggested)
    ceiling = min(FEE_MAX, limits.cost // gas)
    outbid = (0, 0) if floor is None else (floor.most, floor.most if floor.tip is None else floor.tip)
    tip = max(suggested, outbid[1], TIP_MIN)
    if max(outbid[0], suggested if base is None else base + tip) > ceiling:
        with pytest.raises(PriceTooHigh, match="nothing was sent"):
            bid(market, gas, limits, floor)
        return
    price = bid(market, gas, limits, floor)
    assert outbid[0] <= price.most <= ceiling
    assert price.tip == (None if base is None else tip)
    assert price.most >= suggested + (base or 0), "the next block takes it"


def test_the_headroom_gives_way_to_a_ceiling_and_what_is_replaced_is_outbid() -> None:
    """Goal: sent whenever the next block takes it for what is allowed. Method: each bound in turn, as numbers."""
    market = Market(300 * GWEI, GWEI)
    assert bid(market, 21_000, Limits()) == Price(FEE_MAX, GWEI)
    assert bid(market, 21_000, Limits(fee=301 * GWEI)) == Price(301 * GWEI, GWEI)
    assert bid(market, 200_000, Limits(fee=700 * GWEI, cost=200_000 * 400 * GWEI)) == Price(400 * GWEI, GWEI)
    assert bid(market, 21_000, Limits(fee=700 * GWEI), Price(650 * GWEI, 2 * GWEI)) == Price(650 * GWEI, 2 * GWEI)
    assert bid(Market(None, GWEI), 21_000, Limits(), Price(2 * GWEI, None)) == Price(2 * GWEI, None)
    assert bid(Market(0, 0), 21_000, Limits()) == Price(TIP_MIN, TIP_MIN)
    with pytest.raises(PriceTooHigh):
        bid(market, 21_000, Limits(fee=301 * GWEI - 1))


def dear_node(limit: int, sent: list[str]) -> Any:  # noqa: ANN401 - a context manager of the server
    """Serve a node that finds the first `limit` prices too low."""

    def answer(_: str, document: dict[str, Any]) -> Answer:
        method = document["method"]
        if method == "eth_sendRawTransaction":
            sent.append(document["params"][0])
            if len(sent) <= limit:
                fault = {"code": -32000, "message": "replacement transaction underpriced"}
                return Answer(msgspec.json.encode({"id": document["id"], "error": fault}))
        block = {"number": "0x1", "hash": "0x" + "00" * 32, "timestamp": "0x1", "baseFeePerGas": "0x64"}
        result = block if method == "eth_getBlockByNumber" else "0x64"
        return Answer(msgspec.json.encode({"id": document["id"], "result": result}))

    return serving(answer)


def test_a_price_that_is_too_low_to_replace_is_raised_until_it_is_enough_or_the_node_is_mad() -> None:
    """Goal: a transaction of before a restart is replaced. Method: a node that wants three raises; one that always wants more."""
    sent: list[str] = []
    with dear_node(3, sent) as url:
        assert not EvmSender([EvmNode(url)], 56, KEY).carry(bytes(20), b"data").mined
    assert len(set(sent)) == 4
    with dear_node(10**6, sent) as url, pytest.raises(ChainUnreachable, match="every price"):
        EvmSender([EvmNode(url)], 56, KEY).carry(bytes(20), b"data")
    assert raised(Price(100, 0)) == Price(113, 1)
    assert raised(Price(0, None)) == Price(1, None)


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
