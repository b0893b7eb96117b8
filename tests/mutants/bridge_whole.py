"""The bridge, broken on purpose where only histories of the whole show it: losses, reorganisations and late nodes (B1, B2, B5, B6)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

HISTORIES = ("tests/simulation_bridge/test_simulation_bridge.py::test_b1_no_history_breaks_a_promise",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "B2",
        "the_cursor_moves_though_nobody_has_heard",
        "bridge/watcher.py",
        "                self._burn(route, fact)",
        "                try:\n                    self._burn(route, fact)\n"
        "                except BridgeError:\n                    continue",
        HISTORIES,
    ),
    Mutant(
        "B2",
        "a_relayer_passes_over_what_it_has_not_carried",
        "bridge/relayer.py",
        'if line.state != "locked" and self._settled == line.nonce - 1:',
        "if self._settled == line.nonce - 1:",
        HISTORIES,
    ),
    Mutant(
        "B9",
        "what_is_undecided_is_not_told_to_a_new_set",
        "bridge/watcher.py",
        "if route.epoch == watched.epoch or all(",
        "if True or all(",
        ("tests/simulation_bridge/test_rotated_votes.py",),
    ),
    Mutant(
        "B6",
        "the_newest_block_is_taken_for_final",
        "bridge/evm_node.py",
        'self._block_of("finalized").number',
        'self._block_of("latest").number',
        HISTORIES,
    ),
    Mutant(
        "B6",
        "what_a_lagging_node_leaves_out_is_passed_over",
        "bridge/watcher.py",
        "if said != seen:",
        "if False:",
        ("tests/bridge/test_loops.py::test_b6_what_a_lagging_node_leaves_out_is_not_passed_over",),
    ),
    Mutant(
        "B6",
        "a_node_that_lags_contradicts_the_ledger",
        "bridge/monitor.py",
        "if there.at.number < burns_to:",
        "if False:",
        HISTORIES,
    ),
    Mutant(
        "B9",
        "a_signature_that_was_not_heard_is_not_given_again",
        "bridge/speaker.py",
        "        code = self._home.sign(replace(word, digest=digest(domain, message), signature=signature))",
        "        try:\n"
        "            code = self._home.sign(replace(word, digest=digest(domain, message), signature=signature))\n"
        "        except Exception:\n"
        "            code = 0",
        HISTORIES,
    ),
    Mutant(
        "B9",
        "what_changed_in_a_halt_is_never_attested",
        "bridge/speaker.py",
        "if change.route.status in SIGNING and _totals(change.route) != totals:",
        "if _totals(change.route) != totals:",
        ("tests/bridge/test_loops.py::test_what_changed_in_a_halt_is_attested_when_it_is_over",),
    ),
)
