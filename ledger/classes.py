"""Classes of accounts, and the patterns that policies and grants name them by (L25).

A class says what an account is for: `mcc:8211`, `school`. Its servicer gives it, as far as the grant `wallet` allows. With a voucher,
`mcc:8211@treasury`, that participant has agreed to it. A pattern is a class without voucher, or its beginning and a star: `mcc:82*`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from ledger.errors import Malformed, NotEligible
from ledger.holders import ANONYMOUS
from ledger.names import servicer_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.accounts import Account
    from ledger.assets import Policy

_CLASS = re.compile(r"[a-z][a-z0-9-]*(?::[A-Za-z0-9._-]+)?(?:@[a-z][a-z0-9-]{1,15})?")
_PATTERN = re.compile(r"[a-z][a-z0-9-]*(?::[A-Za-z0-9._-]*\*?|\*)?")
MERCHANT = "mcc:"
"""Classes that decide who may be paid with purpose money: they count for an asset where its issuer has vouched for them."""
STAR, VOUCHED_BY = "*", "@"


@lru_cache(maxsize=4_096)
def check_class(name: str) -> None:
    """Raise Malformed unless the name is a class of an account."""
    if _CLASS.fullmatch(name) is None:
        raise Malformed(reason=f"{name!r} is no class of an account")


@lru_cache(maxsize=4_096)
def check_pattern(pattern: str) -> None:
    """Raise Malformed unless the text is a pattern of classes."""
    if _PATTERN.fullmatch(pattern) is None or pattern.endswith(":"):
        raise Malformed(reason=f"{pattern!r} is no pattern of classes")


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern covers a class, whoever vouched for it."""
    bare = name.partition(VOUCHED_BY)[0]
    return bare.startswith(pattern[:-1]) if pattern.endswith(STAR) else bare == pattern


def covered(patterns: Iterable[str], name: str) -> bool:
    """Whether one of the patterns covers a class."""
    return any(matches(pattern, name) for pattern in patterns)


def vouchers_of(classes: Iterable[str]) -> tuple[str, ...]:
    """Participants that vouch for classes, each once, sorted."""
    vouchers = {name.partition(VOUCHED_BY)[2] for name in classes}
    return tuple(sorted(voucher for voucher in vouchers if voucher))


def accepts(policy: Policy, account: Account) -> bool:
    """Whether an account may be paid in an asset, as far as its classes go; a bank's own word on a merchant does not count.

    The issuer's accounts always may.

    Source: ledger/README.md, L25.
    """
    if not policy.receive or servicer_of(account.id) == policy.issuer:
        return True
    vouched = VOUCHED_BY + policy.issuer
    names = [name for name in account.classes if not name.startswith(MERCHANT) or name.endswith(vouched)]
    return any(covered(policy.receive, name) for name in names if name != ANONYMOUS)


def check_accepted(policy: Policy, debit: Account, credit: Account) -> None:
    """Refuse to pay an account whose classes the asset is not for; the issuer pays anyone, so value can begin its way.

    Raises
    ------
    NotEligible
        No pattern of `receive` covers a class of the creditor.

    Source: ledger/README.md, L25.
    """
    if policy.receive and servicer_of(debit.id) != policy.issuer and not accepts(policy, credit):
        raise NotEligible(account=credit.id, reason=f"{policy.code} is for {', '.join(policy.receive)}")
