"""The peer network over epochs (K22): links outlive them, newcomers are called by the ledger's address, both sides may ask for ranges."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from consensus.types import ValidatorId
from node import peers as peers_module
from node.peers import client_session
from node.wire import Lane, WireError
from tests.node.stations import KEYS, SEEDS, Station, caller, stations

SMALLER, LARGER = sorted(range(4), key=lambda number: KEYS[number])[:2]


class Council:
    """A roster whose set can change: every station but those `struck` is listed, those in `voters` vote."""

    def __init__(self, *voters: int) -> None:
        self.voters = list(voters)
        self.struck: list[int] = []

    def validator_of(self, node_key: bytes) -> ValidatorId | None:
        """Position in the set."""
        number = KEYS.index(node_key) if node_key in KEYS else -1
        return ValidatorId(self.voters.index(number)) if number in self.voters else None

    def name_of(self, node_key: bytes) -> str | None:
        """Everybody is listed but those that were struck off."""
        known = node_key in KEYS and KEYS.index(node_key) not in self.struck
        return f"node-{KEYS.index(node_key)}" if known else None


def use(station: Station, council: Council) -> None:
    """Give a station another roster."""
    station.peers._roster = council


async def test_k22_links_stay_open_and_are_labelled_anew() -> None:
    """Goal: no socket closes at a boundary. Method: a newcomer calls as a follower, the set changes, votes go to it on the same link."""
    async with stations(SMALLER, LARGER) as (one, two):
        council = Council(SMALLER)
        use(one, council)
        use(two, council)
        two.call(one)
        link = await one.link()
        labels = [link.validator]
        council.voters.append(LARGER)
        one.peers.relabel()
        two.peers.relabel()
        assert [*labels, link.validator] == [None, 1]
        one.peers.to_validators(Lane.VOTES, b"vote")
        assert (await two.frame())[2] == b"vote"
        assert one.ears.lost.empty()


async def test_k22_the_receiver_of_an_open_link_can_be_changed() -> None:
    """Goal: the next epoch's inbox takes what arrives on old links. Method: put other ears on."""
    async with stations(SMALLER, LARGER) as (one, two):
        one.call(two)
        first = await one.link()
        await two.link()
        two.peers.receiver = one.ears
        first.send(Lane.VOTES, b"now")
        assert (await one.frame())[2] == b"now"
        assert two.ears.frames.empty()


async def test_k22_a_validator_that_only_the_other_side_can_find_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: every pair is connected. Method: the smaller key, which should call, knows no address; the larger one calls after a while."""
    monkeypatch.setattr(peers_module, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(peers_module, "LOOK_SECONDS", 0.05)
    async with stations(SMALLER, LARGER) as (one, two):
        council = Council(SMALLER, LARGER)
        use(one, council)
        use(two, council)
        one.peers.call([], one.session, None)
        two.call(one)
        first, second = await one.link(), await two.link()
        assert (first.node_key, second.node_key) == (KEYS[LARGER], KEYS[SMALLER])
        one.peers.aim([two.entry()])
        await asyncio.sleep(0.3)
        assert (one.ears.lost.qsize(), two.ears.lost.qsize()) == (0, 0)


async def test_k22_a_newcomer_is_called_once_its_address_is_known_and_only_by_its_key() -> None:
    """Goal: an address of the ledger is a hint. Method: aim at a wrong key on that address, then at the right one; and away again."""
    async with stations(SMALLER, LARGER) as (one, two):
        council = Council(SMALLER, LARGER)
        use(one, council)
        use(two, council)
        one.peers.call([], one.session, None)
        stranger = next(number for number in range(5) if number not in (SMALLER, LARGER))
        council.voters.append(stranger)
        wrong = type(two.entry())("stranger", two.entry().url, KEYS[stranger].hex())
        one.peers.aim([wrong])
        await asyncio.sleep(0.3)
        assert one.peers.links() == []
        one.peers.aim([two.entry()])
        assert (await one.link()).node_key == KEYS[LARGER]
        assert list(one.peers._calling) == [KEYS[LARGER]]


async def test_k20_both_sides_of_a_link_have_a_token_for_plain_gets() -> None:
    """Goal: whoever was called can take ranges from its caller, too. Method: each asks the other who it is."""
    made = [Station(SMALLER), Station(LARGER)]

    def route(station: Station) -> web.RouteDef:
        async def who(request: web.Request) -> web.Response:
            link = station.peers.caller_of(request)
            return web.Response(status=401) if link is None else web.Response(text=link.name)

        return web.get("/peer/v1/who", who)

    for station in made:
        await station.listen([route(station)])
    one, two = made
    one.call(two)
    there, back = await one.link(), await two.link()
    async with client_session() as session:
        for link, server, name in ((there, two, f"node-{SMALLER}"), (back, one, f"node-{LARGER}")):
            url = f"http://127.0.0.1:{server.peers.port}/peer/v1/who"
            async with session.get(url, headers={"Authorization": f"Bearer {link.token.hex()}"}) as answer:
                assert await answer.text() == name
    for station in made:
        await station.close()


async def test_l28_who_is_listed_no_more_parts_after_the_boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: who left reads nothing new. Method: strike a node while it votes; its link closes after the boundary and stays closed."""
    monkeypatch.setattr(peers_module, "PART_SECONDS", 0.05)
    async with stations(SMALLER, LARGER) as (one, two):
        council, others = Council(SMALLER, LARGER), Council(SMALLER, LARGER)
        use(one, council)
        use(two, others)
        two.call(one)
        one.call(two)
        assert (await one.link()).validator is not None
        council.voters.remove(LARGER)
        council.struck.append(LARGER)
        one.peers.relabel()
        assert (await one.loss()).node_key == KEYS[LARGER]
        with pytest.raises(WireError, match="does not list the node key"):
            async with caller(one, SEEDS[LARGER]):
                raise AssertionError("a node that was struck off was let in")


async def test_k22_a_node_that_is_behind_keeps_the_links_that_it_made_to_nodes_unknown_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a newcomer can catch up from whom it was told of. Method: it knows nobody; it passes a boundary; a frame still arrives."""
    monkeypatch.setattr(peers_module, "PART_SECONDS", 0.05)
    async with stations(SMALLER, LARGER) as (one, two):
        behind, ahead = Council(SMALLER), Council(SMALLER)
        behind.struck += [SMALLER]
        use(two, behind)
        use(one, ahead)
        two.call(one)
        await one.link()
        two.peers.relabel()
        await asyncio.sleep(0.2)
        (await two.link()).send(Lane.VOTES, b"still here")
        assert (await one.frame())[2] == b"still here"
