"""Compares what stands on a chain with its plan: code, every parameter, every switch. It only reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.contracts import Artifact, artifact
from bridge.contracts.plan import NO_ONE, limit_values
from bridge.errors import TransactionRefused, UnknownInterface
from bridge.keccak import keccak256

if TYPE_CHECKING:
    from bridge.abi import Value
    from bridge.contracts.plan import Addresses, Plan
    from bridge.rpc import RpcClient


class Reader:
    """The functions of one deployed contract, by name."""

    def __init__(self, client: RpcClient, address: str, code: Artifact) -> None:
        self._client, self.address, self.artifact, self._interface = client, address, code, code.interface

    def one(self, name: str, *values: Value) -> Value:
        """Return the only output of a function, or a word that no plan contains when it does not answer."""
        found = self.all(name, *values)
        return found[0] if len(found) == 1 else found

    def all(self, name: str, *values: Value) -> tuple[Value, ...]:
        """Return the outputs of a function."""
        try:
            return self._interface.answer(name, self._client.call(self.address, self._interface.call(name, values)))
        except (TransactionRefused, UnknownInterface) as error:
            return (f"no answer ({error})",)

    def state(self) -> dict[str, Value]:
        """Return the bridge's own account of itself; empty when there is none."""
        try:
            return self._interface.record("state", self._client.call(self.address, self._interface.call("state", ())))
        except (TransactionRefused, UnknownInterface):
            return {}


def differences(client: RpcClient, plan: Plan, addresses: Addresses) -> tuple[str, ...]:
    """Return one sentence for each thing that is not as planned; none means that the deployment is as planned.

    Raises
    ------
    ChainUnreachable
        The node does not answer.
    """
    found = client.chain_id()
    if found != plan.chain_id:
        return (f"chain id is {found}, planned is {plan.chain_id}",)
    bridge = Reader(client, addresses.bridge, artifact("SomBridge"))
    token = Reader(client, addresses.token, artifact("SomToken"))
    ours = not plan.token.address
    pairs = _bridge(bridge, plan, addresses) | _people(bridge, plan) | _sets(bridge, plan)
    wrong = _code(client, bridge, "bridge")
    if ours:
        pairs |= _token(token, plan, addresses)
        wrong += _code(client, token, "token")
    else:
        pairs |= {"token.decimals": (token.one("decimals"), plan.token.decimals)}
    wrong += tuple(f"{name} is {_shown(seen)}, planned is {_shown(wanted)}" for name, (seen, wanted) in pairs.items() if seen != wanted)
    return wrong


Pairs = dict[str, tuple["Value", "Value"]]


def _code(client: RpcClient, reader: Reader, what: str) -> tuple[str, ...]:
    code = client.code(reader.address)
    if not code:
        return (f"{what}: there is no contract at {reader.address}",)
    return () if reader.artifact.same_code(code) else (f"{what}: the code at {reader.address} is not the committed {what}'s",)


def _bridge(bridge: Reader, plan: Plan, addresses: Addresses) -> Pairs:
    state = bridge.state()
    wanted: dict[str, Value] = {
        "routeId": bytes.fromhex(plan.route_id.removeprefix("0x")),
        "token": addresses.token.lower(),
        "opening": plan.opening,
        "threshold": plan.threshold,
        "attestorCount": len(plan.attestors),
        "reserveRequired": plan.reserve_required,
        "mintPaused": False,
        "burnPaused": False,
        "retired": False,
        "otherBridge": plan.predecessor.lower(),
    }
    pairs: Pairs = {f"bridge.{name}": (state.get(name, "no answer"), value) for name, value in wanted.items()}
    pairs["bridge.predecessor"] = (bridge.one("predecessor"), plan.predecessor.lower())
    pairs["bridge.limits"] = (bridge.one("limits"), limit_values(plan))
    pairs["bridge.pendingLimits"] = (bridge.all("pendingLimits")[-1], 0)
    pairs["bridge.eip712Domain"] = (
        bridge.all("eip712Domain")[1:5],
        ("DigitalSomBridge", "1", plan.chain_id, addresses.bridge.lower()),
    )
    return pairs


def _people(bridge: Reader, plan: Plan) -> Pairs:
    guardian = keccak256(b"GUARDIAN_ROLE")
    return {
        "bridge.defaultAdmin": (bridge.one("defaultAdmin"), plan.admin.lower()),
        "bridge.defaultAdminDelay": (bridge.one("defaultAdminDelay"), plan.delay),
        "bridge.pendingDefaultAdmin": (bridge.all("pendingDefaultAdmin"), (NO_ONE, 0)),
        "bridge.pendingDefaultAdminDelay": (bridge.all("pendingDefaultAdminDelay"), (0, 0)),
        f"bridge.guardian {plan.guardian}": (bridge.one("hasRole", guardian, plan.guardian), True),
        "bridge.holders of GUARDIAN_ROLE": (bridge.one("holders", guardian), 1),
    }


def _sets(bridge: Reader, plan: Plan) -> Pairs:
    epoch = bridge.state().get("epoch", 0)
    pairs: Pairs = {"bridge.epoch": (epoch, 1)}
    for address in plan.attestors:
        pairs[f"bridge.attestor {address}"] = (bridge.one("isAttestor", epoch, address), True)
    for address in plan.reserve_signers:
        pairs[f"bridge.reserveSigner {address}"] = (bridge.one("isReserveSigner", address), True)
    version = 1 if plan.reserve_signers else 0
    pairs["bridge.reserveSet"] = (bridge.all("reserveSet"), (version, plan.reserve_threshold))
    pairs["bridge.reservePending"] = (bridge.all("reservePending"), (0, (), 0, 0))
    return pairs


def _token(token: Reader, plan: Plan, addresses: Addresses) -> Pairs:
    standing = token.all("standing", addresses.bridge)
    pairs: Pairs = {
        "token.name": (token.one("name"), plan.token.name),
        "token.symbol": (token.one("symbol"), plan.token.symbol),
        "token.decimals": (token.one("decimals"), plan.token.decimals),
        "token.paused": (token.one("paused"), False),
        "token.defaultAdmin": (token.one("defaultAdmin"), plan.admin.lower()),
        "token.defaultAdminDelay": (token.one("defaultAdminDelay"), plan.delay),
        "token.pendingDefaultAdmin": (token.all("pendingDefaultAdmin"), (NO_ONE, 0)),
        "token.pendingDefaultAdminDelay": (token.all("pendingDefaultAdminDelay"), (0, 0)),
        "token.ceiling of the bridge": (standing[0], plan.token.ceiling),
        "token.pending ceiling of the bridge": (token.all("raises", addresses.bridge), (0, 0)),
        "token.minters": (token.one("minters"), (*(one.lower() for one in plan.token.other_minters), addresses.bridge.lower())),
        "token.unassigned opening": (token.one("unassigned"), plan.token.opening_supply - plan.opening),
    }
    for role, holders in (("PAUSER_ROLE", plan.token.pausers), ("FREEZER_ROLE", plan.token.freezers)):
        pairs[f"token.holders of {role}"] = (token.one("holders", keccak256(role.encode())), len(holders))
        for address in holders:
            pairs[f"token.{role} {address}"] = (token.one("hasRole", keccak256(role.encode()), address), True)
    return pairs


def _shown(value: Value) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
