"""How a history goes: drawn acts, then all faults end and both sides must agree on everything; or the chain breaks its word at last."""

from __future__ import annotations

import atexit
import os
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, NamedTuple

from bridge.attestor import Stopped
from bridge.errors import BridgeError
from ledger.transactions.bridge_bodies import BridgeClaim, BridgeOut
from tests.bridge.contracts.world import ADMIN, ALICE, BOB
from tests.ledger.bridge_world import ROUTE, SUSPENSE, defined, signers_of
from tests.ledger.cast import BY_ROOT, OPERATOR
from tests.ledger.world import HOUR_MS, MAIN_A, MAIN_B, TILL
from tests.simulation_bridge.acts import ACTS
from tests.simulation_bridge.history import History
from tests.simulation_bridge.raw import Sums, Violation, demand
from tests.simulation_bridge.stage import Stage, stage

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

LENGTH = 40
"""Drawn acts of one history."""
BROKEN_PER_MILLE = 50
"""Histories that end with a reorganisation past finality."""
ROUNDS_MAX, LAST_ROUNDS = 40, 3
"""Of calm, until everything is decided; and after that, until the contract knows of the last refund."""
CALM_SECONDS, DAY_SECONDS = 4_000, 86_400
"""Between two rounds once all is calm: longer than any pause of an attestor, and than the time between two rotations."""
LIMITED = ("MintTooLarge", "BucketTooLow", "DayLimitReached")
"""Refusals of the contract for which a lock may have to wait, until it is refunded."""
WARM_PER_MILLE = 850
"""Histories that begin where something is out there already."""


class Outcome(NamedTuple):
    """How a history ended."""

    seed: int
    counts: Counter[str]
    failure: str
    trace: tuple[str, ...]


def play(seed: int, folder: Path, length: int = LENGTH) -> Outcome:
    """Play one history to its end, or to the first promise that is broken."""
    warm = seed % 1_000 < WARM_PER_MILLE
    history = History(seed, folder, warm_stage() if warm else cold_stage())
    begun = history.there.read() if warm else Sums()
    try:
        history.check()
        acts, weights = zip(*ACTS, strict=True)
        for _ in range(length):
            act = history.draw.choices(acts, weights)[0]
            history.say(act.__name__)
            act(history)
            history.check()
        if history.draw.randrange(1_000) < BROKEN_PER_MILLE:
            break_finality(history)
        else:
            settle(history)
        count(history, begun)
    except Violation as violation:
        return Outcome(seed, history.counts, str(violation), tuple(history.trace))
    finally:
        end(history)
    return Outcome(seed, history.counts, "", tuple(history.trace))


def end(history: History) -> None:
    """End all processes."""
    for process in history.processes:
        process.end()


def count(history: History, begun: Sums) -> None:
    """Count what happened on both sides since the beginning."""
    sums = history.there.read()
    counts = history.counts
    counts["minted"] += len(sums.mints) - len(begun.mints)
    counts["burned"] += len(sums.burns) - len(begun.burns)
    counts["checkpoint taken"] += sums.checkpoints - begun.checkpoints
    counts["set carried"] += sums.epoch - begun.epoch
    counts["released"] += len(history.here.paid)
    counts["lost there"] += sum(len(node.lost) for process in history.processes for node in process.nodes)
    counts["lost here"] += history.road.fates.count("lost")
    counts["answer lost here"] += history.road.fates.count("unheard")
    counts["released into suspense"] += sum(paid.account == SUSPENSE for paid in history.here.paid)


@cache
def cold_stage() -> Stage:
    """Return both sides as they are at first, made once in a process."""
    return stage()


