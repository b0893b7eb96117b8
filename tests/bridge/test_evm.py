"""A public chain through its nodes (B6): only what is final, by hash, told alike by all; a hostile node can delay or stop, never lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bridge.contracts import artifact
from bridge.deploy import deploy
from bridge.digests import Domain, MintAuth, digest
from bridge.errors import ChainUnreachable, FinalityBroken, NotFinal, ProvidersDiffer, TransactionRefused, WrongChain
from bridge.evm import EvmChain
from bridge.evm_node import EvmNode
from bridge.http_calls import HttpCalls, shown
from tests.bridge.anvil import RICH, Anvil
from tests.bridge.contracts.chain import Contract
from tests.bridge.contracts.test_deploy import PLAN
from tests.bridge.contracts.world import ADMIN, ALICE, CAROL, HOME, ROUTE
from tests.bridge.keys import keys, signed
from tests.bridge.servers import Answer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.network

OPEN = msgspec.structs.replace(
    PLAN,
    token=msgspec.structs.replace(PLAN.token, opening_supply=0, opening_holder="0x" + "00" * 20),
    opening=0,
    predecessor="0x" + "00" * 20,
    reserve_signers=(),
    reserve_threshold=0,
    reserve_required=False,
)


class Site:
    """A token and its bridge on a real node, and what people do with them."""

    def __init__(self, node: Anvil) -> None:
        self.node = node
        made = deploy(node.client, OPEN, RICH)
        self.token = Contract(node, made.token, artifact("SomToken").interface)
        self.bridge = Contract(node, made.bridge, artifact("SomBridge").interface)
        self.token.send(ADMIN, "setCeiling", made.bridge, 10**9)
        self.contract, self.coin = bytes.fromhex(made.bridge[2:]), bytes.fromhex(made.token[2:])

    def mint(self, nonce: int, amount: int) -> None:
        """Mint to Alice what three of four attestors signed."""
        self.bridge.send(CAROL, "mint", *self.leave(nonce, amount))

    def leave(self, nonce: int, amount: int) -> tuple[Any, bytes]:
        """Return the arguments of a mint."""
        auth = MintAuth(ROUTE, 1, nonce, bytes([nonce]) * 32, bytes.fromhex(ALICE[2:]), amount, 2**40, 10, bytes([1] * 32), 10_000, 0)
        return msgspec.structs.astuple(auth), signed(digest(Domain(56, self.contract), auth), keys(4)[:3])

    def burn(self, amount: int) -> None:
        """Have Alice burn."""
        self.token.send(ALICE, "approve", self.bridge.address, amount)
        self.bridge.send(ALICE, "burn", amount, HOME)

    def settle(self, blocks: int = 3) -> None:
        """Let blocks pass, so that what was done is final."""
        self.node.ask("anvil_mine", hex(blocks))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """One real node for the tests that need no reorganisation."""
    with Anvil(56) as node:
        yield Site(node)


def chain_of(*urls: str, agree: int = 1) -> EvmChain:
    """Return the chain behind these nodes."""
    return EvmChain([EvmNode(url) for url in urls], 56, agree)


def test_b6_only_final_blocks_are_seen_and_each_event_with_its_block(site: Site) -> None:
    """Goal: what is not final is not there. Method: a mint and a burn; before and after they are final; state and nonces at both."""
    chain = chain_of(site.node.url)
    site.settle()
    before = chain.final()
    site.mint(1, 500)
    site.burn(120)
    assert [seen.name for seen in chain.events(site.contract, before.number + 1, chain.final().number)] == ["Minted"]
    site.settle()
    after = chain.final()
    minted, burned = chain.events(site.contract, before.number + 1, after.number)
    assert (minted.name, minted.fields["nonce"], minted.fields["amount"], minted.fields["cumulativeMinted"]) == ("Minted", 1, 500, 500)
    assert (burned.name, burned.fields["ledgerRecipient"], burned.fields["cumulativeBurned"]) == ("Burned", HOME, 120)
    assert chain.block(burned.block.number) == burned.block
    assert chain.events(site.contract, after.number + 1, after.number) == ()
    assert (chain.state(site.contract, after)["cumulativeMinted"], chain.state(site.contract, before)["cumulativeMinted"]) == (500, 0)
    assert (chain.nonce_used(site.contract, 1, after), chain.nonce_used(site.contract, 1, before)) == (True, False)
    assert (chain.total_supply(site.coin, after), chain.total_supply(site.coin, before)) == (380, 0)
    with pytest.raises(NotFinal):
        chain.block(after.number + 1)
    with pytest.raises(NotFinal):
        chain.events(site.contract, after.number, after.number + 1)
    with pytest.raises(TransactionRefused):
        chain.total_supply(site.contract, after)


def test_b6_a_range_that_a_node_does_not_give_is_asked_for_in_halves(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: nothing is left out because a node gives little. Method: one event, two blocks at a time; all the same events come."""
    chain = chain_of(site.node.url)
    site.settle()
    last = chain.final().number
    whole = chain.events(site.contract, 0, last)
    monkeypatch.setattr("bridge.evm_node.LOGS_MAX", max(sum(one.block == seen.block for one in whole) for seen in whole))
    monkeypatch.setattr("bridge.evm.RANGE_BLOCKS_MAX", 3)
    assert len(whole) > 1
    assert chain.events(site.contract, 0, last) == whole


