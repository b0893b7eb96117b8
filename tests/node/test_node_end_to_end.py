"""Whole nodes over real sockets and disks: money becomes final, faults cost only what they must, and a node that was away comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
import structlog
from aiohttp import web

from ledger.transactions.bodies import AccountOpen, Issue, Leg, Pay
from node.config import ConfigError
from node.errors import AddressInUse, KeyUnfit, OtherChain
from node.files import FolderInUse
from node.greeting import Identity, greet_server
from node.keyfiles import new_seed, read_seed, write_seed
from node.main import run_node
from node.peers import client_session
from node.prepare import prepare
from node.signer import MarkOfOtherKey, NoMemory
from node.wire import Lane, StatusFrame, Transactions, Votes, encode_frame
from tests.node.network import LocalNetwork, codes, network

if TYPE_CHECKING:
    from devnet.client import Client

ISSUERS = ("operator/ops", "treasury/ops")


def issue(net: LocalNetwork, to: str, amount: int) -> bytes:
    body = Issue(asset="KGS", to=to, amount=amount, basis="decision 1", source=None)
    return net.wallet.sign("operator", body, *ISSUERS).raw


def pay(net: LocalNetwork, sender: str, debit: str, credit: str, amount: int) -> bytes:
    legs = (Leg(debit, credit, "KGS", amount, 0, ""),)
    return net.wallet.sign(sender, Pay(legs, "atomic", "", None, "", None, None)).raw


async def posted(client: Client, account: str) -> int:
    return int(next(balance.posted for balance in (await client.account(account)).balances))


async def fund(net: LocalNetwork, name: str) -> None:
    async with net.client(name) as client:
        answers = await client.submit([issue(net, "bank-a/main", 1_000_000), issue(net, "bank-b/main", 1_000_000)], wait="final")
        assert codes(answers) == [0, 0]


async def test_four_validators_and_a_peer_finalise_payments_with_the_same_roots(tmp_path: Path) -> None:
    """Goal: the spine, end to end. Method: issue and pay at a validator and at a peer; every node has the same tip and balances."""
    async with network(tmp_path, peers=1) as net:
        await net.start(*net.configs)
        await fund(net, "validator-0")
        async with net.client("peer-0") as client:
            answers = await client.submit([pay(net, "bank-a", "bank-a/main", "bank-b/main", 5) for _ in range(20)], wait="final")
            assert codes(answers) == [0] * 20
        await net.same_tip(*net.configs)
        for name in net.configs:
            async with net.client(name) as client:
                assert await posted(client, "bank-a/main") == 999_900
                assert await posted(client, "bank-b/main") == 1_000_100


async def test_three_of_four_go_on_and_the_fourth_catches_up(tmp_path: Path) -> None:
    """Goal: one fault costs nothing but time. Method: one stops, payments go on, it comes back and has the same tip."""
    async with network(tmp_path) as net:
        await net.start(*net.validators)
        await fund(net, "validator-0")
        await net.stop("validator-3")
        async with net.client("validator-0") as client:
            for _ in range(5):
                assert codes(await client.submit([pay(net, "bank-a", "bank-a/main", "bank-b/main", 1)], wait="final")) == [0]
        await net.start("validator-3")
        await net.same_tip(*net.validators)
        async with net.client("validator-3") as client:
            assert await posted(client, "bank-b/main") == 1_000_005


async def test_all_stop_and_start_again_without_an_operator(tmp_path: Path) -> None:
    """Goal: what was final stays final. Method: stop all four, start all four, compare and pay again."""
    async with network(tmp_path) as net:
        await net.start(*net.validators)
        await fund(net, "validator-1")
        before = await net.same_tip(*net.validators)
        await net.stop(*net.validators)
        await net.start(*net.validators)
        assert all(net.running[name].chain.tip.facts.height >= before for name in net.validators)
        async with net.client("validator-2") as client:
            assert codes(await client.submit([pay(net, "bank-b", "bank-b/main", "bank-a/main", 7)], wait="final")) == [0]
            assert await posted(client, "bank-a/main") == 1_000_007


async def test_a_peer_that_starts_late_catches_up_over_the_peer_protocol_alone(tmp_path: Path) -> None:
    """Goal: K20 for a node that does not vote. Method: it starts with an empty folder after many blocks, and then follows."""
    async with network(tmp_path, peers=1) as net:
        await net.start(*net.validators)
        await fund(net, "validator-0")
        async with net.client("validator-0") as client:
            for _ in range(80):
                await client.submit([pay(net, "bank-a", "bank-a/main", "bank-b/main", 1)], wait="final")
        await net.start("peer-0")
        await net.same_tip(*net.configs)
        async with net.client("validator-0") as client:
            await client.submit([pay(net, "bank-a", "bank-a/main", "bank-b/main", 1)], wait="final")
        await net.same_tip(*net.configs)
        async with net.client("peer-0") as client:
            assert await posted(client, "bank-b/main") == 1_000_081
            entries = await client.text("/v1/accounts/bank-b/main/entries")
            assert '"posted"' in entries


async def test_a_server_that_alters_one_byte_of_a_body_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a peer refuses a range with one altered byte from a lying server. Method: two answers are altered on their way out."""
    async with network(tmp_path, peers=1) as net:
        await net.start(*net.validators)
        await fund(net, "validator-0")
        await net.same_tip(*net.validators)
        lied = 0
        write = web.StreamResponse.write

        async def lying(response: web.StreamResponse, data: bytes) -> None:
            nonlocal lied
            honest = len(data) < 600 or lied >= 2  # bodies of this chain are longer than its headers and certificates
            if not honest:
                lied += 1
                data = data[:-1] + bytes([data[-1] ^ 1])
            await write(response, data)

        monkeypatch.setattr(web.StreamResponse, "write", lying)
        await net.start("peer-0")
        await net.same_tip(*net.configs)
        assert lied == 2


