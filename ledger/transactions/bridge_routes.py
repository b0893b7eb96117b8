"""bridge.set (type 25): define a route, change its limits, status and attestors, halt and retire it (bridge.md, section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.accounts import Account
from ledger.authority import OPS, active_participant, check_member_active
from ledger.bridge_limits import vault_total
from ledger.bridges import BridgeRoute, Rotation, halters_of, rotation_key, route_key, routes_index
from ledger.errors import Closed, ConditionNotMet, Exists, FixedField, QuorumNotMet, TooMany, WrongKind
from ledger.grant_rules import Wanted, charge_quota, fitting_grants, is_met, members_of, use_grant
from ledger.indexes import put_indexed
from ledger.limits import Debit
from ledger.lockers import lockers_of
from ledger.money import movement
from ledger.names import suspense_of, vault_account_of
from ledger.succession import signer_now
from ledger.transactions.work import check_pays, check_spendable, check_takes, existing_account, existing_asset

if TYPE_CHECKING:
    from ledger.assets import Policy
    from ledger.bridges import Attestors, RouteTerms
    from ledger.grants import GrantRecord
    from ledger.state import Overlay
    from ledger.transactions.bridge_bodies import BridgeSet
    from ledger.transactions.work import Work

ROUTES_MAX = 256
ALWAYS_FIXED = ("asset", "decimals", "mode", "opening")
FIXED_WHEN_ACTIVE = ("kind", "chain_id", "route_id", "bridge", "token")
MAY_BECOME = {
    "proposed": ("proposed", "active", "retired"),
    "retired": ("retired",),
}
"""Status -> what it may be set to; any other: everything but proposed."""
OF_A_LIVING_ROUTE = ("active", "paused_out", "paused_in", "halted", "retired")


class Routing:
    """One bridge.set transaction."""

    __slots__ = ("body", "grant", "old", "policy", "work")

    grant: GrantRecord | None
    """None: attestors have halted the route."""
    old: BridgeRoute | None
    policy: Policy

    def __init__(self, work: Work, body: BridgeSet) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """See that route or asset exist and fit, that the quorum of a grant `bridge` agrees (a halt: fewer), and who pays the opening."""
        work, body = self.work, self.body
        record = work.overlay.get(route_key(body.id))
        self.old = record if isinstance(record, BridgeRoute) else None
        source = None if body.source is None else existing_account(work.overlay, body.source)
        self.policy = existing_asset(work.overlay, self._asset()).policy
        if self.old is None:
            self._check_new()
        elif self.old.status == "retired":
            raise Closed(account=f"route {body.id}", status="retired")
        for attestor in body.attestors or ():
            active_participant(work.overlay, attestor.participant)
        if source is not None:
            self._check_source(source)
        self.grant = self._use_authority()
        if source is not None and not self._gives_back():
            work.signers.need(signer_now(work.overlay, source))

    def perform(self) -> None:
        """Check what is fixed, the step of the status and the time between rotations; lock the opening; write."""
        work, body = self.work, self.body
        overlay = work.overlay
        if self.grant is not None:
            charge_quota(overlay, self.grant, 1, work.time_ms)
        route = self._begun() if self.old is None else self._changed(self.old)
        if body.source is not None:
            route = self._give_back(route, body.source) if self._gives_back() else self._lock_opening(route, body.source)
        put_indexed(overlay, route_key(body.id), route)
        work.told = (route.issuer,)

    def _asset(self) -> str:
        if self.old is not None:
            return self.old.terms.asset
        if self.body.terms is None or self.body.attestors is None:
            raise ConditionNotMet(subject=f"route {self.body.id}", condition="terms and attestors, as there is no such route yet")
        return self.body.terms.asset

    def _check_new(self) -> None:
        """Refuse the name of a locker, a route of an asset that cannot leave, and an opening that nobody pays."""
        policy, terms = self.policy, self.body.terms
        if any(locker.name == self.body.id for locker in lockers_of(policy)):
            raise Exists(subject=f"locker {self.body.id} of {policy.code}")
        if policy.expires is not None or policy.receive:
            raise WrongKind(subject=policy.code, kind="purpose money", action="bridges")
        if terms is not None and (terms.opening > 0) != (self.body.source is not None):
            raise ConditionNotMet(subject=f"route {self.body.id}", condition="an account that pays the opening supply, where there is one")

    def _check_source(self, source: Account) -> None:
        if self._gives_back():
            check_takes(source)
        elif self.old is None:
            check_member_active(self.work.overlay, signer_now(self.work.overlay, source))
            check_pays(source)
        else:
            raise ConditionNotMet(subject=f"route {self.body.id}", condition="no account: its opening supply is locked")
        check_spendable(source, "bridges")

    def _gives_back(self) -> bool:
        """Whether a route that was never active ends, and its opening goes back to the account named."""
        return self.old is not None and self.old.status == "proposed" and self.body.status == "retired"

    def _use_authority(self) -> GrantRecord | None:
        """Find who may: a grant `bridge`; to halt and do nothing else also a grant `order.pause`, or f + 1 attestors."""
        work, body, old = self.work, self.body, self.old
        wanted = Wanted("bridge", asset=self.policy.code)
        if old is None or body.status != "halted" or body.terms is not None or body.attestors is not None:
            return use_grant(work.overlay, work.signers, wanted, work.time_ms)
        guards = fitting_grants(work.overlay, Wanted("order.pause", asset=self.policy.code), work.time_ms)
        for record in (*guards, *fitting_grants(work.overlay, wanted, work.time_ms)):
            if is_met(record.grant, work.signers):
                work.signers.allow(members_of(record.grant))
                return record
        members = [f"{each.participant}/{OPS}" for each in old.attestors]
        if sum(1 for member in members if work.signers.agrees(member)) < halters_of(len(members)):
            raise QuorumNotMet(needed=f"a guardian, or f + 1 attestors of route {old.id},")
        work.signers.allow(members)
        return None

    def _begun(self) -> BridgeRoute:
        """Return a new route; it has its first set of attestors, its vault and its suspense account."""
        work, body, overlay = self.work, self.body, self.work.overlay
        terms, attestors = body.terms, body.attestors
        if terms is None or attestors is None:
            raise ConditionNotMet(subject=f"route {body.id}", condition="terms and attestors")
        count = len(overlay.scan("~routes/", "~routes/~", ROUTES_MAX))
        if count >= ROUTES_MAX:
            raise TooMany(subject="the ledger", count=count, what="routes", most=ROUTES_MAX)
        issuer = self.policy.issuer
        route = BridgeRoute(
            id=body.id,
            terms=terms,
            issuer=issuer,
            status="proposed",
            reason=body.reason,
            epoch=1,
            attestors=attestors,
            rotated_ms=work.time_ms,
            locks=0,
            locked=0,
            refunded=0,
            burns=0,
            burned=0,
            released=0,
            minted=0,
            out_full_ms=0,
            in_full_ms=0,
            day="",
            day_out=0,
            day_in=0,
        )
        self._check_terms(terms)
        if terms.mode == "enforced":
            for name, kind in ((vault_account_of(issuer, body.id), "vault"), (suspense_of(issuer, body.id), "clearing")):
                put_indexed(overlay, f"account/{name}", Account(name, "vault" if kind == "vault" else "clearing", b"", "", "open", (), 0))
        self._keep_set(route)
        return self._with_status(route)

    def _changed(self, old: BridgeRoute) -> BridgeRoute:
        """Return the route with what the body changes."""
        body, route = self.body, old
        if body.terms is not None:
            self._check_fixed(old, body.terms)
            self._check_terms(body.terms)
            route = replace(route, terms=body.terms)
        if body.attestors is not None:
            route = self._rotated(route, body.attestors)
        if body.status:
            route = self._with_status(route)
        return route

    def _check_fixed(self, old: BridgeRoute, terms: RouteTerms) -> None:
        fixed = ALWAYS_FIXED if old.status == "proposed" else (*ALWAYS_FIXED, *FIXED_WHEN_ACTIVE)
        for field in fixed:
            if getattr(old.terms, field) != getattr(terms, field):
                raise FixedField(field=field, subject=f"route {old.id}")

    def _check_terms(self, terms: RouteTerms) -> None:
        """Refuse other decimals than the asset's, and an id on the other chain that is another route's."""
        if terms.decimals != self.policy.decimals:
            raise WrongKind(subject=terms.asset, kind=f"{self.policy.decimals} decimals", action=f"a route of {terms.decimals}")
        start = routes_index(terms.route_id)
        for index in self.work.overlay.scan(start, start + "~", 1):
            if index.removeprefix(start) != self.body.id:
                raise Exists(subject=f"route {terms.route_id.hex()}")

    def _rotated(self, route: BridgeRoute, attestors: Attestors) -> BridgeRoute:
        """Return the route with the next set; before it is active it has one set, which is replaced."""
        now = self.work.time_ms
        if route.status == "proposed":
            route = replace(route, attestors=attestors)
        else:
            earliest = route.rotated_ms + self.work.context.parameters.attestor_rotation_ms_min
            if now < earliest:
                raise ConditionNotMet(subject=f"route {route.id}", condition=f"no rotation before {earliest}")
            self._check_keys(replace(route, attestors=attestors))
            route = replace(route, attestors=attestors, epoch=route.epoch + 1, rotated_ms=now)
        self._keep_set(route)
        return route

    def _keep_set(self, route: BridgeRoute) -> None:
        rotation = Rotation(route.epoch, route.attestors, self.body.immediate, self.work.context.height, ())
        self.work.overlay.put(rotation_key(route.id, route.epoch), rotation)

    def _with_status(self, route: BridgeRoute) -> BridgeRoute:
        status = self.body.status or route.status
        if status not in MAY_BECOME.get(route.status, OF_A_LIVING_ROUTE):
            raise ConditionNotMet(subject=f"route {route.id}", condition=f"another status than {route.status} to become {status}")
        if status == "active":
            self._check_keys(route)
            if not route.terms.token or (route.terms.mode == "enforced" and not route.terms.bridge):
                raise ConditionNotMet(subject=f"route {route.id}", condition="the addresses of its contracts")
        return replace(route, status=status, reason=self.body.reason)

    def _check_keys(self, route: BridgeRoute) -> None:
        """Refuse attestors without keys on an enforced route, and with keys on one that is only observed."""
        if all(each.address for each in route.attestors) != (route.terms.mode == "enforced"):
            raise ConditionNotMet(subject=f"route {route.id}", condition="attestors with keys where it is enforced, and without elsewhere")

    def _lock_opening(self, route: BridgeRoute, source: str) -> BridgeRoute:
        """Lock the supply that is out there already (B11)."""
        work, terms = self.work, route.terms
        work.sweep(source)
        work.check_moves([(source, terms.asset)], [], ())
        vault = vault_account_of(route.issuer, route.id)
        work.post(movement(source, vault, terms.asset, terms.opening, 0))
        work.people.spend([Debit(source, vault, terms.asset, terms.opening, 0)])
        work.people.check_eligible(existing_account(work.overlay, source), self.policy)
        work.check_pause((source,), terms.asset, ())
        return route

    def _give_back(self, route: BridgeRoute, target: str) -> BridgeRoute:
        """Pay the opening supply of a route that was never active back: it was not minted by its contract."""
        work, terms = self.work, route.terms
        amount = vault_total(route)
        if not amount:
            raise ConditionNotMet(subject=f"route {route.id}", condition="an opening supply to give back")
        work.check_moves([], [(target, terms.asset)], ())
        work.post(movement(vault_account_of(route.issuer, route.id), target, terms.asset, amount, 0))
        work.people.check_eligible(existing_account(work.overlay, target), self.policy)
        return replace(route, terms=replace(terms, opening=0))


def existing_route(overlay: Overlay, route: str) -> BridgeRoute:
    """Route of this id; raises ConditionNotMet."""
    record = overlay.get(route_key(route))
    if not isinstance(record, BridgeRoute):
        raise ConditionNotMet(subject=f"route {route}", condition="that there is a route of this id")
    return record
