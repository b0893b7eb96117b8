"""Which assets may back another one, and the accounts that an asset has (L9, L21): reserves form no cycle, one vault serves one asset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.accounts import Account
from ledger.assets import Asset, vault_of
from ledger.backing_errors import VaultRule
from ledger.errors import Closed, ConditionNotMet, FixedField, NoAccount, NoAsset, WrongKind
from ledger.indexes import put_indexed
from ledger.lockers import check_lockers
from ledger.names import contra_of, fee_account_of, is_suspense
from ledger.reserves import SOURCES_MAX, report_key

if TYPE_CHECKING:
    from ledger.accounts import AccountKind, AccountStatus
    from ledger.assets import Policy
    from ledger.reserves import Feed
    from ledger.state import Overlay

DEPTH_MAX = 8
"""Assets that may stand one behind the other."""
BUDGET_KINDS = ("settlement", "clearing")


def check_reserve(overlay: Overlay, policy: Policy) -> None:
    """Refuse a vault of an asset that cannot back this one, and a locker that backs another one.

    Raises
    ------
    NoAsset
        There is no such asset.
    VaultRule
        It has other decimals, it expires, or it is backed, however far back, by this asset itself.
    Exists
        As `check_lockers`.

    Source: ledger/README.md, L9.
    """
    check_lockers(overlay, policy)
    vault = vault_of(policy)
    behind = 0
    while vault is not None:
        record = overlay.get("asset/" + vault[1])
        if not isinstance(record, Asset):
            raise NoAsset(asset=vault[1])
        behind += 1
        if record.policy.code == policy.code or behind > DEPTH_MAX:
            raise VaultRule(asset=policy.code, reason=f"its reserve would come back to itself, or stand on more than {DEPTH_MAX} others")
        if record.policy.decimals != policy.decimals or record.policy.expires is not None:
            raise VaultRule(asset=policy.code, reason=f"{record.policy.code} has other decimals, or it expires")
        vault = vault_of(record.policy)


def check_backs(overlay: Overlay, policy: Policy) -> None:
    """Refuse a change of an asset that is locked in a vault into one that could not be.

    Raises
    ------
    VaultRule
        It would expire, or have other decimals than an asset that it backs.
    """
    for index in overlay.scan("~assets/", "~assets/~", 1_024):
        record = overlay.get("asset/" + index.removeprefix("~assets/"))
        vault = vault_of(record.policy) if isinstance(record, Asset) else None
        if not isinstance(record, Asset) or vault is None or vault[1] != policy.code:
            continue
        if policy.expires is not None or policy.decimals != record.policy.decimals:
            raise VaultRule(asset=policy.code, reason=f"it backs {record.policy.code}, so it cannot expire or have other decimals")


def check_expiry(overlay: Overlay, policy: Policy, time_ms: int) -> None:
    """Refuse an end that is past, and a budget line that cannot take what is left.

    Raises
    ------
    NoAccount, Closed, WrongKind
        The budget line does not exist, takes nothing, or is of people.
    ConditionNotMet
        The end has passed.
    """
    expires = policy.expires
    if expires is None:
        return
    line = overlay.get("account/" + expires.budget_line)
    if not isinstance(line, Account):
        raise NoAccount(account=expires.budget_line)
    if line.status != "open":
        raise Closed(account=line.id, status=line.status)
    if line.kind not in BUDGET_KINDS or is_suspense(line.id):
        raise WrongKind(subject=line.id, kind=line.kind, action="budget lines")
    if expires.at <= time_ms:
        raise ConditionNotMet(subject=policy.code, condition="an end that is to come")


def check_feeds(overlay: Overlay, old: Policy, new: Policy) -> None:
    """Forget what was reported of feeds that are gone; refuse a feed that means something else than the one of its name did.

    Raises
    ------
    FixedField
        Its base, quote, unit or decimals would change: old reports would be read as what nobody said.
    """
    kept = {feed.name: feed for feed in feeds_of(new)}
    for feed in feeds_of(old):
        now = kept.get(feed.name)
        if now is not None and meaning(now) != meaning(feed):
            raise FixedField(field=f"feed {feed.name}", subject=f"asset {old.code}")
        sources = () if now is None else now.sources
        for source in feed.sources[:SOURCES_MAX]:
            key = report_key(old.code, feed.name, source)
            if source not in sources and overlay.get(key) is not None:
                overlay.put(key, None)


def feeds_of(policy: Policy) -> tuple[Feed, ...]:
    """Return the feeds that a policy defines."""
    return () if isinstance(policy.reserve, str) else policy.reserve.feeds


def meaning(feed: Feed) -> tuple[str, str, int, int]:
    """Return what a number reported to a feed says."""
    return feed.base, feed.quote, feed.unit, feed.decimals


def accounts_of(policy: Policy) -> dict[str, AccountKind]:
    """Accounts that belong to an asset, and their kinds (L7, L17, L21)."""
    kinds: dict[str, AccountKind] = {
        contra_of(policy.issuer, policy.code): "contra",
        fee_account_of(policy.issuer, policy.code): "fee",
    }
    vault = vault_of(policy)
    if vault is not None:
        kinds[vault[0]] = "vault"
    return kinds


def put_asset_accounts(overlay: Overlay, policy: Policy, status: AccountStatus) -> None:
    """Open the accounts of an asset; or close them, where another policy takes over before anything was issued."""
    for account_id, kind in accounts_of(policy).items():
        known = overlay.get("account/" + account_id)
        if not isinstance(known, Account) or known.status != status:
            put_indexed(overlay, "account/" + account_id, Account(account_id, kind, b"", "", status, (), 0))


def has_ended(policy: Policy, time_ms: int) -> bool:
    """Whether only the sweep may move an asset at a block time."""
    return policy.expires is not None and policy.expires.at <= time_ms


def check_not_ended(policy: Policy, time_ms: int) -> None:
    """Refuse to move an asset that has expired.

    Raises
    ------
    Closed
        It has.
    """
    if has_ended(policy, time_ms):
        raise Closed(account=policy.code, status="expired")