@cache
def warm_stage() -> Stage:
    """Return both sides with something locked here and minted there, and attestors that have seen it; made once in a process."""
    made = stage()
    folder = Path(mkdtemp(prefix="som-bridge-", dir=memory_folder()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    history = History(0, folder, made)
    history.calm, history.liar = True, ""
    for holder, source, amount in ((ALICE, MAIN_A, 2_900), (BOB, MAIN_B, 2_700), (ALICE, TILL, 2_500)):
        history.road.do(BridgeOut("KGS", source, amount, ROUTE, bytes.fromhex(holder[2:])), [*OPERATOR, *signers_of(source)])
        for _ in range(3):
            history.later(DAY_SECONDS // 5)
            everybody(history)
    demand(len(history.there.read().mints) == history.route.locks, "what is locked first is minted first")
    end(history)
    made.chain.keep()
    return Stage(made.chain, made.contracts, history.ledger, tuple(history.road.changes()), folder)


def memory_folder() -> str | None:
    """Return a folder in memory, where the machine has one: files of a history need no disk. None: the usual one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - made by mkdtemp


def calm(history: History) -> None:
    """End all faults, and open everything again."""
    history.say("calm")
    history.calm = True
    history.outcomes.clear()
    history.road.silent = False
    for process in history.processes:
        for node in process.nodes:
            node.behind, node.silent, node.loses = 0, False, False
    if history.route.status != "active":
        history.road.do(defined(terms=None, attestors=None, status="active"), BY_ROOT)
    history.mine(whole=True)
    state = history.contracts.state()
    for what in ("Mint", "Burn"):
        if state[f"{what.lower()}Paused"]:
            history.contracts.bridge.send(ADMIN, f"unpause{what}")


def everybody(history: History) -> None:
    """Let all blocks be made and final, everybody do a step, and the inequality hold."""
    history.mine(whole=True)
    history.finalise(0)
    for witness in history.witnesses:
        if witness.name != history.liar:
            history.attest(witness)
    history.relay(history.carters[0])
    history.mine(whole=True)
    history.finalise(0)
    history.check()


def settle(history: History) -> None:
    """Let everybody finish: in the end both sides have the same totals, and nothing is open."""
    calm(history)
    for number in range(ROUNDS_MAX):
        history.later(CALM_SECONDS if number < 3 else max(CALM_SECONDS, latest_deadline(history) + 60 - history.chain.now))
        everybody(history)
        if number == 2:
            check_open_locks(history)
        if number >= 2 and not [each for each in open_things(history) if "waiting" not in each]:
            break
    for _ in range(ROUNDS_MAX):
        if not open_things(history):
            break
        claim_all(history)
        history.later(DAY_SECONDS)
    for _ in range(LAST_ROUNDS):
        everybody(history)
        if history.there.read().attested[2] == history.here.refunded:
            break
    sums, here, route = history.check(), history.here, history.route
    demand(not open_things(history), f"after {ROUNDS_MAX} rounds of calm something is open still: {open_things(history)}")
    demand(sums.minted == route.minted == here.locked - here.refunded, "in the end what is not refunded is minted, and known to be")
    demand(sums.burned == route.burned == here.released, "in the end what is burned is released")
    demand(here.vault == sums.supply, "in the end V = S")
    demand(sums.epoch == route.epoch, "in the end the contract has the newest set")
    named = {each.participant for each in history.witnesses[0].home.contradictions()}
    demand(named <= {history.liar}, f"who lies is named, and nobody else: {named}, not {history.liar}")
    history.counts["named as a liar"] += len(named)
    demand(sums.attested[2] == here.refunded, "in the end the contract knows of every refund")


def check_open_locks(history: History) -> None:
    """See that what is calm gets on: a lock is minted within three rounds, or it must wait, is late, or the contract's limits forbid it."""
    if any(what == "rotate" for what, _ in history.outcomes):
        return  # sets come first, one in each round
    for nonce in range(1, history.route.locks + 1):
        lock = history.lock(nonce)
        waits = lock.sign_from_ms > history.ledger.time_ms - CALM_SECONDS * 1_000
        if lock.state == "locked" and not waits and lock.deadline > history.chain.now:
            outcome = history.outcomes.get(("mint", nonce), "never carried")
            demand(outcome == "sent" or outcome in LIMITED, f"lock {nonce} could be minted and is not: {outcome}")


def latest_deadline(history: History) -> int:
    """Unix seconds at which the last open lock ends; 0: none is open."""
    locks = (history.lock(each) for each in range(1, history.route.locks + 1))
    return max((each.deadline for each in locks if each.state == "locked"), default=0)


def claim_all(history: History) -> None:
    """Claim every release that waits, as far as the limits let it pass."""
    for nonce in range(1, history.route.burns + 1):
        release = history.release(nonce)
        if release is not None and release.state == "waiting":
            history.counts["waited"] += 1
            history.counts["claimed what waited"] += history.road.do(BridgeClaim(ROUTE, "release", nonce, None), OPERATOR) == 0


def open_things(history: History) -> list[str]:
    """Name what is not decided."""
    route, sums = history.route, history.there.read()
    found = [f"lock {each}: {history.lock(each).state}" for each in range(1, route.locks + 1) if history.lock(each).state == "locked"]
    for nonce in range(1, len(sums.burns) + 1):
        release = history.release(nonce)
        if release is None or release.state not in ("released", "suspense"):
            found.append(f"burn {nonce}: {'unknown' if release is None else release.state}")
    if sums.epoch != route.epoch:
        found.append(f"set {sums.epoch} there, {route.epoch} here")
    return found


def break_finality(history: History) -> None:
    """Let a block go that was final: who has seen it stops for good and halts the route, and nothing is paid by it (B6)."""
    calm(history)
    history.later(2 * HOUR_MS // 1_000)  # a guardian's pause is over
    everybody(history)
    history.later(60)
    everybody(history)
    honest = [each for each in history.witnesses if each.name != history.liar]
    for witness in honest:
        history.attest(witness)
    chain = history.chain
    before = history.route
    told = history.here.paid.copy(), history.here.refunds.copy()
    chain.drop(chain.newest.number - chain.final_number + 1)
    for _ in range(3):
        chain.mine()
    chain.final_number = chain.newest.number
    for witness in honest:
        stop(witness.step, witness.name)
        witness.end()
        stop(witness.step, f"{witness.name}, started again,")
    history.here.read(history.ledger.ordered)
    demand((history.here.paid, history.here.refunds) == told, "nothing is paid by a chain that broke its word")
    demand(history.route.released == before.released, "nothing is released by a chain that broke its word")
    if history.liar != "treasury" and any(each.name == "treasury" for each in honest):
        demand(history.route.status == "halted", "a guardian among them halts the route")
    history.counts["stopped: the chain broke its word"] += 1


def stop(step: Callable[[], None], name: str) -> None:
    """See that a step ends in a stop for good."""
    try:
        step()
    except Stopped:
        return
    except BridgeError as problem:
        raise Violation(f"{name} goes on after a reorganisation past finality: {problem}") from None
    raise Violation(f"{name} does not see a reorganisation past finality")
