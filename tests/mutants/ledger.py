"""The ledger's money broken on purpose: amounts, names, hashes, keys, bytes, movements, holds, invariants (L1 to L8, L12, L21)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MONEY = "tests/ledger/test_money_rules.py"
HOLDS = "tests/ledger/test_hold_rules.py"
KEYS = "tests/ledger/test_key_rules.py"
GENESIS = "tests/ledger/test_genesis.py"
TYPES = "tests/ledger/test_types.py"
QUOTAS = "tests/ledger/test_authority_rules.py"

LEDGER = "ledger/transactions/__init__.py"
RESERVE = "ledger/transactions/reservations.py"
SUPPLY = "ledger/transactions/supply.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "L1", "balances_grow_without_end", "ledger/money.py", "if new.posted > AMOUNT_MAX:", "if new.posted > 2 * AMOUNT_MAX:", (MONEY,)
    ),
    Mutant("L1", "issues_grow_without_end", SUPPLY, "if issued > AMOUNT_MAX:", "if issued > 2 * AMOUNT_MAX:", (MONEY,)),
    Mutant("L2", "business_day_in_utc", "ledger/dates.py", "BISHKEK_AHEAD_MS = 6 * 3_600_000", "BISHKEK_AHEAD_MS = 0", (QUOTAS,)),
    Mutant(
        "L3", "names_with_a_tail", "ledger/names.py", "if _ACCOUNT.fullmatch(name) is None:", "if _ACCOUNT.match(name) is None:", (KEYS,)
    ),
    Mutant(
        "L3",
        "reserved_accounts_can_be_opened",
        "ledger/names.py",
        "RESERVED = (CONTRA, FEE, VAULT, SUSPENSE)",
        'RESERVED = ("-",)',
        (KEYS,),
    ),
    Mutant("L4", "genesis_signed_without_a_tag", "ledger/genesis.py", 'b"som/gensig/1" + chain_id', 'b"" + chain_id', (GENESIS,)),
    Mutant("L4", "chain_hashed_without_a_tag", "ledger/genesis_document.py", 'tagged(b"som/genesis/1", ', 'tagged(b"", ', (GENESIS,)),
    Mutant("L5", "small_order_keys_are_registered", "ledger/keysets.py", "not is_usable_key(key)", "len(key) != 32", (GENESIS,)),
    Mutant("L5", "self_test_tests_nothing", "ledger/edge_cases.py", "if found != case.accepted:", "if found is None:", (KEYS,)),
    Mutant(
        "L6", "bytes_that_are_not_canonical_pass", "ledger/codec.py", "whole.signatures)) != raw:", "whole.signatures)) is None:", (KEYS,)
    ),
    Mutant("L7", "self_payment_passes_form", "ledger/transactions/forms.py", "    if debit == credit:", "    if debit is None:", (MONEY,)),
    Mutant(
        "L7",
        "self_payment_mints",
        "ledger/money.py",
        "net[place] = (posted + entry.posted, held + entry.held)",
        "net[place] = (entry.posted, entry.held)",
        (MONEY,),
    ),
    Mutant("L7", "a_refused_transaction_leaves_its_first_steps", LEDGER, "overlay.rollback(mark)\n        outcome", "outcome", (TYPES,)),
    Mutant("L7", "redeem_keeps_the_supply", "ledger/transactions/redeeming.py", "asset.supply - amount", "asset.supply", (MONEY,)),
    Mutant("L8", "settle_leaves_the_hold_whole", RESERVE, "left = hold.left - amount", "left = hold.left", (HOLDS,)),
    Mutant("L8", "settle_takes_more_than_is_left", RESERVE, "if amount > hold.left:", "if amount > hold.amount:", (HOLDS,)),
    Mutant(
        "L8",
        "whoever_settles_may_void",
        RESERVE,
        "keyset_of_party(work.overlay, self.hold.void_by)",
        "keyset_of_party(work.overlay, self.hold.source)",
        (HOLDS, TYPES),
    ),
    Mutant(
        "L12",
        "post_state_is_not_checked",
        LEDGER,
        "check_transaction(overlay, mark, work.entries, work.tx.type, people, context.time_ms)",
        "overlay.mark()",
        (MONEY,),
    ),
    Mutant("L12", "sums_are_not_checked", "ledger/invariants.py", "    if any(sums.values()):", "    if not sums and entries:", (MONEY,)),
    Mutant(
        "L12",
        "held_is_not_compared_with_holds",
        "ledger/invariants.py",
        "    if any(reserved.values()):",
        "    if reserved is None:",
        (MONEY, HOLDS),
    ),
    Mutant(
        "L12",
        "balances_change_without_entries",
        "ledger/invariants.py",
        "    if (before or NOTHING) != (after or NOTHING):",
        "    if key is None:",
        (MONEY,),
    ),
    Mutant(
        "L21",
        "contra_pays",
        "ledger/transactions/work.py",
        '("settlement", "wallet", "fee")',
        '("settlement", "wallet", "fee", "contra")',
        (MONEY,),
    ),
    Mutant(
        "L21",
        "contra_has_keys",
        "ledger/transactions/registry.py",
        'account.kind in ("contra", "vault", "fee")',
        'account.kind in ("vault",)',
        (TYPES,),
    ),
)
