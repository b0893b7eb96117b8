"""Kurultai broken on purpose: the objects that every rule rests on (listed as K0), and the rules of views and votes, K1 to K7."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

CERTIFYING = "tests/consensus/test_certifying.py"
PROPOSALS = "tests/consensus/test_proposals.py"
SIGNING = "tests/consensus/test_signing.py"
VIEWS = "tests/consensus/test_views.py"
VOTES = "tests/consensus/test_votes.py"

BLOCKS = "consensus/blocks.py"
CERTIFICATES = "consensus/certificates.py"
EVIDENCE = "consensus/evidence.py"
PROGRESS = "consensus/progress.py"
RULES = "consensus/rules.py"
SIGNED = "consensus/signing.py"
TYPES = "consensus/types.py"
UPKEEP = "consensus/upkeep.py"
VOTING = "consensus/voting.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant("K0", "quorum_is_two_f", TYPES, "return len(self.keys) - self.faults", "return 2 * self.faults", (SIGNING,)),
    Mutant("K0", "quorum_is_two_f_plus_one", TYPES, "return len(self.keys) - self.faults", "return 2 * self.faults + 1", (SIGNING,)),
    Mutant("K0", "quorum_is_a_simple_majority", TYPES, "return len(self.keys) - self.faults", "return len(self.keys) // 2 + 1", (SIGNING,)),
    Mutant(
        "K0",
        "signing_bytes_leave_the_chain_out",
        SIGNED,
        "_TAGS[vote.kind] + chain + vote",
        "_TAGS[vote.kind] + bytes(32) + vote",
        (SIGNING,),
    ),
    Mutant("K0", "signing_bytes_leave_the_parent_view_out", SIGNED, "vote.parent_view.to_bytes(8", "vote.view.to_bytes(8", (SIGNING,)),
    Mutant("K0", "certificate_with_a_repeated_signer", CERTIFICATES, "if not previous < signer", "if not previous <= signer", (SIGNING,)),
    Mutant(
        "K0",
        "certificate_with_more_than_q",
        CERTIFICATES,
        "if len(certificate.signatures) != validators.quorum or",
        "if len(certificate.signatures) < validators.quorum or",
        (SIGNING,),
    ),
    Mutant(
        "K0",
        "last_vote_wins",
        VOTING,
        "    if first is not None:\n        if conflicting",
        "    if first is not None and first.vote == vote:\n        if conflicting",
        (VOTES,),
    ),
    Mutant(
        "K0",
        "evidence_compares_signatures",
        EVIDENCE,
        "if first.kind is second.kind:\n        return first != second",
        "if first.kind is second.kind:\n        return True",
        (SIGNING, VOTES),
    ),
    Mutant(
        "K0",
        "notarize_beside_nullify_is_evidence",
        EVIDENCE,
        "return Kind.NOTARIZE not in (first.kind, second.kind)",
        "return True",
        (SIGNING,),
    ),
    Mutant(
        "K0",
        "contradiction_is_not_noticed",
        VOTING,
        "if held is not None and contradictory(held.subject, subject):",
        "if held is not None and held.subject == subject:",
        (CERTIFYING,),
    ),
    Mutant(
        "K0",
        "contradiction_is_forgotten_at_restart",
        BLOCKS,
        "        state.record(*(CertificateRecord(certificate) for certificate in certificates))\n",
        "",
        (CERTIFYING,),
    ),
    Mutant("K0", "a_vote_of_another_epoch_counts", VOTING, "return vote.epoch == state.epoch and oldest", "return oldest", (VOTES,)),
    Mutant(
        "K1",
        "enters_on_a_notarization_that_is_not_certified",
        RULES,
        "if notarization is not None and not certified(state, notarization.subject.block_id):",
        "if notarization is None:",
        (VIEWS,),
    ),
    Mutant(
        "K1",
        "goes_back_to_an_older_view",
        RULES,
        "    if view.number < state.view:\n        return None\n    notarization",
        "    notarization",
        (VIEWS,),
    ),
    Mutant(
        "K1",
        "a_finalization_does_not_enter",
        RULES,
        "return view.certificates[Kind.FINALIZE] or view.certificates[Kind.NULLIFY] or notarization",
        "return view.certificates[Kind.NULLIFY] or notarization",
        (VIEWS,),
    ),
    Mutant(
        "K1",
        "an_old_timer_ends_the_view",
        UPKEEP,
        "    elif event.view != state.view or state.ended:\n",
        "    elif state.ended:\n",
        (VIEWS,),
    ),
    Mutant("K2", "the_leader_is_not_by_epoch", TYPES, "(epoch + view) % len(self.keys)", "view % len(self.keys)", (SIGNING,)),
    Mutant(
        "K2",
        "any_validator_may_propose",
        PROGRESS,
        "if proposal.vote.signer != leader or leader == state.me or",
        "if leader == state.me or",
        (PROPOSALS,),
    ),
    Mutant(
        "K3",
        "builds_without_the_nullifications",
        RULES,
        "return Missing((), missing_nullifications(state, state.best_view, state.view))",
        "return Missing((), ())",
        (PROPOSALS,),
    ),
    Mutant(
        "K3",
        "does_not_pass_when_evidence_is_missing",
        PROGRESS,
        (
            "        if state.now >= deadline:\n            give_up(state, view, Cause.EVIDENCE_MISSING)\n        else:\n"
            "            _propose_at(state, deadline)"
        ),
        "        _propose_at(state, deadline)",
        (PROPOSALS,),
    ),
    Mutant(
        "K3",
        "builds_on_the_final_block_only",
        PROGRESS,
        "        state.best_view, state.best_block = number, block_id",
        "        state.best_view, state.best_block = state.final.view, state.final.block_id",
        (PROPOSALS,),
    ),
    Mutant(
        "K3",
        "proposes_on_a_parent_below_the_final_view",
        PROGRESS,
        "if building.parent_view < state.final_view:",
        "if building.parent_view < 0:",
        (PROPOSALS,),
    ),
    Mutant(
        "K4",
        "parent_without_nullifications",
        RULES,
        "        missing_nullifications(state, vote.parent_view, vote.view),\n",
        "        (),\n",
        (PROPOSALS,),
    ),
    Mutant("K4", "parent_without_its_certificate", RULES, "() if parent_here else (vote.parent_view,)", "()", (PROPOSALS,)),
    Mutant(
        "K4",
        "parent_below_the_final_view",
        RULES,
        'if vote.parent_view < state.final_view:\n        return f"the parent',
        'if vote.parent_view < 0:\n        return f"the parent',
        (PROPOSALS,),
    ),
    Mutant(
        "K4",
        "parent_that_its_view_did_not_certify",
        RULES,
        "if certified_parent is not None and certified_parent != facts.parent:",
        "if certified_parent is None:",
        (PROPOSALS,),
    ),
    Mutant(
        "K4",
        "header_of_another_block_than_voted",
        RULES,
        "(facts.block_id, facts.epoch, facts.view, facts.proposer) != (vote.block_id,",
        "(vote.block_id, facts.epoch, facts.view, facts.proposer) != (vote.block_id,",
        (PROPOSALS,),
    ),
    Mutant("K4", "height_does_not_follow", RULES, "        and child.height == parent.height + 1\n", "", (PROPOSALS,)),
    Mutant(
        "K4", "second_proposal_replaces_the_first", PROGRESS, "or first is None or first.vote != vote:", "or first is None:", (PROPOSALS,)
    ),
    Mutant(
        "K4",
        "votes_before_the_verdict",
        PROGRESS,
        "if missing or not view.in_time or not here:",
        "if missing or not view.in_time:",
        (PROPOSALS,),
    ),
    Mutant(
        "K5",
        "notarizes_twice",
        RULES,
        "if view.number != state.view or view.own[Kind.NOTARIZE] is not None or view.own[Kind.NULLIFY] is not None:",
        "if view.number != state.view or view.own[Kind.NULLIFY] is not None:",
        (VIEWS,),
    ),
    Mutant(
        "K5",
        "notarizes_after_nullify",
        RULES,
        "or view.own[Kind.NOTARIZE] is not None or view.own[Kind.NULLIFY] is not None:",
        "or view.own[Kind.NOTARIZE] is not None:",
        (VIEWS,),
    ),
    Mutant(
        "K6",
        "nullifies_after_finalize",
        RULES,
        "if view.number != state.view or view.own[Kind.NULLIFY] is not None or view.own[Kind.FINALIZE] is not None:",
        "if view.number != state.view or view.own[Kind.NULLIFY] is not None:",
        (VIEWS,),
    ),
    Mutant(
        "K6",
        "nullifies_an_older_view",
        RULES,
        "if view.number != state.view or view.own[Kind.NULLIFY] is not None or view.own",
        "if view.own[Kind.NULLIFY] is not None or view.own",
        (VIEWS,),
    ),
    Mutant(
        "K6", "ignores_the_leaders_nullify", PROGRESS, "if leader in view.votes[Kind.NULLIFY]:", "if leader in view.votes[0]:", (VIEWS,)
    ),
    Mutant(
        "K6",
        "waits_out_an_invalid_proposal",
        PROGRESS,
        "    if proposal_fault(state, proposal) is not None:\n        give_up(state, view, Cause.INVALID_PROPOSAL)\n",
        "    if proposal_fault(state, proposal) is not None:\n",
        (VIEWS, PROPOSALS),
    ),
    Mutant(
        "K6",
        "a_failed_build_is_not_passed",
        PROGRESS,
        "        if view == state.view:\n            give_up(state, state.at(view), Cause.PASSED)",
        "        return",
        (VIEWS,),
    ),
    Mutant(
        "K7",
        "finalizes_after_nullify",
        RULES,
        "or view.own[Kind.FINALIZE] is not None or view.own[Kind.NULLIFY] is not None:",
        "or view.own[Kind.FINALIZE] is not None:",
        (VIEWS,),
    ),
    Mutant(
        "K7",
        "finalizes_what_is_not_certified",
        RULES,
        "if not may_vote(state) or notarization is None or not certified(state, notarization.subject.block_id):",
        "if not may_vote(state) or notarization is None:",
        (VIEWS, CERTIFYING),
    ),
    Mutant(
        "K7",
        "finalizes_twice",
        RULES,
        "if view.number <= state.final_view or view.own[Kind.FINALIZE] is not None or",
        "if view.number <= state.final_view or",
        (VIEWS,),
    ),
    Mutant(
        "K7",
        "finalizes_only_what_it_notarized",
        RULES,
        "    subject = notarization.subject\n    vote = Vote(Kind.FINALIZE",
        ("    subject = notarization.subject\n    if view.own[Kind.NOTARIZE] is None:\n        return None\n    vote = Vote(Kind.FINALIZE"),
        (CERTIFYING,),
    ),
)
