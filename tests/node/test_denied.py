"""The operator's list of denied nodes: what it may hold, and what it does to links of real sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ledger.keys import public_key_of
from ledger.transactions.bodies import Issue
from node.config import ConfigError
from node.denied import DENIED_BYTES_MAX, DENIED_FILE, DENIED_MAX, DeniedList, parse_denied
from node.wire import Lane, WireError
from tests.node.network import SECONDS_MAX, network
from tests.node.stations import KEYS, SEEDS, caller, stations

if TYPE_CHECKING:
    from pathlib import Path

    from tests.node.network import LocalNetwork


def write(folder: Path, *keys: bytes) -> None:
    """Replace the list, as an editor or a script does."""
    hidden = folder / "denied.new"
    hidden.write_text("".join(f"{key.hex()} # somebody\n" for key in keys))
    hidden.replace(folder / DENIED_FILE)


def test_a_list_is_keys_and_words_for_people(tmp_path: Path) -> None:
    """Goal: what is in the manual is read. Method: keys, blank lines, comments, a key twice, no line end."""
    text = f"# flooders\n\n{KEYS[0].hex()}  # bank-a, since Monday\n  {KEYS[1].hex()}\r\n{KEYS[0].hex()}"
    assert parse_denied(text.encode(), tmp_path) == {KEYS[0], KEYS[1]}
    assert parse_denied(b"", tmp_path) == set()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"bank-a\n", "line 1: a node key is 64 characters"),
        (b"#\n" + KEYS[0].hex().upper().encode(), "line 2: a node key"),
        (KEYS[0].hex()[:-1].encode(), "line 1: a node key"),
        (f"{KEYS[0].hex()} {KEYS[1].hex()}".encode(), "line 1: a node key"),
        (b"\xff", "not UTF-8 text"),
        (b"".join(b"%064x\n" % number for number in range(DENIED_MAX + 1)), "513 nodes, at most 512"),
    ],
    ids=["name", "capitals", "short", "two on a line", "no text", "too many"],
)
def test_half_a_list_is_no_list(tmp_path: Path, data: bytes, why: str) -> None:
    """Goal: a typing error denies nobody by guess. Method: each kind of fault beside good lines."""
    with pytest.raises(ConfigError, match=why):
        parse_denied(data, tmp_path / DENIED_FILE)


def test_a_node_does_not_start_on_a_list_that_it_cannot_use(tmp_path: Path) -> None:
    """Goal: who was shut out is not let in by a fault. Method: no list, a good one, a bad one, one too long, a folder of that name."""
    assert DeniedList(tmp_path).keys == set()
    write(tmp_path, KEYS[0])
    assert DeniedList(tmp_path).keys == {KEYS[0]}
    for content in (b"bank-a\n", b"#" * (DENIED_BYTES_MAX + 1)):
        (tmp_path / DENIED_FILE).write_bytes(content)
        with pytest.raises(ConfigError, match=r"correct it|shorten it"):
            DeniedList(tmp_path)
    (tmp_path / DENIED_FILE).unlink()
    (tmp_path / DENIED_FILE).mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        DeniedList(tmp_path)


def test_a_running_node_keeps_the_old_list_where_the_new_one_is_no_good(tmp_path: Path) -> None:
    """Goal: a typing error lets nobody in. Method: good, bad, bad, good, the same again, gone."""
    write(tmp_path, KEYS[0])
    found = DeniedList(tmp_path)
    assert not found.look()
    (tmp_path / DENIED_FILE).write_text("bank-a\n")
    assert not found.look()
    assert not found.look()
    assert found.keys == {KEYS[0]}
    write(tmp_path, KEYS[1])
    assert found.look()
    assert found.keys == {KEYS[1]}
    assert not found.look()
    (tmp_path / DENIED_FILE).unlink()
    assert found.look()
    assert found.keys == set()


async def test_a_denied_node_loses_its_link_and_is_told_why_when_it_calls_again() -> None:
    """Goal: shut out at once, with a reason. Method: two callers linked, one denied; the other one's frames go on."""
    async with stations(0) as (station,), caller(station, SEEDS[2]) as other:
        async with caller(station, SEEDS[1]) as votes, caller(station, SEEDS[1], "bulk") as bulk:
            await station.link()
            station.peers.deny(frozenset({KEYS[1]}))
            async with asyncio.timeout(SECONDS_MAX):
                await votes.receive()
                await bulk.receive()
            assert votes.closed
            assert bulk.closed
            await station.loss()
        with pytest.raises(WireError, match="the operator of this node denies your node key"):
            async with caller(station, SEEDS[1]):
                pass
        await other.send_bytes(b"mine")
        assert await station.frame() == ("node-2", Lane.VOTES, b"mine")
        assert station.peers.denied == 1
        station.peers.deny(frozenset())
        async with caller(station, SEEDS[1]) as again:
            await again.send_bytes(b"back")
            assert await station.frame() == ("node-1", Lane.VOTES, b"back")


async def test_a_denied_node_is_not_called_until_it_is_denied_no_more() -> None:
    """Goal: no outgoing calls either. Method: the caller denies, the called one denies nobody; a link comes only after the end of it."""
    async with stations(0, 1) as (one, two):
        caller_, called = (one, two) if KEYS[0] < KEYS[1] else (two, one)
        caller_.peers.deny(frozenset({KEYS[called.number]}))
        caller_.call(called)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await called.ears.links.get()
        caller_.peers.deny(frozenset())
        await called.link()


@pytest.mark.timeout(120)
async def test_a_split_by_lists_stops_finality_and_ends_without_a_restart(tmp_path: Path) -> None:
    """Goal: one node's list cuts a pair on both sides, while running. Method: two of four deny the others; the others deny nobody."""
    async with network(tmp_path) as net:
        names = net.validators
        await net.start(*names)
        await net.until(lambda: all(net.running[name].chain.tip.facts.height >= 1 for name in names))
        far = [public_key_of(net.running[name].prepared.node_seed) for name in names[2:]]
        for name in names[:2]:
            write(net.configs[name].data_folder, *far)
        await until_links(net, names, [(1, 2), (1, 2), (1, 0), (1, 0)])
        body = Issue(asset="KGS", to="bank-a/main", amount=1_000_000, basis="decision 1", source=None)
        signed = net.wallet.sign("operator", body, "operator/ops", "treasury/ops")
        async with net.client(names[0]) as client:
            await client.submit([signed.raw])
            before = await client.status()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3):
                    await client.submit([signed.raw], wait="final")
            assert (await client.status()).height == before.height
        for name in names[:2]:
            (net.configs[name].data_folder / DENIED_FILE).unlink()
        await net.until(lambda: all(net.running[name].chain.tip.facts.height > before.height for name in names))
        await net.same_tip(*names)
        async with net.client(names[3]) as client:
            assert (await client.transaction(signed.tx_id.hex())).status == "final"


async def until_links(net: LocalNetwork, names: list[str], wanted: list[tuple[int, int]]) -> None:
    """Wait until the nodes say that so many others are connected, and denied."""
    async with asyncio.timeout(SECONDS_MAX):
        while True:
            found = []
            for name in names:
                async with net.client(name) as client:
                    status = await client.status()
                found.append((status.peers, status.peers_denied))
            if found == wanted:
                return
            await asyncio.sleep(0.05)
