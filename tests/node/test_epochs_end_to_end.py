"""Whole nodes over the ends of epochs (K22): money goes on, nobody is lost, and whoever was away comes back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from structlog.testing import capture_logs

from cli.epochs import new_view_key, sealed_copies
from ledger.attestations import ReadyValue, ready_attestation
from ledger.epochs import Validator, set_hash, view_key_of
from ledger.keys import public_key_of
from ledger.transactions.bodies import Attest, Leg, Pay, ValidatorsSet
from node.files import DiskFiles
from node.init import begin_memory
from node.keyfiles import new_seed, read_seed, write_seed
from node.prepare import STORE_FOLDER
from node.viewkeys import BoxKey
from tests.node.network import LocalNetwork, codes, network
from tests.node.test_node_end_to_end import fund, posted

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body

SHORT = {"epoch_length": 10, "heartbeat_ms": 200}
"""Two seconds an epoch where nobody pays."""
MIDDLE = {"epoch_length": 25, "heartbeat_ms": 200}


def pay(net: LocalNetwork, amount: int = 1) -> bytes:
    legs = (Leg("bank-a/main", "bank-b/main", "KGS", amount, 0, ""),)
    return net.wallet.sign("bank-a", Pay(legs, "atomic", "", None, "", None, None)).raw


async def past(net: LocalNetwork, epoch: int, *names: str) -> None:
    """Wait until these nodes are in an epoch or above it."""
    await net.until(lambda: all(net.running[name].chain.epoch_number >= epoch for name in names))


async def test_k22_epochs_end_under_payments_and_nothing_is_lost(tmp_path: Path) -> None:
    """Goal: a boundary is one more block. Method: epochs of ten heights under payments; each of them counts once everywhere."""
    async with network(tmp_path, peers=1, params=SHORT) as net:
        await net.start(*net.configs)
        await fund(net, "validator-0")
        paid = 0
        async with net.client("validator-1") as one, net.client("peer-0") as other:
            while net.running["validator-0"].chain.epoch_number < 4:
                for client in (one, other):
                    assert codes(await client.submit([pay(net) for _ in range(5)], wait="final")) == [0] * 5
                paid += 10
        await past(net, 4, *net.configs)
        await net.until(lambda: all(net.running[name].chain.state.get("epoch/4") is not None for name in net.configs))
        for name in net.configs:
            chain = net.running[name].chain
            for number in range(4):
                last, council = chain.log.block(chain.epochs.record(number).end), chain.council_of(number + 1)
                certificate = chain.boundary_finality(number)
                assert last is not None
                assert council is not None
                assert certificate is not None
                assert last.header.next == set_hash(number + 1, council.members)
                assert certificate.subject.block_id == last.facts.block_id
        await net.same_tip(*net.configs)
        for name in net.configs:
            async with net.client(name) as client:
                assert await posted(client, "bank-b/main") == 1_000_000 + paid


def newcomer(net: LocalNetwork, name: str) -> bytes:
    """Give a peer a consensus key and an empty memory, as som init does; return the public key."""
    config, seed = net.configs[name], new_seed()
    path = Path(config.data).parent / "consensus.key"
    write_seed(path, seed)
    net.configs[name] = msgspec.structs.replace(config, role="validator", consensus_key=str(path))
    begin_memory(net.configs[name], seed, DiskFiles())
    return public_key_of(seed)


def members(net: LocalNetwork, name: str, consensus_key: bytes) -> tuple[Validator, ...]:
    """Return the set of the genesis document and this newcomer; the old ones have its address from the ledger only."""
    config = net.configs[name]
    place = f"http://127.0.0.1:{config.peer.port}"
    return (
        *net.running["validator-0"].chain.epochs.record(0).validators,
        Validator("bank-a", consensus_key, public_key_of(read_seed(Path(config.node_key))), place),
    )


async def decide(net: LocalNetwork, sender: str, body: Body, *keysets: str) -> None:
    """Make a decision final."""
    async with net.client("validator-0") as client:
        answers = await client.submit([net.wallet.sign(sender, body, *keysets).raw], wait="final")
    assert codes(answers) == [0], answers


async def say_ready(net: LocalNetwork, name: str, consensus_key: bytes) -> None:
    """Let the newcomer's bank give its word, as the node shows it."""
    chain = net.running[name].chain
    view_key = view_key_of(chain.state, chain.epoch.view_key)
    value = ReadyValue(chain.tip.facts.height, chain.epoch.view_key, 4)
    word = ready_attestation("bank-a", consensus_key, value, view_key_hash=view_key.hash, as_of=chain.tip.facts.time_ms)
    await decide(net, "bank-a", Attest(word))


