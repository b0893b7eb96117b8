"""What an asset is issued against, broken on purpose: kinds and vaults, medians, freshness, shares, duties, rounds (L9, L18, L20, L21)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

RULES = "tests/ledger/test_backing_rules.py"
HISTORIES = "tests/ledger/test_backing_invariants.py"
TYPES = "tests/ledger/test_types.py"
ABROAD = "tests/ledger/test_foreign_rules.py"

BACKING = "ledger/backing.py"
CHECKS = "ledger/backing_checks.py"
VAULTS = "ledger/vaults.py"
LOCKERS = "ledger/lockers.py"
SUPPLY = "ledger/transactions/supply.py"
ATTEST = "ledger/transactions/attesting.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "L9", "reserves_stand_on_themselves", VAULTS, "record.policy.code == policy.code or behind > DEPTH_MAX", "behind > 99", (RULES,)
    ),
    Mutant("L9", "decimals_of_a_vault_differ", VAULTS, "record.policy.decimals != policy.decimals or", "not record.policy or", (TYPES,)),
    Mutant(
        "L9",
        "the_kind_of_a_reserve_changes",
        "ledger/transactions/assets.py",
        "if kind_and_vault(old) != kind_and_vault(new):",
        "if kind_and_vault(old) is None:",
        (RULES, TYPES),
    ),
    Mutant("L9", "what_is_locked_changes_its_decimals", VAULTS, "policy.decimals != record.policy.decimals:", "not record:", (TYPES,)),
    Mutant(
        "L18",
        "redemption_needs_cover",
        SUPPLY,
        "count_redeemed(work, body.asset, body.amount)",
        "count_redeemed(work, body.asset, body.amount * bool(Issuance._backed(self, self.asset)))",
        (RULES,),
    ),
    Mutant("L20", "cover_is_not_checked", BACKING, "    if covers(worth, reserve, supply):", "    if worth is not None:", (RULES,)),
    Mutant(
        "L20", "what_is_abroad_does_not_count", BACKING, "return (supply + worth.foreign) * reserve", "return supply * reserve", (RULES,)
    ),
    Mutant("L20", "the_ratio_does_not_count", BACKING, "worth.foreign) * reserve.ratio_bps <=", "worth.foreign) * BPS <=", (TYPES,)),
    Mutant("L20", "an_unseen_route_is_empty", BACKING, "    if worth.unseen:", "    if worth.unseen is None:", (RULES, TYPES)),
    Mutant("L20", "haircuts_are_not_taken", BACKING, "after = quantity * (BPS - haircut_bps)", "after = quantity * BPS", (RULES,)),
    Mutant("L20", "values_round_up", BACKING, "return after // BPS", "return -(-after // BPS)", (RULES,)),
    Mutant(
        "L20", "a_silent_source_is_left_out", BACKING, "else 0)\n        return sorted", "else 10**17)\n        return sorted", (RULES,)
    ),
    Mutant("L20", "the_higher_middle", BACKING, "sorted(said)[(len(said) - 1) // 2]", "sorted(said)[-1]", (RULES, HISTORIES)),
    Mutant("L20", "the_lowest_observer", BACKING, "sorted(fresh)[middle] if", "sorted(fresh)[0] if", (RULES,)),
    Mutant(
        "L20",
        "facts_never_grow_old",
        BACKING,
        "self._time_ms < fact.as_of + max_age_ms",
        "self._time_ms < fact.as_of + 10**15",
        (RULES, HISTORIES),
    ),
    Mutant("L20", "facts_never_end", BACKING, "and not has_lapsed(fact.valid_until, self._time_ms)", "and fact.valid_until >= 0", (TYPES,)),
    Mutant("L20", "auditors_without_grant_count", BACKING, "or item.attestor not in vouching", "or item.attestor is None", (RULES,)),
    Mutant("L20", "sources_without_grant_count", BACKING, "and source in reporting and", "and source is not None and", (RULES,)),
    Mutant("L20", "shares_have_no_cap", BACKING, "whole * terms_of[type_].share_max_bps // BPS)", "whole)", (RULES, HISTORIES)),
    Mutant("L20", "one_round_is_enough", BACKING, "said_before >= asset.short_since", "said_before >= 0", (RULES,)),
    Mutant("L20", "a_breach_never_counts", BACKING, 'state = "underbacked" if again or', 'state = "underbacked" if', (RULES,)),
    Mutant("L20", "facts_go_back", ATTEST, "said.as_of <= self.before.as_of", "said.as_of < 0", (RULES, TYPES)),
    Mutant("L20", "facts_from_the_future", ATTEST, "if said.as_of > now or", "if said.as_of < 0 or", (RULES, TYPES)),
    Mutant("L20", "an_item_backs_two_assets", ATTEST, "record.asset != self.code", "record.asset is None", (RULES, TYPES)),
    Mutant("L20", "anyone_is_a_source", ATTEST, "if said.by not in named.get(self.name, ()):", "if self.name not in named:", (TYPES,)),
    Mutant("L20", "items_without_end", ATTEST, "if count >= ITEMS_MAX:", "if count > ITEMS_MAX:", (TYPES,)),
    Mutant("L20", "reports_of_a_dropped_feed_stay", VAULTS, "if source not in sources and", "if source is None and", (RULES,)),
    Mutant("L20", "a_feed_changes_its_digits", VAULTS, "meaning(now) != meaning(feed)", "meaning(now) is None", (RULES,)),
    Mutant(
        "L21", "a_wrap_locks_nothing", SUPPLY, "entries += movement(body.source, vault[0]", "movement(body.source, vault[0]", (RULES, TYPES)
    ),
    Mutant(
        "L21",
        "an_unwrap_pays_nothing",
        SUPPLY,
        "entries += self._paid_out(vault, body.to)",
        "self._paid_out(vault, body.to)",
        (RULES, TYPES),
    ),
    Mutant("L21", "a_vault_asset_without_payer", BACKING, "if vault is not None and account is None:", "if vault and account:", (TYPES,)),
    Mutant(
        "L21",
        "who_pays_need_not_sign",
        SUPPLY,
        'work.signers.need(signer_now(work.overlay, source))\n\n    def perform(self) -> None:\n        """Check funds of',
        'work.signers.allow(())\n\n    def perform(self) -> None:\n        """Check funds of',
        (TYPES,),
    ),
    Mutant(
        "invariant 8",
        "vaults_are_not_compared",
        BACKING,
        "return asset.supply <= locked.posted - locked.held",
        "return locked is not None",
        (HISTORIES,),
    ),
    Mutant(
        "invariant 9", "cover_is_not_an_invariant", CHECKS, "if circulating * reserve.ratio_bps >", "if circulating < 0 >", (HISTORIES,)
    ),
    Mutant(
        "invariant 17",
        "fixed_fields_are_no_invariant",
        CHECKS,
        "fixed_of(before.policy) != fixed_of(after.policy)",
        "fixed_of(before.policy) is None",
        (HISTORIES,),
    ),
    Mutant(
        "L9", "a_locker_serves_two_assets", LOCKERS, "            if place_of(other) in mine:", "            if other in mine:", (ABROAD,)
    ),
    Mutant(
        "L9",
        "a_locker_is_called_as_a_route",
        LOCKERS,
        "if overlay.get(route_key(locker.name)) is not None:",
        "if not locker.name:",
        (TYPES,),
    ),
    Mutant(
        "L9",
        "a_route_is_called_as_a_locker",
        "ledger/transactions/bridge_routes.py",
        "if any(locker.name == self.body.id for",
        "if any(not locker.name for",
        (TYPES,),
    ),
    Mutant("L9", "a_locker_moves", LOCKERS, "place_of(now) != place_of(locker)", "place_of(now) is None", (ABROAD,)),
    Mutant("L9", "sights_of_a_dropped_locker_stay", LOCKERS, "if source not in sources and", "if source is None and", (ABROAD,)),
    Mutant(
        "L9",
        "one_contract_counts_twice",
        "ledger/transactions/backing_forms.py",
        "for locker in lockers}) != len(lockers):",
        "for locker in lockers}) > len(lockers):",
        (ABROAD,),
    ),
    Mutant("L9", "the_higher_middle_of_what_is_locked", BACKING, "sorted(said)[middle - silent]", "sorted(said)[-1]", (ABROAD,)),
    Mutant("L20", "who_is_silent_abroad_is_left_out", BACKING, "sorted(said)[middle - silent]", "sorted(said)[middle]", (ABROAD,)),
    Mutant("L20", "too_few_sights_are_enough", BACKING, "return None if silent > middle else", "return None if not said else", (ABROAD,)),
    Mutant(
        "L20",
        "sights_never_grow_old",
        BACKING,
        "source in observing and self.is_fresh(seen, locker.max_age_ms)",
        "source in observing",
        (ABROAD,),
    ),
    Mutant(
        "L20",
        "watchers_without_grant_count",
        BACKING,
        "source in observing and self.is_fresh(seen, locker.max_age_ms)",
        "self.is_fresh(seen, locker.max_age_ms)",
        (ABROAD,),
    ),
    Mutant("L20", "a_locker_not_seen_is_just_empty", BACKING, 'stale = stale or f"what locker', 'stale = "" and f"what locker', (ABROAD,)),
    Mutant(
        "L10",
        "who_issues_counts_what_is_locked",
        "ledger/grant_rules.py",
        "attesting = (*ATTESTING, LOCKED_ABROAD)",
        "attesting = ATTESTING",
        (ABROAD, TYPES),
    ),
    Mutant(
        "L10",
        "an_asset_comes_to_stand_abroad_with_its_issuer_watching",
        "ledger/transactions/assets.py",
        "if (conflict := duties_conflict(overlay, policy)) is not None:",
        "if (conflict := duties_conflict(overlay, policy)) is None and conflict is not None:",
        (ABROAD, TYPES),
    ),
)
