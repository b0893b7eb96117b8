"""The envelope, legs, fees and expiry broken on purpose (L13 to L17, L19)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ENVELOPE = "tests/ledger/test_envelope_rules.py"
MONEY = "tests/ledger/test_money_rules.py"
HOLDS = "tests/ledger/test_hold_rules.py"
TYPES = "tests/ledger/test_types.py"
QUOTAS = "tests/ledger/test_authority_rules.py"

LEDGER = "ledger/transactions/__init__.py"
PAY = "ledger/transactions/payments.py"
RESERVE = "ledger/transactions/reservations.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant("L13", "chain_is_not_compared", LEDGER, "if tx.chain != context.chain:", "if not tx.chain:", (ENVELOPE,)),
    Mutant("L13", "signatures_are_not_verified", LEDGER, "if not verifier(tx):", "if verifier is None:", (ENVELOPE,)),
    Mutant("L13", "one_key_is_a_quorum", "ledger/authority.py", "return agreeing >= keyset.m", "return agreeing >= 1", (QUOTAS,)),
    Mutant(
        "L13",
        "strangers_ride_along",
        "ledger/authority.py",
        "            if member not in self._agreed:",
        "            if not member:",
        (ENVELOPE,),
    ),
    Mutant(
        "L13",
        "keys_that_do_not_count_are_passed_over",
        "ledger/authority.py",
        "elif member != self._brought[0] or public_key not in self._brought[1]:",
        "elif not public_key:",
        (ENVELOPE,),
    ),
    Mutant(
        "L13",
        "sender_need_not_sign",
        LEDGER,
        "work.signers.need(sender_keyset(work.overlay, tx.sender))",
        "work.signers.allow((sender_keyset(work.overlay, tx.sender),))",
        (TYPES,),
    ),
    Mutant(
        "L14", "expired_transactions_pass", LEDGER, "context.time_ms <= tx.valid_until <= latest", "tx.valid_until <= latest", (ENVELOPE,)
    ),
    Mutant(
        "L14", "valid_for_ever", LEDGER, "context.time_ms <= tx.valid_until <= latest", "context.time_ms <= tx.valid_until", (ENVELOPE,)
    ),
    Mutant(
        "L14",
        "one_reference_two_transactions",
        "ledger/references.py",
        "if used is not None and is_remembered",
        "if used is not None and used.tx_id == tx.tx_id and is_remembered",
        (ENVELOPE,),
    ),
    Mutant(
        "L14",
        "references_are_never_free_again",
        "ledger/references.py",
        "return time_ms < (used.minute + 1) * MINUTE_MS",
        "return used.minute >= 0",
        (ENVELOPE,),
    ),
    Mutant(
        "L14",
        "buckets_are_dropped_a_minute_early",
        "ledger/references.py",
        'bucket_key(time_ms // MINUTE_MS, "")',
        'bucket_key(time_ms // MINUTE_MS + 1, "")',
        (ENVELOPE,),
    ),
    Mutant("L14", "references_without_limit", "ledger/references.py", "    if live >= most:", "    if live > most:", (ENVELOPE,)),
    Mutant(
        "L14",
        "accounts_have_references_of_their_own",
        "ledger/state.py",
        "        participant = servicer_of(sender)\n        self.fresh_refs",
        "        participant = sender\n        self.fresh_refs",
        (ENVELOPE,),
    ),
    Mutant(
        "L14",
        "list_forgets_what_was_before",
        "ledger/references.py",
        'b"som/refs/1" + bucket.running +',
        'b"som/refs/1" + bytes(32) +',
        (ENVELOPE,),
    ),
    Mutant(
        "L14",
        "references_of_the_block_do_not_count",
        "ledger/references.py",
        "    fresh = overlay.fresh_refs.get(participant, 0)\n",
        "    fresh = 0\n",
        (ENVELOPE,),
    ),
    Mutant(
        "L14",
        "what_was_undone_counts",
        "ledger/state.py",
        "                self.fresh_refs[servicer_of(self.senders.pop())] -= 1\n",
        "                self.senders.pop()\n",
        ("tests/ledger/test_key_rules.py",),
    ),
    Mutant(
        "L14",
        "references_are_not_written",
        LEDGER,
        "    write_refs(overlay, context.height)\n",
        "",
        (ENVELOPE,),
    ),
    Mutant(
        "L15",
        "a_wrongly_signed_copy_uses_up_its_ref",
        LEDGER,
        "        raise BadSignature\n",
        "        use_ref(work.overlay, tx)\n        raise BadSignature\n",
        (ENVELOPE,),
    ),
    Mutant(
        "L15",
        "a_stripped_copy_uses_up_its_ref",
        LEDGER,
        "    mark, passing = overlay.mark(), overlay.passing\n    try:",
        "    use_ref(overlay, tx)\n    mark, passing = overlay.mark(), overlay.passing\n    try:",
        (TYPES,),
    ),
    Mutant(
        "L15",
        "a_refusal_leaves_its_ref_free",
        LEDGER,
        "    use_ref(overlay, tx)\n    return",
        "    if outcome.code == OK:\n        use_ref(overlay, tx)\n    return",
        (ENVELOPE,),
    ),
    Mutant(
        "L16",
        "leg_order_matters",
        PAY,
        "        work.post(entries)\n        self._count_redeemed(legs)",
        "        for at in range(0, len(entries), 2):\n            work.post(entries[at : at + 2])\n        self._count_redeemed(legs)",
        (MONEY,),
    ),
    Mutant(
        "L16", "first_failure_wins", PAY, "raise min(refused.values(), key=_code_then_leg)", "raise next(iter(refused.values()))", (MONEY,)
    ),
    Mutant("L16", "first_short_account_wins", "ledger/money.py", "account, asset = min(short)", "account, asset = short[0]", (MONEY,)),
    Mutant(
        "L16",
        "each_stops_at_nothing",
        PAY,
        "            self.refused[index] = refusal.at(index)\n",
        "            refusal.at(index)\n",
        (MONEY,),
    ),
    Mutant("L16", "funds_are_not_checked", "ledger/money.py", "if new.posted < new.held and", "if new.posted < 0 and", (HOLDS,)),
    Mutant("L17", "any_quote_is_taken", "ledger/fees.py", "    if quoted != expected:", "    if quoted < 0:", (MONEY,)),
    Mutant("L17", "fees_round_up", "ledger/fees.py", "amount * rule.bps // BPS", "-(-amount * rule.bps // BPS)", (MONEY,)),
    Mutant("L17", "fees_have_no_lowest", "ledger/fees.py", "max(rule.min, ", "max(0, ", (MONEY,)),
    Mutant("L17", "fees_have_no_highest", "ledger/fees.py", "min(rule.max, ", "min(10**18, ", (MONEY,)),
    Mutant("L17", "debit_leaves_the_fee_out", PAY, "-amount - fee, 0, index", "-amount, 0, index", (MONEY,)),
    Mutant("L17", "fee_rounding_creates_value", RESERVE, "fee = hold.fee_left - fee_left", "fee = fee_of(hold.fee_rule, amount)", (HOLDS,)),
    Mutant("L17", "kinds_are_ignored", "ledger/fees.py", ' and rule.credit_kind in ("", credit)', "", (MONEY,)),
    Mutant(
        "L19",
        "hold_outlives_its_expiry",
        "ledger/lapsing.py",
        "until != 0 and until <= time_ms",
        "until != 0 and until < time_ms - 60_000",
        (HOLDS,),
    ),
    Mutant(
        "L19", "sweeps_come_a_moment_late", "ledger/expiry.py", 'due_key(context.time_ms + 1, "")', 'due_key(context.time_ms, "")', (HOLDS,)
    ),
    Mutant(
        "L19",
        "sweeps_have_no_limit",
        "ledger/expiry.py",
        "        if written > most and index != due[0]:",
        "        if written < 0:",
        (HOLDS,),
    ),
    Mutant("L19", "touched_accounts_keep_lapsed_holds", "ledger/expiry.py", "    if not overlay.due_left:", "    if overlay:", (HOLDS,)),
    Mutant("L19", "a_grant_costs_as_much_as_a_hold", "ledger/expiry.py", "OTHER_LEAVES = 1", "OTHER_LEAVES = 3", (HOLDS,)),
    Mutant("L19", "holds_without_number", RESERVE, "        if held >= most:", "        if held > most:", (HOLDS,)),
)
