"""Succession broken on purpose (L29)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

RULES = "tests/ledger/test_succession_rules.py"
SUCCESSION = "ledger/succession.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "L29",
        "accounts_of_a_failed_bank_wait_for_ever",
        SUCCESSION,
        "        participant = record.successor\n",
        "        break\n",
        (RULES,),
    ),
    Mutant(
        "L29",
        "a_successor_of_a_successor_counts_for_nothing",
        SUCCESSION,
        "        participant = record.successor\n",
        "        return record.successor\n",
        (RULES,),
    ),
    Mutant(
        "L29",
        "users_lose_their_own_keys_with_their_bank",
        SUCCESSION,
        'return f"{account.id}/{account.keyset}" if account.keyset else',
        'return f"{account.id}/{account.keyset}" if account.keyset and servicer_now(state, account.id) == servicer_of(account.id) else',
        (RULES,),
    ),
)
