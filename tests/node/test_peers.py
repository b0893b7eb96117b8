"""The peer network over real sockets: who is let in, what is said to whom, and what a liar or a flood costs."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientConnectorError, WSMsgType, web

from node.errors import AddressInUse
from node.greeting import Identity, greet_server
from node.link import BURST_SECONDS, FRAMES_PER_SECOND, Bucket, LaneSocket, Link
from node.peers import client_session
from node.wire import VOTES_FRAME_MAX, Lane, WireError
from tests.node.stations import CHAIN, KEYS, SECONDS_MAX, SEEDS, Station, caller, stations

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse

FLOOD_BYTES_MAX = 100 * 1_048_576
"""More than a lane's queue and the kernel's buffers of both sides hold."""


async def test_of_a_pair_of_validators_one_calls_and_both_speak_on_both_lanes() -> None:
    """Goal: two sockets per pair. Method: both are told to call each other; the smaller key does."""
    async with stations(0, 1) as (one, two):
        one.call(two)
        two.call(one)
        first, second = await one.link(), await two.link()
        assert (first.validator, second.validator) == (1, 0)
        first.send(Lane.VOTES, b"vote")
        assert await two.frame() == ("node-0", Lane.VOTES, b"vote")
        two.peers.to_validators(Lane.BULK, b"body")
        assert await one.frame() == ("node-1", Lane.BULK, b"body")
        assert one.ears.links.empty()
        assert two.ears.links.empty()


async def test_followers_are_addressed_apart_from_validators() -> None:
    """Goal: a node that does not vote gets no votes. Method: a validator with one validator and one follower linked."""
    async with stations(0, 1, 4) as (hub, voter, follower):
        hub.call(voter)
        voter.call(hub)
        follower.call(hub)
        hub.call(follower)
        await hub.link()
        await hub.link()
        hub.peers.to_validators(Lane.VOTES, b"vote")
        hub.peers.to_followers(Lane.BULK, b"final")
        assert await voter.frame() == ("node-0", Lane.VOTES, b"vote")
        assert await follower.frame() == ("node-0", Lane.BULK, b"final")
        assert voter.ears.frames.empty()
        assert follower.ears.frames.empty()
        assert hub.peers.followed()


@pytest.mark.parametrize(
    ("seed", "chain", "reason"),
    [(b"x" * 32, CHAIN, "does not list"), (SEEDS[1], b"D" * 32, "another chain"), (SEEDS[0], CHAIN, "your own node key")],
    ids=["unknown key", "other chain", "own key"],
)
async def test_callers_that_do_not_belong_are_told_why(seed: bytes, chain: bytes, reason: str) -> None:
    """Goal: a key that the ledger does not list is refused with a reason. Method: unknown key, other chain, own key."""
    async with stations(0) as (station,):
        with pytest.raises(WireError, match=reason):
            async with caller(station, seed, chain=chain):
                pass


async def test_a_caller_without_the_key_it_names_is_not_let_in() -> None:
    """Goal: identity is the key. Method: names a listed key, signs with another."""

    class Thief(Identity, frozen=True):
        """Names the key of node 1."""

        @property
        def key(self) -> bytes:
            """Somebody else's."""
            return KEYS[1]

    async with stations(0) as (station,), client_session() as session:
        url = f"http://127.0.0.1:{station.peers.port}/peer/v1/stream?lane=votes"
        async with session.ws_connect(url) as socket:
            with pytest.raises(WireError):
                await greet_server(socket, Thief(CHAIN, b"t" * 32), KEYS[0])
        assert station.peers.links() == []


async def test_a_server_without_the_expected_key_is_not_believed() -> None:
    """Goal: the caller checks, too. Method: the configuration names another key for that address."""
    async with stations(0) as (station,), client_session() as session:
        url = f"http://127.0.0.1:{station.peers.port}/peer/v1/stream?lane=votes"
        async with session.ws_connect(url) as socket:
            with pytest.raises(WireError, match="the configuration says"):
                await greet_server(socket, Identity(CHAIN, SEEDS[1]), KEYS[2])


async def test_a_liar_is_cut_off_and_kept_out_for_a_while() -> None:
    """Goal: garbage costs its sender. Method: one lie; both lanes close, and the next call is refused with the time."""
    async with stations(0) as (station,):
        async with caller(station, SEEDS[1]) as votes, caller(station, SEEDS[1], "bulk") as bulk:
            await station.link()
            await votes.send_bytes(b"lie")
            assert (await votes.receive()).data is not None
            await station.loss()
            await bulk.receive()
            assert bulk.closed
        with pytest.raises(WireError, match="call again in"):
            async with caller(station, SEEDS[1]):
                pass
        async with caller(station, SEEDS[2]) as other:
            await other.send_bytes(b"honest")
            assert (await station.frame())[0] == "node-2"


@pytest.mark.parametrize("length", [VOTES_FRAME_MAX + 1, 4 * VOTES_FRAME_MAX])
async def test_a_frame_that_is_too_long_is_never_taken(length: int) -> None:
    """Goal: the length is checked before the bytes are kept. Method: too long on the votes lane."""
    async with stations(0) as (station,), caller(station, SEEDS[1]) as votes:
        await votes.send_bytes(bytes(length))
        message = await votes.receive()
        assert votes.closed, message
        assert station.ears.frames.empty()


