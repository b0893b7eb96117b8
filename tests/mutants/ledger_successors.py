"""Succession broken on purpose (L29)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

RULES = "tests/ledger/test_succession_rules.py"
SUCCESSION = "ledger/succession.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "L29",
        "users_lose_their_own_keys_with_their_bank",
        SUCCESSION,
        'return f"{account.id}/{account.keyset}" if account.keyset else',
        'return f"{account.id}/{account.keyset}" if account.keyset and servicer_now(state, account.id) == servicer_of(account.id) else',
        (RULES,),
    ),
)
