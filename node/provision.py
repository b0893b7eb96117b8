"""From a plan to a network that can start: keys, genesis document, a folder per node, a keystore and a profile for people.

`fill` and `draft` are functions of their arguments (randomness comes in as `draw`); only `provision` and what is called `write_` touch
files. Keys that a plan leaves out are made here, all on one machine: right for trials. For a real network each key is made where it stays
(`som keys new`, `som init`), the plan names the public ones, and the parties sign the draft one after the other (`som genesis sign`).
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from nacl.bindings import crypto_box_seal

from ledger.genesis import Genesis, chain_id, check_genesis, genesis_to_json, sign_genesis, view_key_hash
from ledger.genesis_document import (
    GenesisAccount,
    GenesisAsset,
    GenesisGrant,
    GenesisKey,
    GenesisKeyset,
    GenesisNeed,
    GenesisParticipant,
    GenesisScope,
    GenesisSealed,
    GenesisValidator,
    GenesisViewKey,
)
from ledger.keys import public_key_of
from node.config import load_config
from node.files import DiskFiles
from node.init import begin_memory
from node.keyfiles import box_public_of, write_seed
from node.keystore import Keystore, seal_key, write_private
from node.plan import GrantPlan, KeysetPlan, NodePlan, ParticipantPlan, Plan, usual_grants

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.assets import Power
    from node.keystore import Cost

    Draw = Callable[[int], bytes]

SEED_BYTES = 32
POWERS: tuple[Power, ...] = ("freeze", "pause", "seize")
"""What orders may do in the assets of a new network (L22, L31)."""
PASSPHRASE_BYTES = 24
ROOT_TYPES = ("asset.put", "bridge.set", "grant.put", "grant.end", "order.lift", "order.put", "param.set", "seize", "validator.set")
"""Types that the quorum of root signs."""


class NodeSecrets(Struct, frozen=True):
    """Seeds of one node, 32 bytes each; empty where the plan names the public key, or the node has none."""

    consensus: bytes
    node: bytes
    box: bytes


class Secrets(Struct, frozen=True):
    """Everything secret that was made for a plan."""

    keysets: dict[tuple[str, str], tuple[bytes, ...]]
    """(participant, keyset) -> seeds."""
    nodes: dict[str, NodeSecrets]
    """Name of the node -> its seeds."""
    view_key: bytes
    """32 bytes (L28); governance gets its hash, every validator and full-view peer a sealed copy."""


class Provisioned(Struct, frozen=True):
    """A network on disk, ready to start."""

    folder: Path
    genesis: Path
    chain: bytes
    profile: Path
    configs: dict[str, Path]
    """Name of the node -> its configuration."""
    plan: Plan
    secrets: Secrets


def fill(plan: Plan, draw: Draw = os.urandom) -> tuple[Plan, Secrets]:
    """Make every key that the plan leaves out; return the plan with all public keys, and the seeds."""
    keysets: dict[tuple[str, str], tuple[bytes, ...]] = {}
    participants = []
    for each in plan.participants:
        full = []
        for keyset in each.keysets:
            missing = keyset.new or (0 if keyset.keys else keyset.m)
            seeds = tuple(draw(SEED_BYTES) for _ in range(missing))
            if seeds:
                keysets[each.id, keyset.name] = seeds
            public = (*keyset.keys, *(public_key_of(seed).hex() for seed in seeds))
            full.append(KeysetPlan(keyset.name, keyset.m, public))
        participants.append(msgspec.structs.replace(each, keysets=tuple(full)))
    nodes, secrets = [], {}
    for node in plan.nodes:
        filled, secrets[node.name] = _fill_node(node, draw)
        nodes.append(filled)
    done = msgspec.structs.replace(plan, participants=tuple(participants), nodes=tuple(nodes), grants=plan.grants or usual_grants(plan))
    return done, Secrets(keysets=keysets, nodes=secrets, view_key=draw(SEED_BYTES))


def _fill_node(node: NodePlan, draw: Draw) -> tuple[NodePlan, NodeSecrets]:
    consensus = draw(SEED_BYTES) if node.role == "validator" and not node.consensus_key else b""
    seed = b"" if node.node_key else draw(SEED_BYTES)
    box = b"" if node.box_key else draw(SEED_BYTES)
    filled = msgspec.structs.replace(
        node,
        consensus_key=public_key_of(consensus).hex() if consensus else node.consensus_key,
        node_key=public_key_of(seed).hex() if seed else node.node_key,
        box_key=box_public_of(box).hex() if box else node.box_key,
    )
    return filled, NodeSecrets(consensus, seed, box)


def draft(plan: Plan, view_key: bytes, *, time_ms: int) -> Genesis:
    """Genesis document of a plan that names every key, without signatures. `time_ms` counts where the plan names no time."""
    boxes = sorted(node.box_key for node in plan.nodes)
    return Genesis(
        format=1,
        devnet=plan.devnet,
        name=plan.name,
        protocol=1,
        time_ms=plan.time_ms or time_ms,
        params=plan.params,
        participants=tuple(_participant(each, plan.nodes) for each in sorted(plan.participants, key=lambda each: each.id)),
        grants=tuple(_grant(each) for each in sorted(plan.grants, key=lambda each: each.id)),
        assets=tuple(
            GenesisAsset(each.code, each.decimals, each.issuer, "sovereign", None if each.cap is None else str(each.cap), (), (), POWERS)
            for each in sorted(plan.assets, key=lambda each: each.code)
        ),
        accounts=tuple(GenesisAccount(each.id, each.kind, None) for each in sorted(plan.accounts, key=lambda each: each.id)),
        validators=tuple(
            GenesisValidator(node.participant, node.consensus_key, node.node_key, node.endpoint)
            for node in plan.nodes
            if node.role == "validator"
        ),
        view_key=GenesisViewKey(
            hash=view_key_hash(view_key).hex(),
            sealed=tuple(GenesisSealed(box, crypto_box_seal(view_key, bytes.fromhex(box)).hex()) for box in boxes),
        ),
        signatures=(),
    )


def signing_seeds(plan: Plan, secrets: Secrets) -> list[bytes]:
    """Seeds that sign the document: every keyset of a `root` grant's quorum, and every consensus key, as far as they were made here."""
    members = {member for grant in plan.grants if grant.permission == "root" for member in grant.need_of or (f"{grant.to}/ops",)}
    people = [seed for (owner, name), seeds in secrets.keysets.items() if f"{owner}/{name}" in members for seed in seeds]
    return [*people, *(node.consensus for node in secrets.nodes.values() if node.consensus)]


