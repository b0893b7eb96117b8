"""Tron's HTTP interface, against a local server that answers in the recorded shapes (no node of Tron runs on a developer's machine)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from eth_abi.abi import encode

from bridge.contracts import artifact
from bridge.errors import (
    ChainUnreachable,
    FinalityBroken,
    NotFinal,
    PriceTooHigh,
    ProvidersDiffer,
    StateGone,
    TransactionRefused,
)
from bridge.identifiers import ledger_recipient
from bridge.keys import FileKey
from bridge.tron import transaction_id
from bridge.tron_chain import BACK_BLOCKS_MAX, CHAIN_ID, EXPIRES_MS, TronChain, TronSender
from bridge.tron_node import TronNode
from tests.bridge.servers import Answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.network

BRIDGE, TOKEN, OTHER = (bytes([byte]) * 20 for byte in (0xB1, 0x70, 0x0E))
HOLDER = "0x" + "aa" * 20
BRIDGES, TOKENS = artifact("SomBridge").interface, artifact("SomToken").interface
KEY = FileKey(bytes(31) + b"\x07")
BURNED, TRANSFER = BRIDGES.event_topic("Burned"), TOKENS.event_topic("Transfer")


def word(number: int) -> bytes:
    """Return a number as a topic."""
    return number.to_bytes(32, "big")


def burn_log(nonce: int, amount: int, total: int, contract: bytes = BRIDGE) -> dict[str, Any]:
    """Return a burn as Tron shows it: addresses without 0x41, no 0x anywhere."""
    data = encode(["uint256", "uint256"], [amount, total])
    topics = [BURNED, word(nonce), word(int(HOLDER, 16)), ledger_recipient("bank-a/main")]
    return {"address": contract.hex(), "topics": [topic.hex() for topic in topics], "data": data.hex()}


def transfer_log(source: int, target: int) -> dict[str, Any]:
    """Return a transfer of the token."""
    return {"address": TOKEN.hex(), "topics": [each.hex() for each in (TRANSFER, word(source), word(target))], "data": word(5).hex()}


class FakeTron:
    """A chain of Tron: blocks with transactions that log, a solid head, and contracts that answer what the test says."""

    def __init__(self) -> None:
        self.blocks: list[list[list[dict[str, Any]]]] = []
        self.solid = 0
        self.salt = b""
        self.answers: dict[bytes, bytes] = {}
        self.reverts: dict[bytes, bytes] = {}
        self.sent: list[str] = []
        self.receipts: dict[str, str] = {}
        self.changed: dict[str, Callable[[Any], Any]] = {}
        """By path: what a hostile node makes of the honest answer."""
        self.seconds = 1_800_000_000
        self.add([])

    def add(self, *transactions: list[dict[str, Any]], solid: bool = True) -> int:
        """Make a block of transactions, each a list of its events."""
        self.blocks.append(list(transactions))
        self.solid = len(self.blocks) - 1 if solid else self.solid
        return len(self.blocks) - 1

    def id_of(self, number: int) -> str:
        """Return a block's id, which begins with its number."""
        return number.to_bytes(8, "big").hex() + sha256(self.salt + word(number)).hexdigest()[16:]

    def tx_of(self, number: int, place: int) -> str:
        """Return a transaction's id."""
        return sha256(b"%d %d" % (number, place)).hexdigest()

    def block(self, number: int) -> dict[str, Any]:
        """Return a block as getnowblock and getblockbynum do; nothing where there is none."""
        if number >= len(self.blocks):
            return {}
        raw = {"number": number, "txTrieRoot": "00" * 32, "witness_address": "41" + "67" * 20, "parentHash": "00" * 32, "version": 27}
        raw["timestamp"] = (self.seconds + 3 * number) * 1_000
        made: dict[str, Any] = {"blockID": self.id_of(number), "block_header": {"raw_data": raw, "witness_signature": "00" * 65}}
        if self.blocks[number]:
            made["transactions"] = [
                {"ret": [{"contractRet": "SUCCESS"}], "signature": ["00" * 65], "txID": self.tx_of(number, place), "raw_data": {}}
                for place in range(len(self.blocks[number]))
            ]
        return made

    def infos(self, number: int) -> list[dict[str, Any]]:
        """Return what gettransactioninfobyblocknum does."""
        return [
            {
                "id": self.tx_of(number, place),
                "fee": 345_000,
                "blockNumber": number,
                "blockTimeStamp": self.seconds * 1_000,
                "contractResult": [""],
                "contract_address": "41" + BRIDGE.hex(),
                "receipt": {"energy_usage_total": 31_000, "net_usage": 345, "result": "SUCCESS"},
                **({"log": logs} if logs else {}),
            }
            for place, logs in enumerate(self.blocks[number])
        ]

    def tried(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return what triggerconstantcontract does."""
        data = bytes.fromhex(document["data"])
        made = {"txID": "00" * 32, "raw_data": {}, "ret": [{}]}
        if data in self.reverts:
            made["ret"] = [{"ret": "FAILED"}]
            result = {"result": True, "message": b"REVERT opcode executed".hex()}
            return {"result": result, "energy_used": 900, "constant_result": [self.reverts[data].hex()], "transaction": made}
        if data in self.answers:
            return {"result": {"result": True}, "energy_used": 31_000, "constant_result": [self.answers[data].hex()], "transaction": made}
        return {"result": {"code": "CONTRACT_VALIDATE_ERROR", "message": b"No contract or not a valid smart contract".hex()}}

    def info(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return what gettransactioninfobyid does."""
        result = self.receipts.get(document["value"])
        return {"id": document["value"], "blockNumber": 7, "receipt": {"result": result}} if result else {}

    def broadcast(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return what broadcasthex does."""
        self.sent.append(document["transaction"])
        return {"result": True, "txid": "00" * 32}

    def answer(self, path: str, document: dict[str, Any]) -> Answer:
        """Answer one request."""
        node, method = path[1:].split("/")
        found: Any
        match method:
            case "getnowblock":
                found = self.block(self.solid if node == "walletsolidity" else len(self.blocks) - 1)
            case "getblockbynum":
                found = self.block(document["num"]) if document["num"] <= self.solid else {}
            case "gettransactioninfobyblocknum":
                found = self.infos(document["num"])
            case "triggerconstantcontract":
                found = self.tried(document)
            case "getchainparameters":
                found = {"chainParameter": [{"key": "getMaintenanceTimeInterval", "value": 1}, {"key": "getEnergyFee", "value": 100}]}
            case "gettransactioninfobyid":
                found = self.info(document)
            case "broadcasthex":
                found = self.broadcast(document)
            case _:
                return Answer(b"", 404)
        found = self.changed.get(path, lambda honest: honest)(found)
        return Answer(found if isinstance(found, bytes) else msgspec.json.encode(found))


def chain_of(*urls: str, agree: int = 1) -> TronChain:
    """Return Tron behind these nodes."""
    return TronChain([TronNode(url) for url in urls], agree=agree)


def test_b6_burns_are_seen_in_solid_blocks_with_their_places() -> None:
    """Goal: events as of any chain. Method: a block with events of several contracts, one burn not solid yet."""
    tron = FakeTron()
    number = tron.add([burn_log(9, 1, 1, OTHER)], [], [transfer_log(1, 2), burn_log(1, 250, 250)])
    tron.add([burn_log(2, 50, 300)], solid=False)
    with serving(tron.answer) as url:
        chain = chain_of(url)
        final = chain.final()
        assert (final.number, final.hash.hex(), final.time) == (number, tron.id_of(number), tron.seconds + 3 * number)
        (seen,) = chain.events(BRIDGE, 0, number)
        assert (seen.name, seen.block, seen.tx_hash.hex(), seen.log_index) == ("Burned", final, tron.tx_of(number, 2), 2)
        assert seen.fields["from"] == HOLDER
        assert (seen.fields["nonce"], seen.fields["amount"], seen.fields["cumulativeBurned"]) == (1, 250, 250)
        with pytest.raises(NotFinal):
            chain.events(BRIDGE, 0, number + 1)
        tron.solid += 1
        assert [each.fields["nonce"] for each in chain.events(BRIDGE, number + 1, number + 1)] == [2]
        assert chain.events(BRIDGE, 5, 4) == ()
        assert chain.block(number) == final
        assert chain.chain_id() == CHAIN_ID


def test_b6_two_nodes_that_differ_stop_the_attestor_and_a_dead_one_does_not() -> None:
    """Goal: as on EVM chains. Method: a fork; an event left out of an honest block; a node that is not there."""
    tron, fork = FakeTron(), FakeTron()
    for each in (tron, fork):
        each.add([burn_log(1, 250, 250)])
    with serving(tron.answer) as url, serving(fork.answer) as other:
        assert chain_of(url, other, agree=2).final().number == 1
        assert chain_of(url, "http://127.0.0.1:1").final().number == 1
        fork.blocks[1] = [[]]
        with pytest.raises(ProvidersDiffer, match="events of block 1"):
            chain_of(url, other, agree=2).events(BRIDGE, 0, 1)
        fork.salt = b"fork"
        with pytest.raises(ProvidersDiffer, match="block 1"):
            chain_of(url, other, agree=2).final()


def test_b6_a_solid_block_that_is_another_one_now_is_found() -> None:
    """Goal: what was final stays, or the attestor stops. Method: another chain between two looks; a node that fell behind is none."""
    tron = FakeTron()
    tron.add([])
    tron.add([])
    with serving(tron.answer) as url:
        chain = chain_of(url)
        final = chain.final()
        tron.solid -= 1
        assert chain.final() == final
        tron.salt, tron.solid = b"other", 2
        with pytest.raises(FinalityBroken):
            chain.final()


def test_b8_b10_what_a_contract_says_at_a_block_is_known_while_it_is_quiet() -> None:
    """Goal: no total of another moment. Method: quiet blocks, transfers between holders, a mint, an event of the bridge, too far back."""
    tron = FakeTron()
    supply = TOKENS.call("totalSupply", ())
    tron.answers[supply] = word(3_200)
    tron.answers[BRIDGES.call("nonceUsed", (7,))] = word(1)
    tron.answers[BRIDGES.call("nonceUsed", (8,))] = word(0)
    at_number = tron.add([])
    with serving(tron.answer) as url:
        chain = chain_of(url)
        at = chain.block(at_number)
        tron.add([transfer_log(1, 2)], [burn_log(1, 2, 2, OTHER)])
        assert chain.total_supply(TOKEN, at) == 3_200
        tron.add([transfer_log(0, 2)])
        with pytest.raises(StateGone, match=f"block {at_number + 2}"):
            chain.total_supply(TOKEN, at)
        assert (chain.nonce_used(BRIDGE, 7, at), chain.nonce_used(BRIDGE, 8, at)) == (True, False)
        last = chain.block(tron.add([burn_log(1, 2, 2)]))
        state = BRIDGES.functions["state"].outputs[0]
        fields = tuple({"address": HOLDER, "bytes32": bytes(32), "bool": True}.get(each.type, 5) for each in state.components)
        tron.answers[BRIDGES.call("state", ())] = encode([state.canonical], [fields])
        assert (chain.state(BRIDGE, last)["cumulativeMinted"], chain.state(BRIDGE, last)["token"]) == (5, HOLDER)
        tron.reverts[BRIDGES.call("state", ())] = b""
        with pytest.raises(TransactionRefused):
            chain.state(BRIDGE, last)
        with pytest.raises(ChainUnreachable, match="CONTRACT_VALIDATE_ERROR"):
            chain.nonce_used(BRIDGE, 9, at)
        for _ in range(BACK_BLOCKS_MAX + 1):
            tron.add([])
        with pytest.raises(StateGone, match="blocks back"):
            chain.total_supply(TOKEN, last)


@pytest.mark.parametrize(
    ("path", "made"),
    [
        ("/walletsolidity/getnowblock", lambda _: {}),
        ("/walletsolidity/getnowblock", lambda _: b"no json"),
        ("/walletsolidity/getnowblock", lambda found: found | {"blockID": "00" * 32}),
        ("/walletsolidity/getnowblock", lambda found: found | {"blockID": "zz" * 32}),
        ("/walletsolidity/getblockbynum", lambda found: found | {"blockID": (0).to_bytes(32, "big").hex()}),
        ("/walletsolidity/getblockbynum", lambda found: found | {"transactions": [{"txID": "11"}]}),
        ("/walletsolidity/gettransactioninfobyblocknum", lambda _: []),
        ("/walletsolidity/gettransactioninfobyblocknum", lambda found: found + found),
        ("/walletsolidity/gettransactioninfobyblocknum", lambda found: found[::-1]),
        ("/walletsolidity/gettransactioninfobyblocknum", lambda found: [each | {"blockNumber": 9} for each in found]),
        ("/walletsolidity/gettransactioninfobyblocknum", lambda found: [each | {"log": [{"address": "11"}]} for each in found]),
        ("/walletsolidity/gettransactioninfobyblocknum", lambda found: [each | {"log": [{"address": "11" * 33}]} for each in found]),
        (
            "/walletsolidity/gettransactioninfobyblocknum",
            lambda found: [each | {"log": [{"address": BRIDGE.hex(), "topics": ["11" * 32] * 5}]} for each in found],
        ),
        (
            "/walletsolidity/gettransactioninfobyblocknum",
            lambda found: [each | {"log": [{"address": BRIDGE.hex()}] * 6_000} for each in found],
        ),
        (
            "/walletsolidity/gettransactioninfobyblocknum",
            lambda found: [each | {"log": [{"address": BRIDGE.hex(), "data": "00" * 70_000}]} for each in found],
        ),
    ],
)
def test_b6_a_hostile_node_is_refused_by_type(path: str, made: Callable[[Any], Any]) -> None:
    """Goal: no answer stops the process or is taken for what it is not. Method: answers of every wrong form; transactions left out."""
    tron = FakeTron()
    tron.add([burn_log(1, 250, 250)], [burn_log(2, 250, 500)])
    tron.changed[path] = made
    with serving(tron.answer) as url, pytest.raises(ChainUnreachable):
        chain_of(url).events(BRIDGE, 1, 1)


def sent_id(text: str) -> str:
    """Return the id of a transaction that was sent: of its first field, the raw part."""
    data = bytes.fromhex(text)
    size = data[1] & 0x7F | data[2] << 7
    return transaction_id(data[3 : 3 + size]).hex()


def test_a_message_is_carried_once_and_again_only_when_it_expired() -> None:
    """Goal: neither stuck nor twice. Method: waiting, expired, mined, refused when tried, reverted in a block."""
    tron = FakeTron()
    data, other = b"call one", b"call two"
    tron.answers[data] = tron.answers[other] = b""
    tron.add([])
    with serving(tron.answer) as url:
        sender = TronSender([TronNode("http://127.0.0.1:1"), TronNode(url)], KEY)
        first = sender.carry(BRIDGE, data)
        assert (sent_id(tron.sent[0]), first.mined) == (first.tx_hash.hex(), False)
        assert sender.carry(BRIDGE, data) == sender.carry(BRIDGE, other) == first
        assert len(tron.sent) == 1
        tron.seconds += EXPIRES_MS // 1_000 + 1
        second = sender.carry(BRIDGE, data)
        assert (len(tron.sent), second.tx_hash != first.tx_hash) == (2, True)
        tron.receipts[second.tx_hash.hex()] = "SUCCESS"
        assert sender.carry(BRIDGE, data) == msgspec.structs.replace(second, mined=True)
        third = sender.carry(BRIDGE, other)
        tron.receipts[third.tx_hash.hex()] = "REVERT"
        with pytest.raises(TransactionRefused, match=third.tx_hash.hex()):
            sender.carry(BRIDGE, other)
        tron.reverts[data] = b"\x12\x34\x56\x78"
        with pytest.raises(TransactionRefused) as caught:
            sender.carry(BRIDGE, data)
        assert caught.value.data == b"\x12\x34\x56\x78"
        assert len(tron.sent) == 3


def test_a_transaction_above_the_fee_limit_or_without_a_price_is_not_sent() -> None:
    """Goal: no node's price empties the purse. Method: one sun too little; no price; a node that does not take it, or has it."""
    tron = FakeTron()
    tron.answers[b"call"] = b""
    with serving(tron.answer) as url:
        with pytest.raises(PriceTooHigh):
            TronSender([TronNode(url)], KEY, fee_limit_max=31_000 * 120 - 1).carry(BRIDGE, b"call")
        tron.changed["/wallet/getchainparameters"] = lambda _: {"chainParameter": []}
        with pytest.raises(ChainUnreachable, match="no price"):
            TronSender([TronNode(url)], KEY).carry(BRIDGE, b"call")
        assert tron.sent == []
        tron.changed.clear()
        tron.changed["/wallet/broadcasthex"] = lambda _: {"code": "TAPOS_ERROR", "message": "00"}
        with pytest.raises(ChainUnreachable, match="TAPOS_ERROR"):
            TronSender([TronNode(url)], KEY).carry(BRIDGE, b"call")
        tron.changed["/wallet/broadcasthex"] = lambda _: {"code": "DUP_TRANSACTION_ERROR", "message": "00"}
        assert not TronSender([TronNode(url)], KEY, fee_limit_max=31_000 * 120).carry(BRIDGE, b"call").mined
