"""The bridge's ledger side, broken on purpose: thresholds, digests, nonces, totals, limits, refunds, suspense, rotations (B1 to B13)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

RULES = "tests/ledger/test_bridge_rules.py"
ROUTES = "tests/ledger/test_bridge_routes.py"
HISTORIES = "tests/ledger/test_bridge_histories.py"
TOTALS = f"{HISTORIES}::test_invariant_10_a_total_that_does_not_fit_is_our_own_fault"
TYPES = "tests/ledger/test_types.py"
CONTRADICTS = "tests/ledger/test_bridge_quorum_contradicts.py"

RECORDS = "ledger/bridges.py"
LIMITS = "ledger/bridge_limits.py"
CHECKS = "ledger/bridge_checks.py"
SET = "ledger/transactions/bridge_routes.py"
OUT = "ledger/transactions/bridge_locks.py"
IN = "ledger/transactions/bridge_votes.py"
PAY = "ledger/transactions/bridge_payouts.py"
CLAIM = "ledger/transactions/bridge_claims.py"
WORDS = "ledger/transactions/bridge_words.py"
FORMS = "ledger/transactions/bridge_forms.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "B1", "more_is_burned_than_was_there", IN, "or burn.cumulative > circulated(route):", "or burn.cumulative < 0:", (RULES, HISTORIES)
    ),
    Mutant("B1", "refunds_are_not_counted", PAY, "refunded=route.refunded + lock.amount", "refunded=route.refunded", (RULES, HISTORIES)),
    Mutant("B1", "a_minted_lock_is_refunded", IN, 'if lock.state != "locked":', 'if lock.state == "refunded":', (RULES, HISTORIES)),
    Mutant(
        "B2", "cumulative_totals_are_not_compared", IN, "burn.cumulative != route.burned + burn.amount or", "burn.amount < 0 or", (RULES,)
    ),
    Mutant(
        "B3", "the_digest_leaves_out_the_burn", RECORDS, "encode((route_id, fact)))", "encode((route_id, fact.nonce)))", (RULES, HISTORIES)
    ),
    Mutant(
        "B3", "the_digest_of_an_expiry_has_its_block", RECORDS, "fact.lock_id, fact.deadline)))", "fact.lock_id, fact.block)))", (RULES,)
    ),
    Mutant(
        "B3",
        "two_attestors_are_enough",
        IN,
        "return saying >= threshold_of(len(self.route.attestors))",
        "return saying >= 2",
        (RULES, HISTORIES),
    ),
    Mutant(
        "B3", "a_vote_counts_twice", IN, "if (vote.by, vote.kind) != (mine.by, mine.kind) and", "if vote != mine and", (RULES, HISTORIES)
    ),
    Mutant(
        "B3",
        "digests_are_not_compared",
        IN,
        "(vote.kind, vote.digest) == (self.vote.kind, self.vote.digest)",
        "vote.kind == self.vote.kind",
        (RULES, HISTORIES),
    ),
    Mutant(
        "B4",
        "what_nobody_can_take_is_dropped",
        PAY,
        'state="released" if state == "released" else "suspense"',
        'state="released"',
        (RULES, HISTORIES),
    ),
    Mutant(
        "B4",
        "a_blocked_account_is_paid",
        PAY,
        "        restraints.check_credit(account_id, policy.code, ())",
        "        restraints.on_account(account_id)",
        (RULES,),
    ),
    Mutant(
        "B4", "a_holder_is_paid_above_its_tier", PAY, "if work.people.room(account_id, policy.code) < amount:", "if amount < 0:", (RULES,)
    ),
    Mutant(
        "B4",
        "suspense_is_claimed_without_the_operator",
        CLAIM,
        'work.signers.need(f"{OPERATOR}/{OPS}")',
        "work.signers.allow(())",
        (TYPES,),
    ),
    Mutant("B4", "suspense_is_claimed_twice", CLAIM, 'replace(release, state="released", account=to)', "release", (RULES, HISTORIES)),
    Mutant("B5", "a_refund_needs_no_quorum", CLAIM, 'if lock.state != "expired":', 'if lock.state == "nothing":', (RULES, TYPES)),
    Mutant("B5", "any_deadline_will_do", IN, "if lock.deadline != expiry.deadline:", "if lock.deadline < 0:", (TYPES,)),
    Mutant("B5", "a_block_before_the_deadline_will_do", FORMS, "if fact.block_time <= fact.deadline:", "if fact.block_time < 0:", (RULES,)),
    Mutant(
        "B4",
        "a_word_said_again_to_a_smaller_set_decides_nothing",
        IN,
        "if mine in votes and not self._agrees(together):",
        "if mine in votes:",
        ("tests/simulation_bridge/test_rotated_votes.py",),
    ),
    Mutant("B5", "an_expiry_needs_no_room_beside_burns", IN, "if agreed and route.burned <= left:", "if agreed:", (CONTRADICTS,)),
    Mutant(
        "B5",
        "an_expiry_leaves_a_unit_more_than_burns",
        IN,
        "if agreed and route.burned <= left:",
        "if agreed and route.burned < left:",
        (CONTRADICTS,),
    ),
    Mutant(
        "B5",
        "a_claimed_refund_needs_no_room",
        CLAIM,
        "if route.burned > circulated(route) - lock.amount:",
        "if route.burned < 0:",
        (CONTRADICTS,),
    ),
    Mutant(
        "B5",
        "a_refund_that_cannot_be_paid_is_counted",
        PAY,
        "pay_refund(work, route, lock)\n    return route",
        "pay_refund(work, route, lock)\n    return replace(route, refunded=route.refunded + lock.amount)",
        (RULES,),
    ),
    Mutant(
        "B6",
        "burns_are_taken_in_any_order",
        IN,
        "release = self._release(route, route.burns + 1)",
        "release = self._release(route, self.body.fact.nonce)",
        (RULES, HISTORIES),
    ),
    Mutant(
        "B6",
        "a_burn_of_another_contract",
        IN,
        "(terms.route_id, terms.chain_id, terms.bridge):",
        "(terms.route_id, terms.chain_id, burn.contract):",
        (TYPES,),
    ),
    Mutant(
        "B6",
        "a_burn_of_another_chain",
        IN,
        "(terms.route_id, terms.chain_id, terms.bridge):",
        "(terms.route_id, burn.chain_id, terms.bridge):",
        (TYPES,),
    ),
    Mutant("B6", "burns_far_ahead_fill_the_state", IN, "if burn.nonce > route.burns + BURNS_AHEAD:", "if burn.nonce < 0:", (TYPES, RULES)),
    Mutant(
        "B7", "no_day_for_locks", LIMITS, "if counted.day_out + amount > limits.day_out:", "if amount > limits.day_out:", (RULES, HISTORIES)
    ),
    Mutant(
        "B7",
        "no_day_for_releases",
        LIMITS,
        "if counted.day_in and counted.day_in + amount > limits.day_in:",
        "if amount < 0:",
        (RULES, HISTORIES),
    ),
    Mutant(
        "B7",
        "the_bucket_is_always_full",
        LIMITS,
        "full_ms = max(route.out_full_ms, now) + cost_ms",
        "full_ms = now + cost_ms",
        (RULES, HISTORIES),
    ),
    Mutant(
        "B7",
        "the_bucket_rounds_down",
        LIMITS,
        "return -(-amount * limits.bucket_ms // limits.bucket)",
        "return amount * limits.bucket_ms // limits.bucket",
        (RULES,),
    ),
    Mutant(
        "B7", "big_locks_are_signed_at_once", LIMITS, "(limits.big_delay_ms if amount >= limits.big_amount else 0)", "0", (RULES, HISTORIES)
    ),
    Mutant(
        "B7",
        "big_burns_are_paid_at_once",
        IN,
        "big = burn.amount >= limits.big_amount and",
        "big = burn.amount < 0 and",
        (RULES, HISTORIES),
    ),
    Mutant(
        "B7",
        "what_waits_is_paid_early",
        CLAIM,
        "if release.not_before_ms > work.time_ms:",
        "if release.not_before_ms < 0:",
        (RULES, HISTORIES),
    ),
    Mutant("B7", "nothing_bounds_what_is_outstanding", LIMITS, "if total > limits.outstanding or", "if total < 0 or", (TYPES, HISTORIES)),
    Mutant(
        "B7",
        "a_big_release_never_passes",
        LIMITS,
        "min(cost_ms(limits, amount), limits.bucket_ms)",
        "cost_ms(limits, amount)",
        (RULES,),
    ),
    Mutant(
        "B8",
        "a_mint_of_what_was_refunded_goes_unnoticed",
        IN,
        '        elif agreed:\n            route = replace(route, status="halted"',
        '        elif agreed and not lock:\n            route = replace(route, status="halted"',
        (RULES,),
    ),
    Mutant(
        "B8",
        "a_mint_to_somebody_else_counts",
        IN,
        "if (mint.recipient, mint.amount) != (lock.recipient, lock.amount):",
        "if mint.amount != lock.amount:",
        (TYPES,),
    ),
    Mutant("B9", "half_is_a_threshold", RECORDS, "return 2 * attestors // 3 + 1", "return attestors // 2 + 1", (RULES,)),
    Mutant("B9", "former_attestors_vote", IN, "(mine.by, mine.kind) and vote.by in now]", "(mine.by, mine.kind) and vote.by]", (ROUTES,)),
    Mutant("B9", "rotations_follow_each_other_at_once", SET, "if now < earliest:", "if now < 0:", (ROUTES, TYPES)),
    Mutant(
        "B9",
        "one_attestor_pushes_out_the_others",
        WORDS,
        "signed_key(route.id, said.by, number % SIGNATURES_KEPT)",
        'signed_key(route.id, "bank-b", number % SIGNATURES_KEPT)',
        (ROUTES,),
    ),
    Mutant("B9", "signatures_without_end", WORDS, "number % SIGNATURES_KEPT", "number", (ROUTES,)),
    Mutant("B9", "a_participant_attests_twice", FORMS, "if len(participants) != len(set(participants)):", "if not participants:", (RULES,)),
    Mutant("B9", "one_attestor_halts", RECORDS, "return (attestors - 1) // 3 + 1", "return 1", (ROUTES,)),
    Mutant(
        "B10", "an_observed_route_takes_locks", OUT, 'if route.terms.mode != "enforced":', 'if route.terms.mode == "none":', (ROUTES, TYPES)
    ),
    Mutant(
        "B10", "everybody_names_another_block", WORDS, "if seen.block % route.terms.observe_step:", "if seen.block < 0:", (ROUTES, TYPES)
    ),
    Mutant("B10", "rounds_go_back", WORDS, "or seen.block <= before.block):", "or seen.block < 0):", (ROUTES, TYPES)),
    Mutant("B10", "sightings_weigh_nothing", WORDS, "if weighed != asset:", "if weighed is None:", (ROUTES,)),
    Mutant(
        "B11",
        "an_opening_is_not_locked",
        SET,
        "work.post(movement(source, vault, terms.asset, terms.opening, 0))",
        "movement(source, vault, terms.asset, terms.opening, 0)",
        (ROUTES, TYPES),
    ),
    Mutant(
        "B11",
        "an_opening_changes",
        SET,
        'ALWAYS_FIXED = ("asset", "decimals", "mode", "opening")',
        'ALWAYS_FIXED = ("asset", "decimals", "mode")',
        (ROUTES,),
    ),
    Mutant("B11", "a_contract_is_exchanged", SET, '"route_id", "bridge", "token")', '"route_id")', (ROUTES, TYPES)),
    Mutant(
        "B11", "a_retired_route_comes_back", SET, 'elif self.old.status == "retired":', 'elif self.old.status == "gone":', (ROUTES, TYPES)
    ),
    Mutant(
        "B11", "a_retired_route_keeps_burns", IN, 'if route.status == "proposed":', 'if route.status in ("proposed", "retired"):', (ROUTES,)
    ),
    Mutant("B12", "attestors_keys_are_not_needed", SET, '!= (route.terms.mode == "enforced"):', "is None:", (TYPES,)),
    Mutant(
        "B12",
        "a_recipient_of_another_chain",
        FORMS,
        'if kind == "TVM":\n        return len(address) == TVM_BYTES and',
        'if kind == "TVM":\n        return len(address) >= 0 and',
        (ROUTES, RULES),
    ),
    Mutant(
        "B13",
        "the_whole_hash_must_fit",
        "ledger/indexes.py",
        'return f"~recipients/{recipient[:RECIPIENT_BYTES].hex()}/"',
        'return f"~recipients/{recipient.hex()}/"',
        (RULES, HISTORIES),
    ),
    Mutant(
        "B13",
        "a_recipient_without_a_tag",
        "ledger/indexes.py",
        'tagged(b"som/ref/1", account_id.encode())',
        'tagged(b"", account_id.encode())',
        (RULES,),
    ),
    Mutant(
        "L22",
        "a_pause_of_a_route_stops_nothing",
        "ledger/restraints.py",
        'for record in self._orders_on("bridge", route):',
        'for record in self._orders_on("ledger", route):',
        (ROUTES, TYPES),
    ),
    Mutant("L21", "suspense_is_spent", "ledger/transactions/work.py", "or is_suspense(account.id)", "or not account.id", (RULES,)),
    Mutant(
        "invariant 10",
        "a_vault_need_not_have_what_totals_say",
        CHECKS,
        "if balance.posted != vault_total(route) or balance.held:",
        "if balance.held:",
        (f"{HISTORIES}::test_invariant_10_a_vault_is_touched_by_nothing_else",),
    ),
    Mutant(
        "invariant 10",
        "totals_are_not_compared",
        CHECKS,
        "if not 0 <= route.released <= route.burned <= circulated or",
        "if circulated < 0 or",
        (TOTALS,),
    ),
    Mutant(
        "invariant 10", "mints_are_not_compared", CHECKS, "route.minted + route.refunded > route.locked:", "route.minted < 0:", (TOTALS,)
    ),
    Mutant("invariant 10", "totals_shrink", CHECKS, "if new < old or (new > old", "if (new > old", (TOTALS,)),
    Mutant(
        "invariant 10",
        "locks_go_back",
        CHECKS,
        "if after not in AFTER[before]:",
        "if not after:",
        (f"{HISTORIES}::test_invariant_10_a_lock_goes_its_way_once",),
    ),
)
