"""The ledger's authority broken on purpose: duties, keys, grants, and the document that everything begins with (L10, L24, L25, L28)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

AUTHORITY = "tests/ledger/test_authority_rules.py"
ENVELOPE = "tests/ledger/test_envelope_rules.py"
GENESIS = "tests/ledger/test_genesis.py"
HOLDS = "tests/ledger/test_hold_rules.py"
TYPES = "tests/ledger/test_types.py"

GRANTS = "ledger/grant_rules.py"
GIVING = "ledger/transactions/grants.py"
KEYSETS = "ledger/keysets.py"
SIGNERS = "ledger/authority.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant("L10", "115_is_not_checked", GIVING, "        if conflict is not None:\n            raise conflict\n", "", (AUTHORITY,)),
    Mutant(
        "L10",
        "seats_in_a_quorum_do_not_count",
        GRANTS,
        "(grant.to, *(servicer_of(member) for member in members_of(grant)))",
        "(grant.to,)",
        (AUTHORITY,),
    ),
    Mutant(
        "L10",
        "a_grant_for_all_assets_conflicts_with_none",
        GRANTS,
        'if "" not in (grant.scope.asset, other.scope.asset) and grant',
        "if grant",
        (AUTHORITY,),
    ),
    Mutant(
        "L10", "prices_may_be_attested_by_who_issues", GRANTS, '("attest.reserve", "attest.price")', '("attest.reserve",)', (AUTHORITY,)
    ),
    Mutant(
        "L10",
        "post_state_does_not_see_duties",
        "ledger/invariants.py",
        "        raise InvariantBroken(invariant=15, detail=str(conflict))",
        "        return",
        (AUTHORITY,),
    ),
    Mutant(
        "L24", "a_key_may_stand_in_two_keysets", KEYSETS, 'if overlay.get(f"key/{key.hex()}") is not None:', "if overlay is None:", (TYPES,)
    ),
    Mutant(
        "L24",
        "new_keys_need_not_sign",
        SIGNERS,
        "if any(key.public_key not in signed for key in new.keys if key.public_key not in known):",
        "if signed is None:",
        (TYPES,),
    ),
    Mutant(
        "L24",
        "the_current_keyset_need_not_agree",
        SIGNERS,
        '        if current is not None:\n            self.need(f"{owner}/{current.name}")\n',
        '        if current is not None:\n            self.allow((f"{owner}/{current.name}",))\n',
        (TYPES, AUTHORITY),
    ),
    Mutant(
        "L24",
        "expired_keys_count",
        SIGNERS,
        "return key.not_after == 0 or time_ms < key.not_after",
        "return key.not_after >= 0",
        (ENVELOPE,),
    ),
    Mutant("L24", "a_keyset_may_end_tomorrow", KEYSETS, "key.not_after > time_ms + LASTING_MS", "key.not_after > time_ms", (TYPES,)),
    Mutant(
        "L24",
        "old_keys_stay_registered",
        KEYSETS,
        "        if key not in new:\n            overlay.put",
        "        if not key:\n            overlay.put",
        (AUTHORITY,),
    ),
    Mutant(
        "L24",
        "a_brought_key_agrees_for_the_current_keyset",
        SIGNERS,
        "            if has_key(keyset, public_key, self._time_ms):",
        "            if has_key(keyset, public_key, self._time_ms) or public_key in self._brought[1]:",
        (AUTHORITY,),
    ),
    Mutant(
        "L25", "one_keyset_is_a_quorum", GRANTS, "if signers.agrees(member)) >= needed", "if signers.agrees(member)) >= 1", (AUTHORITY,)
    ),
    Mutant("L25", "the_last_grant_is_used", GRANTS, "    for record in fitting:", "    for record in reversed(fitting):", (AUTHORITY,)),
    Mutant(
        "L25",
        "quota_is_not_counted",
        GRANTS,
        "    overlay.put(grant_key(record.grant.id), GrantRecord(record.grant, record.giver, window, used + amount))\n",
        "",
        (AUTHORITY,),
    ),
    Mutant("L25", "quota_never_resets", GRANTS, "record.used if record.window == window else 0", "record.used", (AUTHORITY,)),
    Mutant(
        "L25",
        "quota_is_charged_before_it_is_known",
        "ledger/transactions/supply.py",
        "        charge_quota(work.overlay, self.grant, body.amount, work.time_ms)\n",
        "",
        (AUTHORITY,),
    ),
    Mutant(
        "L25", "grants_begin_at_once", GRANTS, "return grant.not_before <= time_ms and not has_lapsed", "return not has_lapsed", (TYPES,)
    ),
    Mutant(
        "L25",
        "grants_never_end",
        GRANTS,
        "return grant.not_before <= time_ms and not has_lapsed(grant.until, time_ms)",
        "return grant.not_before <= time_ms",
        (TYPES,),
    ),
    Mutant("L25", "scope_of_asset_is_ignored", GRANTS, '        and scope.asset in ("", wanted.asset)\n', "", (TYPES,)),
    Mutant("L25", "scope_of_participant_is_ignored", GRANTS, '        and scope.participant in ("", wanted.participant)\n', "", (TYPES,)),
    Mutant("L25", "scope_of_account_is_ignored", GRANTS, '        and scope.account in ("", wanted.account)\n', "", (TYPES,)),
    Mutant("L25", "any_bank_licence_will_do", GRANTS, '        and wanted.to in ("", grant.to)\n', "", (TYPES,)),
    Mutant(
        "L25",
        "the_issuer_gives_issue",
        GIVING,
        "if grant.permission in (*ATTESTING, *OBSERVING, APPROVE) and",
        'if grant.permission in (*ATTESTING, *OBSERVING, "issue") and',
        (AUTHORITY,),
    ),
    Mutant(
        "L25",
        "anybody_ends_a_grant",
        GIVING,
        "            if agreeing is None:\n                raise\n",
        "            if agreeing is None:\n                return\n",
        (AUTHORITY,),
    ),
    Mutant(
        "L25",
        "the_last_root_can_be_ended",
        GIVING,
        'if self.record.grant.permission == "root":',
        'if self.record.grant.permission == "":',
        (AUTHORITY,),
    ),
    Mutant(
        "L25", "quorum_of_nobody", GIVING, 'raise BadKeyset(owner=owner, keyset=keyset, reason="it does not exist")', "continue", (TYPES,)
    ),
    Mutant(
        "L25",
        "suspended_participants_agree",
        SIGNERS,
        'isinstance(participant, Participant) and participant.status == "active"\n        account',
        "isinstance(participant, Participant)\n        account",
        (AUTHORITY,),
    ),
    Mutant(
        "L25",
        "a_servicer_signs_for_accounts_with_keys",
        SIGNERS,
        "    if account.keyset:\n        return f",
        "    if account.keyset is None:\n        return f",
        (TYPES, AUTHORITY),
    ),
    Mutant(
        "L25",
        "accounts_open_without_their_servicer",
        "ledger/transactions/accounts.py",
        '        work.signers.need(f"{self.servicer}/{OPS}")\n',
        "",
        (TYPES, AUTHORITY),
    ),
    Mutant(
        "L17",
        "fixed_fields_change",
        "ledger/transactions/assets.py",
        "        if old is not None and old.issued:",
        "        if old is not None and old.supply < 0:",
        (TYPES,),
    ),
    Mutant(
        "L7",
        "cap_is_not_checked",
        "ledger/transactions/supply.py",
        "policy.cap is not None and supply > policy.cap",
        "policy.cap is not None and supply < 0",
        (TYPES,),
    ),
    Mutant(
        "L7",
        "cap_below_supply",
        "ledger/transactions/assets.py",
        "policy.cap is not None and policy.cap < supply",
        "policy.cap is not None and policy.cap < 0",
        (TYPES,),
    ),
    Mutant(
        "L28",
        "a_validator_without_view_key",
        "ledger/genesis_rules.py",
        "if validator.participant not in receiving:",
        "if not receiving:",
        (GENESIS,),
    ),
    Mutant(
        "L28",
        "view_key_for_a_stranger",
        "ledger/genesis_rules.py",
        "            if owner is None:\n                raise",
        '            if owner == "":\n                raise',
        (GENESIS,),
    ),
    Mutant(
        "L10",
        "genesis_mixes_duties",
        "ledger/genesis_rules.py",
        "            if conflict is not None:\n                raise conflict\n",
        "",
        (GENESIS,),
    ),
    Mutant(
        "L25",
        "genesis_without_root",
        "ledger/genesis_rules.py",
        "            check_root(self.overlay, genesis.time_ms)",
        "            pass",
        (GENESIS,),
    ),
    Mutant(
        "L4",
        "genesis_signatures_are_not_verified",
        "ledger/genesis.py",
        "        if not verify(bytes.fromhex(each.public_key), message, bytes.fromhex(each.signature)):",
        "        if not message:",
        (GENESIS,),
    ),
    Mutant(
        "L13",
        "genesis_signed_by_too_few",
        "ledger/genesis.py",
        "    if missing:\n",
        "    if not missing and missing_signers is None:\n",
        (GENESIS,),
    ),
    Mutant(
        "L5",
        "a_node_key_may_be_a_key_of_people",
        "ledger/transactions/registry.py",
        "        move_keys(overlay, new.id, NODE_ROLE, old.node_keys if old else (), new.node_keys)\n",
        "",
        (TYPES,),
    ),
    Mutant(
        "L19",
        "closing_forgets_its_holds",
        "ledger/transactions/accounts.py",
        "    if account.holds:",
        "    if account.holds < 0:",
        (TYPES,),
    ),
    Mutant(
        "L7",
        "closing_destroys_value",
        "ledger/transactions/accounts.py",
        "        elif balance is not None:",
        "        elif balance is NOTHING:",
        (TYPES,),
    ),
    Mutant(
        "L21",
        "contra_follows_no_issuer",
        "ledger/transactions/assets.py",
        '            put_asset_accounts(overlay, old.policy, "closed")\n',
        "            pass\n",
        (HOLDS,),
    ),
)
