"""From the genesis document to the set of any epoch, believing nobody (K23, point 2); snapshots and backups over epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from consensus.signing import signing_bytes
from consensus.types import Certificate, ChainId, Epoch, Kind, ValidatorId, View, Vote
from ledger.epochs import set_hash
from ledger.keys import sign
from node.chain import Chain
from node.epochchain import LINK_BYTES_MAX, EpochChainBroken, EpochLink, check_link, decode_link, encode_link, walk
from node.epochlinks import link_of, links_from
from node.snapshot_fetch import check_manifest, first_set, split_links
from node.snapshot_install import build
from node.store import Store
from node.wire import WireError, header_of, wire_certificate
from tests.node.snapshot_world import SignedWorld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LENGTH = 10


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SignedWorld]:
    """Make a chain in its fourth epoch."""
    made = SignedWorld(tmp_path / "a", epoch_length=LENGTH)
    await made.fund()
    while made.chain.tip.facts.height < 3 * LENGTH + 3:
        made.clock.now_ms += 10
        made.finalize(await made.build())
    yield made
    made.close()


def checked(world: SignedWorld, links: list[EpochLink]) -> int:
    return len(walk(links, genesis=first_set(world.genesis), chain=world.chain_id))


async def test_k23_the_links_lead_from_genesis_to_the_current_set(world: SignedWorld) -> None:
    """Goal: every set is known. Method: four epochs, before and after a flush; pages; beyond the end."""
    links = links_from(world.chain, 0, 64)
    assert checked(world, links) == 4
    await world.chain.flush()
    assert links_from(world.chain, 0, 64) == links
    assert links_from(world.chain, 1, 1) == links[1:2]
    assert links_from(world.chain, 3, 64) == []
    assert link_of(world.chain, -1) is None
    data = b"".join(len(encode_link(link)).to_bytes(4, "big") + encode_link(link) for link in links)
    assert split_links(data, 0) == links


async def test_k23_every_altered_byte_of_a_link_is_refused(world: SignedWorld) -> None:
    """Goal: no byte is believed. Method: flip each byte of a link in turn; cut it; make it longer."""
    links = links_from(world.chain, 0, 64)
    data = encode_link(links[1])
    for at in range(len(data)):
        altered = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(EpochChainBroken):
            checked(world, [links[0], decode_link(altered, 1), links[2]])
    for bad in (data[:-1], data + b"\x00", bytes(LINK_BYTES_MAX + 1)):
        with pytest.raises(EpochChainBroken):
            decode_link(bad, 1)


async def test_k23_links_out_of_place_prove_nothing(world: SignedWorld) -> None:
    """Goal: each link is of its epoch, chain and height. Method: leave one out, repeat, reorder; another chain or set."""
    first, second, third = links_from(world.chain, 0, 64)
    for wrong in ([second, third], [first, first], [first, third], [first, third, second]):
        with pytest.raises(EpochChainBroken):
            checked(world, wrong)
    members = first_set(world.genesis)
    with pytest.raises(EpochChainBroken, match="place"):
        check_link(first, epoch=0, validators=members, chain=bytes(32), after=0)
    with pytest.raises(EpochChainBroken, match="place"):
        check_link(first, epoch=0, validators=members, chain=world.chain_id, after=LENGTH)
    with pytest.raises(EpochChainBroken, match="set"):
        check_link(msgspec.structs.replace(first, validators=members[:3]), epoch=0, validators=members, chain=world.chain_id, after=0)
    assert header_of(first.header)[1].next == set_hash(1, members)


async def test_k23_a_certificate_counts_by_the_set_of_its_epoch_only(world: SignedWorld) -> None:
    """Goal: whose signatures count follows from the links. Method: another set's keys; too few signatures; a notarization."""
    first, *_ = links_from(world.chain, 0, 64)
    members = first_set(world.genesis)
    other = tuple(msgspec.structs.replace(each, consensus_key=bytes([n + 1]) * 32) for n, each in enumerate(members))
    with pytest.raises(EpochChainBroken, match="finalized"):
        check_link(first, epoch=0, validators=other, chain=world.chain_id, after=0)
    for change in ({"kind": 1}, {"signatures": first.certificate.signatures[:2]}):
        link = msgspec.structs.replace(first, certificate=msgspec.structs.replace(first.certificate, **change))
        with pytest.raises(EpochChainBroken, match="finalized"):
            check_link(link, epoch=0, validators=members, chain=world.chain_id, after=0)