def provision(folder: Path, plan: Plan, *, cost: Cost | None = None, draw: Draw = os.urandom) -> Provisioned:
    """Make everything a network on this machine needs, in an empty or new folder: it can start right after.

    `genesis.json`, `som.toml` (profile), `keystore/`, `passphrase`, and per node `NAME/node.toml` with its keys and memory. `cost` is that
    of the keystore.

    Raises
    ------
    GenesisError
        The plan cannot begin a network.
    KeystoreError, ConfigError
        A file exists already, or cannot be written.
    """
    full, secrets = fill(plan, draw)
    genesis = draft(full, secrets.view_key, time_ms=time.time_ns() // 1_000_000)
    for seed in signing_seeds(full, secrets):
        genesis = sign_genesis(genesis, seed)
    check_genesis(genesis)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    document, profile = folder / "genesis.json", folder / "som.toml"
    write_private(document, genesis_to_json(genesis).encode())
    configs = {}
    for node in full.nodes:
        configs[node.name] = write_node(folder / node.name, full, node, secrets.nodes[node.name], document)
        begin_memory(load_config(configs[node.name]), secrets.nodes[node.name].consensus, DiskFiles())
    write_keys(folder, secrets, cost=cost, draw=draw)
    chain = chain_id(genesis)
    write_private(profile, profile_text(full, chain).encode())
    return Provisioned(folder=folder, genesis=document, chain=chain, profile=profile, configs=configs, plan=full, secrets=secrets)


def write_keys(folder: Path, secrets: Secrets, *, cost: Cost | None, draw: Draw) -> None:
    """Write the keystore and its passphrase, a random one. Whoever reads both files has the keys: for trials only."""
    passphrase = draw(PASSPHRASE_BYTES).hex().encode()
    write_private(folder / "passphrase", passphrase + b"\n")
    keystore = Keystore(folder / "keystore")
    for (owner, keyset), seeds in secrets.keysets.items():
        for place, seed in enumerate(seeds):
            name = f"{owner}-{keyset}" + (f"-{place + 1}" if len(seeds) > 1 else "")
            keystore.save(seal_key(name=name, owner=owner, keyset=keyset, seed=seed, passphrase=passphrase, cost=cost))


def write_node(folder: Path, plan: Plan, node: NodePlan, secrets: NodeSecrets, genesis: Path) -> Path:
    """Write a node's key files and its configuration; return the path of the configuration."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, seed in (("consensus", secrets.consensus), ("node", secrets.node), ("box", secrets.box)):
        if seed:
            write_seed(folder / f"{name}.key", seed)
    path = folder / "node.toml"
    write_private(path, node_config(plan, node, genesis=os.path.relpath(genesis, folder)).encode())
    return path


def node_config(plan: Plan, node: NodePlan, *, genesis: str) -> str:
    """TOML of a node's configuration: it calls every other node of the plan."""
    lines = [
        f'role = "{node.role}"',
        f'name = "{node.name}"',
        'data = "data"',
        f'genesis = "{genesis}"',
        'node_key = "node.key"',
        'box_key = "box.key"',
        *(['consensus_key = "consensus.key"'] if node.role == "validator" else []),
        "",
        "[api]",
        f'host = "{node.host}"',
        f"port = {node.api_port}",
        "",
        "[peer]",
        f'host = "{node.host}"',
        f"port = {node.peer_port}",
    ]
    for other in plan.nodes:
        if other.name != node.name:
            lines += ["", "[[peers]]", f'name = "{other.name}"', f'url = "{other.endpoint}"', f'node_key = "{other.node_key}"']
    return "\n".join(lines) + "\n"


def profile_text(plan: Plan, chain: bytes) -> str:
    """TOML of a command-line profile for the whole network: every node, every key, and the keysets that sign with the sender."""
    urls = ", ".join(f'"http://{node.host}:{node.api_port}"' for node in plan.nodes)
    lines = [
        f"nodes = [{urls}]",
        'genesis = "genesis.json"',
        f'chain = "{chain.hex()}"',
        'keystore = "keystore"',
        'state = "client"',
        'passphrase_file = "passphrase"',
        "",
        "[sign]",
    ]
    root = next((grant for grant in plan.grants if grant.permission == "root"), None)
    issue = next((grant for grant in plan.grants if grant.permission == "issue" and grant.need_of), None)
    if issue is not None:
        lines.append(f"issue = {_list(issue.need_of[: issue.need_m])}")
    if root is not None:
        lines += [f'"{type_}" = {_list(root.need_of[: root.need_m])}' for type_ in ROOT_TYPES]
    return "\n".join(lines) + "\n"


def _participant(plan: ParticipantPlan, nodes: tuple[NodePlan, ...]) -> GenesisParticipant:
    own = [node for node in nodes if node.participant == plan.id]
    return GenesisParticipant(
        id=plan.id,
        kind=plan.kind,
        name=plan.name or plan.id,
        bic=plan.bic,
        lei=plan.lei,
        country=plan.country,
        keysets=tuple(
            GenesisKeyset(each.name, each.m, tuple(GenesisKey(key, 0) for key in sorted(each.keys)))
            for each in sorted(plan.keysets, key=lambda each: each.name)
        ),
        node_keys=tuple(sorted(node.node_key for node in own)),
        box_keys=tuple(sorted(node.box_key for node in own)),
        endpoints=tuple(node.endpoint for node in own),
    )


def _grant(plan: GrantPlan) -> GenesisGrant:
    return GenesisGrant(
        id=plan.id,
        to=plan.to,
        permission=plan.permission,
        scope=GenesisScope(asset=plan.asset, participant=plan.participant, account=""),
        quota=None,
        need=GenesisNeed(plan.need_m, tuple(sorted(plan.need_of))) if plan.need_of else None,
        lifted_by=(),
        not_before=0,
        until=0,
        rank=0,
    )


def _list(names: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"
