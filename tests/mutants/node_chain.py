"""Deliberate bugs of the chain in the node: judging (K8), the committed height (K14), the builder (K18), pool and store."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

LIFE = "tests/node/test_chain.py"
FLUSH = "tests/node/test_chain_flush.py"
POOL = "tests/node/test_mempool.py"
QUEUES = "tests/node/test_mempool_queues.py"
BUILDER = "tests/node/test_builder.py"
STORE = "tests/node/test_store.py"

MUTANTS = [
    Mutant(
        "K8",
        "a_body_that_does_not_hash_to_its_header_is_judged",
        "node/chain.py",
        "        if ids is None and not self._fits(header, block.body):",
        "        if not block.header:",
        (f"{LIFE}::test_a_body_that_does_not_hash_to_its_header_is_no_verdict",),
    ),
    Mutant(
        "K8",
        "what_a_leader_lists_is_what_its_body_has",
        "node/bodies.py",
        "        if None not in held:",
        "        if ids:",
        ("tests/node/test_bodies.py::test_a_list_with_more_than_the_body_has_names_no_transactions",),
    ),
    Mutant(
        "K8",
        "a_body_with_too_much_is_taken_by_its_ids",
        "node/judge.py",
        "    if ids is not None and len(ids) <= BLOCK_SIGNATURES_MAX and len(body) <= BLOCK_BYTES_MAX:",
        "    if ids is not None:",
        (f"{LIFE}::test_a_body_put_together_here_has_the_limits_of_any_other",),
    ),
    Mutant(
        "K8",
        "what_has_been_forgotten_is_left_out",
        "node/judge.py",
        "        if len(known) == len(ids):",
        "        if known:",
        (f"{LIFE}::test_a_body_put_together_here_is_judged_like_any_other",),
    ),
    Mutant(
        "K8",
        "roots_are_not_compared",
        "node/chain.py",
        "        check_result(header, result)\n",
        "",
        (f"{LIFE}::test_a_header_with_one_wrong_field_is_invalid",),
    ),
    Mutant(
        "K8",
        "a_fault_of_ours_condemns_the_block",
        "node/chain.py",
        'return Judgement(facts.block_id, Verdict.NONE, facts, f"our fault',
        'return Judgement(facts.block_id, Verdict.INVALID, facts, f"our fault',
        (f"{LIFE}::test_k8_a_fault_of_ours_is_no_verdict",),
    ),
    Mutant(
        "K8",
        "a_block_is_judged_on_a_parent_that_was_dropped_meanwhile",
        "node/judge.py",
        "        if not around.alive():",
        "        if around.validators < 0:",
        (f"{LIFE}::test_a_block_whose_parent_is_dropped_while_it_is_judged_gets_no_verdict",),
    ),
    Mutant(
        "K8",
        "poison_is_proposed_again",
        "node/mempool.py",
        "            self._set_aside.add(transaction.raw_id)",
        "            self._set_aside.add(transaction.tx_id)",
        (f"{BUILDER}::test_k8_poison_is_set_aside_with_an_alarm",),
    ),
    Mutant(
        "K14",
        "the_height_is_written_before_the_state",
        "node/flush.py",
        "    await store.commit_beside(batch)\n",
        "    batch.abort()\n    batch = store.begin()\n    batch.put(Table.META, [(META_HEIGHT, height_key(height))])\n"
        "    store.commit(batch)\n",
        (f"{FLUSH}::test_flushed_state_is_the_state_in_memory",),
    ),
    Mutant(
        "K14",
        "an_altered_store_is_believed",
        "node/opening.py",
        "        if state.roots.setdefault(tree, bytes(32)) != root:",
        "        if len(state.roots.setdefault(tree, bytes(32))) != len(root):",
        (f"{FLUSH}::test_a_swap_of_two_balances_is_seen",),
    ),
    Mutant(
        "K18",
        "the_budget_is_never_halved",
        "node/builder.py",
        "transactions_max = max(1, self.limits.transactions_max >> min(request.unfinal_views, 63))",
        "transactions_max = max(1, self.limits.transactions_max)",
        (f"{BUILDER}::test_k18_the_budget_is_halved_for_each_unfinal_view",),
    ),
    Mutant(
        "M4",
        "what_has_come_waits_for_the_next_leader",
        "node/builder.py",
        "        await self._let_in(request, transactions_max)\n",
        "",
        (f"{BUILDER}::test_what_has_come_is_let_in_before_the_block_is_chosen",),
    ),
    Mutant(
        "M4",
        "a_leader_waits_however_long_its_loop_takes",
        "node/builder.py",
        "self._clock() > until or ",
        "",
        (f"{BUILDER}::test_a_leader_does_not_wait_long_for_what_comes",),
    ),
    Mutant(
        "K18",
        "what_leaders_leave_out_stays_for_ever",
        "node/mempool.py",
        "        self._judge_again()\n",
        "",
        (f"{POOL}::test_k18_what_the_leaders_leave_out_is_judged_again",),
    ),
    Mutant(
        "L14",
        "references_are_forgotten_by_a_restart",
        "node/opening.py",
        "            state.refs.add_stored(bucket, entries_of(value))",
        '            state.refs.add_stored(bucket, b"")',
        (f"{FLUSH}::test_l14_used_references_are_remembered_across_a_restart",),
    ),
    Mutant(
        "L14",
        "a_reference_is_forgotten_a_minute_early",
        "node/refs.py",
        "if (minute + 1) * MINUTE_MS <= time_ms]",
        "if minute * MINUTE_MS <= time_ms]",
        ("tests/node/test_chain_refs.py::test_a_reference_is_forgotten_with_its_minute",),
    ),
    Mutant(
        "L15",
        "an_unorderable_transaction_is_skipped_by_the_judge",
        "node/judge.py",
        '            raise Invalid(f"transaction {transaction.tx_id.hex()} cannot be ordered: {error.code} {error}") from error',
        "            continue",
        (f"{LIFE}::test_an_unorderable_transaction_makes_the_block_invalid",),
    ),
    Mutant(
        "M3",
        "one_participant_may_fill_the_pool",
        "node/queues.py",
        "more_count == 0 or self._shared_count + more_count <= self._transactions_max // 2",
        "more_count == 0 or self._shared_count + more_count <= self._transactions_max",
        (f"{QUEUES}::test_m3_each_participant_always_has_its_share",),
    ),
    Mutant(
        "M4",
        "governance_may_fill_the_block",
        "node/queues.py",
        "        if spent and spent + len(transaction.raw) > governance_max:",
        "        if spent and spent + len(transaction.raw) > governance_max * 100:",
        (f"{QUEUES}::test_m4_governance_comes_first_with_a_tenth_at_most",),
    ),
    Mutant(
        "M6",
        "failures_cost_nothing",
        "node/mempool.py",
        "if count > FAILED_MAX}",
        "if count > FAILED_MAX * 100}",
        (f"{POOL}::test_m6_who_fails_often_is_taken_last",),
    ),
    Mutant(
        "M2",
        "a_forged_copy_passes_as_verified",
        "node/transactions.py",
        "                if not verify(signature.public_key, message, signature.signature):\n                    return False",
        "                verify(signature.public_key, message, signature.signature)",
        (f"{POOL}::test_m2_what_no_block_may_contain_is_refused",),
    ),
    Mutant(
        "L6",
        "the_folder_of_another_chain_is_taken",
        "node/store.py",
        "        if found != chain:",
        "        if not found:",
        (f"{STORE}::test_another_chain_is_refused",),
    ),
]
