"""Conditions of holds and standing authority broken on purpose: locks, arbiters, classes, purses, grants to debit (L8, L25)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

RULES = "tests/ledger/test_condition_rules.py"
PURSES = "tests/ledger/test_purse_rules.py"
DEBITS = "tests/ledger/test_debit_rules.py"
COMMANDS = "tests/cli/test_holds.py"

CONDITIONS = "ledger/conditions.py"
SETTLE = "ledger/transactions/reservations.py"
FORMS = "ledger/transactions/hold_forms.py"
CHECKS = "ledger/hold_checks.py"
MANDATES = "ledger/debits.py"
GIVING = "ledger/transactions/grants.py"
PAY = "ledger/transactions/payments.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant("L8", "any_secret_opens_a_lock", CONDITIONS, "if sha256(witness).digest() != condition.digest:", "if not witness:", (RULES,)),
    Mutant(
        "L8",
        "a_lock_is_broken_into_parts",
        SETTLE,
        "if isinstance(hold.condition, HashLock) and amount < hold.left:",
        "if isinstance(hold.condition, HashLock) and amount < 0:",
        (RULES,),
    ),
    Mutant(
        "L8",
        "a_lock_for_a_class",
        FORMS,
        "    elif isinstance(body.condition, HashLock):\n",
        "    elif body.condition is None:\n",
        (RULES,),
    ),
    Mutant("L8", "witnesses_of_any_length", CONDITIONS, "WITNESS_BYTES_MAX = 64", "WITNESS_BYTES_MAX = 65", (RULES,)),
    Mutant("L8", "an_arbiter_is_not_asked", SETTLE, "return hold.settle_by, hold.condition.by\n", "return (hold.settle_by,)\n", (RULES,)),
    Mutant(
        "L8",
        "an_arbiter_decides_alone",
        SETTLE,
        "return hold.settle_by, hold.condition.by\n",
        "return (hold.condition.by,)\n",
        (RULES, "tests/ledger/test_types.py"),
    ),
    Mutant("L8", "a_class_pays_anybody", CONDITIONS, "    if pattern == ANYONE:\n", "    if pattern:\n", (RULES,)),
    Mutant("L8", "a_bank_awards_merchants_to_itself", CONDITIONS, " or name.endswith(VOUCHED_BY + issuer))", " or name)", (RULES,)),
    Mutant("L8", "a_class_pays_back_its_source", SETTLE, "(target.id == hold.source or not is_of_class(", "(not is_of_class(", (PURSES,)),
    Mutant(
        "L21",
        "a_class_pays_accounts_of_assets",
        SETTLE,
        "            check_spendable(self.target, ACTION)\n            source,",
        "            source,",
        (RULES,),
    ),
    Mutant(
        "TRAVEL",
        "a_class_goes_round",
        SETTLE,
        "            if needs_agreement(work.overlay, source, self.target, asset, self.body.amount):",
        "            if self.body.amount < 0:",
        (RULES,),
    ),
    Mutant(
        "L25",
        "a_class_goes_round_receive",
        SETTLE,
        "            check_accepted(asset.policy, existing_account(work.overlay, hold.source), self.target)\n",
        "            existing_account(work.overlay, hold.source)\n",
        (RULES,),
    ),
    Mutant(
        "L8", "every_account_without_a_purse", FORMS, "    elif not isinstance(body.condition, Device):\n", "    elif not body:\n", (RULES,)
    ),
    Mutant(
        "L8",
        "who_acts_is_not_told",
        SETTLE,
        "work.told = tuple(servicer_of(each) for each in ",
        "_ = tuple(each for each in ",
        (RULES,),
    ),
    Mutant(
        "L8",
        "receipts_are_settled_twice",
        CONDITIONS,
        "if is_used(condition.used, witness.counter):",
        "if len(condition.used) > 128:",
        (PURSES,),
    ),
    Mutant(
        "L8", "receipts_that_nobody_signed", CONDITIONS, "if not verify(condition.key, ", "if not verify or not (condition.key, ", (PURSES,)
    ),
    Mutant(
        "L8",
        "a_receipt_for_every_ledger",
        CONDITIONS,
        "encode((chain, hold, counter, payee, amount))",
        "encode((hold, counter, payee, amount))",
        (PURSES,),
    ),
    Mutant(
        "L8",
        "a_receipt_for_every_purse",
        CONDITIONS,
        "encode((chain, hold, counter, payee, amount))",
        "encode((chain, counter, payee, amount))",
        (PURSES,),
    ),
    Mutant(
        "L8",
        "a_receipt_for_everybody",
        CONDITIONS,
        "encode((chain, hold, counter, payee, amount))",
        "encode((chain, hold, counter, amount))",
        (PURSES,),
    ),
    Mutant(
        "L8",
        "a_receipt_over_any_amount",
        CONDITIONS,
        "encode((chain, hold, counter, payee, amount))",
        "encode((chain, hold, counter, payee))",
        (PURSES,),
    ),
    Mutant(
        "L8",
        "a_receipt_with_any_counter",
        CONDITIONS,
        "encode((chain, hold, counter, payee, amount))",
        "encode((chain, hold, payee, amount))",
        (PURSES,),
    ),
    Mutant(
        "L8",
        "counters_without_end",
        CONDITIONS,
        "counter: Annotated[int, Meta(ge=0, lt=COUNTERS_MAX)]",
        "counter: Annotated[int, Meta(ge=0)]",
        (PURSES,),
    ),
    Mutant("L8", "a_purse_pays_whom_it_likes", CONDITIONS, "if not fixed or payee == target:", "if payee:", (PURSES,)),
    Mutant(
        "L8",
        "a_purse_without_grace",
        FORMS,
        "body.until != condition.valid_to + condition.grace",
        "body.until < condition.valid_to",
        (RULES,),
    ),
    Mutant("L8", "a_lost_purse_is_free_at_once", SETTLE, "        if not isinstance(purse, Purse):\n", "        if purse:\n", (PURSES,)),
    Mutant("L8", "a_lost_purse_pays_on", SETTLE, "until = min(hold.until, work.time_ms + purse.grace)", "until = hold.until", (PURSES,)),
    Mutant(
        "L8",
        "a_report_lengthens_a_purse",
        SETTLE,
        "until = min(hold.until, work.time_ms + purse.grace)",
        "until = work.time_ms + purse.grace",
        (PURSES,),
    ),
    Mutant("L8", "a_loss_is_reported_again_and_again", SETTLE, "        if purse.revoked:\n", "        if purse.revoked < 0:\n", (PURSES,)),
    Mutant(
        "L8", "a_purse_that_is_over_is_loaded", SETTLE, "body.condition.valid_to <= work.time_ms", "body.condition.valid_to < 0", (PURSES,)
    ),
    Mutant("L5", "a_device_with_a_key_of_small_order", SETTLE, "if not is_usable_key(key) or overlay", "if overlay", (PURSES,)),
    Mutant("L5", "a_device_with_a_key_of_an_account", SETTLE, ' or overlay.get(f"key/{key.hex()}") is not None', "", (PURSES,)),
    Mutant(
        "M5",
        "receipts_cost_nothing",
        "ledger/execute.py",
        " + (isinstance(body, Settle) and isinstance(body.witness, PurseReceipt))",
        "",
        (PURSES,),
    ),
    Mutant("L12", "a_hold_changes_its_terms", CHECKS, "    if not same:\n", "    if same is None:\n", (RULES, PURSES)),
    Mutant("L12", "a_purse_forgets", CHECKS, "return was & ~now == 0 and ", "return ", (PURSES,)),
    Mutant(
        "L25",
        "anybody_debits",
        PAY,
        "                self.mandates[index] = need_mandate(",
        "                self.mandates[index] = ''.join(",
        (DEBITS,),
    ),
    Mutant(
        "L25",
        "root_gives_mandates",
        GIVING,
        "        if grant.permission == DEBIT:\n            self._need_debtor()\n            return\n",
        "",
        (DEBITS,),
    ),
    Mutant(
        "L25",
        "debits_without_quota",
        PAY,
        "                    charge_mandate(work.overlay, self.mandates[index], leg.amount + leg.fee, work.time_ms)\n",
        "                    pass\n",
        (DEBITS,),
    ),
    Mutant("L25", "holds_without_quota", SETTLE, "        if self.mandate:\n", "        if self.mandate is None:\n", (DEBITS,)),
    Mutant(
        "L25", "fees_beside_the_quota", SETTLE, "self.mandate, body.amount + body.fee, work", "self.mandate, body.amount, work", (DEBITS,)
    ),
    Mutant("L25", "a_lapsed_mandate_debits", MANDATES, " if is_active(record.grant, time_ms)]", " if time_ms]", (DEBITS,)),
    Mutant(
        "L25",
        "who_is_debited_cannot_end_it",
        GIVING,
        "            if record.grant.permission == DEBIT:\n",
        "            if record.grant.permission is None:\n",
        (DEBITS,),
    ),
    Mutant("L25", "mandates_without_number", MANDATES, "DEBITS_PER_ACCOUNT_MAX = 64", "DEBITS_PER_ACCOUNT_MAX = 65", (DEBITS,)),
    Mutant(
        "L8",
        "a_device_signs_a_counter_twice",
        "cli/purses.py",
        "taken = {*self.used, *(each.counter for each in self.payments)}",
        "taken = {*self.used}",
        (COMMANDS,),
    ),
    Mutant("L8", "a_device_signs_more_than_it_has", "cli/purse.py", "    if minor > purse.left:\n", "    if minor < 0:\n", (COMMANDS,)),
    Mutant("L8", "an_altered_receipt_is_taken", "cli/purse.py", "    if not is_signed(slip):\n", "    if not slip:\n", (COMMANDS,)),
    Mutant("L8", "a_lost_purse_is_taken", "cli/purse.py", "    if purse.revoked:\n", "    if purse.revoked < 0:\n", (COMMANDS,)),
)
