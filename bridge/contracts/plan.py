"""The plan of one route's contracts: every parameter, as deployer and checker use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from bridge.abi import Value

NO_ONE = "0x" + "00" * 20


class LimitsPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of minting in minor units; the refill is per second."""

    per_mint: int
    per_day: int
    bucket_capacity: int
    bucket_refill: int


class TokenPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """The token to deploy, or by `address` the one that is there already and that then need not be ours."""

    decimals: int
    name: str = ""
    symbol: str = ""
    ceiling: int = 0
    """What the bridge may have outstanding; the checker compares it, the admin sets it after the deployment."""
    opening_holder: str = NO_ONE
    opening_supply: int = 0
    other_minters: tuple[str, ...] = ()
    """Bridges before this one, or the issuer; in the order in which they got their first ceiling."""
    pausers: tuple[str, ...] = ()
    freezers: tuple[str, ...] = ()
    address: str = ""


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """One route on one chain."""

    chain_id: int
    route_id: str
    """32 bytes in hex."""
    token: TokenPlan
    admin: str
    delay: int
    """Seconds for which a raised limit or ceiling, and a new admin, wait: one hour to thirty days."""
    guardian: str
    limits: LimitsPlan
    attestors: tuple[str, ...]
    """Strictly ascending."""
    threshold: int
    opening: int = 0
    predecessor: str = NO_ONE
    reserve_signers: tuple[str, ...] = ()
    reserve_threshold: int = 0
    reserve_required: bool = False
    """Set by the admin after the deployment; the checker compares it."""


class Addresses(Struct, frozen=True):
    """Where a plan was deployed to."""

    token: str
    bridge: str


def token_values(plan: Plan) -> tuple[Value, ...]:
    """Return the constructor's arguments of SomToken."""
    token = plan.token
    return (token.name, token.symbol, token.decimals, plan.admin, plan.delay, token.opening_holder, token.opening_supply)


def limit_values(plan: Plan) -> tuple[int, int, int, int]:
    """Return the limits in the order of the contract."""
    limits = plan.limits
    return (limits.per_mint, limits.per_day, limits.bucket_capacity, limits.bucket_refill)


def bridge_values(plan: Plan, token: str) -> tuple[Value, ...]:
    """Return the constructor's one argument of SomBridge: its configuration."""
    configuration: tuple[Value, ...] = (
        bytes.fromhex(plan.route_id.removeprefix("0x")),
        token,
        plan.token.decimals,
        plan.opening,
        plan.predecessor,
        plan.admin,
        plan.delay,
        plan.guardian,
        limit_values(plan),
        plan.attestors,
        plan.threshold,
        plan.reserve_signers,
        plan.reserve_threshold,
    )
    return (configuration,)
