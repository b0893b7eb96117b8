"""One honest validator as an automaton: the production `Replica`, every event that can happen to it in the scope, in every order.

The environment is not limited here: any message of the scope may come at any time, any block asked for may come, be judged or be built at
any later time, the timer of a view may run out at any point. What others can really have sent is decided in search.py.
"""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING

from consensus import effects as fx
from consensus import events as ev
from consensus.replica import Replica
from consensus.types import Certificate, Kind, SignedVote, TimeMs, Timing, ValidatorId, Vote
from tests.simulation.exhaustive.scope import CHAIN, EPOCH, GENESIS, SIGNATURE, VALIDATORS, Event, Lie, What, certificate

if TYPE_CHECKING:
    from consensus.state import ViewState
    from consensus.types import BlockId, View
    from tests.simulation.exhaustive.scope import Scope

NOW = TimeMs(1_000_000)
TIMING = Timing(interval_ms_min=0, past_ms_max=2**40)
"""The clock stands still: when a timer runs out is a choice. A block is never too old or too early."""
HALTED = 1 << 62
"""Bit of an output: the validator halted."""
UNSEEN = frozenset(
    {
        "now", "entered_ms", "leader_at", "advance_at", "last_block_ms", "propose_at", "clock_at",
        "sources", "attempts", "doubts", "peers", "newest", "accused", "executed_count", "stuck_at", "catch_up_attempts", "unsettled",
        "asked", "work", "armed", "pending", "effects", "records", "chain", "validators", "timing", "me", "touched", "mark", "views",
        "status_at", "heard", "started_ms", "last_timeout",
    }
)  # fmt: skip
"""Fields that no event of the scope reads: clocks that stand still, whom to ask for what, statuses, evidence, and what is constant."""


class LocalFault(Exception):
    """One validator alone broke a rule."""


@dataclass(frozen=True, slots=True)
class Node:
    """A validator at one moment: the replica and what the node around it has under way."""

    replica: Replica
    judging: frozenset[BlockId] = frozenset()
    fetching: frozenset[BlockId] = frozenset()
    building: BlockId | None = None
    """Parent of the block that is being built."""
    cast: frozenset[Vote] = frozenset()
    """Every vote cast so far: kept apart from what the replica remembers, for it is checked against it."""


@dataclass(slots=True)
class Automaton:
    """All states of one validator, numbered in the order found; state 0 is the first."""

    outputs: list[int] = field(default_factory=list)
    """Votes cast so far, a bit for each vote of the scope, and HALTED."""
    steps: list[list[int]] = field(default_factory=list)
    """For each state and event the next state; the state itself where nothing changes."""
    compared: int = 0
    """How many states were reached by another object too, whose every step led to the same states."""


_FIELDS: dict[type, tuple[str, ...] | None] = {}
"""Fields of the dataclasses whose objects change; None for every other type."""


def mutable_fields(kind: type) -> tuple[str, ...] | None:
    """Return the names of what can change in an object of this type, None where nothing can."""
    if kind not in _FIELDS:
        changes = is_dataclass(kind) and kind.__setattr__ is object.__setattr__  # a frozen one has its own
        _FIELDS[kind] = tuple(item.name for item in fields(kind)) if changes else None
    return _FIELDS[kind]


def clone(value: object) -> object:
    """Copy what can change; share what cannot."""
    if type(value) is dict:
        return {name: clone(item) for name, item in value.items()}
    if type(value) is list:
        return [clone(item) for item in value]
    names = mutable_fields(type(value))
    if names is None:
        return value
    twin = copy.copy(value)
    for name in names:
        held = getattr(value, name)
        if type(held) in (dict, list) or mutable_fields(type(held)) is not None:
            setattr(twin, name, clone(held))
    return twin


def form(value: object) -> object:
    """Return a value that is equal for states that no event of the scope tells apart.

    Of a certificate and of a vote what was signed counts, and of a vote by whom; the order in which votes came does not.
    """
    if type(value) is Certificate:
        return value.subject
    if type(value) is SignedVote:
        return (value.signer, value.vote)
    if type(value) is dict:
        return frozenset((name, form(item)) for name, item in value.items())
    if type(value) is list:
        if value and type(value[0]) is SignedVote:
            return frozenset(form(item) for item in value)
        return tuple(form(item) for item in value)
    names = mutable_fields(type(value))
    if names is None:
        return value
    return tuple(form(getattr(value, name)) for name in names if name not in UNSEEN)


