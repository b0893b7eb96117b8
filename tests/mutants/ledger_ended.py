"""The end of purpose money under orders broken on purpose (L11, L31, invariants 12 and 13)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ENDED = "tests/ledger/test_ended_orders.py"
MATURITY = "ledger/maturity.py"
ORDERS = "ledger/transactions/orders.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "L19",
        "a_sweep_under_way_never_looks_back",
        "ledger/indexes.py",
        "passed = (RESTRAINED + asset.policy.code,) if asset.swept else ()",
        "passed = ()",
        (ENDED,),
    ),
    Mutant(
        "invariant 13",
        "the_end_of_an_asset_frees_what_is_arrested",
        MATURITY,
        "return balance.posted if restraints is None else",
        "return balance.posted if restraints else",
        (ENDED,),
    ),
    Mutant(
        "invariant 12",
        "the_end_of_an_asset_takes_from_a_blocked_account",
        "ledger/restraints.py",
        'if any(record.order.mode in ("debit", "both") for record in orders):',
        'if any(record.order.mode in ("none",) for record in orders):',
        (ENDED,),
    ),
    Mutant(
        "invariant 12",
        "the_end_of_an_asset_pays_a_blocked_budget_line",
        MATURITY,
        "    except BlockedCredit:\n        return False\n",
        "    except BlockedCredit:\n        return True\n",
        (ENDED,),
    ),
    Mutant(
        "L31",
        "what_a_lifted_order_kept_stays_for_ever",
        ORDERS,
        "        resume_ended(overlay, record.order)\n",
        "",
        (ENDED,),
    ),
    Mutant(
        "L31",
        "what_a_lapsed_order_kept_stays_for_ever",
        "ledger/expiry.py",
        "    resume_ended(overlay, record.order)\n",
        "",
        (ENDED,),
    ),
    Mutant(
        "L31",
        "what_is_restrained_is_looked_at_in_every_block",
        "ledger/indexes.py",
        "        return listed, RESTRAINED + asset.policy.code\n",
        "        return listed, RESTRAINED + asset.policy.code, due_key(0, key)\n",
        (ENDED,),
    ),
    Mutant(
        "L11",
        "a_seizure_after_the_end_pays_what_is_worth_nothing",
        ORDERS,
        "vault = vault_of(policy) if has_ended(policy, self.work.time_ms) else None",
        "vault = vault_of(policy) if policy is None else None",
        (ENDED,),
    ),
)
