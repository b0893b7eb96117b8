"""Kurultai broken on purpose: restart, memory, timers, repair, order of votes (K13, K15 to K21), and the time rule (under K4)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

FLOOR = "tests/consensus/test_floor.py"
IDLE = "tests/consensus/test_idle.py"
PROPOSALS = "tests/consensus/test_proposals.py"
REPAIR = "tests/consensus/test_repair.py"
VIEWS = "tests/consensus/test_views.py"
VOTES = "tests/consensus/test_votes.py"

BLOCKS = "consensus/blocks.py"
PACING = "consensus/idle.py"
PROGRESS = "consensus/progress.py"
REMEMBERED = "consensus/memory.py"
REPAIRING = "consensus/repair.py"
RULES = "consensus/rules.py"
UPKEEP = "consensus/upkeep.py"
VOTING = "consensus/voting.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "K13",
        "own_votes_are_not_sent_again",
        UPKEEP,
        "    for effect in resend_own(state, None):\n        state.emit(effect)\n",
        "",
        (REPAIR,),
    ),
    Mutant(
        "K13",
        "own_votes_are_not_tallied_again",
        UPKEEP,
        "        remember_cast(state, vote)\n        take_cast(state, record.signed)\n",
        "        remember_cast(state, vote)\n",
        (REPAIR,),
    ),
    Mutant(
        "K13",
        "restored_votes_may_be_cast_again",
        UPKEEP,
        "        remember_cast(state, vote)\n        take_cast(state, record.signed)\n",
        "        take_cast(state, record.signed)\n",
        (REPAIR, VIEWS),
    ),
    Mutant(
        "K13",
        "our_proposal_is_not_sent_again",
        REPAIRING,
        "    signed = own_votes(state, View(state.final_view + 1))\n    return (Resend(signed, proposal, to),)",
        "    signed = own_votes(state, View(state.final_view + 1))\n    return (Resend(signed, None, to),)",
        (REPAIR,),
    ),
    Mutant(
        "K13",
        "finalize_votes_are_sent_once_only",
        UPKEEP,
        "    for effect in resend_on_retry(state):\n        state.emit(effect)\n",
        "",
        (REPAIR,),
    ),
    Mutant(
        "K15",
        "own_vote_counts_before_it_is_durable",
        VOTING,
        "    remember_cast(state, vote)\n    proposal = None",
        "    remember_cast(state, vote)\n    count(state, SignedVote(vote, state.me, bytes(64)))\n    proposal = None",
        (VOTES,),
    ),
    Mutant(
        "K15",
        "own_vote_counts_from_outside",
        VOTING,
        "    if signed.signer == state.me:\n        check_memory(state, signed)\n    elif",
        "    if",
        (VOTES,),
    ),
    Mutant("K15", "lost_memory_goes_on_voting", REMEMBERED, "    state.silenced = True\n", "", (VOTES,)),
    Mutant(
        "K15",
        "a_vote_in_flight_is_taken_for_lost_memory",
        REMEMBERED,
        "if not contradicts and not votes_go_up(state, vote):",
        "if not contradicts and signed.signer in state.at(vote.view).votes[vote.kind]:",
        (VOTES,),
    ),
    Mutant(
        "K15",
        "a_cast_in_flight_does_not_count_as_cast",
        VOTING,
        "    remember_cast(state, vote)\n    proposal = None",
        "    proposal = None",
        (VIEWS,),
    ),
    Mutant(
        "K16",
        "backoff_overflows",
        RULES,
        "steps = min(BACKOFF_STEPS_MAX, max(0, view - final_view - validators))",
        "steps = max(0, view - final_view - validators)\n    float(3**steps)",
        (VIEWS,),
    ),
    Mutant("K16", "no_backoff", RULES, "steps = min(BACKOFF_STEPS_MAX, max(0, view - final_view - validators))", "steps = 0", (VIEWS,)),
    Mutant("K16", "backoff_has_no_maximum", RULES, "return min(timing.timeout_ms_max, grown)", "return grown", (VIEWS,)),
    Mutant(
        "K18", "an_idle_chain_never_sleeps", PACING, "return not state.ended and (state.pending", "return True or (state.pending", (IDLE,)
    ),
    Mutant(
        "K18",
        "an_unfinal_payment_wakes_nobody",
        PACING,
        "(state.pending > 0 or bool(state.work) or state",
        "(state.pending > 0 or state",
        (IDLE,),
    ),
    Mutant(
        "K18", "waking_re_arms_every_time", PACING, "        state.armed = Armed.WOKEN\n", "        state.armed = Armed.AWAKE\n", (IDLE,)
    ),
    Mutant(
        "K18",
        "waking_does_not_re_arm",
        PACING,
        "        state.armed = Armed.WOKEN\n        arm(state, view, state.now)\n",
        "        state.armed = Armed.WOKEN\n",
        (IDLE,),
    ),
    Mutant(
        "K18",
        "finality_does_not_let_the_view_sleep",
        PACING,
        "elif state.armed is Armed.AWAKE and not is_awake and view.proposal is None:",
        "elif state.armed is Armed.NO:",
        (IDLE,),
    ),
    Mutant("K18", "the_empty_child_comes_at_once", PACING, "        wait = 2 * state.timing.delta_ms\n", "        wait = 0\n", (IDLE,)),
    Mutant(
        "K18",
        "an_empty_block_keeps_the_chain_awake",
        BLOCKS,
        "    if transactions == 0:\n        state.work.pop(block.block_id, None)\n",
        "",
        (IDLE,),
    ),
    Mutant(
        "K19",
        "a_status_is_not_answered",
        UPKEEP,
        "    bundle = bundle_for(state, status)\n    if bundle:\n        state.emit(SendCertificates(bundle, event.peer))\n",
        "",
        (REPAIR,),
    ),
    Mutant(
        "K19",
        "the_bundle_leaves_the_finalization_out",
        REPAIRING,
        "        bundle.append(state.finalization)\n",
        "        pass\n",
        (REPAIR,),
    ),
    Mutant(
        "K19",
        "the_bundle_has_no_limit",
        REPAIRING,
        "        if len(bundle) >= CERTIFICATES_MAX:\n            break\n    return tuple(bundle[:CERTIFICATES_MAX])",
        "    return tuple(bundle)",
        (REPAIR,),
    ),
    Mutant(
        "K19",
        "nothing_is_asked_of_a_status",
        UPKEEP,
        "    for effect in fetch_from(state, event.peer, status):\n        state.emit(effect)\n",
        "",
        (REPAIR,),
    ),
    Mutant("K19", "missing_pieces_are_not_asked_of_the_leader", PROGRESS, "    ask(state, (leader,), missing)\n", "", (PROPOSALS,)),
    Mutant(
        "K19",
        "no_bundle_after_nullify",
        UPKEEP,
        "            if bundle:\n                state.emit(SendCertificates(bundle, peer))\n",
        "",
        (REPAIR,),
    ),
    Mutant("K19", "votes_of_any_later_view_are_kept", VOTING, "oldest < vote.view <= state.view + 1", "oldest < vote.view", (VOTES,)),
    Mutant("K19", "old_views_are_never_forgotten", VOTING, "    forget_views(state, state.floor_view)\n", "", (VOTES,)),
    Mutant(
        "K20",
        "far_behind_walks_back_block_by_block",
        BLOCKS,
        "return state.behind and state.final_view - state.final.view > CATCH_UP_VIEWS",
        "return False",
        (FLOOR,),
    ),
    Mutant("K20", "a_sync_does_not_move_the_floor", UPKEEP, "        move_final(state, facts)\n", "", (FLOOR,)),
    Mutant("K20", "who_moves_never_asks_for_ranges", BLOCKS, "        if far_behind(state) or state", "        if state", (FLOOR,)),
    Mutant("K20", "always_asks_the_same_one", BLOCKS, "        state.catch_up_attempts += 1\n", "", (FLOOR,)),
    Mutant(
        "K21",
        "a_late_finalize_is_cast",
        RULES,
        (
            "    vote = Vote(Kind.FINALIZE, subject.epoch, subject.view, subject.parent_view, subject.block_id)\n"
            "    return vote if votes_go_up(state, vote) else None"
        ),
        "    vote = Vote(Kind.FINALIZE, subject.epoch, subject.view, subject.parent_view, subject.block_id)\n    return vote",
        (VIEWS,),
    ),
    Mutant("K21", "finalize_may_follow_nullify", RULES, " and state.mark != (vote.view, Kind.NULLIFY)", "", (VIEWS,)),
    Mutant(
        "K21",
        "only_the_view_is_compared",
        RULES,
        "return (vote.view, vote.kind) > state.mark",
        "return vote.view >= state.mark[0]",
        (VIEWS,),
    ),
    Mutant(
        "K21",
        "the_mark_is_not_restored",
        UPKEEP,
        "        remember_cast(state, vote)\n        take_cast(state, record.signed)\n",
        "        state.at(vote.view).own[vote.kind] = vote\n        take_cast(state, record.signed)\n",
        (VIEWS,),
    ),
    Mutant(
        "K4", "time_from_the_future_is_voted_for", RULES, "        return Clock.FUTURE\n", "        return Clock.IN_TIME\n", (PROPOSALS,)
    ),
    Mutant("K4", "time_from_the_past_is_voted_for", RULES, "        return Clock.PAST\n", "        return Clock.IN_TIME\n", (PROPOSALS,)),
    Mutant(
        "K4",
        "time_cannot_crawl_after_a_wrong_clock",
        RULES,
        "if time_ms > max(now + timing.future_ms_max, parent_ms + 1):",
        "if time_ms > now + timing.future_ms_max:",
        (PROPOSALS,),
    ),
    Mutant(
        "K4",
        "time_is_checked_again_after_it_passed",
        PROGRESS,
        "view.in_time = view.in_time or look_at_clock",
        "view.in_time = look_at_clock",
        (PROPOSALS,),
    ),
    Mutant("K4", "time_does_not_follow_the_parents", RULES, "        and child.time_ms > parent.time_ms\n", "", (PROPOSALS,)),
    Mutant("K4", "a_clock_set_back_stretches_the_view", PACING, "    state.leader_at = TimeMs(state.leader_at - back)\n", "", (VIEWS,)),
)
