"""Deliberate bugs of the command line: the light client (K23), the client's side of retries (L14), who validates next (K22, L28)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

CLIENT = "tests/cli/test_light_client.py"
SENDING = "tests/cli/test_sending.py"
COUNCILS = "tests/cli/test_councils.py"
VALIDATOR = "cli/validator.py"
VERIFY = "cli/verify.py"

MUTANTS = [
    Mutant(
        "K23",
        "certificate_not_checked",
        VERIFY,
        "    if not check_certificate(certificate, validators, ChainId(trusted.chain), verify):",
        "    if not certificate.subject.block_id:",
        (f"{CLIENT}::test_a_certificate_needs_exactly_a_quorum_of_the_right_signers",),
    ),
    Mutant(
        "K23",
        "another_participants_tree_is_taken",
        "ledger/proofs.py",
        "    if home != tree:",
        "    if not home:",
        (f"{CLIENT}::test_absence_in_another_participants_tree_is_caught",),
    ),
    Mutant(
        "K23",
        "an_old_state_is_shown",
        VERIFY,
        "    if age_ms > AGE_MS_MAX:",
        "    if age_ms > 10**15:",
        (f"{CLIENT}::test_an_old_state_is_refused_unless_its_height_is_asked_for",),
    ),
    Mutant(
        "K23",
        "another_height_than_the_one_asked_for",
        VERIFY,
        "        if height != moment.at:",
        "        if height > moment.at + 10**9:",
        (f"{CLIENT}::test_an_old_state_is_refused_unless_its_height_is_asked_for",),
    ),
    Mutant(
        "K23",
        "time_is_turned_back",
        VERIFY,
        "    if height < moment.newest:",
        "    if height < 0:",
        (f"{CLIENT}::test_time_cannot_be_turned_back",),
    ),
    Mutant(
        "K23",
        "the_newest_height_is_forgotten",
        "cli/proof.py",
        "    newest.raise_to(proven.block.header.height)\n    return proven",
        "    return proven",
        (f"{CLIENT}::test_time_cannot_be_turned_back",),
    ),
    Mutant(
        "K23",
        "the_nodes_words_are_not_compared",
        "cli/proof.py",
        "    if said != shown or",
        "    if not isinstance(said, dict) or",
        (f"{CLIENT}::test_a_wrong_balance_beside_a_true_proof_is_caught",),
    ),
    Mutant(
        "K23",
        "the_proof_of_another_transaction_is_taken",
        "cli/proof.py",
        "    if proven.receipt.tx_id.hex() != tx_id:",
        "    if not proven.receipt.tx_id.hex():",
        (f"{CLIENT}::test_the_proof_of_another_transaction_is_caught",),
    ),
    Mutant(
        "K23",
        "a_genesis_of_another_chain_is_taken",
        "cli/session.py",
        "        if chain_id(genesis).hex() != self.profile.chain:",
        "        if not chain_id(genesis):",
        (f"{CLIENT}::test_a_genesis_of_another_chain_is_not_taken",),
    ),
    Mutant(
        "L14",
        "a_retry_is_signed_anew",
        "cli/sending.py",
        "    if known is not None:\n        _same",
        "    if known is not None and how.renew:\n        _same",
        (f"{SENDING}::test_a_retry_sends_the_same_bytes",),
    ),
    Mutant(
        "L14",
        "sent_before_it_is_kept",
        "cli/sending.py",
        "    open_outbox(session).keep(transaction)\n    report(session, transaction, submit(session, transaction, how))",
        "    report(session, transaction, submit(session, transaction, how))\n    open_outbox(session).keep(transaction)",
        (f"{SENDING}::test_a_retry_after_no_answer_at_all_sends_the_same_bytes", f"{SENDING}::test_nothing_is_renewed_silently"),
    ),
    Mutant(
        "L14",
        "an_expired_one_is_renewed_silently",
        "cli/sending.py",
        "    if not how.renew:",
        "    if how.renew:",
        (f"{SENDING}::test_nothing_is_renewed_silently",),
    ),
    Mutant(
        "L14",
        "a_reference_of_another_payment_is_taken_as_this_one",
        "cli/sending.py",
        "    if known.body != body and not _is_same_proposal(known.body, body):",
        "    if type(known.body) is not type(body) and not _is_same_proposal(known.body, body):",
        (f"{SENDING}::test_a_reference_of_something_else_is_refused",),
    ),
    Mutant(
        "L1",
        "the_command_line_rounds",
        "cli/amounts.py",
        "    if len(minor) > decimals:",
        "    if len(minor) > 18:",
        ("tests/cli/test_amounts.py::test_more_digits_than_the_asset_has_are_refused",),
    ),
    Mutant(
        "L28",
        "who_leaves_gets_a_copy_of_the_new_view_key",
        VALIDATOR,
        "    boxes = [key for key in known if key not in gone]",
        "    boxes = [key for key in known if key]",
        (f"{COUNCILS}::test_l28_who_left_opens_no_new_view_key_and_who_stays_does",),
    ),
    Mutant(
        "L28",
        "who_leaves_stays_listed",
        VALIDATOR,
        "        steps += _striking(session, staying, leaving, gone, root, needed)",
        "        steps += []",
        (f"{COUNCILS}::test_four_five_four_validators",),
    ),
    Mutant(
        "L28",
        "the_command_repeated_plans_yet_another_view_key",
        VALIDATOR,
        "    if coming.view_key is not None and all(parse_key(copy.box_key) not in gone for copy in coming.view_key.copies):",
        "    if coming.view_key is not None and not coming.view_key.copies:",
        (f"{COUNCILS}::test_what_was_done_is_not_done_again",),
    ),
    Mutant(
        "K15",
        "the_lost_key_keeps_its_place",
        VALIDATOR,
        "        if each.consensus_key.hex() == replaces or each.consensus_key == newcomer.consensus_key",
        "        if each.consensus_key == newcomer.consensus_key",
        (f"{COUNCILS}::test_k15_a_new_key_takes_the_place_of_the_lost_one",),
    ),
    Mutant(
        "K22",
        "a_node_that_is_behind_is_said_to_be_ready",
        "cli/readiness.py",
        "    if found.syncing or found.height + BEHIND_MAX < now.as_of:",
        "    if found.height + BEHIND_MAX < now.as_of:",
        (f"{COUNCILS}::test_ready_is_said_once_the_node_is_there",),
    ),
    Mutant(
        "K22",
        "an_epoch_ends_before_its_order_is_final",
        "cli/epoch.py",
        "    return least + END_SECONDS * 1_000 * sample // max(1, newest - older)",
        "    return least + END_SECONDS * sample // max(1, newest - older)",
        (f"{COUNCILS}::test_an_epoch_ends_soon_by_the_pace_of_its_blocks",),
    ),
]
