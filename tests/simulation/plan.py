"""What one seed means: how bad the links are, who is cut off when, when power is lost, what the liars like to do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

from consensus.types import Timing
from tests.simulation.splitmix import SplitMix64

Pairs = frozenset[tuple[int, int]]
"""Directed links (from, to) that pass nothing."""


class Style(IntEnum):
    """What a liar may do in a view. Every run has some of them."""

    EQUIVOCATE = 0
    """Two blocks in one view, each to its half."""
    TWO_BODIES = 1
    """One header, another body for every second receiver."""
    WITHHOLD = 2
    """A proposal to a bare quorum, its body to nobody."""
    SILENT = 3
    SKIP = 4
    """On an older parent, without the nullifications that K4 asks for."""
    WRONG_ROOT = 5
    WRONG_TIME = 6
    GOOD = 7
    WRONG_NEXT = 8
    """A boundary too early, none where one is due, or another set named (K22). Only in runs with epochs."""


STYLES = tuple(style for style in Style if style is not Style.WRONG_NEXT)


class Ballot(IntEnum):
    """How a liar votes in a view."""

    HELPER = 0
    """As told: gives the network progress, and its certificates a liar's signature."""
    SPLIT = 1
    """Notarize and finalize to each half what that half saw."""
    NULLER = 2
    """Nullify at once, whatever was proposed."""
    CONFLICTER = 3
    """Everything to everybody: notarize, nullify, finalize."""
    RANDOM = 4
    SILENT = 5


@dataclass(frozen=True, slots=True)
class Cut:
    """A partition: these links pass nothing from `start_ms` to `end_ms`."""

    start_ms: int
    end_ms: int
    pairs: Pairs