async def test_text_is_no_frame() -> None:
    """Goal: binary frames only. Method: a text message."""
    async with stations(0) as (station,), caller(station, SEEDS[1]) as votes:
        await votes.send_str("hello")
        await votes.receive()
        assert votes.closed


async def test_a_node_that_calls_twice_has_one_link() -> None:
    """Goal: a half-dead connection is replaced. Method: a second call on the same lane; the first one closes, the second works."""
    async with stations(0) as (station,), caller(station, SEEDS[1]) as old, caller(station, SEEDS[1]) as new:
        await old.receive()
        assert old.closed
        await new.send_bytes(b"here")
        assert (await station.frame())[2] == b"here"


async def test_a_peer_that_comes_back_is_linked_again() -> None:
    """Goal: backoff, not giving up. Method: the called node stops and listens again on its port."""
    async with stations(0) as (one,):
        two = Station(1)
        await two.listen()
        port = two.peers.port
        smaller, larger = (one, two) if KEYS[0] < KEYS[1] else (two, one)
        if smaller is one:
            one.call(two)
            await one.link()
            await two.close()
            await one.loss()
            two = Station(1)
            await two.listen(port=port)
            assert (await one.link()).node_key == KEYS[1]
        else:
            two.call(one)
            await one.link()
            await two.close()
            await one.loss()
            two = Station(1)
            await two.listen()
            two.call(one)
            assert (await one.link()).node_key == KEYS[1]
        assert larger is not smaller
        await two.close()


async def test_a_port_in_use_is_one_sentence() -> None:
    """Goal: a port in use is refused with what to do. Method: two listeners on one port."""
    async with stations(0) as (one,):
        two = Station(1)
        with pytest.raises(AddressInUse, match=r"change peer\.port"):
            await two.listen(port=one.peers.port)
        await two.close()


async def test_get_requests_need_the_token_of_an_open_stream() -> None:
    """Goal: bulk is for linked nodes only. Method: without, with a made-up, with the real token, and after the link closed."""
    station = Station(0)

    async def who(request: web.Request) -> web.Response:
        link = station.peers.caller_of(request)
        return web.Response(status=401) if link is None else web.Response(text=link.name)

    await station.listen([web.get("/peer/v1/who", who)])
    other = Station(1)
    await other.listen()
    smaller = KEYS[1] < KEYS[0]
    if smaller:
        other.call(station)
    async with client_session() as session:
        url = f"http://127.0.0.1:{station.peers.port}/peer/v1/who"
        for headers in ({}, {"Authorization": "Bearer " + "00" * 32}, {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}):
            async with session.get(url, headers=headers) as answer:
                assert answer.status == 401
        stream = await session.ws_connect(f"http://127.0.0.1:{station.peers.port}/peer/v1/stream?lane=bulk")
        token = await greet_server(stream, Identity(CHAIN, SEEDS[4]), KEYS[0])
        good = {"Authorization": f"Bearer {token.hex()}"}
        async with session.get(url, headers=good) as answer:
            assert await answer.text() == "node-4"
        other_lane = await session.ws_connect(f"http://127.0.0.1:{station.peers.port}/peer/v1/stream?lane=votes")
        await greet_server(other_lane, Identity(CHAIN, SEEDS[4]), KEYS[0])
        await station.link()
        await stream.close()
        await station.loss()
        async with session.get(url, headers=good) as answer:
            assert answer.status == 401
        await other_lane.close()
    await other.close()
    await station.close()


async def test_an_unknown_lane_is_refused() -> None:
    """Goal: no third kind of stream. Method: another lane, then none."""
    async with stations(0) as (station,), client_session() as session:
        for query in ("?lane=gossip", ""):
            async with session.get(f"http://127.0.0.1:{station.peers.port}/peer/v1/stream{query}") as answer:
                assert answer.status == 400


async def test_after_close_nothing_listens() -> None:
    """Goal: a graceful stop leaves nothing behind. Method: connect after close."""
    station = Station(0)
    await station.listen()
    await station.close()
    async with client_session() as session:
        with pytest.raises(ClientConnectorError):
            await session.get(f"http://127.0.0.1:{station.peers.port}/peer/v1/stream?lane=votes")


