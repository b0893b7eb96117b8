"""What the search leaves out or takes for one, put in again, so that the reasons given in `__init__.py` are checked and not only argued.

`Exact` takes no two states of a validator for one (reason 5). `Finer` has every vote one by one, verdicts that come to nothing, builds that
fail, retries, and ranges of final blocks (reasons 2, 3, 4). Both must show the same as the search's own validator.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from consensus import events as ev
from consensus.types import Certificate, Kind, SignedVote, ValidatorId
from tests.simulation.exhaustive.local import NOW, Node, Validator, mutable_fields
from tests.simulation.exhaustive.merge import merge
from tests.simulation.exhaustive.scope import EPOCH, SIGNATURE, VALIDATORS, Depth, Event, Scope, What, certificate

if TYPE_CHECKING:
    from consensus.types import Vote

CONSTANT = frozenset({"chain", "validators", "timing", "me", "now", "started_ms", "effects", "records"})
"""Fields that have one value in every state that is compared."""


class Exact(Validator):
    """An honest validator of which every field counts, down to who signed a certificate and in which order votes came."""

    def _key(self, node: Node) -> object:
        return (exact_form(node.replica._state), node.judging, node.fetching, node.building, node.cast)


class Alike(NamedTuple):
    """How the states of one validator compare, with every field counted and as the search keeps them."""

    exact: int
    kept: int
    is_same: bool
    """Whether no sequence of events tells the two first states apart by what is cast."""

    def __bool__(self) -> bool:
        return self.is_same


def exact_is_alike(scope: Scope, me: int) -> Alike:
    """Compare the exact states of a validator with those that the search keeps."""
    kept, exact = Validator(scope, me).explore(), Exact(scope, me).explore()
    first, second = merge([kept, exact]).starts
    return Alike(len(exact.outputs), len(kept.outputs), first == second)


def exact_form(value: object) -> object:
    """Return a value that is equal only for equal states."""
    if type(value) is dict:
        return frozenset((name, exact_form(item)) for name, item in value.items())
    if type(value) is list:
        return tuple(exact_form(item) for item in value)
    names = mutable_fields(type(value))
    if names is None:
        return value
    return tuple(exact_form(getattr(value, name)) for name in names if name not in CONSTANT)


class Finer(Validator):
    """An honest validator to which more can happen."""

    def _key(self, node: Node) -> object:
        state = node.replica._state
        doubts = frozenset((block.block_id, min(block.doubts, 2)) for block in state.blocks.values())
        return (super()._key(node), doubts, frozenset(state.unsettled), state.catching_up, state.stuck_at == state.executed_count)

    def _apply_more(self, node: Node, event: Event) -> Node | None:
        match event:
            case Event(What.VOTE, subject=subject, number=signer) if subject is not None:
                return self._vote(node, subject, ValidatorId(signer))
            case Event(What.NO_VERDICT, block=block_id) if block_id in node.judging:
                facts = self._scope.block(block_id).facts
                ready = replace(self._twin(node), judging=node.judging - {block_id})
                return self._feed(ready, ev.Judged(block_id, ev.Verdict.NONE, facts, NOW))
            case Event(What.NOT_BUILT) if node.building is not None:
                view = node.replica.view
                return self._feed(replace(self._twin(node), building=None), ev.BuildFailed(view, NOW))
            case Event(What.RETRY):
                return self._feed(self._twin(node), ev.TimerFired(ev.TimerKind.RETRY, node.replica.view, NOW))
            case Event(What.RANGE, subject=subject) if subject is not None and not self._is_excluded(node, subject):
                return self._range(node, subject)
            case _:
                return None

    def _vote(self, node: Node, subject: Vote, signer: ValidatorId) -> Node | None:
        if signer == self._me:
            return None
        after = self._feed(self._twin(node), ev.VoteReceived(SignedVote(subject, signer, SIGNATURE), NOW))
        return None if after.replica.halted and self._is_excluded(node, subject) else after

    def _range(self, node: Node, subject: Vote) -> Node:
        """Deliver a range that ends at a final block, asked for or not."""
        shown: Certificate = certificate(subject, tuple(self._signers[: VALIDATORS.quorum]))
        return self._feed(self._twin(node), ev.Synced(self._scope.block(subject.block_id).facts, shown, NOW))


def single_votes(scope: Scope) -> tuple[Event, ...]:
    """Return every vote of view 1, one by one, and of view 2, whose certificates are beyond the scope, its leader's nullify."""
    votes = [vote for vote in scope.votes() if vote.view == 1 or scope.depth is Depth.CERTIFICATES]
    leaders = [vote for vote in scope.votes() if vote not in votes and vote.kind is Kind.NULLIFY]
    return (
        *(Event(What.VOTE, subject=vote, number=signer) for vote in votes for signer in range(4)),
        *(Event(What.VOTE, subject=vote, number=VALIDATORS.leader(EPOCH, vote.view)) for vote in leaders),
    )


def mishaps(scope: Scope) -> tuple[Event, ...]:
    """Return verdicts that come to nothing, builds that fail, retries, and ranges that end at a final block."""
    finals = [vote for vote in scope.votes() if vote.kind is Kind.FINALIZE and (vote.view == 1 or scope.depth is Depth.CERTIFICATES)]
    return (
        *(Event(What.NO_VERDICT, block.facts.block_id) for block in scope.blocks),
        *(Event(What.RANGE, subject=vote) for vote in finals),
        Event(What.NOT_BUILT),
        Event(What.RETRY),
    )
