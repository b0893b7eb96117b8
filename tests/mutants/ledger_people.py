"""Rules about people broken on purpose: limits over banks, windows, classes, returns, travel data (L16, L18, L25, L30)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

RULES = "tests/ledger/test_people_rules.py"
FLOWS = "tests/ledger/test_people_flows.py"
HISTORIES = "tests/ledger/test_people_histories.py"
TYPES = "tests/ledger/test_types.py"

LIMITS = "ledger/limits.py"
CLASSES = "ledger/classes.py"
RETURNS = "ledger/returns.py"
TRAVEL = "ledger/travel.py"
CHECKS = "ledger/people_checks.py"
PAY = "ledger/transactions/payments.py"
RESERVE = "ledger/transactions/reservations.py"
ACCOUNTS = "ledger/transactions/accounts.py"
HOLDERS = "ledger/transactions/holders.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant("L16", "each_bank_has_a_limit_of_its_own", LIMITS, "return record.holder.hex()", "return account.id", (RULES,)),
    Mutant("L16", "the_balance_is_gross", LIMITS, "            if change:\n", "            if change > 0:\n", (RULES, HISTORIES)),
    Mutant(
        "L16", "who_has_too_much_may_have_more", LIMITS, "total > most.balance_max:", "spent.total <= most.balance_max < total:", (RULES,)
    ),
    Mutant("L16", "who_has_too_much_may_not_pay", LIMITS, "self.limit(place) if change > 0 else None", "self.limit(place)", (RULES,)),
    Mutant("L16", "own_wallets_count", LIMITS, "if person and person != self.person(debit.target):", "if person:", (RULES,)),
    Mutant("L16", "each_leg_has_a_transaction_of_its_own", LIMITS, "self._spent.get(place, 0) + amount", "amount", (RULES, HISTORIES)),
    Mutant("L16", "what_is_refused_is_spent", PAY, "            work.people.forget(spent)\n", "", (RULES, HISTORIES)),
    Mutant(
        "L16",
        "splitting_into_legs_helps",
        LIMITS,
        "gross[place] = gross.get(place, 0) + debit.amount",
        "gross[place] = debit.amount",
        (RULES,),
    ),
    Mutant("L16", "days_never_end", LIMITS, "spent.day_out if spent.day == today else 0", "spent.day_out", (RULES,)),
    Mutant("L16", "months_end_daily", LIMITS, "spent.month_out if spent.month == month else 0", "0", (RULES,)),
    Mutant(
        "L16",
        "fees_are_free_of_limits",
        PAY,
        "_debit(index, leg, leg.amount + leg.fee) for",
        "_debit(index, leg, leg.amount) for",
        (RULES,),
    ),
    Mutant(
        "L16",
        "tiers_that_are_not_listed_are_free",
        LIMITS,
        "if policy.limits and account.kind == WALLET and",
        "if policy.fixed and",
        (TYPES,),
    ),
    Mutant("L16", "tiers_never_end", LIMITS, " or 0 < holder.valid_until <= time_ms", "", (RULES, TYPES)),
    Mutant("L16", "limits_by_the_lowest_tier", LIMITS, "if each.tier == holder.tier", "if each.tier", (RULES, HISTORIES)),
    Mutant("L16", "a_pseudonym_moves", HOLDERS, "elif known != Pseudonym(body.holder):", "elif known is None:", (TYPES, RULES)),
    Mutant("L16", "the_type_of_anybody", HOLDERS, 'Wanted("tier")', 'Wanted("register")', (TYPES,)),
    Mutant(
        "L16", "wallets_of_unknown_people", ACCOUNTS, "if body.pseudonym and work.overlay", "if body.classes and work.overlay", (TYPES,)
    ),
    Mutant(
        "L18",
        "redeem_counts",
        LIMITS,
        "self._put(place, Spent(total, spent.day, spent.day_out,",
        "self._put(place, Spent(total, spent.day, spent.day_out + max(0, -change),",
        (RULES,),
    ),
    Mutant("L18", "holds_count_nothing", RESERVE, "window = people.spend(", 'window = "" and people.spend(', (RULES, HISTORIES)),
    Mutant(
        "L18",
        "void_gives_nothing_back",
        "ledger/expiry.py",
        "    give_back(overlay, hold, time_ms)\n    close_hold",
        "    close_hold",
        (RULES, HISTORIES),
    ),
    Mutant("L18", "void_gives_back_to_any_day", LIMITS, "    if hold.window == today:\n", "    if hold.window:\n", (RULES, HISTORIES)),
    Mutant(
        "L18",
        "void_gives_back_to_any_month",
        LIMITS,
        "    if hold.window[:MONTH_CHARACTERS] == today[:MONTH_CHARACTERS]:\n",
        "    if hold.window:\n",
        (RULES, HISTORIES),
    ),
    Mutant("L18", "a_part_that_was_settled_comes_back", LIMITS, "hold.left + hold.fee_left", "hold.amount", (RULES, HISTORIES)),
    Mutant(
        "L18",
        "anonymous_wallets_without_number",
        "ledger/grant_rules.py",
        "        and (ANONYMOUS not in wanted.classes or grant.quota is not None)\n",
        "",
        (TYPES,),
    ),
    Mutant("L18", "anonymous_wallets_of_any_tier", LIMITS, "if each.anonymous), None)", "if each.tier), None)", (RULES,)),
    Mutant(
        "L18",
        "anonymity_comes_and_goes",
        ACCOUNTS,
        "if (ANONYMOUS in classes) != (ANONYMOUS in account.classes):",
        "if account is None:",
        (TYPES, FLOWS),
    ),
    Mutant(
        "L18",
        "returns_count",
        PAY,
        "        if self.returned is None:\n            work.people",
        "        if self.body:\n            work.people",
        (FLOWS,),
    ),
    Mutant("L18", "returns_without_end", RETURNS, "record.returned + amount", "record.returned", (FLOWS, HISTORIES)),
    Mutant(
        "L18", "returns_of_more", RETURNS, "if leg.amount > record.amount - record.returned:", "if leg.amount > record.amount:", (FLOWS,)
    ),
    Mutant(
        "L18",
        "returns_to_anybody",
        RETURNS,
        "if (leg.debit, leg.credit, leg.asset) != (record.credit, record.debit, record.asset):",
        "if leg.asset != record.asset:",
        (FLOWS, TYPES),
    ),
    Mutant("L18", "returns_for_ever", RETURNS, " or record.until <= time_ms", "", (FLOWS,)),
    Mutant(
        "L18",
        "payments_to_return_stay",
        "ledger/indexes.py",
        "            return (due_key(record.until, key),)\n",
        "            return ()\n",
        (FLOWS,),
    ),
    Mutant(
        "L25",
        "a_bank_vouches_for_its_merchants",
        CLASSES,
        "if not name.startswith(MERCHANT) or name.endswith(vouched)]",
        "if name]",
        (FLOWS,),
    ),
    Mutant(
        "L25",
        "who_vouches_need_not_agree",
        ACCOUNTS,
        '    for voucher in vouchers:\n        work.signers.need(f"{voucher}/{OPS}")\n',
        '    work.signers.allow(f"{voucher}/{OPS}" for voucher in vouchers)\n',
        (TYPES, FLOWS),
    ),
    Mutant(
        "L25",
        "classes_beyond_the_grant",
        "ledger/grant_rules.py",
        "        and (not scope.classes or all(covered(scope.classes, name) for name in wanted.classes))\n",
        "",
        (TYPES,),
    ),
    Mutant(
        "L25", "later_classes_need_no_grant", ACCOUNTS, "if name not in account.classes]", "if name in account.classes]", (TYPES, FLOWS)
    ),
    Mutant("L25", "anybody_may_receive", CLASSES, "and not accepts(policy, credit):", "and not policy:", (FLOWS, TYPES)),
    Mutant("L25", "a_pattern_covers_more", CLASSES, "else bare == pattern", "else bare.startswith(pattern)", (FLOWS,)),
    Mutant("L30", "a_settle_lifts_its_target_above_the_limit", RESERVE, "if amount <= room:", "if amount:", (RULES, TYPES)),
    Mutant(
        "L30",
        "a_wallet_without_tier_is_settled",
        LIMITS,
        "        if limit is None:\n            return 0\n",
        "        if limit is None:\n            return AMOUNT_MAX\n",
        (RULES,),
    ),
    Mutant("L30", "ones_own_money_is_excess", RESERVE, "            room += amount + fee\n", "            room += fee\n", (RULES,)),
    Mutant(
        "TRAVEL",
        "parts_travel_alone",
        TRAVEL,
        "sums[place] = sums.get(place, 0) + payment.amount",
        "sums[place] = payment.amount",
        (FLOWS,),
    ),
    Mutant(
        "TRAVEL",
        "data_is_not_needed",
        TRAVEL,
        "if all(each.participant != participant for each in given):",
        "if given is None:",
        (TYPES, FLOWS),
    ),
    Mutant("TRAVEL", "data_for_nothing", TRAVEL, "if each.participant not in receiving:", "if each is None:", (TYPES, FLOWS)),
    Mutant(
        "TRAVEL",
        "nobody_agrees",
        PAY,
        "signers.need(compliance_of(travel.participant))",
        "signers.allow((compliance_of(travel.participant),))",
        (FLOWS,),
    ),
    Mutant("TRAVEL", "holds_go_round", RESERVE, "if needs_agreement(", "if not self.asset and needs_agreement(", (FLOWS, TYPES)),
    Mutant(
        "L12",
        "people_are_not_checked",
        "ledger/invariants.py",
        "    if people is not None:\n",
        "    if not people and people:\n",
        (HISTORIES,),
    ),
    Mutant(
        "invariant 14",
        "whole_totals_are_not_compared",
        CHECKS,
        "        if sums != {key",
        "        if sums is None and sums != {key",
        (HISTORIES,),
    ),
    Mutant(
        "invariant 14",
        "whole_pseudonyms_are_not_counted",
        CHECKS,
        "        if counts != {key",
        "        if counts is None and counts != {key",
        (HISTORIES,),
    ),
)
