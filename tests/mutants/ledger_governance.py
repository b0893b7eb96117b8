"""Proposals and votes broken on purpose (L26, and what L13, L19, L24 and L25 ask of them)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

RULES = "tests/ledger/test_proposals.py"
TIME = "tests/ledger/test_proposals_time.py"
VOTED = "tests/ledger/test_proposals_types.py"
SEEN = "tests/ledger/test_proposals_views.py"
TYPES = "tests/ledger/test_types.py"

VOTES = "ledger/transactions/proposals.py"
FORMS = "ledger/transactions/forms.py"
LEDGER = "ledger/transactions/__init__.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "L26",
        "strangers_open_proposals",
        VOTES,
        "if not any(signers.agrees(member) for member in self.asked.members):",
        "if not self.asked.members:",
        (RULES, TYPES),
    ),
    Mutant(
        "L26", "strangers_vote", VOTES, 'if body.keyset not in members or body.vote == "withdraw":', 'if body.vote == "withdraw":', (RULES,)
    ),
    Mutant(
        "L26",
        "a_vote_needs_no_signature",
        VOTES,
        "        work.signers.need(body.keyset)\n",
        "        work.signers.allow((body.keyset,))\n",
        (RULES, TYPES),
    ),
    Mutant(
        "L26",
        "a_no_counts_as_a_yes",
        VOTES,
        'if vote.choice == "yes" and keyset is not None:',
        "if keyset is not None:",
        (RULES,),
    ),
    Mutant(
        "L26",
        "a_no_carries_out",
        VOTES,
        'if body.vote == "yes" and work.time_ms >= proposal.not_before:',
        "if work.time_ms >= proposal.not_before:",
        (RULES, TIME),
    ),
    Mutant(
        "L26",
        "votes_carry_out_too_early",
        VOTES,
        'if body.vote == "yes" and work.time_ms >= proposal.not_before:',
        'if body.vote == "yes":',
        (TIME,),
    ),
    Mutant("L26", "a_withdrawn_vote_stays", VOTES, '        if body.vote != "withdraw":\n', "        if body.vote:\n", (RULES,)),
    Mutant(
        "L26",
        "only_the_first_quorum_that_fits_votes",
        VOTES,
        "    willing.members.update(unwilling.members)\n",
        "",
        (RULES,),
    ),
    Mutant(
        "L26",
        "keys_that_are_gone_still_vote",
        VOTES,
        "for key in vote.keys if has_key(keyset, key, work.time_ms)]",
        "for key in vote.keys]",
        (TIME,),
    ),
    Mutant("L26", "a_new_key_votes", VOTES, "for key in proposal.new_keys if key not in known]", "for key in proposal.new_keys]", (TIME,)),
    Mutant(
        "L24",
        "new_keys_need_not_sign_a_propose",
        VOTES,
        "            signers.need_new_keys(*self.asked.change)\n",
        "            signers.keys_of(self.asked.change[0])\n",
        (TIME, TYPES),
    ),
    Mutant(
        "L24",
        "a_propose_forgets_its_new_keys",
        VOTES,
        "for key in new.keys if key.public_key in signed)",
        "for key in new.keys if not signed)",
        (TIME, VOTED),
    ),
    Mutant(
        "L26",
        "a_proposal_is_carried_out_twice",
        VOTES,
        "        put_indexed(work.overlay, key, None)\n        try:",
        "        try:",
        (RULES, VOTED),
    ),
    Mutant("L26", "the_hold_has_the_id_of_the_vote", VOTES, "tx_id=proposal.id, sender", "tx_id=work.tx.tx_id, sender", (RULES, VOTED)),
    Mutant(
        "L26",
        "what_votes_issue_is_no_issue",
        LEDGER,
        "check_transaction(overlay, mark, work.entries, work.tx.type, people, context.time_ms)",
        "check_transaction(overlay, mark, work.entries, tx.type, people, context.time_ms)",
        (RULES, VOTED),
    ),
    Mutant(
        "L26",
        "lapsed_proposals_are_voted_on",
        VOTES,
        "if not isinstance(record, Proposal) or has_lapsed(record.until, work.time_ms):",
        "if not isinstance(record, Proposal):",
        (TIME, TYPES),
    ),
    Mutant(
        "L26",
        "proposals_lie_open_for_ever",
        VOTES,
        "if not work.time_ms < body.until <= latest:",
        "if not work.time_ms < body.until:",
        (TYPES,),
    ),
    Mutant("L26", "proposals_open_ended", VOTES, "if not work.time_ms < body.until <= latest:", "if body.until > latest:", (TYPES,)),
    Mutant("L26", "any_number_open", VOTES, "        if count >= most:\n", "        if count > most:\n", (TIME, TYPES)),
    Mutant(
        "L19",
        "lapsed_proposals_take_up_room",
        VOTES,
        "        if has_lapsed(record.until, time_ms):\n",
        "        if not record.until:\n",
        (TIME,),
    ),
    Mutant(
        "L19",
        "proposals_are_not_swept",
        "ledger/expiry.py",
        "isinstance(record, GrantRecord | Proposal | Returnable)",
        "isinstance(record, GrantRecord | Returnable)",
        (TIME,),
    ),
    Mutant("L26", "any_number_of_votes", VOTES, "if len(self.votes) > VOTES_MAX:", "if len(self.votes) > 2 * VOTES_MAX:", (TYPES,)),
    Mutant("L26", "proposals_of_proposals", FORMS, "if kind is None or kind in (Propose, Approve):", "if kind is None:", (RULES,)),
    Mutant(
        "L26",
        "a_body_without_form",
        FORMS,
        "    if not check_money_form(content):\n        check_registry_form(content)\n\n\ndef _check_account_set",
        "\n\ndef _check_account_set",
        (RULES,),
    ),
    Mutant("L26", "an_end_before_the_begin", FORMS, "if body.until <= body.not_before:", "if body.until < body.not_before:", (RULES,)),
    Mutant(
        "L26",
        "what_was_agreed_to_may_change",
        "ledger/invariants.py",
        "not isinstance(after, Proposal) or replace(after, votes=before.votes) != before",
        "not isinstance(after, Proposal)",
        (TIME,),
    ),
    Mutant("L26", "legs_by_votes_are_free", VOTES, "return len(content.legs) if isinstance(content, Pay) else 1", "return 1", (TIME,)),
    Mutant("L26", "voters_see_no_votes", LEDGER, "return outcome.ballot.told if outcome.ballot is not None else ()", "return ()", (SEEN,)),
    Mutant("L26", "refused_votes_are_hidden", VOTES, "        work.ballot = Ballot(_told(proposal, members))\n", "", (SEEN,)),
    Mutant(
        "L26",
        "who_is_paid_by_votes_sees_no_reference",
        "ledger/views.py",
        "    if isinstance(carried, Pay):\n",
        "    if not isinstance(carried, object):\n",
        (SEEN,),
    ),
    Mutant(
        "L26",
        "a_proposal_lies_in_governance",
        "ledger/placement.py",
        "            return servicer_of(record.proposer)\n",
        "            return GOVERNANCE\n",
        (SEEN,),
    ),
)