async def test_k23_a_notarization_of_the_last_block_proves_nothing(world: SignedWorld) -> None:
    """Goal: only what is final ends an epoch. Method: a quorum's notarization of the boundary block, signatures and all."""
    first, *_ = links_from(world.chain, 0, 64)
    block_id, header = header_of(first.header)
    vote = Vote(Kind.NOTARIZE, Epoch(0), View(header.view), View(0), block_id)
    message = signing_bytes(ChainId(world.chain_id), vote)
    shown = Certificate(vote, tuple((ValidatorId(index), sign(world.seeds[index], message)) for index in range(3)))
    with pytest.raises(EpochChainBroken, match="finalized"):
        checked(world, [msgspec.structs.replace(first, certificate=wire_certificate(shown))])


async def test_a_snapshot_in_a_later_epoch_carries_how_the_earlier_ones_ended(world: SignedWorld, tmp_path: Path) -> None:
    """Goal: who began at a snapshot can lead others from genesis. Method: take one over in epoch 3; links, finality, next blocks."""
    links = tuple(links_from(world.chain, 0, 64))
    manifest, chunks = await world.snapshot(tmp_path / "data")
    check_manifest(manifest, links, world.genesis)
    for wrong in (links[:2], (*links, links[2]), ()):
        with pytest.raises((WireError, EpochChainBroken)):
            check_manifest(manifest, wrong, world.genesis)
    build(tmp_path / "b", manifest, links, lambda index: chunks[index], chain=world.chain_id, map_bytes=2**28)
    store = Store.open(tmp_path / "b", world.chain_id, 2**28)
    other = Chain.open(store, world.genesis, world.ring, history=False)
    assert other.epoch_number == 3
    assert tuple(links_from(other, 0, 64)) == links
    for epoch in range(3):
        assert other.boundary_finality(epoch) == world.chain.boundary_finality(epoch)
    assert other.finality(LENGTH + 1) is None, "the headers between are not here"
    while world.chain.tip.facts.height < 4 * LENGTH + 1:
        world.clock.now_ms += 10
        built = await world.build()
        assert (await other.judge(built.stored)).reason == ""
        world.finalize(built)
        other.finalize([built.facts.block_id], world.certificate(built))
    await other.flush()
    assert links_from(other, 0, 64) == links_from(world.chain, 0, 64)
    assert checked(world, links_from(other, 0, 64)) == 5
    other.close()


async def test_a_snapshot_at_the_end_of_an_epoch_is_of_that_epoch(tmp_path: Path) -> None:
    """Goal: all nodes make one there. Method: take one over at the boundary; the next block is the first of the next epoch."""
    world = SignedWorld(tmp_path / "a", epoch_length=LENGTH)
    await world.fund()
    while world.chain.tip.facts.height < LENGTH:
        world.clock.now_ms += 10
        world.finalize(await world.build())
    manifest, chunks = await world.snapshot(tmp_path / "data")
    check_manifest(manifest, (), world.genesis)
    build(tmp_path / "b", manifest, (), lambda index: chunks[index], chain=world.chain_id, map_bytes=2**28)
    store = Store.open(tmp_path / "b", world.chain_id, 2**28)
    other = Chain.open(store, world.genesis, world.ring, history=False)
    assert other.epoch_number == 1
    built = await world.build()
    assert built.facts.epoch == 1
    assert (await other.judge(built.stored)).reason == ""
    assert checked(world, links_from(other, 0, 64)) == 2
    other.close()
    world.close()
