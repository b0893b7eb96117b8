"""What a node counts about itself, for Prometheus and the bench. Every series exists from the start, so that an alarm on one can be tested.

One `Metrics` belongs to one node and has its own registry. CPU is counted per stage: `with metrics.stage("verify"):` around a chunk,
never around one transaction, never nested; work in another thread calls `add` instead; what no stage claims is `loop`. Of many chunks a
sample is measured, since a thread's clock is a call of the kernel: at 100 transactions a second it was a twentieth of a node's CPU.
Not here: logs, and readiness (`node.health`).
"""

from __future__ import annotations

from random import random
from time import process_time, thread_time
from typing import TYPE_CHECKING, Final, Literal, Protocol, Self, get_args

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from consensus.effects import Cause
from node.tallies import Spreads, Tallies
from node.viewtimes import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from node.tallies import Spread, Tally
    from node.viewtimes import StepName

StageName = Literal["verify", "decode", "execute", "tree", "lmdb", "journal"]
"""Signatures; canonical decoding and ids; ledger rules; leaves, trees and roots; the store; journal and signer with their syncs."""
Alarm = Literal["no_verdict", "false_verdict", "refused", "forgotten_vote", "evidence", "clock", "invariant", "poison"]
"""A block that could not be judged; a notarized block found false; a vote that the signer refused; a vote of our key that we do not
remember; a double vote; clock off by 100 ms; a refusal 900; a transaction set aside by the builder. Faults that stop the node are told by
its exit code."""
Dropped = Literal["malformed", "signature", "membership", "epoch", "view", "queue_full", "rate"]
"""Why a message from a peer went no further."""
MessageKind = Literal["vote", "proposal", "certificate", "status", "header", "body", "transaction", "fetch", "other"]

RepairKind = Literal["certificate", "block", "transactions", "range"]
"""Certificates; whole blocks; transactions of a proposal that are not in the pool; blocks in ranges (K20)."""
Synced = Literal["journal", "mark"]
"""Files of a validator's memory."""

SAMPLED_MAX: Final = 16
"""Chunks of a stage for which one measured chunk stands at most."""
STAGES: Final[tuple[StageName, ...]] = get_args(StageName)
FINALITY_BUCKETS: Final = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5.0, 10.0)
"""Seconds; the goals of 10, 20 and 80 ms are edges."""
VIEW_BUCKETS: Final = (*FINALITY_BUCKETS, 30.0)
"""Seconds; an idle view waits a heartbeat for its proposal, a view after many failed ones up to 3 T_max."""
ENTRY_CAUSES: Final = (Cause.NONE, Cause.NOTARIZED, Cause.NULLIFIED, Cause.FINALIZED)
TIMEOUT_CAUSES: Final = tuple(cause for cause in Cause if cause not in ENTRY_CAUSES)
"""K6."""
DISK_BUCKETS: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Seconds; a good disk syncs in 0.1 to 1 ms."""


class Stage:
    """Counts the CPU time of the event loop's thread between enter and exit. Not re-entrant.

    The first chunks are all measured; then one in `SAMPLED_MAX / 2`, on average, which stands for those since the one before it. How many
    those are changes at random, or a chain whose leaders take turns would have the same one's blocks measured each time.
    """

    __slots__ = ("_began", "_exact", "_skip", "_stands_for", "seconds")

    def __init__(self) -> None:
        self._exact = SAMPLED_MAX
        self._skip = self._stands_for = 1
        self._began = 0.0
        self.seconds = 0.0
        """CPU seconds since the start."""

    def __enter__(self) -> Self:
        self._skip -= 1
        if not self._skip:
            self._began = thread_time()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._skip:
            return
        self.seconds += self._stands_for * (thread_time() - self._began)
        if self._exact:
            self._exact -= 1
            self._skip = 1
        else:
            self._skip = self._stands_for = 1 + int(random() * SAMPLED_MAX)  # noqa: S311 - spreads samples, protects nothing

    def add(self, seconds: float) -> None:
        """Add CPU seconds that were measured elsewhere, in a thread of the pool for one."""
        self.seconds += seconds


class _Cpu(Collector):
    """The stages; `loop`, what no stage claims: the event loop, HTTP, framing, consensus; and `all`, the whole process."""

    def __init__(self, stages: dict[StageName, Stage]) -> None:
        self._stages = stages
        self._loop = 0.0

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Read the stages. `loop` never falls, though two clocks are read."""
        whole = process_time()
        self._loop = max(self._loop, whole - sum(stage.seconds for stage in self._stages.values()))
        family = CounterMetricFamily("som_cpu_seconds", "CPU by stage, threads included", labels=["stage"])
        for name, stage in self._stages.items():
            family.add_metric([name], stage.seconds)
        family.add_metric(["loop"], self._loop)
        family.add_metric(["all"], whole)
        yield family


