"""Deploys a route's contracts by a plan, and reads every parameter back: `python -m bridge.deploy`.

The plan is one JSON document; the same document is what the checker compares the chain with, so a deployment that went
wrong, or a parameter that somebody changed since, is named. The key that deploys holds no power afterwards.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from msgspec import Struct

from bridge.contracts import artifact
from bridge.contracts.check import differences
from bridge.contracts.plan import Addresses, Plan, bridge_values, token_values
from bridge.errors import BridgeError, WrongChain
from bridge.rpc import RpcClient

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY_VARIABLE = "SOM_DEPLOY_KEY"
"""The deployer's key is read from the environment: an argument would stand in the list of processes."""

Arguments: TypeAlias = argparse.Namespace


class Deployed(Struct, frozen=True):
    """What a deployment made, in the order in which it was made."""

    token: str
    bridge: str
    gas: int
    """Gas of all transactions together."""


def deploy(client: RpcClient, plan: Plan, secret: bytes) -> Deployed:
    """Deploy the token, unless the plan names one, and the bridge; set nothing that only the admin may set.

    Raises
    ------
    WrongChain
        The node belongs to another chain than the plan.
    TransactionRefused
        A constructor refused the plan.
    """
    found = client.chain_id()
    if found != plan.chain_id:
        raise WrongChain(given=found, needed=plan.chain_id)
    token, gas = plan.token.address, 0
    if not token:
        receipt = client.send(secret, None, artifact("SomToken").creation(token_values(plan)))
        token, gas = receipt.contract, receipt.gas
    receipt = client.send(secret, None, artifact("SomBridge").creation(bridge_values(plan, token)))
    return Deployed(token=token, bridge=receipt.contract, gas=gas + receipt.gas)


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy or check; return 0, 1 when something differs, 2 when it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m bridge.deploy", description="Deploy the contracts of a route, or check what is there.")
    parser.add_argument("action", choices=("deploy", "check"))
    parser.add_argument("plan", type=Path, help="JSON document of the route, see bridge/contracts/README.md")
    parser.add_argument("--rpc", required=True, help="URL of a node of the chain")
    parser.add_argument("--token", default="", help="address of the token, to check")
    parser.add_argument("--bridge", default="", help="address of the bridge, to check")
    given = parser.parse_args(arguments)
    try:
        return _run(given)
    except (BridgeError, msgspec.DecodeError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _run(given: Arguments) -> int:
    plan = msgspec.json.decode(given.plan.read_bytes(), type=Plan)
    client = RpcClient(given.rpc)
    if given.action == "deploy":
        made = deploy(client, plan, _key())
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(made)).decode() + "\n")
        token, bridge = made.token, made.bridge
    else:
        token, bridge = given.token or plan.token.address, given.bridge
    found = differences(client, plan, Addresses(token=token, bridge=bridge))
    for one in found:
        sys.stdout.write(f"{one}\n")
    if not found:
        sys.stdout.write("every parameter is as planned\n")
    return 1 if found else 0


def _key() -> bytes:
    text = os.environ.get(KEY_VARIABLE, "").removeprefix("0x")
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != 32:
        raise KeyMissing
    return secret


class KeyMissing(BridgeError):
    """No key to deploy with."""

    def __init__(self) -> None:
        super().__init__(f"set {KEY_VARIABLE} to the 32 bytes, in hex, of the key that pays for the deployment")


if __name__ == "__main__":
    raise SystemExit(main())
