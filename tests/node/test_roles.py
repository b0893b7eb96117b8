"""The switch from one epoch to the next inside a node (K22), looked at from inside: order of disk and roles, frames, pool, pause."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING
from weakref import ref

from consensus.types import BlockId, Epoch, Kind, SignedVote, ValidatorId, View, Vote
from node.memory import Memory
from node.voting import Voting
from node.wire import Lane, Votes, encode_frame, wire_vote
from tests.node.network import LocalNetwork, network
from tests.node.test_epochs_end_to_end import SHORT, past
from tests.node.test_node_end_to_end import fund

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from node.roles import Roles


def roles_of(net: LocalNetwork, name: str) -> Roles:
    roles = net.running[name].node._roles
    assert roles is not None
    return roles


async def test_k22_the_store_holds_the_boundary_before_the_journal_begins_the_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: a restart finds the set of every epoch that the journal has records of. Method: look at the store at each begin."""
    begin, seen = Memory.begin, list[tuple[int, bool]]()

    async with network(tmp_path, params=SHORT) as net:

        def watched(memory: Memory, epoch: Epoch, me: ValidatorId) -> None:
            for running in net.running.values():
                voter = running.prepared.voter
                if voter is not None and voter.memory is memory:
                    chain = running.chain
                    seen.append((epoch, chain.committed_height >= chain.epochs.record(epoch).base))
            begin(memory, epoch, me)

        monkeypatch.setattr(Memory, "begin", watched)
        await net.start(*net.validators)
        await fund(net, "validator-0")
        await past(net, 2, *net.validators)
        await net.until(lambda: len([epoch for epoch, _ in seen if epoch == 2]) == 4)
    assert all(flushed for _, flushed in seen)


async def test_k22_kept_frames_reach_the_next_role(tmp_path: Path) -> None:
    """Goal: what came too early is judged as if it came now. Method: keep a forged vote; its sender is cut off then."""
    async with network(tmp_path, params=SHORT) as net:
        await net.start(*net.validators)
        parts = roles_of(net, "validator-0")._parts
        await net.until(lambda: parts.peers.link_of(ValidatorId(1)) is not None)
        link = parts.peers.link_of(ValidatorId(1))
        assert link is not None
        epoch = Epoch(parts.chain.epoch_number + 1)
        lie = SignedVote(Vote(Kind.NOTARIZE, epoch, View(1), View(0), BlockId(b"b" * 32)), ValidatorId(1), bytes(64))
        parts.later.keep(link, Lane.VOTES, encode_frame(Votes((wire_vote(lie),))))
        await fund(net, "validator-0")
        await past(net, epoch, "validator-0")
        await net.until(lambda: link.node_key in parts.peers._bans)
        await past(net, epoch + 1, *net.validators)


async def test_k22_the_next_role_hears_of_the_pool_and_the_old_one_does_nothing_more(tmp_path: Path) -> None:
    """Goal: one role at a time. Method: before and after a boundary: another core, another inbox, the pool's changes go to the new one."""
    async with network(tmp_path, params=SHORT) as net:
        await net.start(*net.validators)
        roles = roles_of(net, "validator-0")
        old = roles.role
        await fund(net, "validator-0")
        await net.until(lambda: roles.role is not old)
        new = roles.role
        assert isinstance(old, Voting)
        assert isinstance(new, Voting)
        assert new.replica.epoch > old.replica.epoch
        assert roles._parts.peers.receiver is new.receiver
        assert roles._parts.gossip.changed == new._work.grown
        assert not old._tasks._running
        assert not old._timers._handles


async def test_an_ended_epoch_leaves_no_garbage_behind(tmp_path: Path) -> None:
    """Goal: memory stays flat over many epochs: a full search for garbage is rare, so what an epoch had must go by itself.

    Method: no search at all; after a switch, nothing holds the old parts any more, nor what they verified.
    """
    gc.disable()
    try:
        async with network(tmp_path, params=SHORT) as net:
            await net.start(*net.validators)
            roles = roles_of(net, "validator-0")
            old = roles.role
            assert isinstance(old, Voting)
            parts = [ref(part) for part in (old, old.replica, old.receiver, old.bodies, old.sync, old.flusher, old._performer, old._work)]
            epoch = old.replica.epoch
            del old
            await fund(net, "validator-0")
            await past(net, epoch + 2, *net.validators)
            await net.until(lambda: roles.role.replica is not None and roles.role.replica.epoch > epoch)
            await net.until(lambda: all(part() is None for part in parts))
    finally:
        gc.enable()
