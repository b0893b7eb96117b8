"""What is wrong with one node that answers, by its own word: a pure function of its answers. Each rule is a function of its own.

Limits are those of the specification wherever it has one, and stand at the top with their reason.
"""

from __future__ import annotations

from statistics import median_low
from typing import TYPE_CHECKING

from cli.findings import THE_NETWORK, Finding, two_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cli.doctor_facts import Answering
    from cli.findings import Level
    from node.api.diagnosis_structs import DoubleVoteBody, SeenValidatorBody

SILENT_MS = 6_000
"""Three statuses of a validator are missing (K19)."""
CLOCK_MS = 100
"""Section 6 of the consensus: the alarm of a node."""
AHEAD_MS = 500
"""Section 6: no honest validator votes for a block that is further ahead of its clock."""
BEHIND_VIEWS = 256
"""K19: votes for older views are taken by nobody."""
BEHIND_HEIGHTS = 1_000
"""Section 7: whoever is further behind does not count as ready."""
RECENT_MS = 60_000
"""A view that was given up longer ago is history."""
SYNC_SECONDS = 0.05
"""A cast takes two syncs, and a leader has 2 delta, half a second, until its proposal is late."""
SYNCS_MIN = 20
"""Fewer say nothing about a disk."""

CAUSES = {
    "leader_silent": "its leader proposed nothing in time",
    "no_progress": "its block was not certified in time",
    "invalid_proposal": "its proposal was not valid",
    "leader_nullified": "its leader gave it up",
    "pass": "this node led it and could not build a block",
    "evidence_missing": "certificates that its proposal stands on did not come in time",
    "inactive": "its leader had said nothing for long",
}
"""Of the API, in words."""

ALARMS: Mapping[str, tuple[Level, str, str]] = {
    "no_verdict": (
        "note",
        "could not judge some blocks at once",
        "nothing if it was busy or catching up; else look in its log for alarm no_verdict: a view key, disk or memory is missing",
    ),
    "false_verdict": (
        "wrong",
        "found a block false that a quorum had notarized",
        "call the other operators: either more than f validators lie, or this node computes something else than they do",
    ),
    "refused": (
        "warning",
        "had votes refused by its signer",
        "look in its log for alarm refused; where its data folder was never copied or restored, report it as a fault of the program",
    ),
    "invariant": (
        "wrong",
        "met a transaction that would have broken an invariant of the ledger",
        "report it with the log: the transaction was refused, and money is as it was",
    ),
    "poison": (
        "warning",
        "set transactions aside whose execution raises",
        "report them with the log: a fault of the program; the chain goes on without them",
    ),
}
"""Kinds of `som_alarms_total` that nothing else here tells: how bad, what is wrong, what to do."""


def node_findings(node: Answering, names: Mapping[str, str]) -> Iterator[Finding]:
    """Everything that is wrong with this node or that it sees in others. `names`: node key, hex -> name that people know."""
    yield from _readiness(node)
    yield from _progress(node)
    yield from _key(node)
    yield from _own_clock(node)
    yield from _validators(node, names)
    yield from _reserve(node)
    yield from _lies(node)
    yield from _alarms(node)
    yield from _disk(node)
    yield from _notes(node)


def name_of(node: Answering, seen: SeenValidatorBody, names: Mapping[str, str]) -> str:
    """Name of a validator: its node's, where that is known, else as this node calls it."""
    return names.get(_key_of(node, seen), seen.name)


def _key_of(node: Answering, seen: SeenValidatorBody) -> str:
    return next((each.node_key for each in node.validators.validators if each.index == seen.index), "")


def _found(node: Answering, code: str, level: Level, says: str, todo: str) -> Finding:
    return Finding(code, level, node.name, says, todo, (node.name,))


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1_000:.1f} s"


def _readiness(node: Answering) -> Iterator[Finding]:
    """`/readyz`, but for the silenced key, which has a finding of its own."""
    reasons = [reason for reason in node.health.reasons if reason != node.consensus.silenced]
    if not reasons:
        return
    parts = [two_parts(reason) for reason in reasons]
    yield _found(
        node,
        "not-ready",
        "wrong",
        f"is not fit for clients: {', and '.join(says for says, _ in parts)}",
        "; ".join(dict.fromkeys(todo for _, todo in parts)),
    )