async def test_garbage_and_wrong_signatures_from_a_listed_node_cost_the_others_nothing(tmp_path: Path) -> None:
    """Goal: a listed key may lie. Method: a bank's node sends a vote, garbage, and a forged transaction; payments go on."""
    async with network(tmp_path, peers=1) as net:
        await net.start(*net.validators)
        await fund(net, "validator-0")
        config = net.configs["peer-0"]
        identity = Identity(net.made.chain, read_seed(Path(config.node_key)))
        forged = bytearray(pay(net, "bank-a", "bank-a/main", "bank-b/main", 1))
        forged[-1] ^= 1
        lies = [
            (Lane.VOTES, encode_frame(Votes(()))),
            (Lane.VOTES, encode_frame(StatusFrame(0, 1, 0, 0, 0, (), (), None))),
            (Lane.VOTES, b"\xc1garbage"),
            (Lane.BULK, encode_frame(Transactions((bytes(forged),)))),
        ]
        for (lane, lie), name in zip(lies, net.validators, strict=True):
            key = bytes.fromhex(next(entry.node_key for entry in net.configs["peer-0"].peers if entry.name == name))
            url = f"http://127.0.0.1:{net.configs[name].peer.port}/peer/v1/stream"
            async with client_session() as session:
                other = Lane.BULK if lane is Lane.VOTES else Lane.VOTES
                async with (
                    session.ws_connect(f"{url}?lane={other.value}") as second,
                    session.ws_connect(f"{url}?lane={lane.value}") as socket,
                ):
                    await greet_server(second, identity, key)
                    await greet_server(socket, identity, key)
                    await socket.send_bytes(lie)
                    async with asyncio.timeout(10):
                        while not socket.closed:
                            await socket.receive()
        async with net.client("validator-1") as client:
            assert codes(await client.submit([pay(net, "bank-a", "bank-a/main", "bank-b/main", 1)], wait="final")) == [0]


async def test_refusals_of_a_transaction_reach_the_client(tmp_path: Path) -> None:
    """Goal: bad money gets its code, unorderable or ordered. Method: too much money, a wrong signature, an unknown account."""
    async with network(tmp_path) as net:
        await net.start(*net.validators)
        async with net.client("validator-0") as client:
            body = AccountOpen(id="bank-a/w1", kind="wallet", pseudonym=b"", keyset=None, classes=())
            opened = net.wallet.sign("bank-a", body).raw
            poor = pay(net, "bank-a", "bank-a/main", "bank-b/main", 1)
            forged = bytearray(pay(net, "bank-a", "bank-a/main", "bank-b/main", 2))
            forged[-1] ^= 1
            answers = await client.submit([opened, poor, bytes(forged)], wait="final")
            assert codes(answers) == [0, 150, -1]
            assert answers[2].code == 110


async def test_starts_that_must_not_be_are_refused(tmp_path: Path) -> None:
    """Goal: each reason not to start has its sentence and code. Method: one at a time, on the folder of one validator."""
    net = LocalNetwork(tmp_path, 4, 1)
    config = net.configs["validator-0"]
    running = prepare(config)
    with pytest.raises(FolderInUse):
        prepare(config)
    running.close()

    other = LocalNetwork(tmp_path / "other", 4, 1)
    prepare(net.configs["peer-0"]).close()
    with pytest.raises(OtherChain):
        prepare(msgspec.structs.replace(other.configs["peer-0"], data=net.configs["peer-0"].data))
    with pytest.raises(MarkOfOtherKey):
        prepare(msgspec.structs.replace(other.configs["validator-0"], data=config.data))
    stray = tmp_path / "stray.key"
    write_seed(stray, new_seed())
    for field, refusal in (("consensus_key", MarkOfOtherKey), ("node_key", KeyUnfit)):
        with pytest.raises(refusal):
            prepare(msgspec.structs.replace(config, **{field: str(stray)}))
    with pytest.raises(KeyUnfit, match="box key"):
        prepare(msgspec.structs.replace(net.configs["validator-1"], box_key=str(stray)))
    with pytest.raises(NoMemory):
        prepare(msgspec.structs.replace(config, data=str(tmp_path / "empty")))
    with pytest.raises(ConfigError, match="genesis"):
        prepare(msgspec.structs.replace(config, genesis=str(tmp_path / "none.json")))
    prepare(config).close()


async def test_a_port_in_use_stops_the_node_with_its_code(tmp_path: Path) -> None:
    """Goal: a port in use is refused, and nothing stays open. Method: two nodes on one port, first peers', then clients'."""
    async with network(tmp_path) as net:
        await net.start("validator-0")
        taken = net.configs["validator-0"]
        for section, port in (("peer", taken.peer.port), ("api", taken.api.port)):
            config = net.configs["validator-1"]
            changed = msgspec.structs.replace(config, **{section: msgspec.structs.replace(getattr(config, section), port=port)})
            net.configs["validator-1"] = changed
            with pytest.raises(AddressInUse, match=str(port)):
                await net.start("validator-1")
            net.running.pop("validator-1")
            net.configs["validator-1"] = config


def test_run_node_says_why_it_stops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Goal: one sentence and an exit code of its own. Method: a configuration whose genesis is not there."""
    net = LocalNetwork(tmp_path, 4, 0)
    config = msgspec.structs.replace(net.configs["validator-0"], genesis=str(tmp_path / "none.json"))
    try:
        assert run_node(config) == ConfigError.exit_code
    finally:
        structlog.reset_defaults()  # its output is this test's captured one
    assert "cannot read the genesis document" in capsys.readouterr().err
