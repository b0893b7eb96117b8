"""Rules broken on purpose that the short form of the simulation of the ledger alone must catch (invariant 24): it sees every record."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

SIMULATION = "tests/simulation_ledger/test_simulation_ledger.py::test_invariant_24_ledger_and_model_agree_on_a_short_history"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "invariant 24",
        "a_void_gives_back_a_day_and_no_month",
        "ledger/limits.py",
        "        month_out -= amount",
        "        month_out -= 0",
        (SIMULATION,),
    ),
    Mutant(
        "invariant 24",
        "a_return_forgets_those_before_it",
        "ledger/returns.py",
        "record.returned + amount",
        "amount",
        (SIMULATION,),
    ),
    Mutant(
        "invariant 24",
        "quotas_of_yesterday_count_today",
        "ledger/grant_rules.py",
        "used = record.used if record.window == window else 0",
        "used = record.used",
        (SIMULATION,),
    ),
    Mutant(
        "invariant 24",
        "a_no_is_a_yes",
        "ledger/transactions/proposals.py",
        'if vote.choice == "yes" and keyset is not None:',
        "if keyset is not None:",
        (SIMULATION,),
    ),
    Mutant(
        "invariant 24",
        "orders_of_one_block_have_no_order",
        "ledger/transactions/orders.py",
        "index=len(overlay.used)",
        "index=0",
        (SIMULATION,),
    ),
    Mutant(
        "invariant 24",
        "own_wallets_use_up_limits",
        "ledger/limits.py",
        "if person and person != self.person(debit.target):",
        "if person:",
        (SIMULATION,),
    ),
)
