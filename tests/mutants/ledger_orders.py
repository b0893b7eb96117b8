"""Orders broken on purpose: blocks, arrests, seizures, pauses, lifting, tipping-off (L11, L16, L19, L22, L23, L27, L30, L31)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

RULES = "tests/ledger/test_order_rules.py"
PAUSES = "tests/ledger/test_pauses.py"
VIEWS = "tests/ledger/test_order_views.py"
HISTORIES = "tests/ledger/test_order_histories.py"
TYPES = "tests/ledger/test_types.py"

ORDERS = "ledger/transactions/orders.py"
RESTRAINTS = "ledger/restraints.py"
CHECKS = "ledger/order_checks.py"
MONEY = "ledger/money.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "L11",
        "a_seizure_burns",
        ORDERS,
        "movement(body.account, beneficiary, body.asset",
        'movement(body.account, "operator/contra:KGS", body.asset',
        (RULES,),
    ),
    Mutant("L11", "a_beneficiary_pays_itself", ORDERS, " and body.account != order.seize_to", "", (RULES,)),
    Mutant("L11", "a_seizure_takes_what_it_likes", ORDERS, "if body.amount > most:", "if body.amount > free:", (RULES, TYPES)),
    Mutant("L11", "a_seizure_forgets_what_it_took", ORDERS, "seized=record.seized + body.amount", "seized=record.seized + 1", (RULES,)),
    Mutant(
        "L11", "whoever_may_seize_seizes_on_any_arrest", ORDERS, "account=body.account, to=order.by)", "account=body.account)", (TYPES,)
    ),
    Mutant(
        "L16", "a_frozen_account_can_receive", RESTRAINTS, 'mode in ("credit", "both") and self', 'mode in ("none",) and self', (RULES,)
    ),
    Mutant(
        "L16",
        "a_frozen_account_can_pay",
        RESTRAINTS,
        'mode in ("debit", "both") and self._stops',
        'mode in ("none",) and self._stops',
        (RULES,),
    ),
    Mutant(
        "L16",
        "credits_of_the_same_transaction_count",
        MONEY,
        "needed = sum(max(0, entry.held - entry.posted)",
        "needed = sum(entry.held - entry.posted",
        (RULES,),
    ),
    Mutant(
        "L16", "a_lower_code_elsewhere_does_not_win", MONEY, "if not short or (order == 0 and place < min(short)):", "if place:", (RULES,)
    ),
    Mutant(
        "L16",
        "orders_do_not_reach_legs_of_their_own",
        "ledger/transactions/payments.py",
        "        if concerned(self.work.overlay, self.accounts):",
        '        if self.body.mode == "atomic" and concerned(self.work.overlay, self.accounts):',
        (RULES, PAUSES),
    ),
    Mutant(
        "L19", "a_lapsed_order_still_counts", RESTRAINTS, "if not has_lapsed(record.order.until, time_ms):", "if record.status:", (RULES,)
    ),
    Mutant("L19", "a_lapsed_order_stays_active", "ledger/expiry.py", 'replace(record, status="lapsed")', "record", (RULES,)),
    Mutant(
        "L22",
        "a_guardian_pauses_without_end",
        ORDERS,
        "if order.until == 0 or order.until > work.time_ms + longest:",
        "if order.until > work.time_ms + longest:",
        (PAUSES, TYPES),
    ),
    Mutant(
        "L22",
        "a_guardian_pauses_for_weeks",
        ORDERS,
        "if order.until == 0 or order.until > work.time_ms + longest:",
        "if order.until == 0:",
        (PAUSES, TYPES),
    ),
    Mutant(
        "L22",
        "a_guardian_pauses_again_at_once",
        ORDERS,
        "if work.overlay.scan(*guarded_keys(",
        "if order.by is None and work.overlay.scan(*guarded_keys(",
        (PAUSES, TYPES),
    ),
    Mutant(
        "L22",
        "a_guardian_stops_redemption",
        ORDERS,
        '        if "redeem" not in order.allow:',
        '        if "holds" not in order.allow:',
        (PAUSES, TYPES),
    ),
    Mutant(
        "L22",
        "a_quorum_is_taken_for_a_guardian",
        ORDERS,
        '        if order.mode == "pause":\n            fitting',
        "        if order.mode is None:\n            fitting",
        (PAUSES,),
    ),
    Mutant(
        "L22",
        "a_pause_stops_redemption",
        "ledger/transactions/supply.py",
        'work.check_pause((body.source,), body.asset, ("redeem",))\n        count_redeemed',
        "work.check_pause((body.source,), body.asset, ())\n        count_redeemed",
        (PAUSES,),
    ),
    Mutant(
        "L22",
        "a_pause_of_a_participant_reaches_nobody",
        RESTRAINTS,
        '("participant", servicer_of(account)) for account in accounts]',
        '("participant", account) for account in accounts]',
        (PAUSES,),
    ),
    Mutant("L23", "everybody_sees_why", "ledger/disclosure.py", "return PUBLIC.get(code, code)", "return code", (VIEWS,)),
    Mutant(
        "L23",
        "the_servicer_does_not_see_why",
        "ledger/disclosure.py",
        "if refusal.code not in PUBLIC or",
        "if refusal.code is not None or",
        (VIEWS,),
    ),
    Mutant("L23", "the_block_binds_the_true_code", "ledger/execute.py", "encode(public_receipt(receipt))", "encode(receipt)", (VIEWS,)),
    Mutant("L23", "codes_of_legs_tell", "ledger/execute.py", "public_codes(outcome.codes)", "outcome.codes", (VIEWS,)),
    Mutant(
        "L23",
        "the_servicer_is_not_told_of_an_order",
        "ledger/transactions/__init__.py",
        "    names += outcome.told\n",
        "",
        (VIEWS,),
    ),
    Mutant("L27", "anybody_lifts", ORDERS, "if sender != maker and sender not in record.lifted_by:", "if sender is None:", (RULES, TYPES)),
    Mutant(
        "L27",
        "nobody_but_the_maker_lifts",
        ORDERS,
        "if sender != maker and sender not in record.lifted_by:",
        "if sender != maker:",
        (RULES,),
    ),
    Mutant("L27", "one_key_lifts_what_a_quorum_made", ORDERS, "if sender != maker or record.need is None:", "if sender:", (RULES, TYPES)),
    Mutant(
        "L27",
        "a_power_that_goes_lifts_silently",
        "ledger/transactions/assets.py",
        "any(power not in policy.powers for power in old.policy.powers)",
        "old.policy is None",
        (RULES, TYPES),
    ),
    Mutant(
        "L27",
        "an_account_is_closed_under_orders",
        "ledger/transactions/accounts.py",
        "            if orders:",
        "            if orders > 32:",
        (RULES,),
    ),
    Mutant(
        "L30",
        "a_block_that_allows_holds_stops_them",
        "ledger/transactions/reservations.py",
        "restraints.check_debit(hold.source, hold.asset, words)",
        "restraints.check_debit(hold.source, hold.asset, ())",
        (RULES,),
    ),
    Mutant(
        "L30",
        "an_arrest_never_stops_a_hold",
        "ledger/transactions/reservations.py",
        "        restraints.check_held(hold.source, hold.asset, self.body.amount)\n",
        "",
        (RULES, TYPES),
    ),
    Mutant(
        "L30", "the_purpose_of_a_tax_makes_one", "ledger/transactions/payments.py", 'treasury.kind == "treasury"', "treasury.kind", (RULES,)
    ),
    Mutant(
        "L31",
        "arrests_do_not_add_up",
        RESTRAINTS,
        "total += AMOUNT_MAX if left is None else left",
        "total = AMOUNT_MAX if left is None else left",
        (RULES,),
    ),
    Mutant(
        "L31",
        "an_arrest_does_not_catch_what_is_released",
        MONEY,
        "free = max(0, available - arrested)",
        "free = max(0, available - arrested + balance.held)",
        (RULES, HISTORIES),
    ),
    Mutant("L31", "arrested_value_is_paid_out", MONEY, "        elif needed > free:", "        elif needed > available:", (RULES,)),
    Mutant(
        "L31",
        "rank_has_no_meaning",
        "ledger/orders.py",
        "return record.rank, record.height, record.index",
        "return 0, record.height, record.index",
        (RULES, TYPES),
    ),
    Mutant(
        "L31",
        "place_in_the_block_has_no_meaning",
        "ledger/orders.py",
        "return record.rank, record.height, record.index",
        "return record.rank, record.height, 0",
        (RULES,),
    ),
    Mutant(
        "L31",
        "a_later_block_stops_a_seizure",
        RESTRAINTS,
        'if each.order.mode in ("debit", "both") and self.covers(each, asset) and precedence(each) < precedence(record):',
        'if each.order.mode in ("debit", "both") and self.covers(each, asset):',
        (RULES,),
    ),
    Mutant("L31", "lapsed_orders_take_room", ORDERS, "            lapse(overlay, record)\n", "            count += 1\n", (RULES,)),
    Mutant(
        "invariant 12",
        "blocks_are_not_checked_afterwards",
        CHECKS,
        "        if not goes_before and not any(",
        "        if record is None and not any(",
        (HISTORIES,),
    ),
    Mutant(
        "invariant 13",
        "arrests_are_not_checked_afterwards",
        CHECKS,
        "if arrests and now < min(",
        "if arrests and now < 0 * min(",
        (HISTORIES,),
    ),
    Mutant(
        "invariant 16",
        "a_seizure_may_rest_on_nothing",
        CHECKS,
        "        if got != after.seized - before.seized:",
        "        if got is None:",
        (HISTORIES,),
    ),
    Mutant("invariant 17", "what_an_order_says_may_change", CHECKS, "    if was != before:", "    if was is None:", (HISTORIES,)),
    Mutant(
        "invariant 17",
        "a_guardian_s_pause_need_not_end",
        CHECKS,
        "    if after.cooled_ms and not 0 <",
        "    if after.cooled_ms is None and not 0 <",
        (HISTORIES,),
    ),
)
