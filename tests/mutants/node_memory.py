"""Deliberate bugs of what a node keeps in memory while it runs: each of them grows with what it has seen."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

VERIFY = "node/verify.py"
VERIFIED = "tests/node/test_verify.py"

MUTANTS = [
    Mutant(
        "K19",
        "verified_votes_are_never_forgotten",
        VERIFY,
        "            del self._good[next(iter(self._good))]\n",
        "            break\n",
        (f"{VERIFIED}::test_votes_of_the_newest_views_are_remembered_and_no_more",),
    ),
    Mutant(
        "K19",
        "every_epoch_keeps_its_own_votes",
        VERIFY,
        ", self._metrics, self._good)",
        ", self._metrics)",
        (f"{VERIFIED}::test_many_epochs_remember_no_more_votes_than_one",),
    ),
    Mutant(
        "K22",
        "an_ended_epoch_waits_for_the_garbage_collector",
        "node/perform.py",
        "Relay(partial(peers.to_validators, Lane.VOTES),",
        "Relay(lambda frame: self._peers.to_validators(Lane.VOTES, frame),",
        ("tests/node/test_roles.py::test_an_ended_epoch_leaves_no_garbage_behind",),
    ),
    Mutant(
        "M1",
        "final_transactions_are_remembered",
        "node/blocklog.py",
        "        self._cache.final(block.transactions)\n",
        "",
        ("tests/node/test_chain.py::test_final_transactions_go_from_memory",),
    ),
    Mutant(
        "M1",
        "what_was_just_final_is_forgotten_first",
        "node/transactions.py",
        "final.popleft()",
        "final.pop()",
        (f"{VERIFIED}::test_final_transactions_are_forgotten_after_some_more",),
    ),
]
