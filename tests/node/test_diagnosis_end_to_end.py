"""Diagnosis on whole nodes over real sockets: a double voter is proven, a forgotten vote silences, a missing quorum is named, all tell."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from structlog.testing import capture_logs

from consensus.signing import parse_signing_bytes, signing_bytes
from consensus.types import BlockId, ChainId, Epoch, Kind, SignedVote, ValidatorId, View, Vote
from ledger.keys import sign, verify
from node.api.diagnosis_structs import ConsensusBody, EvidencePage
from node.api.epoch_structs import EpochBody
from node.greeting import Identity, greet_server
from node.keyfiles import read_seed
from node.peers import client_session
from node.wire import Lane, StatusFrame, Votes, encode_frame, wire_vote
from tests.node.network import SECONDS_MAX, LocalNetwork, codes, network
from tests.node.test_epochs_end_to_end import SHORT, pay
from tests.node.test_node_end_to_end import fund

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiohttp import ClientWebSocketResponse


T = TypeVar("T")


@asynccontextmanager
async def posing(net: LocalNetwork, liar: str, to: str) -> AsyncIterator[ClientWebSocketResponse]:
    """Open both lanes to a node under the node key of another one; gives the votes lane."""
    identity = Identity(net.made.chain, read_seed(Path(net.configs[liar].node_key)))
    key = bytes.fromhex(next(entry.node_key for entry in net.configs[liar].peers if entry.name == to))
    url = f"http://127.0.0.1:{net.configs[to].peer.port}/peer/v1/stream"
    async with (
        client_session() as session,
        session.ws_connect(f"{url}?lane={Lane.BULK.value}") as bulk,
        session.ws_connect(f"{url}?lane={Lane.VOTES.value}") as votes,
    ):
        await greet_server(bulk, identity, key)
        await greet_server(votes, identity, key)
        yield votes


def signed(net: LocalNetwork, name: str, vote: Vote) -> SignedVote:
    """Vote with the consensus key of a validator."""
    seed = read_seed(Path(net.configs[name].consensus_key))
    return SignedVote(vote, ValidatorId(net.validators.index(name)), sign(seed, signing_bytes(ChainId(net.made.chain), vote)))


async def consensus_of(net: LocalNetwork, name: str) -> ConsensusBody:
    async with net.client(name) as client:
        return await client.get("/v1/consensus", ConsensusBody)


async def series(net: LocalNetwork, name: str, line: str) -> str:
    """Value of a series, as text."""
    async with net.client(name) as client:
        text = await client.text("/metrics")
    return next(found.rpartition(" ")[2] for found in text.splitlines() if found.startswith(line + " "))


async def evidence_of(net: LocalNetwork, name: str) -> EvidencePage:
    async with net.client(name) as client:
        return await client.get("/v1/evidence", EvidencePage)


async def eventually(ask: Callable[[], Awaitable[T]], true: Callable[[T], bool]) -> T:
    """Ask a node until something is true of its answer; return that one."""
    async with asyncio.timeout(SECONDS_MAX):
        while True:
            answer = await ask()
            if true(answer):
                return answer
            await asyncio.sleep(0.02)


async def test_a_double_voter_is_stored_alarmed_and_served(tmp_path: Path) -> None:
    """Goal: evidence, end to end (section 8). Method: one of four votes twice; its proof is checked with the set alone, after a restart.

    A vote that comes again and a notarize beside a nullify prove nothing.
    """
    async with network(tmp_path, peers=1) as net:
        await net.start("validator-0", "validator-1", "validator-2")
        await fund(net, "validator-0")
        view = View((await consensus_of(net, "validator-0")).view)
        blocks = [Vote(Kind.NOTARIZE, Epoch(0), view, View(view - 1), BlockId(bytes([byte]) * 32)) for byte in (1, 2)]
        honest = [signed(net, "validator-3", vote) for vote in (Vote.nullify(Epoch(0), view), blocks[0], blocks[0])]
        async with posing(net, "validator-3", "validator-0") as votes:
            await votes.send_bytes(encode_frame(Votes(tuple(wire_vote(each) for each in honest))))
            await votes.send_bytes(encode_frame(Votes((wire_vote(signed(net, "validator-3", blocks[1])),))))
            await eventually(lambda: evidence_of(net, "validator-0"), lambda page: page.count > 0)
        assert await series(net, "validator-0", 'som_alarms_total{kind="evidence"}') == "1.0"
        assert await series(net, "validator-0", "som_double_votes") == "1.0"
        async with net.client("validator-0") as client:
            assert codes(await client.submit([pay(net)], wait="final")) == [0]
        await net.stop("validator-0")
        await net.start("validator-0")
        page = await evidence_of(net, "validator-0")
        async with net.client("validator-1") as client:
            epoch = await client.get("/v1/epochs/0", EpochBody)
    (proof,) = page.evidence
    key = bytes.fromhex(epoch.validators[proof.signer].consensus_key)
    assert (proof.signer, proof.public_key, proof.participant) == (3, key.hex(), "operator")
    proven = []
    for each in (proof.first, proof.second):
        assert verify(key, bytes.fromhex(each.message), bytes.fromhex(each.signature))
        chain, vote = parse_signing_bytes(bytes.fromhex(each.message))
        assert chain == net.made.chain == bytes.fromhex(page.chain)
        proven.append(vote)
    assert proven == blocks


async def test_k15_a_forgotten_vote_silences_the_key_and_everybody_can_see_it(tmp_path: Path) -> None:
    """Goal: K15 in the node. Method: a validator is shown a vote of its own key from far ahead, while epochs go by.

    It is told as an error once, is not ready, says what to do, and from the next boundary on it follows.
    """
    async with network(tmp_path, params=SHORT) as net:
        await net.start(*net.validators)
        await fund(net, "validator-1")
        victim = net.running["validator-0"]
        with capture_logs() as logs:
            await _show_a_vote_of_its_own(net)
            await net.until(lambda: not victim.node.voting)
        told = [line for line in logs if line["event"] == "this key must not vote any more"]
        assert [line["log_level"] for line in told] == ["error"]
        assert "som recover" in told[0]["todo"]
        epoch = victim.chain.epoch_number
        await net.until(lambda: victim.chain.epoch_number > epoch)
        assert not victim.node.voting, "no later epoch gives the key its vote back"
        body = await consensus_of(net, "validator-0")
        assert (body.role, body.index) == ("peer", None)
        assert "som recover" in body.silenced
        assert await series(net, "validator-0", "som_silenced") == "1.0"
        assert await series(net, "validator-0", 'som_alarms_total{kind="forgotten_vote"}') == "1.0"
        async with net.client("validator-0") as client:
            assert "som recover" in await client.text("/readyz")
        async with net.client("validator-1") as client:
            assert codes(await client.submit([pay(net)], wait="final")) == [0]


async def _show_a_vote_of_its_own(net: LocalNetwork) -> None:
    """Show validator 0 a vote of its key that it never cast, as a status of validator 3, until it knows; an epoch may end meanwhile."""
    async with asyncio.timeout(SECONDS_MAX):
        while not (body := await consensus_of(net, "validator-0")).silenced:
            vote = Vote.nullify(Epoch(body.epoch), View(body.view + 1_000))
            shown = wire_vote(signed(net, "validator-0", vote))
            status = StatusFrame(body.epoch, body.view, body.final_view, body.height, body.time_ms, (), (), shown)
            async with posing(net, "validator-3", "validator-0") as votes:
                await votes.send_bytes(encode_frame(status))
                await asyncio.sleep(0.1)


async def test_a_missing_quorum_is_named_and_its_return_is_told(tmp_path: Path) -> None:
    """Goal: nobody asks why the chain stands. Method: two of four stop; the others name them within the limit; then they come back."""
    async with network(tmp_path, peers=1) as net:
        await net.start(*net.configs)
        await fund(net, "validator-0")
        with capture_logs() as logs:
            await net.stop("validator-2", "validator-3")
            async with net.client("validator-0") as client:
                await client.submit([pay(net)])
            await net.until(lambda: any(line["event"] == "no block becomes final" for line in logs))
            body = await consensus_of(net, "validator-0")
            assert body.progress.stalled_ms >= 10_000
            assert body.progress.silent == ("operator/2", "operator/3")
            assert "start or reconnect operator/2, operator/3" in body.progress.todo
            assert body.last_timeout is not None
            assert body.last_timeout.leader_name == f"operator/{body.last_timeout.leader}"
            assert [each.connected for each in body.validators] == [True, True, False, False]
            assert float(await series(net, "validator-0", "som_progress_stalled_seconds")) >= 10
            await net.start("validator-2")
            await net.until(lambda: any(line["event"] == "blocks become final again" for line in logs))
        crying = [line for line in logs if line["event"] == "no block becomes final"]
        assert any(line["silent"] == ["operator/2", "operator/3"] and "operator/2" in line["todo"] for line in crying)
        async with net.client("validator-0") as client:
            assert codes(await client.submit([pay(net)], wait="final")) == [0]
        await net.until(lambda: net.running["validator-0"].chain.tip.facts.height == net.running["peer-0"].chain.tip.facts.height)
        assert (await consensus_of(net, "validator-0")).progress.stalled_ms == 0


async def test_a_node_that_follows_answers_with_what_it_knows(tmp_path: Path) -> None:
    """Goal: never an error. Method: a peer alone; then with three of four validators, whose heights it hears; the fourth is null."""
    async with network(tmp_path, peers=1) as net:
        await net.start("peer-0")
        alone = await consensus_of(net, "peer-0")
        assert (alone.role, alone.index, alone.epoch, alone.height) == ("peer", None, 0, 0)
        assert alone.waits_for == "a validator to follow: none is connected"
        assert {(each.connected, each.heard_ms_ago, each.height, each.newest_vote) for each in alone.validators} == {
            (False, None, None, None)
        }
        await net.start("validator-0", "validator-1", "validator-2")
        await fund(net, "validator-0")
        body = await eventually(
            lambda: consensus_of(net, "peer-0"), lambda body: all(each.height is not None for each in body.validators[:3])
        )
        assert body.height == net.running["peer-0"].chain.tip.facts.height > 0
        assert [each.connected for each in body.validators] == [True, True, True, False]
        assert all(each.heard_ms_ago is not None and each.clock_ms is not None for each in body.validators[:3])
        assert (body.validators[3].heard_ms_ago, body.validators[3].height, body.validators[3].last_signed_height) == (None, None, 0)
        assert "from validator-" in body.waits_for


async def test_a_validator_counts_its_views_and_its_repairs(tmp_path: Path) -> None:
    """Goal: metrics of a running node. Method: payments with one of four dead, which then comes back and repairs what it missed."""
    async with network(tmp_path) as net:
        await net.start(*net.validators)
        await fund(net, "validator-0")
        await net.stop("validator-3")
        async with net.client("validator-0") as client:
            for _ in range(8):
                assert codes(await client.submit([pay(net)], wait="final")) == [0]
        for step in ("proposed", "notarized", "certified", "final"):
            assert float(await series(net, "validator-0", f'som_view_seconds_count{{step="{step}"}}')) > 4
        assert float(await series(net, "validator-0", 'som_views_entered_total{cause="nullified"}')) > 0
        given_up = [
            float(await series(net, "validator-0", f'som_view_timeouts_total{{cause="{cause}",leader="operator/3"}}'))
            for cause in ("leader_silent", "inactive")
        ]
        assert sum(given_up) > 0
        for file in ("journal", "mark"):
            assert float(await series(net, "validator-0", f'som_fsync_seconds_count{{file="{file}"}}')) > 8
        await net.start("validator-3")
        await net.same_tip(*net.validators)
        pieces = [
            float(await series(net, "validator-3", f'som_repair_pieces_total{{kind="{kind}"}}'))
            for kind in ("block", "certificate", "range")
        ]
        assert sum(pieces) > 0
