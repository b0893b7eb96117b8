"""One more node folder for a running devnet: keys and empty memory as `som init` makes them, and what it needs to replay the chain.

Not here: the orders that make it a validator. They are governance's, by the command line (cli/README.md, Changing the validator set).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from devnet.ports import free_run
from ledger.keys import public_key_of
from node.api.epoch_structs import EpochBody
from node.config import ConfigError, load_config
from node.init import init_node
from node.keyfiles import read_seed
from node.keystore import write_private
from node.plan import NodePlan, trial_plan
from node.provision import node_config
from node.viewkeys import VIEW_KEYS_FILE, BoxKey, KeyRing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devnet.client import Client
    from node.config import Config

NAME = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
OWNER = "operator"


def make_newcomer(data: Path, name: str, view_keys: Iterable[bytes]) -> Path:
    """Make the folder of a new validator node; return the path of its configuration.

    Raises
    ------
    ConfigError
        There is one of this name, or it is no name of a node.
    NoFreePorts
        No port is left near those of the network.
    """
    folder = data / name
    if NAME.fullmatch(name) is None or folder.exists():
        raise ConfigError(f"{name[:64]!r} cannot be a new node: a small letter and a-z, 0-9, -, and no folder of that name in {data}")
    known = _configs(data)
    first = free_run(max(port for each in known for port in (each.api.port, each.peer.port)) + 1, 2)
    newcomer = NodePlan(name, "validator", OWNER, api_port=first, peer_port=first + 1)
    plan = msgspec.structs.replace(trial_plan(0, 0), nodes=(*map(_known, known), newcomer))
    folder.mkdir(mode=0o700)
    path = folder / "node.toml"
    write_private(path, node_config(plan, newcomer, genesis=os.path.relpath(data / "genesis.json", folder)).encode())
    config = load_config(path)
    init_node(config)
    write_private(config.data_folder / VIEW_KEYS_FILE, "".join(f"{key.hex()}\n" for key in view_keys).encode())
    return path


async def open_view_keys(data: Path, client: Client) -> list[bytes]:
    """Every view key that was ever in force, opened with the box keys of the nodes on this machine (L28)."""
    rings = [KeyRing(box=BoxKey.of(read_seed(Path(each.box_key)))) for each in _configs(data)]
    found: dict[int, bytes] = {}
    for epoch in range((await client.get("/v1/epochs/latest", EpochBody)).epoch + 1):
        shown = (await client.get(f"/v1/epochs/{epoch}", EpochBody)).view_key
        if shown.number in found:
            continue
        copies = [(bytes.fromhex(each.box_key), bytes.fromhex(each.sealed)) for each in shown.copies]
        key = next((key for ring in rings if (key := ring.find(bytes.fromhex(shown.hash), copies)) is not None), None)
        if key is None:
            raise ConfigError(f"no node of this devnet opens view key {shown.number}")
        found[shown.number] = key
    return list(found.values())


def _configs(data: Path) -> list[Config]:
    return [load_config(path) for path in sorted(data.glob("*/node.toml"))]


def _known(config: Config) -> NodePlan:
    """Node of the network, as the newcomer calls it."""
    key = public_key_of(read_seed(Path(config.node_key))).hex()
    return NodePlan(config.name, config.role, OWNER, config.peer.host, config.api.port, config.peer.port, node_key=key)
