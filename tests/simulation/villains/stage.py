"""The world of villains: f of n of one kind, fair links with a little loss, a hundred views that must pass and be final."""

from __future__ import annotations

from dataclasses import dataclass, replace
from heapq import heappop
from typing import TYPE_CHECKING

from consensus.certificates import check_certificate
from consensus.types import Timing
from tests.simulation.blocks import CHAIN
from tests.simulation.plan import START_MS, Plan, draw_plan
from tests.simulation.villains.villain import Due
from tests.simulation.world import World

if TYPE_CHECKING:
    from consensus.evidence import Evidence
    from consensus.types import BlockFacts, SignedVote
    from tests.simulation import messages as ms
    from tests.simulation.validator import Validator
    from tests.simulation.villains.villain import Villain

VIEWS = 100
VIRTUAL_MS_MAX = 240_000
"""A hundred views in which every third leader is silent take 20 s; what needs more than this has no progress."""
EVENTS_MAX = 6_000_000


@dataclass(frozen=True, slots=True)
class Played:
    """How a run ended."""

    kind: str
    validators: int
    seed: int
    failure: str
    """Empty: agreement, progress, evidence as due."""
    views: int
    height: int
    accused: int
    """How many villains some honest validator holds evidence against."""
    virtual_ms: int
    events: int


class Stage(World):
    """One run."""

    mind: Villain

    def __init__(self, kind: type[Villain], validators: int, seed: int, views: int = VIEWS) -> None:
        self._kind, self._views = kind, views
        self.accused_signers: dict[int, Evidence] = {}
        self._is_over = False
        super().__init__(seed, validators, (validators - 1) // 3)

    # Set-up

    def draw(self, seed: int, validators: int, liars: int) -> Plan:
        """Draw fair links: the villains are what is tested."""
        plan = replace(
            draw_plan(seed, validators, 0),
            liars=liars,
            timing=Timing(),
            loss_per_mille=(0, 5, 20)[seed % 3],
            duplicate_per_mille=20,
            body_loss_per_mille=5,
            delay_ms=(2, (8, 30, 60)[seed % 3]),
            cuts=(),
            crashes=(),
            lonely_per_mille=0,
            journal_lost_by=-1,
            arrivals_ms=0,
        )
        return self._kind.plan(plan)

    def make_mind(self, liars: tuple[int, ...]) -> Villain:
        """Make the villains."""
        return self._kind(self, liars, self.random.fork())

    def schedule(self) -> None:
        """Start all."""
        for validator in self.honest:
            self.at(self.now + self.random.between(0, 50), validator.start)
        self.at(START_MS, self.mind.wake, 1)

    def is_unwell(self) -> bool:
        """Tell whether a judge or builder meets an exception now."""
        return self.random.chance(2)

    def judge_ms(self) -> int:
        """How long judging takes now."""
        return self.random.below(4)

    # Running

    def loop(self) -> str:
        """Run until every honest validator has made a view final that lies beyond the last one wanted."""
        queue, events = self.queue, 0
        while queue and not self._is_over and events < EVENTS_MAX and self.now < START_MS + VIRTUAL_MS_MAX:
            self.now, _, act, arguments = heappop(queue)
            act(*arguments)
            events += 1
        self.counts.events = events
        if not self._is_over:
            views = [validator.blocks.final.view for validator in self.honest]
            return f"no progress: final views {views} after {events} events and {self.now - START_MS} ms"
        return self._missing_evidence() or self._wrong_certificates() or self.mind.checked()

    def is_over(self) -> bool:
        """Tell whether all have come far enough."""
        return all(validator.up and self.is_far_enough(validator.blocks.final) for validator in self.honest)

    def is_far_enough(self, facts: BlockFacts) -> bool:
        """Tell whether a final block lies beyond what is wanted: so many views, in the epoch that does not end."""
        return facts.epoch == self.calendar.last and facts.view >= self._views

    def _missing_evidence(self) -> str:
        accused, due = len(self.accused_signers), self.mind.evidence
        if due is Due.NONE and accused:
            return f"evidence against {sorted(self.accused_signers)}, who signed nothing that conflicts"
        if (due is Due.SOME and not accused) or (due is Due.EACH and accused < self.plan.liars):
            return f"evidence against {sorted(self.accused_signers)} only"
        return ""

    def _wrong_certificates(self) -> str:
        for validator in self.honest:
            for height, certificate in validator.store.certificates.items():
                committee = self.calendar.committee(certificate.subject.epoch)
                if not check_certificate(certificate, committee.set, CHAIN, self.keys.verify):
                    return f"validator {validator.index} made height {height} final by a certificate that does not verify"
        return ""

    def play(self, seed: int) -> Played:
        """Run, and say how it ended."""
        outcome = self.run(seed)
        final = min((validator.blocks.final for validator in self.honest), key=lambda facts: facts.height)
        return Played(
            kind=self._kind.__module__.rsplit(".", 1)[-1],
            validators=self.plan.validators,
            seed=seed,
            failure=outcome.failure,
            views=final.view,
            height=final.height,
            accused=len(self.accused_signers),
            virtual_ms=self.now - START_MS,
            events=outcome.counts.events,
        )

    # Between villains and honest validators

    def send(self, sender: int, to: int, message: ms.Message) -> None:
        """Put a message on a link; one of a villain passes its mind first."""
        if sender >= len(self.honest):
            for twisted in self.mind.twist(sender, to, message):
                self.pass_on(sender, to, twisted)
        else:
            super().send(sender, to, message)

    def pass_on(self, sender: int, to: int, message: ms.Message) -> None:
        """Put a villain's message on a link as it is."""
        super().send(sender, to, message)

    # What must hold

    def is_honest(self, index: int) -> bool:
        """Tell whether a validator's word counts: a puppet sees a world of its own."""
        return index < len(self.honest)

    def finalized(self, index: int, facts: BlockFacts) -> None:
        """Check agreement among the honest."""
        if self.is_honest(index):
            super().finalized(index, facts)
            if self.is_far_enough(facts):
                self._is_over = self.is_over()

    def halted(self, index: int, reason: str) -> None:
        """Nobody honest may halt."""
        if self.is_honest(index):
            super().halted(index, reason)

    def accused(self, index: int, evidence: Evidence) -> None:
        """Keep evidence that honest validators hold; the base class refuses any against one of them."""
        if self.is_honest(index):
            super().accused(index, evidence)
            self.check(evidence.first)
            self.check(evidence.second)
            signed = evidence.first
            self.accused_signers.setdefault(self.calendar.committee(signed.vote.epoch).members[signed.signer], evidence)

    def check(self, signed: SignedVote) -> None:
        """Refuse evidence whose signatures do not verify."""
        if not self.keys.check(signed):
            raise AssertionError(f"evidence with a signature that does not verify: {signed}")

    def crashed(self, validator: Validator) -> None:
        """Start a validator that lost power again."""
        self.counts.crashes += 1
        self.at(self.now + 50, validator.start)