class Sleep(NamedTuple):
    """A node is switched off for so long that whole epochs may pass."""

    start_ms: int
    node: int
    ms: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that was drawn before the run begins."""

    validators: int
    liars: int
    timing: Timing
    chaos_ms: int
    loss_per_mille: int
    duplicate_per_mille: int
    body_loss_per_mille: int
    delay_ms: tuple[int, int]
    cuts: tuple[Cut, ...]
    crashes: tuple[tuple[int, int, int], ...]
    """(time, validator, steps until power is lost)."""
    lonely_per_mille: int
    """Chance to lose power when about to relay a certificate that nobody else holds."""
    journal_lost_by: int
    """This validator's journal is gone at its second start, its mark is not (K15); -1: nobody's."""
    skew_ms: int
    segment_bytes: int
    arrivals_ms: int
    """A transaction arrives this often; 0: there is always one (K18)."""
    styles: tuple[Style, ...]
    ballots: tuple[Ballot, ...]
    newcomers: int = 0
    """Honest nodes that do not vote in epoch 0."""
    sets: tuple[tuple[int, ...], ...] = ()
    """The nodes that vote in each epoch; empty: all, for ever. Honest nodes have the lower numbers."""
    lengths: tuple[int, ...] = ()
    """Heights of each epoch but the last."""
    sleeper: Sleep | None = None
    unwell_per_cent: int = 2
    """How often a judge or a builder meets an exception (K8)."""
    slow_per_cent: int = 5
    """How often judging takes long."""
    fuse_per_mille: int = 100
    """How often a start sets a fuse."""
    relay_ms: int = 0
    """So long a new certificate waits before it is passed on, and goes where a finalization says all that it does (K10, K11), as it does in
    the node; 0: all are passed on at once. A set of runs has one or the other: it is not drawn, so that a seed means what it meant."""

    @property
    def nodes(self) -> int:
        """All nodes, whether they vote or not."""
        return self.validators + self.newcomers

    @property
    def honest(self) -> int:
        """Nodes that follow the protocol."""
        return self.nodes - self.liars


START_MS = 1_000_000
VALIDATORS_MIN = 4
NEWCOMERS_MAX = 3
SEGMENT_BYTES = (3_000, 12_000, 64 * 1_048_576)


def draw_plan(seed: int, validators: int, liars: int, epochs_per_mille: int = 0) -> Plan:
    """Draw a run from its seed, with epochs in so many of 1,000.

    A validator that loses its journal, and one that sleeps over epochs, count as one of the f faults: then there is one liar less.
    """
    random = SplitMix64(seed * 0x9E3779B97F4A7C15 + validators * 1_000 + liars)
    is_within = 0 < liars <= (validators - 1) // 3
    has_lost_journal = is_within and random.chance(150)
    # A stream of its own: what a seed without epochs means does not depend on what is drawn for others.
    for_epochs = SplitMix64(seed * 0xD1B54A32D192ED03 + validators * 1_000 + liars)
    has_epochs = liars <= (validators - 1) // 3 and for_epochs.chance(epochs_per_mille)
    has_sleeper = has_epochs and is_within and not has_lost_journal and for_epochs.chance(200)
    newcomers = for_epochs.between(1, 3) if has_epochs else 0
    liars -= has_lost_journal or has_sleeper
    honest = validators + newcomers - liars
    chaos_ms = random.between(2_000, 9_000)
    loss = random.pick((0, 20, 50, 100, 200, 300))
    low = random.between(2, 30)
    plan = Plan(
        validators=validators,
        liars=liars,
        timing=Timing(),
        chaos_ms=chaos_ms,
        loss_per_mille=loss,
        duplicate_per_mille=random.pick((0, 20, 100)),
        body_loss_per_mille=random.pick((0, 50, 300)),
        delay_ms=(low, low + random.pick((5, 30, 80, 200))),
        cuts=tuple(_draw_cut(random, honest, chaos_ms) for _ in range(random.pick((0, 0, 1, 2, 3)))),
        crashes=_draw_crashes(random, honest, chaos_ms),
        lonely_per_mille=random.pick((0, 0, 0, 150, 500)),
        journal_lost_by=random.below(validators - liars) if has_lost_journal else -1,
        skew_ms=random.pick((0, 0, 50, 200)),
        segment_bytes=random.pick(SEGMENT_BYTES),
        arrivals_ms=random.pick((0, 0, 0, 300)),
        styles=tuple(random.some(STYLES, 500)) or (Style.EQUIVOCATE,),
        ballots=tuple(random.some(tuple(Ballot), 500)) or (Ballot.SPLIT,),
        newcomers=newcomers,
    )
    return _with_epochs(for_epochs, plan, has_sleeper=has_sleeper) if has_epochs else plan


def _with_epochs(random: SplitMix64, plan: Plan, *, has_sleeper: bool) -> Plan:
    """Draw sets and lengths, who sleeps, and whether liars lie about the next set."""
    sleeper = (
        Sleep(random.between(0, 1_500), random.below(plan.validators - plan.liars), random.between(1_500, 7_000)) if has_sleeper else None
    )
    faulty = list(range(plan.honest, plan.nodes))
    faulty += [plan.journal_lost_by] if plan.journal_lost_by >= 0 else []
    faulty += [sleeper.node] if sleeper is not None else []
    sets = draw_sets(random, plan, faulty)
    return replace(
        plan,
        sets=sets,
        lengths=tuple(random.between(2, 12) for _ in sets[1:]),
        sleeper=sleeper,
        styles=(*plan.styles, Style.WRONG_NEXT) if random.chance(300) else plan.styles,
    )


def draw_sets(random: SplitMix64, plan: Plan, faulty: list[int]) -> tuple[tuple[int, ...], ...]:
    """Draw the sets of some epochs: grown, shrunk, members replaced, reordered, or 4 -> 7 -> 4; never more than f faulty ones in any."""
    first = (*range(plan.validators - plan.liars), *range(plan.honest, plan.nodes))
    sets = [first]
    is_there_and_back = plan.newcomers == NEWCOMERS_MAX and random.chance(500)
    for number in range(random.pick((1, 2, 3, 4))):
        if is_there_and_back:
            size = plan.nodes if number % 2 == 0 else plan.validators
        else:
            size = max(VALIDATORS_MIN, min(plan.nodes, len(sets[-1]) + random.pick((-3, -1, -1, 0, 0, 1, 1, 3))))
        sets.append(_draw_set(random, plan, faulty, sets[-1], size))
    return tuple(sets)


def _draw_set(random: SplitMix64, plan: Plan, faulty: list[int], before: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Draw one set: mostly those of the epoch before; faulty ones up to f of it."""
    sound = [node for node in range(plan.nodes) if node not in faulty]
    bad = min(len(faulty), (size - 1) // 3)
    bad = random.pick((bad, bad, random.between(0, bad)))
    size = min(size, len(sound) + bad)
    if size < VALIDATORS_MIN or bad > (size - 1) // 3:
        return before
    order = random.shuffled(sound)
    if random.chance(700):
        order.sort(key=lambda node: node not in before)
        if random.chance(500):
            order = order[1:] + order[:1]
    members = [*random.shuffled(faulty)[:bad], *order[: size - bad]]
    return tuple(random.shuffled(members) if random.chance(500) else sorted(members))


def _draw_crashes(random: SplitMix64, honest: int, chaos_ms: int) -> tuple[tuple[int, int, int], ...]:
    """Draw when fuses are lit: some validators at some times, or all of them at once."""
    crashes = [(random.between(0, chaos_ms), random.below(honest), random.between(1, 60)) for _ in range(random.pick((0, 1, 2, 4, 8)))]
    if random.chance(150):
        moment = random.between(0, chaos_ms)
        crashes.extend((moment, index, random.between(1, 40)) for index in range(honest))
    return tuple(sorted(crashes))


def _draw_cut(random: SplitMix64, honest: int, chaos_ms: int) -> Cut:
    start = random.between(0, chaos_ms)
    order = random.shuffled(range(honest))
    shape = random.pick((halves, ring, bridge, one_way))
    return Cut(start, min(chaos_ms, start + random.between(200, 2_000)), shape(order))


def halves(order: list[int]) -> Pairs:
    """Two groups that do not hear each other."""
    middle = len(order) // 2
    left, right = order[:middle], order[middle:]
    return frozenset((a, b) for a, b in _pairs(order) if (a in left) != (b in left) and (a in right) != (b in right))


def ring(order: list[int]) -> Pairs:
    """Everyone hears its two neighbours only."""
    size = len(order)
    return frozenset((a, b) for a, b in _pairs(order) if (order.index(a) - order.index(b)) % size not in (1, size - 1))


def bridge(order: list[int]) -> Pairs:
    """Two groups with one validator that both hear."""
    middle = (len(order) - 1) // 2
    left = order[1 : 1 + middle]
    return frozenset((a, b) for a, b in _pairs(order[1:]) if (a in left) != (b in left))


def one_way(order: list[int]) -> Pairs:
    """One validator is heard by nobody, but hears all."""
    return frozenset((order[0], other) for other in order[1:])


def _pairs(order: list[int]) -> list[tuple[int, int]]:
    return [(a, b) for a in order for b in order if a != b]
