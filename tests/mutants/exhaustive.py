"""Kurultai broken on purpose once more, to be found by the exhaustive small scope alone: no rule test is asked."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_TESTS = "tests/simulation/test_exhaustive.py"
VIEW_ONE = f"{_TESTS}::test_view_one_in_every_order"
POWER = f"{_TESTS}::test_power_lost_at_any_moment_of_view_one"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "K0",
        "exhaustive_quorum_is_two_f",
        "consensus/types.py",
        "return len(self.keys) - self.faults",
        "return 2 * self.faults",
        (VIEW_ONE,),
    ),
    Mutant(
        "K5",
        "exhaustive_a_vote_asked_for_is_not_remembered",
        "consensus/voting.py",
        "    remember_cast(state, vote)\n    proposal = None",
        "    proposal = None",
        (VIEW_ONE,),
    ),
    Mutant(
        "K8",
        "exhaustive_an_invalid_block_is_certified",
        "consensus/blocks.py",
        "if event.verdict is Verdict.VALID:",
        "if event.verdict is not Verdict.NONE:",
        (VIEW_ONE,),
    ),
    Mutant(
        "K13",
        "exhaustive_own_votes_are_not_taken_back",
        "consensus/upkeep.py",
        "        remember_cast(state, vote)\n        take_cast(state, record.signed)\n",
        "        return\n",
        (POWER,),
    ),
    Mutant(
        "K13",
        "exhaustive_journaled_certificates_are_not_taken_back",
        "consensus/upkeep.py",
        "            accept(state, record.certificate)\n",
        "            continue\n",
        (POWER,),
    ),
)
