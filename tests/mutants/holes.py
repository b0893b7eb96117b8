"""The rule behind each known hole, and behind each way round a limit or an arrest, taken out: the test that is named after it must fail."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

HOLE = "tests/ledger/test_holes.py::test_hole_"
WAY = "tests/ledger/test_holes_round.py::test_way_"

MONEY = "ledger/money.py"
LIMITS = "ledger/limits.py"
ORDERS = "ledger/transactions/orders.py"
PAY = "ledger/transactions/payments.py"
RESERVE = "ledger/transactions/reservations.py"
RESTRAINTS = "ledger/restraints.py"
SUPPLY = "ledger/transactions/supply.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "L20",
        "the_word_of_the_issuer_is_enough",
        SUPPLY,
        "        check_backing(asset.policy, reserve, worth, asset.supply)\n",
        "",
        (HOLE + "issue_without_cap_or_reserve_check",),
    ),
    Mutant(
        "L20",
        "a_cap_is_a_wish",
        SUPPLY,
        "if policy.cap is not None and supply > policy.cap:",
        "if policy.cap is not None and supply > 2 * policy.cap:",
        (HOLE + "issue_without_cap_or_reserve_check",),
    ),
    Mutant(
        "L11",
        "a_seizure_pays_whoever_is_frozen",
        ORDERS,
        "        self.restraints.check_credit(order.seize_to, self._paid_in(), ())\n",
        "",
        (HOLE + "a_blacklisted_account_that_can_still_receive",),
    ),
    Mutant(
        "L11",
        "the_beneficiary_may_be_nobody",
        ORDERS,
        '            check_spendable(target, "seizures")\n',
        "",
        (HOLE + "a_clawback_that_burns",),
    ),
    Mutant(
        "L24",
        "a_key_that_left_counts_for_ever",
        "ledger/keysets.py",
        '        if key not in new:\n            overlay.put(f"key/{key.hex()}", None)\n',
        "        if key not in new:\n            pass\n",
        (HOLE + "keys_that_can_never_change",),
    ),
    Mutant(
        "L13",
        "a_signature_covers_the_head_of_an_envelope",
        "ledger/codec.py",
        'return sha256(b"som/tx/1" + envelope).digest()',
        'return sha256(b"som/tx/1" + envelope[:64]).digest()',
        (HOLE + "an_attested_message_that_leaves_out_payee_and_currency",),
    ),
    Mutant(
        "L8",
        "any_hold_of_the_amount_is_settled",
        RESERVE,
        "    hold = work.overlay.get(hold_key(hold_id))\n",
        '    hold = work.overlay.get(hold_key(hold_id)) or work.overlay.get(work.overlay.scan("~due/", "~due0", 1)[0].split("/", 2)[2])\n',
        (HOLE + "matching_by_amount_instead_of_id",),
    ),
    Mutant(
        "L27",
        "a_freeze_goes_with_the_power_to_freeze",
        "ledger/transactions/assets.py",
        "any(power not in policy.powers for power in old.policy.powers)",
        "any(power not in policy.powers for power in ())",
        (HOLE + "a_freeze_lifted_silently",),
    ),
    Mutant(
        "L16",
        "a_leg_that_fails_stops_itself_only",
        PAY,
        '        if refused and self.body.mode == "atomic":\n',
        '        if refused and self.body.mode == "atomic" and len(refused) == len(self.body.legs):\n',
        (HOLE + "settlement_that_can_stop_after_one_leg",),
    ),
    Mutant(
        "L19",
        "what_has_lapsed_is_held_until_its_turn",
        "ledger/expiry.py",
        "    if not overlay.due_left:\n        return []\n",
        "    if overlay.due_left:\n        return []\n",
        (HOLE + "reservations_shown_after_expiry",),
    ),
    Mutant(
        "L17",
        "each_part_is_rounded_by_itself",
        RESERVE,
        "fee_left = fee_of(hold.fee_rule, hold.amount) - fee_of(hold.fee_rule, hold.amount - left)",
        "fee_left = hold.fee_left - fee_of(hold.fee_rule, amount)",
        (HOLE + "a_fee_that_leaves_residue_in_a_hold",),
    ),
    Mutant(
        "L18",
        "a_wrap_is_no_payment",
        SUPPLY,
        "            work.people.spend([Debit(body.source, vault[0], vault[1], body.amount, 0)])\n",
        "",
        (WAY + "round_a_limit_by_wrap",),
    ),
    Mutant(
        "L18",
        "an_unwrap_lifts_above_the_limit",
        SUPPLY,
        "        if amount <= room:\n            return list(movement(account, to, locked, amount, 0))\n",
        "        if amount > 0:\n            return list(movement(account, to, locked, amount, 0))\n",
        (WAY + "round_a_balance_limit_by_wrap_and_unwrap",),
    ),
    Mutant(
        "L31",
        "arrested_value_is_wrapped",
        SUPPLY,
        "self.work.check_moves(paid, [(body.to, body.asset)], ())",
        "self.work.check_moves([], [(body.to, body.asset)], ())",
        (WAY + "round_an_arrest_by_wrap",),
    ),
    Mutant(
        "L18",
        "returns_from_any_wallet",
        "ledger/returns.py",
        "if (leg.debit, leg.credit, leg.asset) != (record.credit, record.debit, record.asset):",
        "if (leg.credit, leg.asset) != (record.debit, record.asset):",
        (WAY + "round_a_limit_by_returns",),
    ),
    Mutant(
        "L31",
        "an_arrest_lets_returns_pass",
        PAY,
        "        if self.work.restraints is not None:\n            self.work.gross = ",
        "        if self.work.restraints is not None and self.returned is None:\n            self.work.gross = ",
        (WAY + "round_an_arrest_by_returns",),
    ),
    Mutant(
        "L16",
        "what_comes_in_beside_it_is_not_spent",
        PAY,
        "work.people.spend([_debit(index, leg, leg.amount + leg.fee) for index, leg in enumerate(legs)])",
        "work.people.spend([_debit(at, leg, leg.amount) for at, leg in enumerate(legs) if all(leg.debit != each.credit for each in legs)])",
        (WAY + "round_a_limit_by_netting",),
    ),
    Mutant(
        "L31",
        "arrests_look_at_single_legs",
        PAY,
        "self.work.gross = self.work.restraints.gross(dict.fromkeys((leg.debit, leg.asset) for leg in self.body.legs))",
        "self.work.gross = self.work.restraints.gross([(leg.debit, leg.asset) for leg in self.body.legs if not self.body.legs[1:]])",
        (WAY + "round_an_arrest_by_netting",),
    ),
    Mutant(
        "L18",
        "room_of_a_day_is_carried_on",
        LIMITS,
        "    if hold.window == today:\n",
        "    if hold.window <= today:\n",
        (WAY + "round_a_limit_by_a_void_on_a_later_day",),
    ),
    Mutant(
        "L31",
        "an_arrest_lasts_a_day",
        RESTRAINTS,
        "        if not has_lapsed(record.order.until, time_ms):\n",
        "        if not has_lapsed(record.order.until or record.time_ms + 86_400_000, time_ms):\n",
        (WAY + "round_an_arrest_by_a_void_on_a_later_day",),
    ),
    Mutant(
        "L18",
        "accounts_are_opened_without_being_counted",
        "ledger/transactions/accounts.py",
        "        charge_quota(work.overlay, self.grant, 1, work.time_ms)\n        if body.pseudonym and",
        "        if body.pseudonym and",
        (WAY + "round_a_limit_by_many_anonymous_wallets",),
    ),
    Mutant(
        "L16",
        "each_pseudonym_has_a_limit_of_its_own",
        LIMITS,
        "        return record.holder.hex()\n",
        "        return account.pseudonym.hex()\n",
        (WAY + "round_a_limit_by_another_pseudonym",),
    ),
    Mutant(
        "L24",
        "a_key_may_stand_in_several_keysets",
        "ledger/keysets.py",
        '        if overlay.get(f"key/{key.hex()}") is not None:\n',
        '        if overlay.get(f"key/{key.hex()}") is not None and not role:\n',
        (WAY + "round_a_quorum_by_one_key_in_three_keysets",),
    ),
    Mutant(
        "L25",
        "anybody_vouches_for_a_merchant",
        "ledger/classes.py",
        "if not name.startswith(MERCHANT) or name.endswith(vouched)]",
        "if not name.startswith(MERCHANT) or VOUCHED_BY in name]",
        (WAY + "round_receive_classes_by_a_bank_that_awards_them_to_itself",),
    ),
    Mutant(
        "L19",
        "everything_that_is_due_goes_at_once",
        "ledger/expiry.py",
        "        if written > most and index != due[0]:\n",
        "        if written > 1_000 * most and index != due[0]:\n",
        (WAY + "to_stop_the_chain_by_100_000_holds_that_lapse_in_one_block",),
    ),
    Mutant(
        "L19",
        "the_api_shows_what_has_lapsed_until_it_is_swept",
        "node/api/lapsed.py",
        "        if hold is not None and has_lapsed(hold.until, now):\n",
        "        if hold is not None and has_lapsed(hold.until, now) and not now:\n",
        ("tests/node/test_api_holds.py",),
    ),
)