def test_b6_a_reorganisation_before_finality_releases_nothing() -> None:
    """Goal: a burn that the chain takes back was never seen. Method: a burn, a reorganisation over it, then finality."""
    with Anvil(56) as node:
        site = Site(node)
        site.mint(1, 500)
        site.settle()
        chain = chain_of(node.url)
        before = chain.final()
        site.burn(120)
        node.ask("anvil_reorg", 2, [])
        site.settle(6)
        after = chain.final()
        assert after.number > before.number + 2
        assert chain.events(site.contract, before.number + 1, after.number) == ()
        assert chain.state(site.contract, after)["cumulativeBurned"] == 0


def test_b6_a_reorganisation_past_finality_is_found() -> None:
    """Goal: what was final stays, or the attestor stops. Method: a reorganisation deeper than finality."""
    with Anvil(56) as node:
        site = Site(node)
        site.mint(1, 500)
        chain = chain_of(node.url)
        final = chain.final()
        node.ask("anvil_reorg", 4, [])
        node.ask("anvil_mine", "0x5")
        with pytest.raises(FinalityBroken, match=f"block {final.number} was final"):
            chain.final()


def test_b6_two_nodes_that_differ_stop_the_attestor_and_a_dead_one_does_not(site: Site) -> None:
    """Goal: an attestor does not choose whom to believe. Method: a fork of the chain at a second node; a node that is not there."""
    dead = "http://127.0.0.1:1"
    site.settle()
    with Anvil(56) as other:
        other.ask("anvil_mine", "0x20")
        with pytest.raises(ProvidersDiffer, match="differ on block"):
            chain_of(site.node.url, other.url, agree=2).final()
    assert chain_of(site.node.url, dead).final() == chain_of(dead, site.node.url).final()
    with pytest.raises(ChainUnreachable, match=dead):
        chain_of(site.node.url, dead, agree=2).final()
    with pytest.raises(ChainUnreachable):
        chain_of(dead, agree=9).final()


def test_a_node_of_another_chain_is_refused(site: Site) -> None:
    """Goal: nothing of a test network is taken for the real one. Method: the id that was meant is another."""
    with pytest.raises(WrongChain):
        EvmChain([EvmNode(site.node.url)], 1).final()


HASH = "0x" + "11" * 32
BLOCK: dict[str, Any] = {"number": "0x10", "hash": HASH, "timestamp": "0x64"}
LOG: dict[str, Any] = {
    "address": "0x" + "00" * 20,
    "topics": [HASH],
    "data": "0x",
    "blockNumber": "0x5",
    "blockHash": HASH,
    "transactionHash": HASH,
    "logIndex": "0x0",
    "removed": False,
}


def hostile(results: dict[str, Any]) -> Any:  # noqa: ANN401 - a context manager of the server
    """Serve a node that answers each method with what the test says; the rest with null."""

    def answer(_: str, document: dict[str, Any]) -> Answer:
        result = results.get(document["method"])
        return Answer(result if isinstance(result, bytes) else msgspec.json.encode({"id": document["id"], "result": result}))

    return serving(answer)


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_b6_no_block_of_a_range_is_left_out_however_little_a_node_gives(most: int) -> None:
    """Goal: every block is asked for once. Method: an event in each of 17 blocks; a node that gives at most so many blocks at once."""
    topic = "0x" + artifact("SomBridge").interface.event_topic("LimitsCancelled").hex()

    def answer(_: str, document: dict[str, Any]) -> Answer:
        method, asked = document["method"], document["params"]
        if method == "eth_getLogs":
            first, last = int(asked[0]["fromBlock"], 16), int(asked[0]["toBlock"], 16)
            if last - first >= most:
                return Answer(msgspec.json.encode({"id": document["id"], "error": {"code": -32005, "message": "range too large"}}))
            result: Any = [LOG | {"topics": [topic], "blockNumber": hex(number)} for number in range(first, last + 1)]
        elif method == "eth_getBlockByNumber":
            result = BLOCK | {"number": "0x14" if asked[0] == "finalized" else asked[0]}
        else:
            result = "0x38"
        return Answer(msgspec.json.encode({"id": document["id"], "result": result}))

    with serving(answer) as url:
        assert [seen.block.number for seen in chain_of(url).events(bytes(20), 3, 19)] == list(range(3, 20))