def _progress(node: Answering) -> Iterator[Finding]:
    """Tell of a chain that stands still, what is waited for, and the last view that was given up."""
    consensus = node.consensus
    last = consensus.last_timeout
    timeout = ""
    if last is not None:
        cause = CAUSES.get(last.cause, last.cause)
        timeout = f"gave up view {last.view} of {last.leader_name} {_seconds(last.ms_ago)} ago, since {cause}"
    if consensus.progress.stalled_ms:
        says = (
            f"sees no block become final for {_seconds(consensus.progress.stalled_ms)}: in view {consensus.view}, which it entered "
            f"{_seconds(consensus.waiting_ms)} ago, it waits for {consensus.waits_for}" + (f"; it {timeout}" if timeout else "")
        )
        yield _found(node, "stalled", "wrong", says, consensus.progress.todo)
    elif last is not None and last.ms_ago <= RECENT_MS:
        yield _found(node, "view-given-up", "note", timeout, "nothing, unless it goes on: then look at that leader's node")


def _key(node: Answering) -> Iterator[Finding]:
    if node.consensus.silenced:
        says, todo = two_parts(node.consensus.silenced)
        yield _found(node, "silenced", "wrong", f"has a silenced key: {says}", todo)


def _own_clock(node: Answering) -> Iterator[Finding]:
    """Own clock against the validators that are heard, the newest block, and the machine that asks."""
    consensus = node.consensus
    heard = [each.clock_ms for each in consensus.validators if each.clock_ms is not None and _is_heard(each)]
    skew = -median_low(heard) if heard else 0
    if abs(skew) >= CLOCK_MS:
        way = "ahead of" if skew > 0 else "behind"
        yield _found(
            node,
            "clock",
            "warning",
            f"has a clock {abs(skew)} ms {way} the median of the validators that it hears, or their messages come that late",
            "check the time service of its machine (timedatectl, chronyc tracking), then its load",
        )
    apart = max(consensus.time_ms - node.answered_ms, node.asked_ms - consensus.time_ms)
    if apart >= CLOCK_MS:
        yield _found(
            node,
            "clock-here",
            "warning",
            f"has a clock that is at least {apart} ms off this machine's",
            "check the time service of both machines: one of the two is wrong",
        )
    ahead = node.status.time_ms - consensus.time_ms
    if ahead > AHEAD_MS:
        yield _found(
            node,
            "chain-time",
            "warning",
            f"has a newest block that is {_seconds(ahead)} ahead of its clock",
            "check its clock; where that is right, a leader's was wrong, and the chain's time crawls until the world has caught up: wait",
        )


def _is_heard(seen: SeenValidatorBody) -> bool:
    return seen.own or (seen.connected and seen.heard_ms_ago is not None and seen.heard_ms_ago <= SILENT_MS)


def _validators(node: Answering, names: Mapping[str, str]) -> Iterator[Finding]:
    """Who is not connected, says nothing, lags, or has a wrong clock."""
    own_clock_good = not any(each.code == "clock" for each in _own_clock(node))
    for seen in node.consensus.validators:
        if seen.own:
            continue
        about = name_of(node, seen, names)
        heard = "never heard since this node started" if seen.heard_ms_ago is None else f"last heard {_seconds(seen.heard_ms_ago)} ago"
        if not seen.connected:
            denied = ", and is not in the file `denied`" if node.status.peers_denied else ""
            todo = f"look whether it runs{denied}, and whether {_endpoint(node, seen)} can be reached from here"
            yield Finding("validator-missing", "warning", about, f"is not connected, and was {heard}", todo, (node.name,))
        elif not _is_heard(seen):
            todo = "look whether its process is stopped or its machine overloaded"
            yield Finding("validator-missing", "warning", about, f"is connected and says nothing: {heard}", todo, (node.name,))
        elif (seen.lag_views or 0) > BEHIND_VIEWS or (seen.lag_heights or 0) > BEHIND_HEIGHTS:
            says = f"lags by {seen.lag_views or 0} views and {seen.lag_heights or 0} heights"
            yield Finding("validator-behind", "warning", about, says, "wait, and look at its CPU, disk and log if it stays", (node.name,))
        elif own_clock_good and abs(seen.clock_ms or 0) >= CLOCK_MS:
            way = "ahead of" if (seen.clock_ms or 0) > 0 else "behind"
            says = f"has a clock {abs(seen.clock_ms or 0)} ms {way} this node's, or its messages come that late"
            todo = "have the time service of its machine checked, then its load"
            yield Finding("validator-clock", "warning", about, says, todo, (node.name,))


