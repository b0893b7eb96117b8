"""Kurultai broken on purpose: the end of an epoch (K22), the silent leader (K17), the vote that was forgotten (K15)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

EPOCHS = ("tests/consensus/test_epochs.py",)
EPOCH_RUNS = ("tests/consensus/test_epochs.py", "tests/consensus/test_epoch_network.py")
MEMORY = ("tests/consensus/test_memory.py",)
SKIP = ("tests/consensus/test_skip.py",)
VOTES = ("tests/consensus/test_votes.py",)

ACTIVITY = "consensus/activity.py"
BLOCKS = "consensus/blocks.py"
PACING = "consensus/idle.py"
PROGRESS = "consensus/progress.py"
REMEMBERED = "consensus/memory.py"
REPLICA = "consensus/replica.py"
RULES = "consensus/rules.py"
STATE = "consensus/state.py"
UPKEEP = "consensus/upkeep.py"
VOTING = "consensus/voting.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "K15",
        "certificates_show_no_votes",
        REMEMBERED,
        "        if found is not None:\n            return found if",
        "        if False:\n            return found if",
        MEMORY,
    ),
    Mutant("K15", "our_signature_in_a_certificate_is_overlooked", VOTING, "    check_signed(state, certificate)\n", "", MEMORY),
    Mutant("K15", "what_is_restored_is_not_looked_at", UPKEEP, "    check_restored(state)\n", "", MEMORY),
    Mutant(
        "K15", "a_contradiction_of_ours_is_overlooked", REMEMBERED, "if not contradicts and not votes_go_up", "if not votes_go_up", MEMORY
    ),
    Mutant(
        "K15", "a_proof_against_ourselves_is_no_sign", VOTING, "    if state.started:\n        check_memory(state, second)\n", "", MEMORY
    ),
    Mutant(
        "K0", "certificates_are_no_evidence_against_later_votes", VOTING, "    _accuse_by_certificates(state, view, signed)\n", "", VOTES
    ),
    Mutant("K15", "silence_does_not_outlive_a_restart", REMEMBERED, "    state.record(VoteRecord(signed))\n", "", MEMORY),
    Mutant(
        "K15",
        "a_silenced_key_votes_on",
        RULES,
        "return not state.silenced and not state.ended",
        "return not state.ended",
        (*MEMORY, *VOTES),
    ),
    Mutant(
        "K17",
        "a_dead_leader_is_waited_for",
        PROGRESS,
        "    elif inactive(state, leader):\n        give_up(state, view, Cause.INACTIVE)\n",
        "",
        SKIP,
    ),
    Mutant("K17", "does_not_fail_open", ACTIVITY, "return others + 1 >= state.validators.quorum", "return True", SKIP),
    Mutant("K17", "the_leader_counts_among_the_others", ACTIVITY, "return others + 1 >= state", "return others + 2 >= state", SKIP),
    Mutant("K17", "a_status_is_no_sign_of_life", UPKEEP, "    hear(state, event.peer)\n", "", SKIP),
    Mutant("K17", "a_vote_is_no_sign_of_life", VOTING, "        hear(state, signed.signer)\n", "", SKIP),
    Mutant("K17", "the_start_counts_as_silence", ACTIVITY, "state.heard.get(leader, state.started_ms)", "state.heard.get(leader, 0)", SKIP),
    Mutant("K17", "silence_is_shorter_than_two_statuses", ACTIVITY, "max(advance, STATUSES_MISSED * timing.status_ms)", "advance", SKIP),
    Mutant(
        "K17",
        "silence_does_not_grow_with_the_timeout",
        ACTIVITY,
        "max(advance, STATUSES_MISSED * timing.status_ms)",
        "STATUSES_MISSED * timing.status_ms",
        SKIP,
    ),
    Mutant(
        "K17",
        "a_buffered_proposal_does_not_cancel_it",
        PROGRESS,
        "    elif leader == state.me:\n        lead(state, view)\n    elif view.proposal is not None:",
        "    elif leader == state.me:\n        lead(state, view)\n    elif view.proposal is not None and not inactive(state, leader):",
        SKIP,
    ),
    Mutant("K22", "a_child_of_the_end_is_valid", RULES, "        not parent.boundary\n        and child", "        child", EPOCHS),
    Mutant(
        "K22",
        "the_end_is_not_proposed_again",
        PROGRESS,
        "    if tip is not None and not missing:\n",
        "    if tip is not None and missing and not missing:\n",
        EPOCHS,
    ),
    Mutant(
        "K22",
        "the_end_is_proposed_without_nullifications",
        PROGRESS,
        "    if tip is not None and not missing:\n",
        "    if tip is not None:\n",
        EPOCHS,
    ),
    Mutant(
        "K22",
        "the_end_is_proposed_on_its_own_view",
        PROGRESS,
        "view.number, state.best_view, tip.block_id)",
        "view.number, tip.view, tip.block_id)",
        EPOCHS,
    ),
    Mutant(
        "K22",
        "any_block_may_come_again",
        RULES,
        "if not facts.boundary or facts.view > vote.parent_view:",
        "if facts.view > vote.parent_view:",
        EPOCHS,
    ),
    Mutant(
        "K22",
        "an_end_may_come_again_before_it_was_certified",
        RULES,
        "if not facts.boundary or facts.view > vote.parent_view:",
        "if not facts.boundary:",
        EPOCHS,
    ),
    Mutant(
        "K22", "any_end_may_come_again", RULES, "if state.block_at(vote.parent_view) not in (None, facts.block_id):", "if False:", EPOCHS
    ),
    Mutant(
        "K22",
        "its_header_may_name_anyone",
        RULES,
        "(vote.block_id, vote.epoch, proposer):",
        "(vote.block_id, vote.epoch, facts.proposer):",
        EPOCHS,
    ),
    Mutant(
        "K22",
        "the_end_is_timed_anew",
        PROGRESS,
        "        view.in_time, here = True, block.certified\n",
        "        view.in_time, here = look_at_clock(state, proposal) is Clock.IN_TIME, block.certified\n",
        EPOCHS,
    ),
    Mutant(
        "K22",
        "the_end_is_executed_anew",
        PROGRESS,
        "        view.in_time, here = True, block.certified\n",
        "        view.in_time, here = True, block.stage is Stage.EXECUTED\n",
        EPOCHS,
    ),
    Mutant(
        "K22",
        "the_end_is_looked_at_in_its_own_view_only",
        STATE,
        "if block.facts is None or not block.facts.boundary:",
        "if block.view >= 0:",
        EPOCHS,
    ),
    Mutant(
        "K22",
        "an_end_certified_later_does_not_wait_for_its_parent",
        BLOCKS,
        "if block.facts is None or block.facts.parent == parent.block_id:",
        "if block.facts is None:",
        EPOCH_RUNS,
    ),
    Mutant("K22", "the_end_does_not_wake", PACING, " or state.boundary_tip is not None)", ")", EPOCHS),
    Mutant(
        "K22", "votes_after_the_end", BLOCKS, "    if facts.boundary:\n        state.ended = True\n", "    if facts.boundary:\n", EPOCHS
    ),
    Mutant("K22", "timers_run_on_after_the_end", BLOCKS, "            state.emit(CancelTimer(kind))\n", "            pass\n", EPOCHS),
    Mutant(
        "K22",
        "the_end_is_not_sent_to_those_behind",
        UPKEEP,
        "            state.emit(SendCertificates((state.finalization,), None))\n",
        "            pass\n",
        EPOCHS,
    ),
    Mutant(
        "K22",
        "another_block_after_the_end_is_not_noticed",
        VOTING,
        "    if follows_end(state, subject):\n",
        "    if follows_end(state, subject) and not state.ended:\n",
        EPOCHS,
    ),
    Mutant(
        "K22",
        "the_next_epoch_goes_on_in_the_old_view",
        REPLICA,
        "epoch=Epoch(committed.epoch + 1), view=View(0), boundary=False)",
        "epoch=Epoch(committed.epoch + 1), boundary=False)",
        EPOCHS,
    ),
    Mutant("K22", "the_end_stays_the_end_in_the_next_epoch", REPLICA, "view=View(0), boundary=False)", "view=View(0))", EPOCHS),
    Mutant(
        "K22", "the_epoch_does_not_rise", REPLICA, "epoch=Epoch(committed.epoch + 1), view", "epoch=Epoch(committed.epoch), view", EPOCHS
    ),
    Mutant("K22", "the_old_certificate_is_of_the_new_epoch", REPLICA, "            committed_certificate = None\n", "", EPOCHS),
    Mutant("K22", "blocks_of_another_epoch_are_restored", UPKEEP, " and facts.epoch == state.epoch:", ":", EPOCHS),
    Mutant(
        "K22",
        "proposals_of_another_epoch_are_restored",
        UPKEEP,
        "if record.vote.epoch == state.epoch and record.vote.view",
        "if record.vote.view",
        EPOCHS,
    ),
    Mutant(
        "K22",
        "votes_of_another_epoch_are_restored",
        UPKEEP,
        "if record.signed.vote.epoch == state.epoch and record.signed",
        "if record.signed",
        EPOCHS,
    ),
)
