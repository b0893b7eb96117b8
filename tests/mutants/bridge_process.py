"""The bridge's own processes, broken on purpose: what they see, sign, send and compare (B1, B2, B3, B5 to B10)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

OBSERVE, ATTEST, MARKS, MONITOR = "bridge/observe.py", "bridge/attest.py", "bridge/marks.py", "bridge/monitor.py"
NODE, PROVIDERS, EVM, SENDER, HTTP = (
    "bridge/evm_node.py",
    "bridge/providers.py",
    "bridge/evm.py",
    "bridge/evm_sender.py",
    "bridge/http_calls.py",
)
FEES = "bridge/evm_fees.py"
TRON, TRON_NODE = "bridge/tron_chain.py", "bridge/tron_node.py"

OBSERVED = ("tests/bridge/test_observe.py",)
ATTESTED = ("tests/bridge/test_attest.py",)
SIGNED = ("tests/bridge/test_signer.py",)
COMPARED = ("tests/bridge/test_monitor.py",)
SEEN = ("tests/bridge/test_evm.py", "tests/bridge/test_asked.py")
SENT = ("tests/bridge/test_evm_sender.py",)
ON_TRON = ("tests/bridge/test_tron_chain.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "B1",
        "more_abroad_than_in_the_vault_is_well",
        MONITOR,
        "there.supply - there.others > vault_total(route)",
        "there.supply < 0",
        COMPARED,
    ),
    Mutant("B2", "a_total_is_believed", OBSERVE, "if burn.amount == 0 or burn.cumulative != burned:", "if burn.amount == 0:", OBSERVED),
    Mutant("B2", "a_minted_total_is_believed", OBSERVE, "if amount == 0 or said != minted:", "if amount == 0:", OBSERVED),
    Mutant(
        "B5", "a_lock_expires_at_its_deadline", OBSERVE, "final.time > lock.deadline), key", "final.time >= lock.deadline), key", OBSERVED
    ),
    Mutant("B5", "a_used_nonce_expires", OBSERVE, "for lock in late if not used(lock.nonce)", "for lock in late if used", OBSERVED),
    Mutant("B5", "what_is_late_is_signed", ATTEST, "and at.time_ms // 1_000 <= lock.deadline", "", ATTESTED),
    Mutant(
        "B6", "a_gap_in_burns_is_passed_over", OBSERVE, "if burn.nonce != progress.burns + 1:", "if burn.nonce <= progress.burns:", OBSERVED
    ),
    Mutant("B6", "another_block_will_do", OBSERVE, "or now.hash != progress.block_hash):", "):", OBSERVED),
    Mutant(
        "B6",
        "events_of_any_block_are_taken",
        OBSERVE,
        "if not progress.block < seen.block.number <= final.number or here",
        "if here",
        OBSERVED,
    ),
    Mutant("B6", "the_newest_block_is_final", NODE, 'self._block_of("finalized")', 'self._block_of("latest")', SEEN),
    Mutant(
        "B6",
        "a_call_is_of_the_newest_state",
        NODE,
        '"eth_call", {"to": "0x" + contract.hex(), "data": "0x" + data.hex()}, where',
        '"eth_call", {"to": "0x" + contract.hex(), "data": "0x" + data.hex()}, "latest"',
        SEEN,
    ),
    Mutant("B6", "an_event_that_was_taken_back_counts", NODE, "one.removed or len", "len", SEEN),
    Mutant("B6", "another_contract_s_event_counts", NODE, "or self._bytes(one.address, ADDRESS_BYTES) != contract:", ":", SEEN),
    Mutant("B6", "events_in_any_order", NODE, "any(a >= b for a, b in pairwise(places))", "False", SEEN),
    Mutant("B6", "an_event_of_another_block_s_hash_counts", EVM, "if block.hash != log.block_hash:", "if False:", SEEN),
    Mutant("B6", "the_first_provider_is_right", PROVIDERS, "if other != said:", "if False:", (*SEEN, *ON_TRON)),
    Mutant("B6", "one_provider_is_enough", PROVIDERS, "len(answers) < self._agree", "not answers", SEEN),
    Mutant("B6", "the_youngest_head_is_final", EVM, "self._head.move(min(", "self._head.move(max(", SEEN),
    Mutant(
        "B6",
        "finality_is_not_looked_back_at",
        PROVIDERS,
        "(again := at(before.number)).hash != before.hash",
        "(again := at(before.number)).number < 0",
        (*SEEN, *ON_TRON),
    ),
    Mutant("B6", "what_is_not_final_is_shown", PROVIDERS, "raise NotFinal(number=number, final=newest)", "return", SEEN),
    Mutant("B6", "half_a_range_is_lost", EVM, "_logs(node, contract, middle + 1, last)", "_logs(node, contract, middle + 2, last)", SEEN),
    Mutant("B6", "an_answer_has_no_limit", HTTP, "if len(body) > self._bytes_max:", "if len(body) < 0:", SEEN),
    Mutant("B6", "a_key_in_a_url_is_logged", HTTP, "self.shown = shown(url)", "self.shown = url", SEEN),
    Mutant("B6", "an_answer_to_another_request_counts", NODE, "if answer.id != self._requests:", "if False:", SEEN),
    Mutant("B6", "tron_leaves_out_a_transaction", TRON_NODE, "ids != block.transactions or", "False or", ON_TRON),
    Mutant("B6", "tron_s_newest_block_is_final", TRON_NODE, '"/walletsolidity/getnowblock"', '"/wallet/getnowblock" + ""', ON_TRON),
    Mutant(
        "B8",
        "a_mint_without_its_lock_is_well",
        OBSERVE,
        "(mint.nonce, mint.lock_id, mint.recipient, mint.amount):",
        "(mint.nonce, mint.lock_id, mint.recipient, lock.amount):",
        OBSERVED,
    ),
    Mutant(
        "B8",
        "more_minted_than_locked_is_well",
        MONITOR,
        "there.minted > route.locked - route.refunded",
        "there.minted > route.locked",
        COMPARED,
    ),
    Mutant("B8", "more_released_than_burned_is_well", MONITOR, "if route.released > there.burned or", "if", COMPARED),
    Mutant("B8", "any_supply_is_well", MONITOR, "!= there.opening + there.minted - there.burned:", "< 0:", COMPARED),
    Mutant("B8", "more_attested_than_locked_is_well", MONITOR, "there.attested_locked > route.locked or", "False or", COMPARED),
    Mutant("B8", "a_slow_node_stops_the_route", MONITOR, "if there.at.number < burns_to:", "if there.at.number < 0:", COMPARED),
    Mutant("B8", "a_slow_ledger_stops_the_route", MONITOR, "if here.time_ms // 1_000 < there.at.time:", "if False:", COMPARED),
    Mutant("B8", "tron_s_state_of_another_block_counts", TRON, "if not all(keeps(log)", "if not any(keeps(log) or True", ON_TRON),
    Mutant("B9", "a_mark_lets_another_digest_pass", MARKS, "if key == mark and signed == made:", "if key == mark:", SIGNED),
    Mutant("B9", "a_mark_falls", MARKS, "if key <= mark:", "if key == mark:", SIGNED),
    Mutant("B9", "a_nonce_is_signed_twice", MARKS, "elif bytes(held) != core:", "elif bytes(held) == b'':", SIGNED),
    Mutant("B9", "a_redeployed_contract_is_signed_for", MARKS, "elif bytes(held) != separator:", "elif not bytes(held):", SIGNED),
    Mutant(
        "B10",
        "attestors_sight_any_block",
        OBSERVE,
        "return final.number - final.number % terms.observe_step",
        "return final.number",
        OBSERVED,
    ),
    Mutant("B7", "a_big_lock_is_pending_at_once", ATTEST, "lock.sign_from_ms <= at.time_ms and", "", ATTESTED),
    Mutant(
        "B2",
        "a_message_is_sent_at_every_look",
        SENDER,
        "if flight is not None and self._now() - flight.sent < RESEND_SECONDS:",
        "if False and flight is not None:",
        SENT,
    ),
    Mutant(
        "B2",
        "a_stuck_transaction_is_sent_as_it_was",
        SENDER,
        "floor = raised(replaced.price) if replaced is not None else None",
        "floor = replaced.price if replaced is not None else None",
        SENT,
    ),
    Mutant("B2", "a_transaction_has_no_ceiling", FEES, "min(limits.fee, limits.cost // gas)", "limits.fee", SENT),
    Mutant("B2", "a_unit_of_gas_has_no_ceiling", FEES, "min(limits.fee, limits.cost // gas)", "limits.cost // gas", SENT),
    Mutant("B2", "the_headroom_is_over_the_ceiling", FEES, "return Price(min(most, ceiling), tip)", "return Price(most, tip)", SENT),
    Mutant(
        "B2", "only_the_tip_is_raised", FEES, "most = max(HEADROOM * market.base + tip, least)", "most = HEADROOM * market.base + tip", SENT
    ),
    Mutant("B2", "a_base_fee_is_not_offered", FEES, "if market.base is None:", "if market.suggested >= 0:", SENT),
    Mutant("B2", "the_chain_is_not_signed_in_a_transaction", SENDER, "parity + 35 + 2 * chain_id", "parity + 27", SENT),
    Mutant("B2", "tron_sends_before_the_first_expired", TRON, "<= flight.expires_ms:", "<= 0:", ON_TRON),
    Mutant("B2", "tron_burns_any_fee", TRON, "if limit > self._fee_limit_max:", "if limit < 0:", ON_TRON),
)