@pytest.mark.parametrize(
    "result",
    [
        None,
        1,
        "0x10",
        [],
        {},
        BLOCK | {"number": "0x"},
        BLOCK | {"number": "0x_1"},
        BLOCK | {"number": "16"},
        BLOCK | {"number": "0x" + "f" * 40},
        BLOCK | {"number": "0x" + "f" * 100_000},
        BLOCK | {"number": "0x11"},
        BLOCK | {"hash": "0x11"},
        BLOCK | {"hash": "0x" + "zz" * 32},
        BLOCK | {"timestamp": None},
        b"",
        b"no json",
        b"[" * 100_000,
        b'{"id": 99, "result": null}',
        b'{"id": 1, "error": {"code": -32000, "message": "busy"}}',
        b'{"id": 1, "result": "' + b"x" * 200_000 + b'"}',
    ],
    ids=lambda result: str(result)[:40],
)
def test_b6_a_hostile_block_is_refused_by_type(result: Any) -> None:  # noqa: ANN401
    """Goal: no answer stops the process or is taken for what it is not. Method: answers of every wrong form, and one too long."""
    with hostile({"eth_getBlockByNumber": result}) as url, pytest.raises(ChainUnreachable):
        EvmNode(url, HttpCalls(url, bytes_max=150_000)).block(16)


@pytest.mark.parametrize(
    "logs",
    [
        None,
        "0x",
        [LOG | {"removed": True}],
        [LOG | {"address": "0x" + "01" * 20}],
        [LOG | {"topics": [HASH] * 5}],
        [LOG | {"topics": ["0x11"]}],
        [LOG | {"data": "0x1"}],
        [LOG | {"data": "0x" + "00" * 70_000}],
        [LOG | {"blockNumber": "0x3"}],
        [LOG | {"blockNumber": "0x9"}],
        [LOG | {"blockHash": None}],
        [LOG, LOG],
        [LOG | {"logIndex": "0x1"}, LOG],
        [LOG | {"blockNumber": "0x6"}, LOG],
        [LOG | {"logIndex": hex(at)} for at in range(10_001)],
    ],
    ids=lambda logs: str(logs)[:60],
)
def test_b6_hostile_events_are_refused_by_type(logs: Any) -> None:  # noqa: ANN401
    """Goal: events of this contract, of these blocks, in order, none that was taken back. Method: each of it otherwise."""
    with hostile({"eth_getLogs": logs}) as url, pytest.raises(ChainUnreachable):
        EvmNode(url).logs(bytes(20), 4, 8)


def test_b6_an_event_that_names_another_block_than_the_final_one_is_not_taken() -> None:
    """Goal: by block hash, not by number. Method: a node whose event is of a block that it does not itself give at that number."""
    told = BLOCK | {"number": "0x5"}
    results = {"eth_chainId": "0x38", "eth_getBlockByNumber": told, "eth_getLogs": [LOG | {"blockHash": "0x" + "22" * 32}]}
    with hostile(results) as url, pytest.raises(ChainUnreachable, match="another block"):
        chain_of(url).events(bytes(20), 5, 5)


def test_a_node_that_redirects_or_fails_is_unreachable_and_its_key_is_not_shown() -> None:
    """Goal: no request goes where nobody sent it, no secret into a log. Method: a redirect, a status, URLs with a key or none."""
    with serving(lambda _, __: Answer(b"", 302, "http://127.0.0.1:1/")) as url, pytest.raises(ChainUnreachable, match="302"):
        EvmNode(url).chain_id()
    with serving(lambda _, __: Answer(b"{}", 500)) as url, pytest.raises(ChainUnreachable, match="500"):
        EvmNode(url).chain_id()
    assert shown("https://user:word@node.example:8545/v3/0123456789abcdef?key=1") == "https://node.example:8545"
    assert shown("http://[") == "a URL that is none"
    for url in ("no url", "http://[", "http://127.0.0.1:99999/secret"):
        with pytest.raises(ChainUnreachable) as caught:
            EvmNode(url).chain_id()
        assert "secret" not in str(caught.value)


def test_b6_a_node_that_drips_its_answer_holds_nobody() -> None:
    """Goal: all of an answer in time, or none. Method: a byte now and then, each well within any time limit of a socket."""
    with serving(lambda _, __: Answer(b"{", drips=True)) as url, pytest.raises(ChainUnreachable, match="within"):
        EvmNode(url, HttpCalls(url, seconds_max=0.3)).chain_id()


def test_b6_a_good_answer_that_is_too_long_or_to_another_request_is_none() -> None:
    """Goal: memory is not the node's to take, and answers are not mixed up. Method: a block that is well, with padding; with another id."""
    good = msgspec.json.encode({"id": 1, "result": BLOCK})
    with serving(lambda _, __: Answer(good)) as url:
        assert EvmNode(url).block(16).number == 16
    with serving(lambda _, __: Answer(good + b" " * 200_000)) as url, pytest.raises(ChainUnreachable, match="more than 150000 bytes"):
        EvmNode(url, HttpCalls(url, bytes_max=150_000)).block(16)
    with serving(lambda _, __: Answer(good.replace(b'"id":1', b'"id":9'))) as url, pytest.raises(ChainUnreachable, match="another request"):
        EvmNode(url).block(16)
    with serving(lambda _, __: Answer(good, encoding="gzip")) as url, pytest.raises(ChainUnreachable, match="packed"):
        EvmNode(url).block(16)
