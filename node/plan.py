"""The plan of a network: what people decide, before it becomes a genesis document. A small TOML file, or made in code (devnet).

A plan names participants, their keysets, nodes, assets, accounts and grants. A key that it leaves out is made new by `node.provision`; a
plan for a real network names every public key, because each is made where it stays. Left-out grants are the usual ones (`usual_grants`).
"""

from __future__ import annotations

import tomllib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from ledger.accounts import AccountKind
from ledger.grants import Permission
from ledger.participants import ParticipantKind
from ledger.types import AmountOrZero, AssetText, Text16, Text20, Text35, Text64, Text140
from node.config import ConfigError, Port

HexKey = Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]
"""32 bytes in hex, or empty: made new."""


class KeysetPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """A keyset: its public keys, or how many are to be made new."""

    name: Text35
    m: Annotated[int, Meta(ge=1, le=32)] = 1
    keys: Annotated[tuple[HexKey, ...], Meta(max_length=32)] = ()
    new: Annotated[int, Meta(ge=0, le=32)] = 0
    """Keys to make; without `keys` at least m."""


class ParticipantPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """A legal entity and its keysets."""

    id: Text16
    kind: ParticipantKind
    name: Text140 = ""
    """Legal name; empty: its id."""
    country: Annotated[str, Meta(max_length=2)] = "KG"
    bic: Text16 = ""
    lei: Text20 = ""
    keysets: Annotated[tuple[KeysetPlan, ...], Meta(max_length=16)] = (KeysetPlan("ops"),)


class NodePlan(Struct, frozen=True, forbid_unknown_fields=True):
    """A process: a validator, or a peer of its participant. Validators vote in the order they stand in."""

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,31}$")]
    role: Literal["validator", "peer"]
    participant: Text16
    host: Annotated[str, Meta(pattern="^[A-Za-z0-9.:-]{1,253}$")] = "127.0.0.1"
    api_port: Port = 8_800
    peer_port: Port = 8_900
    consensus_key: HexKey = ""
    node_key: HexKey = ""
    box_key: HexKey = ""

    @property
    def endpoint(self) -> str:
        """Address of its peer listener."""
        return f"http://{self.host}:{self.peer_port}"


class AssetPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """An asset with a sovereign reserve."""

    code: AssetText
    decimals: Annotated[int, Meta(ge=0, le=8)]
    issuer: Text16
    cap: AmountOrZero | None = None
    """Minor units; None: none."""


class AccountPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """An account that is open from the start, without money: that comes from issue only."""

    id: Text64
    kind: AccountKind = "settlement"


class GrantPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """Authority from the start."""

    id: Text64
    to: Text16
    permission: Permission
    asset: Text16 = ""
    participant: Text16 = ""
    need_m: Annotated[int, Meta(ge=0, le=32)] = 0
    need_of: Annotated[tuple[Text64, ...], Meta(max_length=32)] = ()


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """A network as it shall begin."""

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{1,31}$")]
    participants: Annotated[tuple[ParticipantPlan, ...], Meta(min_length=1, max_length=1_024)]
    nodes: Annotated[tuple[NodePlan, ...], Meta(min_length=1, max_length=256)]
    assets: Annotated[tuple[AssetPlan, ...], Meta(max_length=256)] = ()
    accounts: Annotated[tuple[AccountPlan, ...], Meta(max_length=100_000)] = ()
    grants: Annotated[tuple[GrantPlan, ...], Meta(max_length=1_024)] = ()
    """Empty: the usual ones."""
    params: dict[str, int] = field(default_factory=dict)
    """Parameters that differ from the default."""
    devnet: bool = False
    """For trials only: fewer than four validators are allowed. Part of the chain's id."""
    time_ms: Annotated[int, Meta(ge=0, le=2**48)] = 0
    """Time of the first state, Unix ms; 0: now."""


def parse_plan(text: str, *, where: str) -> Plan:
    """Plan of a TOML text.

    Raises
    ------
    ConfigError
        Not TOML, an unknown key, or a value out of range.
    """
    try:
        return msgspec.convert(tomllib.loads(text), Plan)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"the plan {where} is not usable: {error}") from None


def trial_plan(validators: int, peers: int, *, name: str = "som-devnet") -> Plan:
    """Plan of a network on one machine: operator, treasury, two banks, the digital som; the operator's validators, the banks' peers."""
    participants = (
        ParticipantPlan("operator", "operator", "National Bank (devnet)", keysets=(KeysetPlan("ops"), KeysetPlan("board"))),
        ParticipantPlan("treasury", "treasury", "Central Treasury (devnet)"),
        ParticipantPlan("bank-a", "bank", "Bank A (devnet)"),
        ParticipantPlan("bank-b", "bank", "Bank B (devnet)"),
    )
    voters = [NodePlan(f"validator-{index}", "validator", "operator") for index in range(validators)]
    banks = [NodePlan(f"peer-{index}", "peer", "bank-a" if index % 2 == 0 else "bank-b") for index in range(peers)]
    accounts = tuple(AccountPlan(f"{each.id}/main") for each in participants if each.kind in {"treasury", "bank"})
    return Plan(
        name=name,
        participants=participants,
        nodes=(*voters, *banks),
        assets=(AssetPlan("KGS", 2, "operator"),),
        accounts=accounts,
        devnet=True,
    )


def with_ports(plan: Plan, base: int) -> Plan:
    """Return the plan with client listeners from `base` upwards, and peer listeners above them."""
    count = len(plan.nodes)
    nodes = tuple(
        msgspec.structs.replace(node, api_port=base + place, peer_port=base + count + place) for place, node in enumerate(plan.nodes)
    )
    return msgspec.structs.replace(plan, nodes=nodes)


ORDER_PERMISSIONS: dict[str, Permission] = {
    "arrest": "order.arrest",
    "freeze": "order.freeze",
    "pause": "order.pause",
    "seize": "order.seize",
}


def usual_grants(plan: Plan) -> tuple[GrantPlan, ...]:
    """Grants of a network that says nothing else.

    Root and each asset's issue need two of the keysets of operator and treasury (an asset of another issuer: that issuer's `ops`), the
    operator registers participants and people and makes orders by the quorum of root, each bank and the treasury open wallets of their own.
    """
    members = tuple(sorted(_members(plan)))
    need = min(2, len(members))
    operator = next((each.id for each in plan.participants if each.kind == "operator"), plan.participants[0].id)
    grants = [
        GrantPlan("root", operator, "root", need_m=need, need_of=members),
        GrantPlan("register", operator, "register"),
        GrantPlan("tier", operator, "tier"),
    ]
    for asset in plan.assets:
        of = members if asset.issuer == operator else (f"{asset.issuer}/ops",)
        grants.append(GrantPlan(f"issue:{asset.code}", asset.issuer, "issue", asset=asset.code, need_m=min(2, len(of)), need_of=of))
    grants += [GrantPlan(f"order:{name}", operator, each, need_m=need, need_of=members) for name, each in ORDER_PERMISSIONS.items()]
    wallets = [each.id for each in plan.participants if each.kind in {"operator", "treasury", "bank"}]
    return (*grants, *(GrantPlan(f"wallet:{each}", each, "wallet", participant=each) for each in wallets))


def _members(plan: Plan) -> list[str]:
    """`operator/board`, `operator/ops`, `treasury/ops`, as far as they exist."""
    kinds = {"operator", "treasury"}
    return [f"{each.id}/{keyset.name}" for each in plan.participants if each.kind in kinds for keyset in each.keysets]