async def test_k22_four_five_four_validators_by_orders(tmp_path: Path) -> None:
    """Goal: a newcomer votes from the boundary on and leaves at another. Method: validator.set and attest; payments all the while.

    With three of the five stopped in turn, the newcomer's vote is needed: so it is counted.
    """
    async with network(tmp_path, peers=1, params=MIDDLE) as net:
        key = newcomer(net, "peer-0")
        await net.start(*net.configs)
        await fund(net, "validator-0")
        assert not voting(net, "peer-0")
        five = members(net, "peer-0", key)
        await decide(net, "operator", ValidatorsSet(five, 1), "operator/ops", "treasury/ops")
        await say_ready(net, "peer-0", key)
        await net.until(lambda: all(running.chain.validators == 5 for running in net.running.values()))
        await net.until(lambda: voting(net, "peer-0"))
        await net.stop("validator-2")
        async with net.client("peer-0") as client:
            assert codes(await client.submit([pay(net) for _ in range(5)], wait="final")) == [0] * 5
            await net.until(lambda: net.running["peer-0"].chain.last_signed[4] > 0)
            validators = (await client.validators()).validators
            assert (len(validators), validators[4].participant) == (5, "bank-a")
        await net.start("validator-2")
        number = net.running["validator-0"].chain.epoch_number
        await decide(net, "operator", ValidatorsSet(five[:4], number + 1), "operator/ops", "treasury/ops")
        await net.until(lambda: all(running.chain.validators == 4 for running in net.running.values()))
        await net.until(lambda: not voting(net, "peer-0"))
        async with net.client("peer-0") as client:
            assert codes(await client.submit([pay(net)], wait="final")) == [0]
        await net.same_tip(*net.configs)
        for name in net.configs:
            async with net.client(name) as client:
                assert await posted(client, "bank-b/main") == 1_000_006


async def test_k22_a_newcomer_that_says_nothing_leaves_the_set_as_it_is(tmp_path: Path) -> None:
    """Goal: a set takes effect whole or not at all. Method: plan a newcomer, pass a boundary without its word, then with it."""
    async with network(tmp_path, peers=1, params=SHORT) as net:
        key = newcomer(net, "peer-0")
        await net.start(*net.configs)
        await fund(net, "validator-0")
        first = net.running["validator-0"].chain.epoch_number
        await decide(net, "operator", ValidatorsSet(members(net, "peer-0", key), first + 1), "operator/ops", "treasury/ops")
        await past(net, first + 2, *net.configs)
        assert {running.chain.validators for running in net.running.values()} == {4}
        await say_ready(net, "peer-0", key)
        await net.until(lambda: all(running.chain.validators == 5 for running in net.running.values()))
        await net.until(lambda: voting(net, "peer-0"))


