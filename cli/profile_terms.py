"""What a profile means to the ledger: roles become participants, amounts minor units, tables the records that transactions carry.

Every record passes the ledger's own form here, one after the other, so an error names the line of the one that brought it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from cli.amounts import parse_amount
from cli.faults import Misuse
from cli.profile_document import Document, FeedPart
from cli.terms import address_of
from cli.times import now_ms, parse_length, parse_point
from ledger.assets import FeeRule, Policy
from ledger.attestations import Attestation
from ledger.canonical import decode_loose, encode
from ledger.classes import check_pattern
from ledger.errors import LedgerError, Malformed
from ledger.grants import Grant, Need, Quota, Scope
from ledger.holders import Limit
from ledger.names import OPERATOR, check_account_id, check_asset_code, check_participant_id, servicer_of
from ledger.reserves import Expiry, Feed, Locker, Reserve, Route, Terms
from ledger.transactions.backing_forms import check_fact_form
from ledger.transactions.bodies import AccountOpen, AssetPut, Attest, Body, GrantPut
from ledger.transactions.forms import check_grant, check_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cli.profile_document import (
        AccountPart,
        Fault,
        FeePart,
        GrantPart,
        ItemPart,
        LimitPart,
        LockerPart,
        RoutePart,
        Source,
        TermsPart,
    )

T = TypeVar("T")
S = TypeVar("S", bound=Struct)
ROLE = "@"
ISSUER = "issuer"
SELF = "self"
"""Of a grant: limited to the participant that gets it."""
OVER_ALL = ("register", "root", "tier", "wallet")
"""Permissions that no asset limits."""
DAY_MS = 86_400_000
BEHIND_MS = 1_000
"""A fact of now is dated this far back: the block that takes it may have a clock that is a little behind."""


class Planned(Struct, frozen=True):
    """One transaction of a profile."""

    path: str
    """In the file, of what it comes from."""
    about: str
    body: Body
    sender: str
    """Who sends it unless somebody else is named."""


class Profile(Struct, frozen=True):
    """A profile with everybody in place."""

    document: Document
    roles: dict[str, tuple[str, ...]]
    policy: Policy
    steps: tuple[Planned, ...]
    """Accounts, the asset, grants: in this order, each builds on those before."""
    facts: tuple[Planned, ...]
    """What others are to attest on the day; `apply` does not."""


def check_roles(source: Source, document: Document, given: Mapping[str, tuple[str, ...]]) -> tuple[dict[str, tuple[str, ...]], list[Fault]]:
    """Participants by role, and what is wrong with the roles: a name that is none, and nobody named for one."""
    faults = [
        source.fault("$.roles", f"there is no role {role}: {', '.join(document.roles)}") for role in given if role not in document.roles
    ]
    if ISSUER not in document.roles:
        faults.append(source.fault("$.roles", f"a profile has the role {ISSUER}: who issues the asset"))
    for role in document.roles:
        for participant in given.get(role, ()):
            try:
                check_participant_id(participant)
            except LedgerError as error:
                faults.append(source.fault(f"$.roles.{role}", str(error)))
    return {role: tuple(given.get(role, ())) for role in document.roles}, faults


def read_profile(source: Source, document: Document, roles: Mapping[str, tuple[str, ...]]) -> tuple[Profile | None, list[Fault]]:
    """Profile of a document and everybody's roles, and all its errors of form; None where not even the policy can be read."""
    reading = _Reading(source, document, roles)
    policy = reading.policy()
    if policy is None:
        return None, reading.faults
    accounts = reading.each(document.accounts, reading.account)
    grants = [one for path, part in document.grants.items() for one in reading.grants(path, part)]
    facts = reading.each(document.items, reading.fact)
    about = f"define {policy.code}, issued by {policy.issuer}"
    steps = (*accounts, Planned("$.asset", about, AssetPut(policy), policy.issuer), *grants)
    return Profile(document, dict(roles), policy, steps, tuple(facts)), reading.faults


