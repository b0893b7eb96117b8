"""An honest validator that may lose power at any moment, as often as it likes, and starts again from what is durable.

The node around the replica keeps the contract of `consensus/effects.py`: records are appended in order; a cast or a final block syncs them;
a vote is signed and sent only after that. Power can be lost before, between and after all of this. Of records that are not synced any
number stays, the first ones. The signer's mark stands for the vote from the moment it is synced, since at a start its votes are cast again
(K15), so there is no moment between mark and journal. The store takes final blocks at any later time (K14).

What is memory only goes: blocks under way, the votes and proposals of others, the timer. What was sent stays sent.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from consensus import effects as fx
from consensus import events as ev
from consensus.replica import Replica
from consensus.types import SignedVote
from tests.simulation.exhaustive.local import NOW, TIMING, LocalFault, Node, Validator, check_vote
from tests.simulation.exhaustive.scope import CHAIN, GENESIS, SIGNATURE, VALIDATORS, Event, Scope, What

if TYPE_CHECKING:
    from consensus.types import BlockFacts, Certificate

UNSYNCED_MAX = 8
"""Records that can wait for a sync at one moment in here; more is an error."""

Floor = tuple["BlockFacts", "Certificate"]
Durable = fx.Cast | fx.Append | fx.Finalize
Effect = Durable | fx.Judge | fx.FetchBlock | fx.Build


@dataclass(frozen=True, slots=True)
class Powered(Node):
    """A validator with its disk. While effects wait, the node is about to sync, and nothing else happens to the replica."""

    journal: tuple[fx.Record, ...] = ()
    """Synced."""
    tail: tuple[fx.Record, ...] = ()
    """Appended, not synced."""
    waiting: tuple[Effect, ...] = ()
    """Effects not performed yet; the first one needs a sync."""
    done: tuple[ev.Event, ...] = ()
    """What the replica is told of its own effects, before anything else."""
    final: Floor | None = None
    """The last final block given out."""
    floor: Floor | None = None
    """Of it what the store has taken."""


class Mortal(Validator):
    """An honest validator that loses power."""

    def _start(self) -> Node:
        return Powered(Replica(CHAIN, VALIDATORS, self._me, TIMING, GENESIS, None))

    def _key(self, node: Node) -> object:
        node = powered(node)
        journal, tail = form_of_records(node.journal), form_of_records(node.tail)
        final, floor = (None if held is None else held[0].view for held in (node.final, node.floor))
        return (super()._key(node), journal, tail, tuple(map(form_of_effect, node.waiting)), len(node.done), final, floor)

    def _apply(self, node: Node, event: Event) -> Node | None:
        now = powered(node)
        if event.what is What.GO_ON:
            return self._go_on(now) if now.waiting else None
        if event.what in (What.POWER_LOST, What.POWER_LOST_STORED):
            return self._lose_power(now, event)
        return None if now.waiting else super()._apply(now, event)

    # Power

    def _lose_power(self, node: Powered, event: Event) -> Node | None:
        """Start again with so many of the records that were not synced; None where there are not so many, or nothing new to store."""
        if event.number > len(node.tail) or (event.what is What.POWER_LOST_STORED and node.final == node.floor):
            return None
        floor = node.final if event.what is What.POWER_LOST_STORED else node.floor
        facts, certificate = floor if floor is not None else (GENESIS, None)
        journal = (*node.journal, *node.tail[: event.number])
        replica = Replica(CHAIN, VALIDATORS, self._me, TIMING, facts, certificate)
        replica.restore(journal)
        check_restored(replica, journal)
        again = Powered(replica, cast=node.cast, journal=journal, final=floor, floor=floor)
        return self._feed(self._feed(again, ev.WorkChanged(1, NOW)), ev.Started(NOW))

    # Performing

    def _feed(self, node: Node, event: ev.Event) -> Node:
        now = powered(node)
        return self._perform(replace(now, done=(*now.done, event)))

    def _go_on(self, node: Powered) -> Node:
        """Sync, and do what waited for it."""
        node = self._synced(powered(self._twin(node)))
        return self._perform(node)

    def _synced(self, node: Powered) -> Powered:
        effect, rest = node.waiting[0], node.waiting[1:]
        journal = (*node.journal, *node.tail)
        match effect:
            case fx.Cast(votes):
                cast = set(node.cast)
                for vote in votes:
                    check_vote(cast, vote)
                    cast.add(vote)
                signed = tuple(SignedVote(vote, self._me, SIGNATURE) for vote in votes)
                journal += tuple(fx.VoteRecord(own) for own in signed)
                done = (*node.done, ev.CastDone(signed, NOW))
                return replace(node, waiting=rest, journal=journal, tail=(), cast=frozenset(cast), done=done)
            case fx.Finalize(blocks, certificate):
                return replace(node, waiting=rest, journal=journal, tail=(), final=(blocks[-1], certificate))
            case _:
                raise AssertionError(f"{effect} needs no sync")

    def _perform(self, node: Powered) -> Powered:
        """Perform effects up to the next one that syncs, and tell the replica what came of those before."""
        waiting, done, tail = deque(node.waiting), deque(node.done), list(node.tail)
        judging, fetching, building = set(node.judging), set(node.fetching), node.building
        while waiting or done:
            if not waiting:
                waiting.extend(effect for effect in node.replica.handle(done.popleft()) if isinstance(effect, Effect))
                continue
            match waiting[0]:
                case fx.Cast(votes, records):
                    tail.extend(records)
                    waiting[0] = fx.Cast(votes, ())
                    break
                case fx.Finalize():
                    break
                case fx.Append(records):
                    tail.extend(records)
                case fx.Judge(block_id):
                    judging.add(block_id)
                case fx.FetchBlock(block_id):
                    fetching.add(block_id)
                case fx.Build(view, parent):
                    building = parent.block_id if view <= self._scope.views else None
            waiting.popleft()
        if len(tail) > UNSYNCED_MAX:
            raise AssertionError(f"{len(tail)} records wait for a sync")
        return replace(
            node,
            judging=frozenset(judging),
            fetching=frozenset(fetching),
            building=building,
            tail=tuple(tail),
            waiting=tuple(waiting),
            done=tuple(done),
        )


def powered(node: Node) -> Powered:
    """Return the node as what it is in here."""
    if not isinstance(node, Powered):
        raise TypeError("a validator without a disk")
    return node


def check_restored(replica: Replica, journal: tuple[fx.Record, ...]) -> None:
    """Check K13 for certificates: each one on disk is held again, unless the store is past its view.

    Raises
    ------
    LocalFault
        One is not.
    """
    for record in journal:
        if isinstance(record, fx.CertificateRecord):
            subject = record.certificate.subject
            if subject.view > replica.final_view and not replica.holds(subject):
                raise LocalFault(f"K13: {subject.kind.name.lower()} certificate of view {subject.view} was journaled and is not taken back")


def form_of_records(records: tuple[fx.Record, ...]) -> tuple[object, ...]:
    """Return records without what no replica reads of them: who signed a certificate, and what stands there a second time."""
    forms = (record.certificate.subject if isinstance(record, fx.CertificateRecord) else record for record in records)
    return tuple(dict.fromkeys(forms))


def form_of_effect(effect: Effect) -> object:
    """Return an effect in the same way."""
    match effect:
        case fx.Finalize(blocks, certificate):
            return (blocks, certificate.subject)
        case fx.Append(records):
            return form_of_records(records)
        case _:
            return effect


def with_power_lost(scope: Scope) -> Scope:
    """Return the scope with losses of power at any moment."""
    kept = range(UNSYNCED_MAX + 1)
    losses = [Event(what, number=number) for what in (What.POWER_LOST, What.POWER_LOST_STORED) for number in kept]
    return replace(scope, more=(Event(What.GO_ON), *losses))
