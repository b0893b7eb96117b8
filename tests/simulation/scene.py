"""A world without chance, for scripted scenarios: honest nodes, good links, and a script that says what fails when.

scene = Scene(4)
scene.start()
scene.reach(3)                                    every running node has height 3
scene.drops = lambda sender, to, message: to == 2
scene.play(10_000)                                ten seconds of virtual time
"""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop
from typing import TYPE_CHECKING

from consensus.types import Kind, Timing
from tests.simulation import messages as ms
from tests.simulation.plan import START_MS, Plan
from tests.simulation.validator import Validator
from tests.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from consensus.types import Vote

PACE_MS = 100
"""A block at most this often: a scene is about what happens between few blocks."""
PAUSED_MAX = 1_000
"""Messages that wait on the links of a node that is suspended; what comes beyond is lost."""


class Scene(World):
    """A world that a script plays."""

    def __init__(
        self,
        validators: int = 4,
        *,
        sets: tuple[tuple[int, ...], ...] = (),
        lengths: tuple[int, ...] = (),
        seed: int = 1,
        segment_bytes: int = 3_000,
    ) -> None:
        nodes = max((node for members in sets for node in members), default=validators - 1) + 1
        self._quiet = Plan(
            validators=validators,
            liars=0,
            timing=Timing(interval_ms_min=PACE_MS),
            chaos_ms=0,
            loss_per_mille=0,
            duplicate_per_mille=0,
            body_loss_per_mille=0,
            delay_ms=(5, 15),
            cuts=(),
            crashes=(),
            lonely_per_mille=0,
            journal_lost_by=-1,
            skew_ms=0,
            segment_bytes=segment_bytes,
            arrivals_ms=0,
            styles=(),
            ballots=(),
            newcomers=nodes - validators,
            sets=sets,
            lengths=lengths,
            unwell_per_cent=0,
            slow_per_cent=0,
            fuse_per_mille=0,
        )
        self.drops: Callable[[int, int, ms.Message], bool] = _nothing
        """Whether a link loses this message of this sender to this receiver."""
        self.sent: dict[int, dict[Vote, None]] = {}
        """Votes that each node put on a link, each once, in order."""
        self._paused: dict[int, list[tuple[Callable[..., None], tuple[object, ...]]]] = {}
        super().__init__(seed, validators, 0)

    def draw(self, seed: int, validators: int, liars: int) -> Plan:
        """Draw nothing."""
        del seed, validators, liars
        return self._quiet

    def crashed(self, validator: Validator) -> None:
        """Leave it to the script when a node starts again."""
        self.counts.crashes += 1
        self.note(f"{validator.index} loses power")

    # The script

    def links(self, *, loss_per_mille: int = 0, delay_ms: tuple[int, int] = (5, 15)) -> None:
        """Make all links good or bad."""
        self.plan = replace(self.plan, loss_per_mille=loss_per_mille, delay_ms=delay_ms)

    def start(self, *nodes: int) -> None:
        """Switch nodes on; without numbers all that are off."""
        for node in nodes or range(len(self.honest)):
            if not self.honest[node].up:
                self.honest[node].start()

    def stop(self, *nodes: int) -> None:
        """Take these nodes' power away."""
        for node in nodes:
            if self.honest[node].up:
                self.honest[node].lose_power()

    def pause(self, *nodes: int) -> None:
        """Suspend nodes, as a virtual machine is."""
        for node in nodes:
            self._paused[node] = []

    def resume(self, *nodes: int) -> None:
        """Let suspended nodes go on: timers that ran out and what waits on the links come first."""
        for node in nodes:
            for act, arguments in self._paused.pop(node):
                act(*arguments)

    def play(self, ms: int) -> None:
        """Let time pass."""
        end = self.now + ms
        while self.queue and self.queue[0][0] <= end:
            self._next()
        self.now = end

    def play_until(self, condition: Callable[[], bool], ms_max: int = 30_000) -> int:
        """Let time pass until something is so; return how long it took.

        Raises
        ------
        AssertionError
            It was not so after `ms_max`.
        """
        begun, end = self.now, self.now + ms_max
        while not condition():
            if not self.queue or self.queue[0][0] > end:
                raise AssertionError(f"not within {ms_max} ms; heights {self.heights}, epochs {[node.epoch for node in self.honest]}")
            self._next()
        return self.now - begun

    def reach(self, height: int, ms_max: int = 30_000) -> int:
        """Let time pass until every running node has this height; return how long it took."""
        return self.play_until(lambda: min(self.heights.values()) >= height, ms_max)

    def go_on(self, heights: int = 5, ms_max: int = 30_000) -> int:
        """Let time pass until every running node is so many heights above all of now."""
        return self.reach(max(self.chain) + heights, ms_max)

    def _next(self) -> None:
        self.now, _, act, arguments = heappop(self.queue)
        node = getattr(act, "__self__", None)
        if isinstance(node, Validator) and node.index in self._paused:
            self._paused[node.index].append((act, arguments))
        else:
            act(*arguments)

    # Looking

    @property
    def heights(self) -> dict[int, int]:
        """Final height of each running node."""
        return {node.index: node.blocks.final.height for node in self.honest if node.up and node.index not in self._paused}

    @property
    def elapsed_ms(self) -> int:
        """Virtual time since the beginning."""
        return self.now - START_MS

    def voted(self, node: int, kind: Kind, view: int) -> bool:
        """Tell whether a node sent such a vote, in any epoch."""
        return any(vote.kind is kind and vote.view == view for vote in self.sent.get(node, ()))

    # Links

    def send(self, sender: int, to: int, message: ms.Message) -> None:
        """Remember votes, lose what the script loses."""
        vote = vote_in(message)
        if vote is not None:
            self.sent.setdefault(sender, {})[vote] = None
        if not self.drops(sender, to, message):
            super().send(sender, to, message)

    def deliver(self, sender: int, to: int, message: ms.Message) -> None:
        """Keep what arrives at a suspended node, up to a limit."""
        waiting = self._paused.get(to)
        if waiting is None:
            super().deliver(sender, to, message)
        elif len(waiting) < PAUSED_MAX:
            waiting.append((super().deliver, (sender, to, message)))


def vote_in(message: ms.Message) -> Vote | None:
    """Return the vote that a message is; a proposal is one."""
    match message:
        case ms.VoteMessage(signed):
            return signed.vote
        case ms.ProposalMessage(proposal):
            return proposal.vote.vote
        case _:
            return None


def subject_of(message: ms.Message) -> Vote | None:
    """Return what a vote or a certificate is about."""
    return message.certificate.subject if type(message) is ms.CertificateMessage else vote_in(message)


def cut_off(nodes: Iterable[int]) -> Callable[[int, int, ms.Message], bool]:
    """Lose everything between these nodes and the others."""
    inside = frozenset(nodes)
    return lambda sender, to, _: (sender in inside) != (to in inside)


def _nothing(sender: int, to: int, message: ms.Message) -> bool:
    del sender, to, message
    return False