class Misfit(Exception):
    """A field of a record is out of its range."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason


class _Reading:
    """One profile being read: collects the records that are good, and the errors of the others."""

    def __init__(self, source: Source, document: Document, roles: Mapping[str, tuple[str, ...]]) -> None:
        self.source, self.document, self.roles = source, document, roles
        self.faults: list[Fault] = []
        self.broken: list[str] = []
        """Names of feeds that are wrong: terms that need them are not blamed for it."""
        self.first_locker = next(iter(document.lockers.values()), None) if document.asset.reserve == "foreign" else None
        """A reserve of kind foreign has at least one, so it stands there from the beginning."""

    def take(self, path: str, make: Callable[[], T]) -> T | None:
        """Give the result of `make`; None where it is refused, which is noted at the path."""
        try:
            return make()
        except Misfit as error:
            self.faults.append(self.source.fault(f"{path}.{error.field}", error.reason))
        except (Misuse, LedgerError) as error:
            self.faults.append(self.source.fault(path, str(error)))
        return None

    def each(self, parts: Mapping[str, T], make: Callable[[str, T], Planned]) -> list[Planned]:
        """Transactions of a list."""
        made = [self.take(path, partial(make, path, part)) for path, part in parts.items()]
        return [one for one in made if one is not None]

    # Names and amounts.

    def everybody(self, text: str) -> tuple[str, ...]:
        """Names that a text stands for: `@role` is everybody with that role; raises `Misuse` where there is none."""
        head, slash, rest = text.partition("/")
        if not head.startswith(ROLE):
            return (text,)
        role = head.removeprefix(ROLE)
        if role not in self.roles:
            raise Misuse(f"there is no role {role}: [roles] has {', '.join(self.document.roles)}")
        if not self.roles[role]:
            raise Misuse(f"nobody is named for the role {role}: say who with --role {role}=PARTICIPANT")
        return tuple(f"{each}{slash}{rest}" for each in self.roles[role])

    def one(self, text: str) -> str:
        """Name that a text stands for; raises `Misuse` where it stands for several."""
        found = self.everybody(text)
        if len(found) != 1:
            raise Misuse(f"{text} stands for {', '.join(found)}, and here one is needed")
        return found[0]

    def many(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """Names that texts stand for, sorted."""
        return tuple(sorted(name for text in texts for name in self.everybody(text)))

    def amount(self, text: str) -> int:
        """Minor units of a text; nothing and 0 are 0."""
        asset = self.document.asset
        return 0 if not text.strip("0.") else parse_amount(text, asset=asset.code, decimals=asset.decimals)

    def bound(self, text: str) -> int | None:
        """Minor units of a limit; None where there is none."""
        return self.amount(text) if text else None

    # The policy: its beginning, then part by part, so that an error belongs to the part that brought it.

    def policy(self) -> Policy | None:
        """Policy as far as it is good; None where even its beginning is not."""
        document = self.document
        code = self.take("$.asset.code", partial(_checked_name, check_asset_code, document.asset.code))
        policy = self.take("$.asset", self._beginning) if code else None
        place = f"$.asset.{'locks' if document.asset.locks else 'reserve'}" if self.first_locker is None else next(iter(document.lockers))
        policy = policy and self.take(place, partial(self._standing, policy))
        if policy is None:
            return None
        for name in ("cap", "queued", "travel_min", "expires"):
            policy = self._with(f"$.asset.{name}", policy, partial(self._filled, name))
        for index, pattern in enumerate(document.asset.receive):
            if self.take(f"$.asset.receive[{index}]", partial(_checked_name, check_pattern, pattern)):
                policy = self._with(f"$.asset.receive[{index}]", policy, partial(_receiving, pattern))
        policy = self._with_backing(policy)
        for path, limit in document.limits.items():
            policy = self._with(path, policy, partial(self._limited, limit))
        for path, fee in document.fees.items():
            policy = self._with(path, policy, partial(self._charging, fee))
        return policy

    def _with_backing(self, policy: Policy) -> Policy:
        """Add feeds, the terms that need them, observed routes, and lockers beyond the first."""
        for name, make in (("feeds", self._feed), ("terms", self._terms), ("routes", self._route), ("lockers", self._locker)):
            parts = cast("Mapping[str, Struct]", getattr(self.document, name))
            for path, part in parts.items():
                if getattr(part, "feed", "") in self.broken or part is self.first_locker:
                    continue
                before = policy
                policy = self._with(path, policy, partial(self._backed, name, cast("Callable[[Struct], Struct]", make), part))
                if isinstance(part, FeedPart) and policy is before:
                    self.broken.append(part.name)
        return policy

    def _with(self, path: str, policy: Policy, more: Callable[[Policy], Policy]) -> Policy:
        return self.take(path, lambda: _checked(more(policy))) or policy

    def _beginning(self) -> Policy:
        asset = self.document.asset
        lists: tuple[object, ...] = (tuple(sorted(asset.powers)), asset.publish, tuple(sorted(asset.fixed)))
        return _checked(
            _fitting(Policy, (asset.code, asset.decimals, self.one(ROLE + ISSUER), "sovereign", None, (), (), 0, (), None, *lists))
        )

    def _standing(self, policy: Policy) -> Policy:
        """Say what the asset stands on."""
        asset = self.document.asset
        if asset.reserve == "sovereign":
            if asset.locks:
                raise Misuse("an asset that locks another one has the reserve vault")
            return policy
        found = Reserve(asset.reserve, asset.locks, asset.ratio_bps, (), (), ())
        if self.first_locker is not None:
            found = replace(found, lockers=(self._locker(self.first_locker),))
        return _checked(replace(policy, reserve=found))

    def _filled(self, name: str, policy: Policy) -> Policy:
        """Fill in a field that is text in the file."""
        asset = self.document.asset
        if name == "cap":
            return replace(policy, cap=self.bound(asset.cap))
        if name == "queued":
            return replace(policy, queued=parse_length(asset.queued) if asset.queued else 0)
        if name == "travel_min":
            return replace(policy, travel_min=self.amount(asset.travel_min))
        expires = asset.expires
        return replace(policy, expires=Expiry(_end(expires.at), self.one(expires.budget_line)) if expires is not None else None)

    def _backed(self, name: str, make: Callable[[Struct], Struct], part: Struct, policy: Policy) -> Policy:
        if isinstance(policy.reserve, str):
            raise Misuse(f"a sovereign asset stands on the central bank's word: it has no {name}")
        parts = sorted((*getattr(policy.reserve, name), make(part)), key=lambda each: str(getattr(each, each.__struct_fields__[0])))
        return replace(policy, reserve=replace(policy.reserve, **{name: tuple(parts)}))

    def _feed(self, part: FeedPart) -> Feed:
        sources, age = self.many(part.sources), parse_length(part.max_age)
        return _fitting(Feed, (part.name, part.base, part.quote, part.unit, part.decimals, sources, age))

    def _terms(self, part: TermsPart) -> Terms:
        return _fitting(Terms, (part.type, part.feed, part.haircut_bps, part.share_max_bps, parse_length(part.max_age)))

    def _route(self, part: RoutePart) -> Route:
        return _fitting(Route, (part.id, self.many(part.sources)))

    def _locker(self, part: LockerPart) -> Locker:
        sources, age = self.many(part.sources), parse_length(part.max_age)
        return _fitting(Locker, (part.name, part.chain, address_of(part.contract), sources, age))

    def _limited(self, part: LimitPart, policy: Policy) -> Policy:
        balance, transaction, day, month = (self.bound(text) for text in (part.balance, part.transaction, part.day, part.month))
        found = (*policy.limits, Limit(part.tier, balance, transaction, day, month, anonymous=part.anonymous))
        return replace(policy, limits=tuple(sorted(found, key=lambda each: each.tier)))

    def _charging(self, part: FeePart, policy: Policy) -> Policy:
        amounts = self.amount(part.fixed), part.bps, self.amount(part.min), self.amount(part.max)
        return replace(policy, fees=(*policy.fees, FeeRule(part.type, part.debit_kind, part.credit_kind, *amounts)))

    # What stands beside the policy.

    def account(self, path: str, part: AccountPart) -> Planned:
        """Account that is to be there before the asset."""
        account = self.one(part.id)
        check_account_id(account)
        body = AccountOpen(account, part.kind, b"", None, ())
        return Planned(path, f"open the {part.kind} account {account}", body, servicer_of(account))

    def grants(self, path: str, part: GrantPart) -> list[Planned]:
        """Grants of a table: one for each that it is given to, and for each receiver that it names."""
        made = []
        for to in self.take(f"{path}.to", partial(self.everybody, part.to)) or ():
            receivers: tuple[str, ...] = (to,) if part.participant == ROLE + SELF else ("",)
            if part.participant and not receivers[0]:
                receivers = self.take(f"{path}.participant", partial(self.everybody, part.participant)) or ()
            made += [self.take(path, partial(self._grant, path, part, to, receiver)) for receiver in receivers]
        return [one for one in made if one is not None]

    def _grant(self, path: str, part: GrantPart, to: str, receiver: str) -> Planned:
        asset = "" if part.permission in OVER_ALL else self.document.asset.code
        if part.quota and part.count:
            raise Misuse("a grant has one quota: an amount (quota) or a number of uses (count)")
        most = self.amount(part.quota) or part.count
        need = self.many(part.need)
        names = [part.id or (f"{part.permission}:{asset}" if asset else part.permission)]
        names += [to] if part.to != ROLE + ISSUER else []
        names += [receiver] if receiver not in {"", to} else []
        grant = Grant(
            id=":".join(names),
            to=to,
            permission=part.permission,
            scope=Scope(asset, receiver, "", tuple(sorted(part.classes))),
            quota=Quota(most, part.per) if most else None,
            need=Need(part.need_m or len(need), need) if need else None,
            lifted_by=self.many(part.lifted_by),
            not_before=0,
            until=0,
            rank=part.rank,
        )
        check_grant(_fitting(Grant, grant))
        return Planned(path, f"grant {grant.id}: {grant.permission} to {to}", GrantPut(grant), OPERATOR)

    def fact(self, path: str, part: ItemPart) -> Planned:
        """Make what is to be attested at the beginning."""
        by = self.one(part.by)
        subject = f"{self.document.asset.code}:{part.type}"
        said = Attestation(part.id, "reserve", subject, part.quantity, now_ms() - BEHIND_MS, 0, bytes(32), part.standard, by)
        check_fact_form(_fitting(Attestation, said))
        about = f"{by} attests {part.quantity} of {part.type}, {part.id}{f' ({part.about})' if part.about else ''}"
        return Planned(path, about, Attest(said), by)


def _end(text: str) -> int:
    """Unix ms of an end. A length in days ends at midnight (UTC), so what is repeated on the same day says the same."""
    point = parse_point(text)
    return point - point % DAY_MS if text.endswith("d") else point


def _checked(policy: Policy) -> Policy:
    """Policy that has passed the ledger's own form."""
    found = _fitting(Policy, policy)
    check_policy(found)
    return found


def _fitting(kind: type[S], value: object) -> S:
    """Record of a value; raises `Misfit` with the name of the field that is out of its range."""
    try:
        return decode_loose(encode(value), kind)
    except Malformed as error:
        reason, _, place = str(error).partition(" - at `$[")
        index = place.partition("]")[0]
        if not index.isdigit():
            raise
        raise Misfit(kind.__struct_fields__[int(index)].removesuffix("_ms"), reason) from None


def _checked_name(check: Callable[[str], None], name: str) -> str:
    check(name)
    return name


def _receiving(pattern: str, policy: Policy) -> Policy:
    return replace(policy, receive=tuple(sorted((*policy.receive, pattern))))