def _endpoint(node: Answering, seen: SeenValidatorBody) -> str:
    return next((each.endpoint for each in node.validators.validators if each.index == seen.index), "") or "its address"


def _reserve(node: Answering) -> Iterator[Finding]:
    """How many more faults the network bears, as this node sees it."""
    consensus = node.consensus
    count, heard = len(consensus.validators), sum(1 for each in consensus.validators if _is_heard(each))
    if heard == count:
        return
    if heard < consensus.quorum:
        yield _found(
            node,
            "no-quorum",
            "wrong",
            f"hears {heard} of {count} validators (itself counts), and {consensus.quorum} are needed: nothing becomes final here",
            "start or reconnect those that are missing; the chain goes on by itself",
        )
    elif heard == consensus.quorum:
        yield Finding(
            "no-reserve",
            "warning",
            THE_NETWORK,
            f"has {heard} of {count} validators at work, just a quorum: one more that fails stops it",
            "bring the missing ones back",
            (node.name,),
        )


def _lies(node: Answering) -> Iterator[Finding]:
    """Double votes, one finding for each key that signed them, and proofs of more than f liars."""
    now = {each.consensus_key for each in node.validators.validators}
    first: dict[tuple[str, int], DoubleVoteBody] = {}
    for proof in node.evidence.evidence:
        first.setdefault((proof.public_key, proof.signer), proof)
    for proof in first.values():
        who = proof.participant or f"signer {proof.signer}"
        says = f"signed two votes that exclude each other (epoch {proof.epoch}, view {proof.view}), and the proof is kept"
        if proof.public_key and proof.public_key not in now:
            yield Finding("double-vote-past", "note", who, f"{says}; its key votes no more", "nothing more, keep the proof", (node.name,))
            continue
        todo = f"call its operator and take the key out (som validator remove); GET /v1/evidence has the proof {proof.id[:16]}"
        yield Finding("double-vote", "wrong", who, says, todo, (node.name,))
    if node.evidence.halts:
        yield _found(
            node,
            "more-than-f-liars",
            "wrong",
            "holds a proof that more than f validators lie (a .halt file in data/evidence), and runs all the same",
            "stop it and call the other operators: which of two chains is right, people decide",
        )


def _alarms(node: Answering) -> Iterator[Finding]:
    for kind, (level, says, todo) in ALARMS.items():
        count = int(node.series.get(f'som_alarms_total{{kind="{kind}"}}', 0))
        if count:
            yield _found(node, f"alarm-{kind.replace('_', '-')}", level, f"{says} ({count} since it started)", todo)


def _disk(node: Answering) -> Iterator[Finding]:
    """How long a sync takes: what a vote waits for."""
    for file in ("journal", "mark"):
        count = node.series.get(f'som_fsync_seconds_count{{file="{file}"}}', 0.0)
        seconds = node.series.get(f'som_fsync_seconds_sum{{file="{file}"}}', 0.0)
        if count >= SYNCS_MIN and seconds / count > SYNC_SECONDS:
            yield _found(
                node,
                "slow-disk",
                "warning",
                f"waits {1_000 * seconds / count:.0f} ms for each sync of its {file}, and every vote waits for that",
                "look at the disk's health and at what else writes to it; give the data folder a disk that syncs in a millisecond",
            )
            return


def _notes(node: Answering) -> Iterator[Finding]:
    """Tell what an operator may want to know though nothing is wrong."""
    if node.status.peers_denied:
        says = f"has nothing to do with {node.status.peers_denied} other nodes: its operator denies them"
        yield _found(node, "denied", "note", says, "take a key out of the file `denied` in its data folder to let that node in again")
    lies = sum(int(node.series.get(f'som_messages_dropped_total{{reason="{reason}"}}', 0)) for reason in ("signature", "malformed"))
    if lies:
        says = f"cut off nodes that sent it what no honest node sends ({lies} messages)"
        yield _found(node, "bad-messages", "note", says, "look in its log for `peer cut off`; shut a flooder out with the file `denied`")