async def test_a_flood_is_read_at_the_lane_s_rate_and_other_peers_are_not_delayed() -> None:
    """Goal: a flood costs the flooder. Method: 20,000 frames from one peer; a frame of another passes while they are still being read."""
    async with stations(0) as (station,), caller(station, SEEDS[1]) as flooder, caller(station, SEEDS[2]) as honest:

        async def flood() -> None:
            for _ in range(20_000):
                await flooder.send_bytes(b"again")

        task = asyncio.create_task(flood())
        for _ in range(FRAMES_PER_SECOND[Lane.VOTES]):
            await station.frame()
        await honest.send_bytes(b"mine")
        seen = 0
        while (await station.frame()) != ("node-2", Lane.VOTES, b"mine"):
            seen += 1
        assert seen <= FRAMES_PER_SECOND[Lane.VOTES] * (BURST_SECONDS + 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_bucket_gives_its_rate_and_no_more() -> None:
    """Goal: rate and burst are what they say. Method: a clock by hand."""
    now = [0.0]
    bucket = Bucket(10.0, 20.0, lambda: now[0])
    assert bucket.take(20) == 0
    assert bucket.take(5) == pytest.approx(0.5)
    now[0] = 0.5
    assert not bucket.try_take(1)
    now[0] = 0.75
    assert bucket.try_take(1)
    now[0] = 1_000.0
    assert not bucket.try_take(21)
    assert bucket.try_take(20)


async def flood(lane: LaneSocket, size: int) -> list[int]:
    """Send numbered frames, a turn of the loop for every two, until five were lost; return the numbers sent."""
    numbers: list[int] = []
    while lane.lost < 5:
        assert len(numbers) < FLOOD_BYTES_MAX // size
        lane.send(len(numbers).to_bytes(4, "big").ljust(size, b"."))
        numbers.append(len(numbers))
        if len(numbers) % 2:
            await asyncio.sleep(0)
    return numbers


async def numbers_until(reader: ClientWebSocketResponse, last: int) -> list[int]:
    """Read frames up to the one with a number."""
    found: list[int] = []
    async with asyncio.timeout(SECONDS_MAX):
        while not found or found[-1] != last:
            found.append(int.from_bytes((await reader.receive_bytes())[:4], "big"))
    return found


async def test_a_full_queue_loses_the_oldest_votes_and_the_newest_bulk() -> None:
    """Goal: sending is bounded and never waits. Method: a peer reads nothing until much is lost; then all that was kept, in order."""
    async with stations(0) as (station,), caller(station, SEEDS[1]) as votes, caller(station, SEEDS[1], "bulk") as bulk:
        sockets = {each.lane: each for each in (await station.link()).sockets()}
        sent = await flood(sockets[Lane.VOTES], VOTES_FRAME_MAX)
        came = await numbers_until(votes, sent[-1])
        gap = next(at for at, number in enumerate(came) if number != at)
        assert came == sent[:gap] + sent[gap + 5 :]
        sent = await flood(sockets[Lane.BULK], 1_048_576)
        assert await numbers_until(bulk, sent[-6]) == sent[:-5]
        for lane, reader in ((sockets[Lane.VOTES], votes), (sockets[Lane.BULK], bulk)):
            lane.send(b"next")
            assert await asyncio.wait_for(reader.receive_bytes(), SECONDS_MAX) == b"next"
            assert lane.lost == 5


async def test_silent_peers_stay_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: silence is no death. Method: nobody says anything but that it is there, for several heartbeats on both sides."""
    monkeypatch.setattr("node.link.HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr("node.link.ANSWER_SECONDS", 0.5)
    async with stations(0, 1) as (one, two):
        one.call(two)
        two.call(one)
        link = await one.link()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(one.ears.lost.get(), 1.2)
        assert link.connected
        assert two.ears.lost.empty()


async def test_who_asks_whether_a_node_is_there_is_answered() -> None:
    """Goal: a peer that hears nothing does not take us for dead. Method: ask as a WebSocket does."""
    async with stations(0) as (station,), client_session() as session:
        url = f"http://127.0.0.1:{station.peers.port}/peer/v1/stream?lane=bulk"
        async with session.ws_connect(url, autoping=False) as asking:
            await greet_server(asking, Identity(CHAIN, SEEDS[1]), KEYS[0])
            await asking.ping(b"there?")
            answer = await asyncio.wait_for(asking.receive(), SECONDS_MAX)
        assert (answer.type, answer.data) == (WSMsgType.PONG, b"there?")


async def test_a_peer_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a dead link is noticed though nothing closes it. Method: a peer that takes what comes and never looks at it."""
    monkeypatch.setattr("node.link.HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr("node.link.ANSWER_SECONDS", 0.1)
    async with stations(0) as (station,), caller(station, SEEDS[1]), caller(station, SEEDS[1], "bulk"):
        link = await station.link()
        assert await station.loss() is link


async def test_a_frame_is_written_by_the_call_that_sends_it() -> None:
    """Goal: a vote waits for no turn of the loop. Method: the kernel has it before the loop runs again."""
    async with stations(0) as (station,), caller(station, SEEDS[1]) as votes, caller(station, SEEDS[1], "bulk"):
        link = await station.link()
        with socket.fromfd(votes.get_extra_info("socket").fileno(), socket.AF_INET, socket.SOCK_STREAM) as under:
            link.send(Lane.VOTES, b"vote")
            assert under.recv(100, socket.MSG_PEEK) == b"\x82\x04vote"
        assert await votes.receive_bytes() == b"vote"


def test_a_link_without_a_socket_drops_what_is_sent() -> None:
    """Goal: whoever sends need not know who is there. Method: a link whose lanes are closed."""
    link = Link(KEYS[0], "x", None)
    link.send(Lane.VOTES, b"dropped: no socket")
    assert link.idle