def form_of_view(view: ViewState, current: View) -> object:
    """Return what an event of the scope can still read of a view.

    Where a certificate is held its votes are read no more, except, in the current view and later, whom the leader voted for. The proposal
    of a view that is over is read once more where its block turns out to be certified: it saves fetching the header.
    """
    counted: list[object] = []
    leader = VALIDATORS.leader(EPOCH, view.number)
    for kind in Kind:
        if view.certificates[kind] is None:
            counted.append(form(view.votes[kind]))
        elif view.number >= current and leader in view.votes[kind]:
            counted.append(form(view.votes[kind][leader]))
        else:
            counted.append(None)
    proposal = view.proposal if view.number >= current or view.block_id() is None else None
    held = tuple(None if one is None else one.subject for one in view.certificates)
    return (view.number, held, tuple(counted), proposal, view.in_time)


class Validator:
    """Runs the production replica of one honest validator through the scope."""

    def __init__(self, scope: Scope, me: int) -> None:
        self._scope, self._me = scope, ValidatorId(me)
        self._votes = {vote: 1 << number for number, vote in enumerate(scope.votes())}
        self._events = scope.events()
        self._signers = [index for index in range(4) if index != me]

    def explore(self) -> Automaton:
        """Find every state."""
        found, numbers = Automaton(), dict[object, int]()
        queue, again = deque[Node](), dict[int, Node]()

        def number_of(node: Node) -> int:
            key = self._key(node)
            number = numbers.get(key)
            if number is None:
                number = numbers[key] = len(found.outputs)
                found.outputs.append(self._output(node))
                found.steps.append([])
                queue.append(node)
            else:
                again[number] = node
            return number

        number_of(self._begin())
        done = 0
        while queue:
            node = queue.popleft()
            found.steps[done] = [done if after is None else number_of(after) for after in self._after(node)]
            done += 1
        self._compare(found, numbers, again)
        return found

    def _compare(self, found: Automaton, numbers: dict[object, int], again: dict[int, Node]) -> None:
        """Make all steps again from every state that was reached by another object, from the last such object."""
        for number, node in again.items():
            if found.steps[number] != [number if after is None else numbers.get(self._key(after)) for after in self._after(node)]:
                raise AssertionError("two states that were taken for one behave differently")
        found.compared = len(again)

    def _begin(self) -> Node:
        return self._feed(self._feed(self._start(), ev.WorkChanged(1, NOW)), ev.Started(NOW))

    def _start(self) -> Node:
        return Node(Replica(CHAIN, VALIDATORS, self._me, TIMING, GENESIS, None))

    def _key(self, node: Node) -> object:
        state = node.replica._state
        views = tuple(form_of_view(view, state.view) for view in state.views.values())
        return (form(state), frozenset(views), node.judging, node.fetching, node.building, node.cast)

    def _output(self, node: Node) -> int:
        return sum(self._votes.get(vote, 0) for vote in node.cast) | (HALTED if node.replica.halted else 0)

    def _after(self, node: Node) -> list[Node | None]:
        if node.replica.halted:
            return [None] * len(self._events)
        return [self._apply(node, event) for event in self._events]

    # Events

    def _apply(self, node: Node, event: Event) -> Node | None:
        """Return the state after an event; None where it cannot happen now."""
        match event.what:
            case What.PROPOSAL:
                return self._proposal(node, event)
            case What.CERTIFICATE:
                return self._certificate(node, event)
            case What.VOTES:
                return self._votes_of(node, event)
            case What.HEADER if event.block in node.fetching:
                block = self._scope.block(event.block)
                ready = replace(self._twin(node), fetching=node.fetching - {event.block})
                return self._feed(ready, ev.BodyArrived(event.block, NOW, block.facts))
            case What.JUDGED if event.block in node.judging:
                block = self._scope.block(event.block)
                verdict = ev.Verdict.INVALID if block.lie is Lie.BROKEN else ev.Verdict.VALID
                ready = replace(self._twin(node), judging=node.judging - {event.block})
                return self._feed(ready, ev.Judged(event.block, verdict, block.facts, NOW))
            case What.BUILT if node.building is not None:
                return self._built(node, node.building)
            case What.TIMEOUT if node.replica.view <= self._scope.views:
                return self._timeout(node)
            case _:
                return self._apply_more(node, event)

    def _apply_more(self, node: Node, event: Event) -> Node | None:
        """Return the state after an event that the search leaves out; here none can happen."""
        del node, event
        return None

    def _proposal(self, node: Node, event: Event) -> Node | None:
        if event.block is None:
            raise AssertionError("a proposal of nothing")
        proposal = self._scope.block(event.block).proposal
        if proposal.vote.signer == self._me or node.replica.view > self._scope.views:
            return None
        return self._feed(self._twin(node), ev.ProposalReceived(proposal, NOW))

    def _certificate(self, node: Node, event: Event) -> Node | None:
        subject = event.subject
        if subject is None or node.replica.holds(subject) or self._is_excluded(node, subject):
            return None
        signers = [self._me, *self._signers] if subject in node.cast else self._signers
        return self._feed(self._twin(node), ev.CertificateReceived(certificate(subject, tuple(signers[: VALIDATORS.quorum])), NOW))

    def _votes_of(self, node: Node, event: Event) -> Node | None:
        """Deliver the votes of the others one by one until they are a certificate; those of the leader last."""
        subject = event.subject
        if subject is None or node.replica.holds(subject) or self._is_excluded(node, subject):
            return None
        leader = VALIDATORS.leader(subject.epoch, subject.view)
        view = node.replica._state.views.get(subject.view)
        voted = () if view is None else tuple(view.votes[subject.kind])
        after = self._twin(node)
        for signer in sorted(self._signers, key=lambda index: index == leader):
            if signer in voted:
                return None
            after = self._feed(after, ev.VoteReceived(SignedVote(subject, ValidatorId(signer), SIGNATURE), NOW))
            if after.replica.holds(subject) or after.replica.final_view >= subject.view:
                break
        return after

    def _is_excluded(self, node: Node, subject: Vote) -> bool:
        """Tell whether a certificate excludes one that is held: that both can be is a fault that search.py finds, and the end of it."""
        held = [one.subject for view in node.replica._state.views.values() for one in view.certificates if one is not None]
        return any(self._scope.excludes(one, subject) for one in held if 0 < one.view <= self._scope.views)

    def _built(self, node: Node, parent: BlockId) -> Node:
        facts = next(block.facts for block in self._scope.blocks if (block.facts.parent, block.facts.proposer) == (parent, self._me))
        return self._feed(replace(self._twin(node), building=None), ev.Built(facts.view, facts, NOW))

    def _timeout(self, node: Node) -> Node:
        after = self._twin(node)
        state = after.replica._state
        state.advance_at = NOW
        return self._feed(after, ev.TimerFired(ev.TimerKind.ADVANCE, state.view, NOW))

    # Performing

    def _twin(self, node: Node) -> Node:
        replica = copy.copy(node.replica)
        replica._state = clone(node.replica._state)  # type: ignore[assignment]
        return replace(node, replica=replica)

    def _feed(self, node: Node, event: ev.Event) -> Node:
        """Feed an event to a copy, and perform what it asks for; votes are durable at once."""
        judging, fetching, cast, building = set(node.judging), set(node.fetching), set(node.cast), node.building
        queue: deque[ev.Event] = deque([event])
        while queue:
            for effect in node.replica.handle(queue.popleft()):
                match effect:
                    case fx.Cast(votes):
                        for vote in votes:
                            check_vote(cast, vote)
                            cast.add(vote)
                        queue.append(ev.CastDone(tuple(SignedVote(vote, self._me, SIGNATURE) for vote in votes), NOW))
                    case fx.Judge(block_id):
                        judging.add(block_id)
                    case fx.FetchBlock(block_id):
                        fetching.add(block_id)
                    case fx.Build(view, parent):
                        building = parent.block_id if view <= self._scope.views else None
                    case _:
                        pass
        return replace(node, judging=frozenset(judging), fetching=frozenset(fetching), building=building, cast=frozenset(cast))


def check_vote(cast: set[Vote], vote: Vote) -> None:
    """Check K5, K6, K7 and K21 for one more vote of a validator, from the words of the rules.

    Raises
    ------
    LocalFault
        It may not follow what was cast before.
    """
    same = [held.kind for held in cast if held.view == vote.view]
    if vote.kind in same:
        raise LocalFault(f"K5, K6, K7: a second {vote.kind.name.lower()} in view {vote.view}")
    if {vote.kind, *same} >= {Kind.NULLIFY, Kind.FINALIZE}:
        raise LocalFault(f"K6, K7: nullify and finalize in view {vote.view}")
    if any((held.view, held.kind) > (vote.view, vote.kind) for held in cast):
        raise LocalFault(f"K21: {vote.kind.name.lower()} of view {vote.view} after a later vote")
