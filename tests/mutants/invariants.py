"""A deliberate bug per invariant of section 7 (10 comes with the bridge); those of 8, 9, 12 to 14 and 17 also stand in `ledger_*.py`."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

INVARIANTS = "tests/ledger/test_invariants.py"
BACKING = "tests/ledger/test_backing_invariants.py"
EPOCHS = "tests/ledger/test_epoch_states.py"
EXECUTE = "tests/ledger/test_execute.py"
HOLDS = "tests/ledger/test_hold_rules.py"
KEYS = "tests/ledger/test_key_rules.py"
MONEY = "tests/ledger/test_money_rules.py"
SNAPSHOT = "tests/node/test_snapshot.py"
VIEWS = "tests/ledger/test_views.py"

CHECKS = "ledger/invariants.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "invariant 1",
        "a_redemption_leaves_the_contra_account",
        "ledger/transactions/supply.py",
        "entries = list(movement(body.source, contra_of(policy.issuer, body.asset), body.asset, body.amount, 0))",
        "entries = list(movement(body.source, f'{policy.issuer}/fee:{body.asset}', body.asset, body.amount, 0))",
        (INVARIANTS,),
    ),
    Mutant(
        "invariant 2",
        "any_type_may_redeem",
        "ledger/backing_checks.py",
        "or (after.redeemed != redeemed and type_ not in MAY_REDEEM):",
        "or (after.redeemed != redeemed and not type_):",
        (BACKING,),
    ),
    Mutant(
        "invariant 3",
        "a_void_frees_the_hold_and_not_its_fee",
        "ledger/expiry.py",
        "return Entry(hold.source, hold.asset, 0, -(hold.left + hold.fee_left), 0)",
        "return Entry(hold.source, hold.asset, 0, -hold.left, 0)",
        (INVARIANTS,),
    ),
    Mutant(
        "invariant 4",
        "what_is_due_is_swept_a_minute_late",
        "ledger/expiry.py",
        'due = overlay.scan("~due/", due_key(context.time_ms + 1, ""), most + 1)',
        'due = overlay.scan("~due/", due_key(context.time_ms - 60_000, ""), most + 1)',
        (INVARIANTS,),
    ),
    Mutant(
        "invariant 5",
        "a_refused_transaction_leaves_what_it_changed",
        "ledger/state.py",
        "            if known:\n                changes[key] = record\n                continue\n",
        "            if known:\n                continue\n",
        (INVARIANTS, KEYS),
    ),
    Mutant(
        "invariant 6",
        "the_first_leg_that_fails_gives_the_code",
        "ledger/transactions/payments.py",
        "    return refusal.code, refusal.leg or 0",
        "    return refusal.leg or 0, refusal.code",
        (INVARIANTS, MONEY),
    ),
    Mutant(
        "invariant 7",
        "fees_are_rounded_up",
        "ledger/fees.py",
        "rule.fixed + amount * rule.bps // BPS))",
        "rule.fixed - -amount * rule.bps // BPS))",
        (INVARIANTS,),
    ),
    Mutant(
        "invariant 11",
        "a_larger_haircut_is_worth_more",
        "ledger/backing.py",
        "after = quantity * (BPS - haircut_bps)",
        "after = quantity * (BPS + haircut_bps)",
        (BACKING,),
    ),
    Mutant(
        "invariant 15",
        "a_quota_has_no_end",
        "ledger/grant_rules.py",
        "if used + amount > quota.amount:",
        "if amount > quota.amount:",
        (INVARIANTS,),
    ),
    Mutant(
        "invariant 16",
        "who_is_debited_need_not_agree",
        "ledger/transactions/payments.py",
        "            for member in self.members.values():\n                signers.need(member)\n",
        "            signers.allow(self.members.values())\n",
        (INVARIANTS,),
    ),
    Mutant(
        "invariant 18",
        "a_transaction_takes_effect_twice",
        "ledger/references.py",
        "    if used is not None and is_remembered(used, context.time_ms):",
        "    if used is not None and used.tx_id != tx.tx_id:",
        (INVARIANTS,),
    ),
    Mutant(
        "invariant 19",
        "entries_in_the_order_of_a_set",
        "ledger/transactions/__init__.py",
        "outcome = Outcome(OK, None, work.codes, tuple(work.entries), ",
        "outcome = Outcome(OK, None, work.codes, tuple(set(work.entries)), ",
        (EXECUTE,),
    ),
    Mutant(
        "invariant 20",
        "a_snapshot_forgets_how_many_references_live",
        "node/snapshot_install.py",
        "_put_indexes(batch, check.counts())",
        "_put_indexes(batch, {})",
        (SNAPSHOT,),
    ),
    Mutant(
        "invariant 21",
        "what_is_removed_stays_in_the_replay",
        "ledger/views.py",
        "            if write.value is None:\n                del now[write.key]\n",
        "            if write.value is None:\n                now[write.key] = b''\n",
        (VIEWS,),
    ),
    Mutant(
        "invariant 22",
        "who_is_paid_sees_everything",
        "ledger/views.py",
        "                part = (CREDITED, (envelope_head(tx), credits_of(tx, outcome, participant)))\n",
        "                part = shown\n",
        (VIEWS,),
    ),
    Mutant(
        "invariant 23",
        "an_epoch_need_not_begin_where_the_last_one_ended",
        "ledger/epoch_checks.py",
        "if epochs[0].base or any(one.end != other.base for one, other in pairwise(epochs)):",
        "if epochs[0].base:",
        (EPOCHS,),
    ),
    Mutant(
        "invariant 24",
        "a_hold_settles_without_its_last_fee",
        "ledger/transactions/reservations.py",
        "fee_left = fee_of(hold.fee_rule, hold.amount) - fee_of(hold.fee_rule, hold.amount - left)",
        "fee_left = hold.fee_left if left else 0",
        (INVARIANTS, HOLDS),
    ),
)
