"""Purpose money and queued redemption broken on purpose: merchants, the end, the sweep, the queue (L18, L19, L21)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

RULES = "tests/ledger/test_purpose_rules.py"

PURPOSE = "ledger/purpose.py"
MATURITY = "ledger/maturity.py"
PAY = "ledger/transactions/payments.py"
SETTLE = "ledger/transactions/reservations.py"
SUPPLY = "ledger/transactions/supply.py"
VAULTS = "ledger/vaults.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "L21", "merchants_keep_purpose_money", PURPOSE, "return any(name.startswith(MERCHANT)", "return not any(name is not None", (RULES,)
    ),
    Mutant("L25", "a_bank_makes_merchants_paid_out", PURPOSE, "and name.endswith(vouched) and", "and name and", (RULES,)),
    Mutant("L21", "a_meal_stays_in_the_supply", PAY, "count_redeemed(self.work, leg.asset, leg.amount)", "leg.asset.strip()", (RULES,)),
    Mutant(
        "L16",
        "blocks_on_what_is_credited_do_not_count",
        PURPOSE,
        "return policy.code if vault is None else vault[1]",
        "return policy.code",
        (RULES,),
    ),
    Mutant(
        "L19",
        "what_has_ended_is_paid",
        PAY,
        "check_not_ended(self.assets[leg.asset].policy, self.work.time_ms)",
        "leg.asset.strip()",
        (RULES,),
    ),
    Mutant(
        "L19", "what_has_ended_is_held", SETTLE, "check_not_ended(self.asset.policy, work.time_ms)", "work.time_ms.bit_length()", (RULES,)
    ),
    Mutant("L19", "what_has_ended_is_issued", SUPPLY, "check_not_ended(policy, work.time_ms)", "work.time_ms.bit_length()", (RULES,)),
    Mutant(
        "L19",
        "what_has_ended_is_redeemed",
        SUPPLY,
        "check_not_ended(self.asset.policy, work.time_ms)",
        "work.time_ms.bit_length()",
        (RULES,),
    ),
    Mutant("L19", "holds_outlive_their_asset", SETTLE, "min(latest, expires.at - 1)", "min(latest, expires.at)", (RULES,)),
    Mutant("L19", "the_end_comes_a_moment_late", VAULTS, "policy.expires.at <= time_ms", "policy.expires.at < time_ms", (RULES,)),
    Mutant(
        "L19",
        "the_rest_stays_in_the_vault",
        MATURITY,
        "Entry(account, locked, -amount, 0, 0),",
        "Entry(account, locked, 0, 0, 0),",
        (RULES,),
    ),
    Mutant("L19", "a_sweep_without_bound", MATURITY, "        if len(entries) == room:\n", "        if len(entries) == -room:\n", (RULES,)),
    Mutant("L19", "a_sweep_that_forgets_how_far_it_came", MATURITY, "swept=last,", "swept='~',", (RULES,)),
    Mutant("L19", "a_budget_line_of_people", VAULTS, "line.kind not in BUDGET_KINDS", "line.kind is None", (RULES,)),
    Mutant(
        "L19",
        "a_budget_line_closes_early",
        "ledger/transactions/accounts.py",
        "            if code:\n",
        "            if code is None:\n",
        (RULES,),
    ),
    Mutant("L18", "a_queue_redeems_at_once", SUPPLY, "        if policy.queued:\n", "        if policy.queued < 0:\n", (RULES,)),
    Mutant(
        "L18",
        "a_settled_queue_stays_in_the_supply",
        SETTLE,
        'redeems = hold.kind == "queue" or',
        "redeems = hold.kind is None or",
        (RULES,),
    ),
    Mutant("L18", "a_queue_without_end", SUPPLY, "until=work.time_ms + wait_ms", "until=work.time_ms + wait_ms * 1_000", (RULES,)),
    Mutant(
        "L25",
        "an_issuer_settles_beside_who_approves",
        SETTLE,
        "members = [] if approvals else [keyset",
        "members = [keyset",
        (RULES,),
    ),
    Mutant(
        "L25",
        "who_approves_need_not_agree",
        SETTLE,
        "self.approval = use_first(approvals, work.signers, Wanted(APPROVE, asset=hold.asset)) if approvals else None",
        "self.approval = approvals[0] if approvals else None",
        (RULES,),
    ),
    Mutant("L25", "approval_settles_any_hold", SETTLE, '    if hold.kind != "queue":\n', '    if hold.kind == "":\n', (RULES,)),
    Mutant(
        "L25",
        "approval_reaches_every_account",
        SETTLE,
        "wanted = Wanted(APPROVE, asset=hold.asset, participant=servicer_of(hold.source), account=hold.source)",
        'wanted = Wanted(APPROVE, asset=hold.asset, participant="bank-b", account=hold.source)',
        (RULES,),
    ),
    Mutant(
        "L25",
        "approvals_are_not_counted",
        SETTLE,
        "charge_quota(work.overlay, self.approval, amount,",
        "(work.overlay, self.approval, amount,",
        (RULES,),
    ),
    Mutant(
        "L25",
        "approval_over_every_asset",
        "ledger/transactions/forms.py",
        "if grant.permission == APPROVE and not scope.asset:",
        "if not grant.permission:",
        (RULES,),
    ),
    Mutant(
        "L25",
        "an_issuer_names_nobody",
        "ledger/transactions/grants.py",
        "(*ATTESTING, *OBSERVING, APPROVE)",
        "(*ATTESTING, *OBSERVING)",
        (RULES,),
    ),
)
