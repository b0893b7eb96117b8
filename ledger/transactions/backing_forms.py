"""Form of what an asset is issued against and of the facts about it: what is refused here is MALFORMED (100), on any state."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ledger.assets import vault_of
from ledger.attestations import Sighting
from ledger.errors import Malformed
from ledger.keysets import check_sorted
from ledger.names import check_account_id, check_asset_code, check_grant_id, check_participant_id

if TYPE_CHECKING:
    from ledger.assets import Policy
    from ledger.attestations import Attestation
    from ledger.reserves import Reserve

_NAME = re.compile(r"[A-Za-z0-9.-]{1,16}")
NO_RATIO_BPS = 10_000


def check_reserve_form(policy: Policy) -> None:
    """Refuse a reserve whose names are none, whose lists are not sorted, or that has fields of the other kind.

    Raises
    ------
    Malformed
        See above; or queued redemption or expiry where the kind of the reserve does not allow it.
    """
    reserve = policy.reserve
    vault = vault_of(policy) is not None
    if policy.expires is not None:
        check_account_id(policy.expires.budget_line)
        if not vault or not policy.expires.at:
            raise Malformed(reason=f"{policy.code} expires, so its reserve is locked in a vault, and at a time")
    if isinstance(reserve, str):
        return
    if reserve.lockers and reserve.kind != "foreign":
        raise Malformed(reason=f"{policy.code} is not locked on another chain: it has no lockers")
    if vault:
        _check_vault(policy, reserve)
    elif reserve.kind == "foreign":
        _check_foreign(policy, reserve)
    else:
        _check_attested(policy, reserve)


def _check_vault(policy: Policy, reserve: Reserve) -> None:
    check_asset_code(reserve.vault)
    if reserve.vault == policy.code:
        raise Malformed(reason=f"{policy.code} cannot be its own reserve")
    if reserve.terms or reserve.feeds or reserve.routes or reserve.ratio_bps != NO_RATIO_BPS:
        raise Malformed(reason=f"the vault of {policy.code} is unit for unit: ratio {NO_RATIO_BPS} bps, no terms, feeds or routes")
    if policy.queued:
        raise Malformed(reason=f"{policy.code} is paid out of its vault at once: its redemptions cannot be queued")


def _check_foreign(policy: Policy, reserve: Reserve) -> None:
    code, lockers = policy.code, reserve.lockers
    if reserve.vault or reserve.terms or reserve.feeds or reserve.routes or reserve.ratio_bps != NO_RATIO_BPS:
        raise Malformed(reason=f"{code} is locked abroad unit for unit: ratio {NO_RATIO_BPS} bps, no vault, terms, feeds or routes")
    if not lockers:
        raise Malformed(reason=f"{code} is locked abroad: its reserve says where (lockers)")
    check_sorted([locker.name for locker in lockers], f"the lockers of {code} (by name)")
    if len({(locker.chain, locker.contract) for locker in lockers}) != len(lockers):
        raise Malformed(reason=f"two lockers of {code} are one contract: what it locks would count twice")
    for locker in lockers:
        _check_name(locker.name)
        _check_name(locker.chain)
        _check_sources(locker.sources, f"locker {locker.name} of {code}")


def _check_attested(policy: Policy, reserve: Reserve) -> None:
    code = policy.code
    if reserve.vault:
        raise Malformed(reason=f"the reserve of {code} is attested: no vault")
    check_sorted([terms.type for terms in reserve.terms], f"the terms of {code} (by type)")
    check_sorted([feed.name for feed in reserve.feeds], f"the feeds of {code} (by name)")
    check_sorted([route.id for route in reserve.routes], f"the routes of {code} (by id)")
    names = [feed.name for feed in reserve.feeds]
    for terms in reserve.terms:
        _check_name(terms.type)
        if terms.feed and terms.feed not in names:
            raise Malformed(reason=f"terms {terms.type} of {code} name feed {terms.feed}, which it does not have")
    for feed in reserve.feeds:
        for name in (feed.name, feed.base, feed.quote):
            _check_name(name)
        _check_sources(feed.sources, f"feed {feed.name} of {code}")
    for route in reserve.routes:
        check_grant_id(route.id)
        _check_sources(route.sources, f"route {route.id} of {code}")


def _check_sources(sources: tuple[str, ...], what: str) -> None:
    for source in sources:
        check_participant_id(source)
    check_sorted(sources, f"the sources of {what}")
    if len(sources) % 2 == 0:
        raise Malformed(reason=f"{what} has {len(sources)} sources: an odd number has a middle one")


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise Malformed(reason=f"{name!r} is no name: one to sixteen of A-Z, a-z, 0-9, '.' and '-'")


def check_fact_form(said: Attestation) -> None:
    """Refuse a fact about an asset whose subject is none or whose value is no number.

    Raises
    ------
    Malformed
        See above; or it would end before it begins.
    """
    asset, _, name = said.subject.partition(":")
    check_asset_code(asset)
    check_grant_id(name)
    if not isinstance(said.value, int) and not (said.kind == "foreign" and isinstance(said.value, Sighting)):
        raise Malformed(reason=f"an attestation of kind {said.kind} has a number as its value, of a route perhaps a sighting")
    if isinstance(said.value, Sighting) and not any(said.value.block_hash):
        raise Malformed(reason="a sighting names the hash of its block")
    if said.kind == "reserve":
        check_grant_id(said.id)
    elif said.id != said.subject:
        raise Malformed(reason=f"the id of an attestation of kind {said.kind} is its subject")
    if said.kind == "price" and not said.value:
        raise Malformed(reason="a price of 0 is none")
    if said.valid_until and said.valid_until <= said.as_of:
        raise Malformed(reason="the attestation ends before it begins")