async def test_k22_a_validator_that_slept_through_a_boundary_comes_back(tmp_path: Path) -> None:
    """Goal: who was away learns how its epoch ended. Method: one stops before the boundary and starts three epochs later."""
    async with network(tmp_path, params=SHORT) as net:
        await net.start(*net.validators)
        await fund(net, "validator-0")
        await net.stop("validator-3")
        gone = net.running["validator-0"].chain.epoch_number
        await past(net, gone + 3, *net.running)
        await net.start("validator-3")
        await past(net, net.running["validator-0"].chain.epoch_number, "validator-3")
        async with net.client("validator-3") as client:
            assert codes(await client.submit([pay(net)], wait="final")) == [0]
        seat = net.validators.index("validator-3")
        await net.until(lambda: net.running["validator-0"].chain.last_signed[seat] > 0)


async def test_l28_a_node_that_cannot_open_the_new_view_key_stays_behind_and_says_so_once(tmp_path: Path) -> None:
    """Goal: a new view key shuts out, quietly. Method: plan one without a copy for the peer; blocks later it is at the boundary."""
    async with network(tmp_path, peers=1, params=SHORT) as net:
        await net.start(*net.configs)
        await fund(net, "validator-0")
        chain, out = net.running["validator-0"].chain, BoxKey.of(read_seed(Path(net.configs["peer-0"].box_key))).public
        known = [box for box, _ in view_key_of(chain.state, chain.epoch.view_key).copies]
        order = sealed_copies(new_view_key(), [box for box in known if box != out])
        with capture_logs() as lines:
            await decide(net, "operator", order, "operator/ops", "treasury/ops")
            await net.until(lambda: chain.epoch.view_key == 1)
            async with net.client("validator-0") as client:
                for _ in range(15):
                    assert codes(await client.submit([pay(net)], wait="final")) == [0]
            await net.until(lambda: any(line["event"] == "a final block cannot be judged here" for line in lines))
        assert net.running["peer-0"].chain.tip.facts.boundary
        assert [line["log_level"] for line in lines if line["event"] == "a final block cannot be judged here"] == ["warning"]


async def test_k22_all_start_again_at_the_very_boundary(tmp_path: Path) -> None:
    """Goal: a boundary is a place to stop at. Method: all stop when the block that ends the epoch is their tip, and start again."""
    async with network(tmp_path, params={**SHORT, "heartbeat_ms": 5_000}) as net:
        await net.start(*net.validators)
        await fund(net, "validator-0")
        async with net.client("validator-0") as client:
            chain = net.running["validator-0"].chain
            while not chain.tip.facts.boundary:
                assert codes(await client.submit([pay(net)], wait="final")) == [0]
        await net.until(lambda: all(running.chain.tip.facts.boundary for running in net.running.values()))
        ended = chain.tip.facts.height
        await net.stop(*net.validators)
        await net.start(*net.validators)
        assert {running.chain.tip.facts.height for running in net.running.values()} == {ended}
        async with net.client("validator-1") as client:
            assert codes(await client.submit([pay(net)], wait="final")) == [0]


async def test_k22_a_validator_whose_store_was_lost_follows_until_it_knows_the_epoch_of_its_memory(tmp_path: Path) -> None:
    """Goal: K15 across epochs. Method: wipe the store of one that voted in epoch 2; it follows up to there and votes again."""
    async with network(tmp_path, params=SHORT) as net:
        await net.start(*net.validators)
        await fund(net, "validator-0")
        voter = net.running["validator-3"].prepared.voter
        assert voter is not None
        await net.until(lambda: voter.memory.epoch >= 2)
        await net.stop("validator-3")
        shutil.rmtree(Path(net.configs["validator-3"].data) / STORE_FOLDER)
        await net.start("validator-3")
        await net.until(lambda: voting(net, "validator-3"))
        assert net.running["validator-3"].chain.epoch_number >= 2
        before = net.running["validator-0"].chain.tip.facts.height
        seat = net.validators.index("validator-3")
        await net.until(lambda: net.running["validator-0"].chain.last_signed[seat] > before)


def voting(net: LocalNetwork, name: str) -> bool:
    """Whether a node votes in its current epoch."""
    return net.running[name].node.voting
