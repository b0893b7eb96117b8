"""The short form of the simulation, and what makes a seed worth keeping. The long form: `python -m tests.simulation --help`."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.types import Certificate, Epoch
from node.relay import RELAY_SECONDS
from tests.simulation.counts import Counts, Outcome
from tests.simulation.found import Found, read_found, write_found
from tests.simulation.plan import bridge, draw_plan, halves, one_way, ring
from tests.simulation.runs import Kind, Sum, outcomes
from tests.simulation.splitmix import SplitMix64
from tests.simulation.voter import Broken
from tests.simulation.world import EPOCHS_PER_MILLE, World, run_seed, trace_seed

ROOT = Path(__file__).resolve().parents[2]
RELAY_MS = round(1_000 * RELAY_SECONDS)


def run_set(validators: int, runs: int, first: int = 1, epochs: int = EPOCHS_PER_MILLE, relay_ms: int = 0) -> Sum:
    total = Sum(with_epochs=epochs > 0)
    for outcome in outcomes(range(first, first + runs), Kind(validators, (validators - 1) // 3, epochs, relay_ms)):
        total.add(outcome)
    return total


def test_four_validators_agree_and_recover() -> None:
    """Goal: agreement and recovery need no luck. Method: 150 seeds with one liar; the reach counts of consensus.md section 9 are met."""
    total = run_set(4, 150)
    assert [outcome.failure for outcome in total.failures] == []
    assert total.missed() == []


@pytest.mark.parametrize(("validators", "runs"), [(7, 30), (10, 4), (31, 1)])
def test_larger_sets_agree_and_recover(validators: int, runs: int) -> None:
    """Goal: the same with two, three and ten liars that collude. Method: a few seeds of each."""
    total = run_set(validators, runs)
    assert [outcome.failure for outcome in total.failures] == []


@pytest.mark.parametrize(("validators", "runs"), [(4, 60), (7, 10)])
def test_certificates_that_wait_and_go_where_they_are_needless(validators: int, runs: int) -> None:
    """Goal: K10, K11 as the node does it. Method: certificates wait, and those that a finalization makes needless are never passed on."""
    total = run_set(validators, runs, first=1_001, relay_ms=RELAY_MS)
    assert [outcome.failure for outcome in total.failures] == []
    assert total.hashes[0] != run_seed(1_001, validators, (validators - 1) // 3).trace_hash


@pytest.mark.nightly
@pytest.mark.parametrize(("validators", "runs"), [(4, 5_000), (7, 1_000), (10, 200), (31, 10)])
@pytest.mark.timeout(3_600)
def test_many_runs_agree_and_recover(validators: int, runs: int) -> None:
    """Goal: acceptance 3 of the first issue, without the command. Method: other seeds than the short form."""
    total = run_set(validators, runs, first=100_000)
    assert [outcome.failure for outcome in total.failures] == []


def test_more_than_f_liars_fork() -> None:
    """Goal: the simulator can find a fork. Method: two liars of four, at most 2,000 seeds."""
    assert any(outcome.is_fork for outcome in outcomes(range(1, 2_001), Kind(4, 2)))


@pytest.mark.parametrize("found", read_found(), ids=lambda found: found.name)
def test_seeds_that_once_failed(found: Found) -> None:
    """Goal: what was found stays mended, and is explained. Method: run the seed again."""
    assert found.what
    assert run_seed(found.seed, found.validators, found.liars, found.signatures, found.epochs_per_mille, found.relay_ms).failure == ""


def test_a_failing_seed_is_written_down_once(tmp_path: Path) -> None:
    """Goal: no failure is lost, and no explanation overwritten. Method: write, complete, write again, read."""
    found = Found(4, 1, 77, "table", 400, 'no recovery: "heights"', "")
    path = write_found(found, tmp_path / "seeds")
    assert read_found(tmp_path / "seeds") == (found,)
    path.write_text(path.read_text(encoding="utf-8").replace('what = ""', 'what = "mended"'), encoding="utf-8")
    write_found(found, tmp_path / "seeds")
    assert read_found(tmp_path / "seeds")[0].what == "mended"


def test_same_seed_same_trace() -> None:
    """Goal: a seed replays. Method: twice here, once with a trace kept, once with real signatures."""
    first = run_seed(11, 4, 1)
    assert run_seed(11, 4, 1) == first
    traced = trace_seed(11, 4, 1, "ed25519")
    assert traced.trace_hash == first.trace_hash
    assert len(traced.trace) > 100
    assert run_seed(12, 4, 1).trace_hash != first.trace_hash


@pytest.mark.parametrize("hash_seed", ["1", "4242"])
def test_same_trace_under_other_hash_seeds(hash_seed: str) -> None:
    """Goal: no set or dict order reaches a run. Method: the command in processes with other PYTHONHASHSEED, on one and two processes."""
    command = [sys.executable, "-m", "tests.simulation", "--runs", "6", "--seed", "5", "--jobs", "1" if hash_seed == "1" else "2"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert run_set(4, 6, first=5).trace_hash[:32] in done.stdout


def test_a_run_set_that_met_too_little_says_so() -> None:
    """Goal: a tame simulator is a failure. Method: a hundred runs in which nothing happened."""
    total = Sum()
    for seed in range(100):
        total.add(Outcome(seed, "", is_fork=False, counts=Counts(), trace_hash=""))
    assert len(total.missed()) == 12
    assert len(total.lines()) > 10


def test_splitmix_is_the_published_generator() -> None:
    """Goal: seeds mean the same everywhere. Method: the first numbers of the reference implementation for seed 1234567."""
    random = SplitMix64(1234567)
    assert [random.below(2**64) for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_partitions_have_the_shape_of_their_name() -> None:
    """Goal: links are cut as meant. Method: four validators in order."""
    order = [0, 1, 2, 3]
    assert halves(order) == {(a, b) for a in order for b in order if (a < 2) != (b < 2)}
    assert ring(order) == {(0, 2), (2, 0), (1, 3), (3, 1)}
    assert bridge(order) == {(1, 2), (2, 1), (1, 3), (3, 1)}
    assert one_way(order) == {(0, 1), (0, 2), (0, 3)}


def test_a_lost_journal_takes_the_place_of_a_liar() -> None:
    """Goal: never more than f faults. Method: plans of many seeds."""
    plans = [draw_plan(seed, 4, 1) for seed in range(200)]
    assert {(plan.journal_lost_by >= 0, plan.liars) for plan in plans} == {(True, 0), (False, 1)}


def test_no_set_has_more_than_f_faults() -> None:
    """Goal: never more than f faults, in any epoch. Method: plans of many seeds with changing sets, of four and of seven."""
    for validators in (4, 7):
        for seed in range(300):
            plan = draw_plan(seed, validators, (validators - 1) // 3, 1_000)
            faulty = {*range(plan.honest, plan.nodes), plan.journal_lost_by, *([plan.sleeper.node] if plan.sleeper else [])}
            assert len(plan.sets) == len(plan.lengths) + 1 >= 2
            for members in plan.sets:
                assert len(members) == len(set(members)) >= 4
                assert len(faulty & set(members)) <= (len(members) - 1) // 3


def test_a_height_with_certificates_of_another_set_is_noticed() -> None:
    """Goal: invariant 23 is looked at. Method: a final block under an epoch, an end and a set that are not those of its height."""
    world = World(seed_with_epochs(), 4, 1, epochs_per_mille=1_000)
    assert world.run(1).failure == ""
    store = max((node.store for node in world.honest), key=lambda store: store.final.height)
    end = world.calendar.end(0)
    facts, certificate = store.chain[end - 1][0], store.certificates[end]
    world.check_active(facts, certificate)
    later = store.certificates[max(store.certificates)]
    forged = Certificate(certificate.subject, later.signatures)
    inner, other = replace(facts, boundary=False), replace(facts, epoch=Epoch(1))
    for wrong, by in ((facts, later), (inner, certificate), (other, certificate), (facts, forged)):
        with pytest.raises(Broken):
            world.check_active(wrong, by)


def seed_with_epochs() -> int:
    """Find a seed whose first epoch ends soon."""
    return next(seed for seed in range(1, 100) if draw_plan(seed, 4, 1, 1_000).lengths[0] < 4)