class Gauged(Protocol):
    """What is read at the moment of a scrape instead of being counted."""

    def gauges(self) -> dict[str, float]:
        """Value by name, the names being those of `GAUGES`."""


GAUGES: Final = {
    "height": "Height of the newest final block",
    "committed_height": "Height that the store stands for",
    "view": "Current view",
    "final_view": "Highest final view",
    "epoch": "Current epoch",
    "peers_connected": "Peers connected now",
    "peers_known": "Peers in the configuration",
    "peers_denied": "Nodes that the operator of this node denies",
    "syncing": "1 while the node is catching up",
    "pool_transactions": "Transactions admitted and not final",
    "pool_bytes": "Bytes of the transactions admitted and not final",
    "progress_stalled_seconds": "Since the last final block, once the watchdog finds that too long; else 0",
    "silenced": "1 once this node's key must not vote any more (K15)",
    "double_votes": "Proofs of double votes that are kept",
}


class Metrics:
    """All series of one node."""

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry()
        self._gauges = {name: Gauge(f"som_{name}", text, registry=self.registry) for name, text in GAUGES.items()}
        self._stages: dict[StageName, Stage] = {name: Stage() for name in STAGES}
        self.registry.register(_Cpu(self._stages))
        self._count_money()
        self._count_messages()
        self._count_times()
        self._count_views()

    def _count_money(self) -> None:
        self.blocks_final = self._counter("blocks_final", "Final blocks executed by this node since it started").labels()
        self.views_nullified = self._counter("views_nullified", "Views given up since the node started").labels()
        final = self._counter("transactions_final", "Final transactions by result", "result")
        self.transactions_ok = final.labels("ok")
        self.transactions_failed = final.labels("refused")
        self.transactions_admitted = self._counter("transactions_admitted", "Transactions taken into the pool").labels()
        self.transactions_handed_over = self._counter(
            "transactions_handed_over", "Transactions sent again to who was just connected, or as a leader was late (K18)"
        ).labels()
        self.transactions_expired = self._counter("transactions_expired", "Transactions that left the pool unfinal").labels()
        self._refused = self._counter("transactions_refused", "Transactions this node refused to admit, or to keep, by reason", "name")
        alarms = self._counter("alarms", "What an operator must look at", "kind")
        self._alarms: dict[Alarm, Tally] = {kind: alarms.labels(kind) for kind in get_args(Alarm)}

    def _count_messages(self) -> None:
        received = self._counter("messages_received", "Messages from peers by kind", "kind")
        self._received: dict[MessageKind, Tally] = {kind: received.labels(kind) for kind in get_args(MessageKind)}
        dropped = self._counter("messages_dropped", "Messages from peers that went no further, by reason", "reason")
        self._dropped: dict[Dropped, Tally] = {reason: dropped.labels(reason) for reason in get_args(Dropped)}
        self._requests = self._counter("http_requests", "Client requests by route and status", "method", "route", "status")
        self.event_clients = Gauge("som_event_clients", "Open event streams", registry=self.registry)
        self.clock_skew_ms = Gauge("som_clock_skew_ms", "Own clock less the median of the peers'", registry=self.registry)

    def _count_times(self) -> None:
        self.finality = self._histogram(
            "finality_seconds", "From the time of a block, its leader's clock, until it was final here", FINALITY_BUCKETS
        )
        self.journal_sync = self._histogram(
            "journal_sync_seconds", "One cast made durable: records, then the mark with the votes, two syncs", DISK_BUCKETS
        )
        self.flush = self._histogram("flush_seconds", "One commit of the store", DISK_BUCKETS)
        self.epoch_switch = self._histogram(
            "epoch_switch_seconds", "From the final end of an epoch until the next one has begun here", DISK_BUCKETS
        )
        self.judge = self._histogram("judge_seconds", "Execution of one proposed block", DISK_BUCKETS)

    def _count_views(self) -> None:
        entered = self._counter("views_entered", "Views entered, by what let this node in (none: the first one after a start)", "cause")
        self._views_entered = {cause: entered.labels(cause.value) for cause in ENTRY_CAUSES}
        self._view_timeouts = self._counter(
            "view_timeouts", "Views that this node gave up, by why and by whose they were", "cause", "leader"
        )
        self._timeouts: dict[tuple[Cause, int], Tally] = {}
        self._leaders: frozenset[str] = frozenset()
        steps = self._spreads(
            "view_seconds", "From entering a view until its proposal, notarization, verdict or finality", VIEW_BUCKETS, "step"
        )
        self._view_steps: dict[StepName, Spread] = {step: steps.labels(step) for step in STEPS}
        requests = self._counter(
            "repair_requests", "Certificates asked for; requests for whole blocks, transactions of a proposal, ranges of blocks", "kind"
        )
        pieces = self._counter("repair_pieces", "Pieces that came because they were asked for", "kind")
        self._repair_requests: dict[RepairKind, Tally] = {kind: requests.labels(kind) for kind in get_args(RepairKind)}
        self._repair_pieces: dict[RepairKind, Tally] = {kind: pieces.labels(kind) for kind in get_args(RepairKind)}
        syncs = self._spreads("fsync_seconds", "One fsync of the journal or of the signer's mark", DISK_BUCKETS, "file")
        self.fsync: dict[Synced, Spread] = {file: syncs.labels(file) for file in get_args(Synced)}

    def _counter(self, name: str, text: str, *labels: str) -> Tallies:
        return Tallies(f"som_{name}", text, labels, self.registry)

    def _spreads(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Spreads:
        return Spreads(f"som_{name}", text, labels, self.registry, buckets)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Spread:
        return self._spreads(name, text, buckets).labels()

    def stage(self, name: StageName) -> Stage:
        """Context that counts CPU for a stage."""
        return self._stages[name]

    def alarm(self, kind: Alarm) -> None:
        """Count an alarm; the caller logs the sentence."""
        self._alarms[kind].inc()

    def received(self, kind: MessageKind, count: int = 1) -> None:
        """Count messages from peers."""
        self._received[kind].inc(count)

    def dropped(self, reason: Dropped, count: int = 1) -> None:
        """Count messages that went no further."""
        self._dropped[reason].inc(count)

    def expect_refusals(self, names: tuple[str, ...]) -> None:
        """Create the series of every reason before the first refusal."""
        for name in names:
            self._refused.labels(name)

    def refused(self, name: str) -> None:
        """Count a transaction refused at admission."""
        self._refused.labels(name).inc()

    def expect_request(self, method: str, route: str) -> None:
        """Create the series of a route before its first request."""
        self._requests.labels(method, route, "200")

    def request(self, method: str, route: str, status: int) -> None:
        """Count a client's request. `route` is the pattern, never the path: clients must not be able to make series."""
        self._requests.labels(method, route, str(status)).inc()

    def expect_leaders(self, names: Sequence[str]) -> None:
        """Create the series of every cause and every leader of a set, by index, before its first timeout; those of others go."""
        for gone in sorted(self._leaders.difference(names)):
            for cause in TIMEOUT_CAUSES:
                self._view_timeouts.remove(cause.value, gone)
        self._leaders = frozenset(names)
        self._timeouts = {
            (cause, index): self._view_timeouts.labels(cause.value, name) for cause in TIMEOUT_CAUSES for index, name in enumerate(names)
        }

    def view_entered(self, cause: Cause) -> None:
        """Count a view that was entered."""
        self._views_entered[cause].inc()

    def view_timeout(self, cause: Cause, leader: int) -> None:
        """Count a view that was given up; `leader` is an index of the set in force."""
        self._timeouts[cause, leader].inc()

    def view_step(self, step: StepName, seconds: float) -> None:
        """Count how long a view took up to a step."""
        self._view_steps[step].observe(seconds)

    def repair_asked(self, kind: RepairKind, count: int = 1) -> None:
        """Count what was asked of others."""
        self._repair_requests[kind].inc(count)

    def repaired(self, kind: RepairKind, count: int = 1) -> None:
        """Count what came of it."""
        self._repair_pieces[kind].inc(count)

    def render(self, node: Gauged) -> bytes:
        """Text of all series, gauges read now."""
        for name, value in node.gauges().items():
            self._gauges[name].set(value)
        return generate_latest(self.registry)
