"""Invariant 10: what must hold of every route after every transaction (L12, B1), from what it has written; and of a whole state.

The ledger's half of the bridge's one inequality: `V = opening + L - F - R`, `R <= B`, `M <= L - F` and `B <= opening + L - F`, totals only
grow, and each lock and each burn goes its way once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.bridge_limits import vault_total
from ledger.bridges import BridgeRoute, Lock, Release, route_key
from ledger.errors import InvariantBroken
from ledger.money import balance_of
from ledger.names import SUSPENSE, VAULT, suspense_of, vault_account_of

if TYPE_CHECKING:
    from ledger.state import Overlay, Record

TOTALS = {
    "locks": ("bridge.out",),
    "locked": ("bridge.out",),
    "refunded": ("bridge.in", "bridge.claim"),
    "released": ("bridge.in", "bridge.claim"),
    "burns": ("bridge.in",),
    "burned": ("bridge.in",),
    "minted": ("bridge.in",),
    "epoch": ("bridge.set",),
}
"""What only grows, and the types by which it may."""
AFTER: dict[str, tuple[str, ...]] = {
    "": ("locked", "observing", "agreed", "waiting", "released", "suspense"),
    "locked": ("locked", "minted", "expired", "refunded"),
    "minted": ("minted",),
    "expired": ("expired", "refunded"),
    "refunded": ("refunded",),
    "observing": ("observing", "agreed", "waiting", "released", "suspense"),
    "agreed": ("agreed", "waiting", "released", "suspense"),
    "waiting": ("waiting", "released", "suspense"),
    "suspense": ("suspense", "released"),
    "released": ("released",),
}
"""State of a lock or release -> what it may be after a transaction."""


def check_bridge_change(overlay: Overlay, before: Record | None, after: Record | None, type_: str) -> None:
    """Check what one transaction of a type did to a route, a lock or a release.

    Raises
    ------
    InvariantBroken
        10.
    """
    match after:
        case BridgeRoute():
            _check_route(overlay, before if isinstance(before, BridgeRoute) else None, after, type_)
        case Lock():
            _check_step(f"lock {after.route}/{after.nonce}", before.state if isinstance(before, Lock) else "", after.state)
            if isinstance(before, Lock) and _same_lock(before, after) != before:
                raise InvariantBroken(invariant=10, detail=f"lock {after.route}/{after.nonce} would change")
        case Release():
            _check_step(f"burn {after.route}/{after.nonce}", before.state if isinstance(before, Release) else "", after.state)
            if isinstance(before, Release) and before.burn is not None and before.burn != after.burn:
                raise InvariantBroken(invariant=10, detail=f"burn {after.route}/{after.nonce} would change")
        case None if isinstance(before, BridgeRoute | Lock | Release):
            raise InvariantBroken(invariant=10, detail="a route, lock or release would be gone")
        case _:
            pass


def check_route_vault(overlay: Overlay, account: str, asset: str) -> None:
    """Check the vault of a route that a balance changed on: it is that route's, and has what the totals say.

    Raises
    ------
    InvariantBroken
        10.
    """
    route = overlay.get(route_key(account.rpartition(VAULT)[2]))
    if not isinstance(route, BridgeRoute) or vault_account_of(route.issuer, route.id) != account or route.terms.asset != asset:
        raise InvariantBroken(invariant=10, detail=f"{account} has {asset}, and is no route's vault for it")
    _check_vault(overlay, route)


def _check_vault(overlay: Overlay, route: BridgeRoute) -> None:
    balance = balance_of(overlay, vault_account_of(route.issuer, route.id), route.terms.asset)
    if balance.posted != vault_total(route) or balance.held:
        raise InvariantBroken(invariant=10, detail=f"the vault of {route.id} has {balance.posted}, its totals say {vault_total(route)}")


def _check_route(overlay: Overlay, before: BridgeRoute | None, after: BridgeRoute, type_: str) -> None:
    _check_totals(after)
    _check_vault(overlay, after)
    if before is None:
        if type_ != "bridge.set" or after.locked or after.burned or after.epoch != 1:
            raise InvariantBroken(invariant=10, detail=f"route {after.id} would begin with something behind it")
        return
    for field, types in TOTALS.items():
        old, new = getattr(before, field), getattr(after, field)
        if new < old or (new > old and type_ not in types):
            raise InvariantBroken(invariant=10, detail=f"{type_} would change {field} of {after.id} from {old} to {new}")
    kept = (before.id, before.issuer, before.terms.asset, before.terms.mode, before.terms.route_id)
    never_began = before.status == "proposed" and after.status in ("proposed", "retired")
    if kept != (after.id, after.issuer, after.terms.asset, after.terms.mode, after.terms.route_id) and before.status != "proposed":
        raise InvariantBroken(invariant=10, detail=f"what never changes of {after.id} would change")
    if before.terms.opening != after.terms.opening and not (never_began and after.terms.opening == 0):
        raise InvariantBroken(invariant=10, detail=f"the opening of {after.id} would change")


def _check_totals(route: BridgeRoute) -> None:
    """Compare the totals of a route with each other."""
    circulated = route.terms.opening + route.locked - route.refunded
    if not 0 <= route.released <= route.burned <= circulated or route.minted + route.refunded > route.locked:
        totals = f"L {route.locked}, F {route.refunded}, R {route.released}, M {route.minted}, B {route.burned}"
        raise InvariantBroken(invariant=10, detail=f"{route.id} would have {totals}, opening {route.terms.opening}")


def _check_step(what: str, before: str, after: str) -> None:
    if after not in AFTER[before]:
        raise InvariantBroken(invariant=10, detail=f"{what} would be {after}, it was {before}")


def _same_lock(before: Lock, after: Lock) -> Lock:
    return replace(after, state=before.state, votes=before.votes, foreign_tx=before.foreign_tx)


class WholeBridges:
    """Sums of every route over a whole state, one record at a time."""

    def __init__(self) -> None:
        self._routes: dict[str, BridgeRoute] = {}
        self._sums: dict[tuple[str, str], int] = {}
        """(route, what) -> minor units, of its locks and releases."""
        self._posted: dict[str, int] = {}
        """Balance of a vault or suspense account, by its key."""

    def add(self, record: Record) -> None:
        """Take one record."""
        match record:
            case BridgeRoute(id=route):
                self._routes[route] = record
            case Lock(route=route, amount=amount, state=state):
                self._add(route, "locked", amount)
                if state in ("refunded", "minted"):
                    self._add(route, state, amount)
            case Release(route=route, burn=burn, state=state) if burn is not None:
                if state in ("waiting", "released", "suspense"):
                    self._add(route, "burned", burn.amount)
                if state in ("released", "suspense"):
                    self._add(route, "released", burn.amount)
                if state == "suspense":
                    self._add(route, "suspense", burn.amount)
            case _:
                pass

    def add_balance(self, key: str, posted: int) -> None:
        """Take the balance of an account that is an asset's or a route's."""
        local = key.split("/", 3)[2]
        if local.startswith((VAULT, SUSPENSE)):
            self._posted[key] = posted

    def check(self) -> None:
        """Check the sums, once everything was added.

        Raises
        ------
        InvariantBroken
            10: totals are not the sums of locks and releases, or vault or suspense account have something else.
        """
        for route in self._routes.values():
            _check_totals(route)
            for what in ("locked", "refunded", "minted", "burned", "released"):
                if self._sums.get((route.id, what), 0) != getattr(route, what):
                    raise InvariantBroken(invariant=10, detail=f"{what} of {route.id} is not the sum of its locks or releases")
            if route.terms.mode != "enforced":
                continue
            suspense = self._sums.get((route.id, "suspense"), 0)
            for account, most in (
                (vault_account_of(route.issuer, route.id), vault_total(route)),
                (suspense_of(route.issuer, route.id), suspense),
            ):
                if self._posted.get(f"balance/{account}/{route.terms.asset}", 0) != most:
                    raise InvariantBroken(invariant=10, detail=f"{account} has not what the totals of {route.id} say")

    def _add(self, route: str, what: str, amount: int) -> None:
        self._sums[route, what] = self._sums.get((route, what), 0) + amount
