"""`som genesis`: from a plan to the document that begins a network, reviewed and signed by people."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cli.command import command
from cli.faults import Misuse, Refusal
from cli.output import Json, print_fields, print_json, print_line
from cli.session import Session, read_text
from cli.signing import split_keyset
from cli.times import now_ms, time_text
from ledger.genesis import Genesis, chain_id, check_draft, check_genesis, genesis_to_json, missing_signers, parse_genesis, sign_genesis
from node.config import load_config
from node.keyfiles import read_seed
from node.keystore import fingerprint, write_private
from node.plan import Plan, parse_plan, trial_plan, with_ports
from node.provision import draft, fill, provision

app = typer.Typer(help="The genesis document: what a network begins with.", no_args_is_help=True)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Genesis document (JSON).")]
VALIDATORS, PEERS, PORT_BASE = 4, 2, 8_800
VIEW_KEY_BYTES = 32


@command(app, "new")
def new(
    session: Session,
    plan: Annotated[Path | None, typer.Argument(metavar="[PLAN]", help="Plan of the network (TOML); without one a trial network.")] = None,
    *,
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="Document to write.")] = Path("genesis.json"),
    with_keys: Annotated[
        Path | None,
        typer.Option("--with-keys", metavar="FOLDER", help="Trial: make all keys and node folders here, signed, ready to start."),
    ] = None,
    port_base: Annotated[int, typer.Option("--port-base", min=1, max=65_000, help="First port of a trial network.")] = PORT_BASE,
) -> None:
    """Make the document of a plan. Every key that PLAN leaves out is made new, which only --with-keys allows."""
    wanted = parse_plan(read_text(plan), where=str(plan)) if plan else with_ports(trial_plan(VALIDATORS, PEERS), port_base)
    if with_keys is not None:
        made = provision(with_keys, wanted)
        _tell_provisioned(session, made.folder, made.chain, list(made.configs))
        return
    _check_complete(wanted)
    full, _ = fill(wanted)
    genesis = draft(full, os.urandom(VIEW_KEY_BYTES), time_ms=now_ms())
    check_draft(genesis)
    write_private(output, genesis_to_json(genesis).encode())
    _tell(session, genesis, output)


@command(app, "check")
def check(session: Session, file: FileArgument) -> None:
    """Check a document as every node does before it starts: all rules, all invariants, every signature. An error names the line."""
    text = read_text(file)
    genesis = parse_genesis(text)
    check_genesis(genesis, text)
    if session.json:
        print_json({"chain": chain_id(genesis).hex(), "good": True})
        return
    print_fields([("chain", chain_id(genesis).hex()), ("check", "good: this document can begin a network")])


@command(app, "show")
def show(session: Session, file: FileArgument) -> None:
    """Show what a document says, for review, and who has yet to sign it."""
    genesis = parse_genesis(read_text(file))
    _tell(session, genesis, file)
    if not session.json:
        for participant in genesis.participants:
            for keyset in participant.keysets:
                prints = ", ".join(fingerprint(bytes.fromhex(key.public_key)) for key in keyset.keys)
                print_line(f"keyset {participant.id}/{keyset.name}: {keyset.m} of {len(keyset.keys)}: {prints}")
        for grant in genesis.grants:
            need = f", needs {grant.need.m} of {' '.join(grant.need.of)}" if grant.need else ""
            print_line(f"grant {grant.id}: {grant.permission} to {grant.to}{need}")
        for index, validator in enumerate(genesis.validators):
            print_line(
                f"validator {index}: {validator.participant}, {fingerprint(bytes.fromhex(validator.consensus_key))}, {validator.endpoint}"
            )


@command(app, "sign")
def sign(
    session: Session,
    file: FileArgument,
    *,
    keyset: Annotated[
        list[str] | None, typer.Option("--sign", metavar="OWNER/KEYSET", help="Sign with the keys of the keystore that are meant for it.")
    ] = None,
    validator: Annotated[
        Path | None, typer.Option("--node-config", metavar="FILE", help="Sign with the consensus key of this validator's configuration.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask after showing what is signed.")] = False,
) -> None:
    """Add signatures to a document; each party does so in turn. Signing changes nothing else, so the chain's id stays."""
    text = read_text(file)
    genesis = parse_genesis(text)
    check_draft(genesis, text)
    if not session.json:
        _tell(session, genesis, file)
    if not yes and not typer.confirm("Sign this?", err=True):
        raise Refusal("not signed: nothing was written")
    seeds = [read_seed(Path(load_config(validator).consensus_key))] if validator is not None else []
    for name in keyset or []:
        found = session.keystore.for_keyset(*split_keyset(name))
        if not found:
            raise Refusal(f"the keystore {session.keystore.folder} has no key for {name}")
        seeds += [session.open(key) for key in found]
    if not seeds:
        raise Misuse("say who signs: --sign OWNER/KEYSET, or --node-config FILE of a validator")
    for seed in seeds:
        genesis = sign_genesis(genesis, seed)
    _replace(file, genesis_to_json(genesis))
    _tell(session, genesis, file)


def _check_complete(plan: Plan) -> None:
    """Refuse to make keys: without a folder to keep them in they would be lost at once."""
    for participant in plan.participants:
        for keyset in participant.keysets:
            if keyset.new or len(keyset.keys) < keyset.m or not all(keyset.keys):
                raise Misuse(
                    f"the plan names no keys for {participant.id}/{keyset.name}: put the public keys there (som keys new), "
                    "or for a trial make all keys with --with-keys FOLDER"
                )
    for node in plan.nodes:
        if not node.node_key or not node.box_key or (node.role == "validator" and not node.consensus_key):
            raise Misuse(
                f"the plan does not name all keys of {node.name}: put its public keys there (som init), "
                "or for a trial make all keys with --with-keys FOLDER"
            )


def _tell(session: Session, genesis: Genesis, file: Path) -> None:
    missing = list(missing_signers(genesis))
    if session.json:
        summary: dict[str, Json] = {"chain": chain_id(genesis).hex(), "file": str(file), "name": genesis.name, "unsigned": missing}
        print_json(summary)
        return
    print_fields(
        [
            ("document", str(file)),
            ("network", genesis.name + (" (devnet)" if genesis.devnet else "")),
            ("chain", chain_id(genesis).hex()),
            ("time", time_text(genesis.time_ms)),
            ("participants", ", ".join(each.id for each in genesis.participants)),
            ("assets", ", ".join(each.code for each in genesis.assets) or "none"),
            ("validators", str(len(genesis.validators))),
            ("yet to sign", ", ".join(missing) or "nobody"),
        ]
    )


def _tell_provisioned(session: Session, folder: Path, chain: bytes, nodes: list[str]) -> None:
    if session.json:
        print_json({"chain": chain.hex(), "folder": str(folder), "nodes": nodes, "profile": str(folder / "som.toml")})
        return
    print_fields(
        [
            ("chain", chain.hex()),
            ("profile", str(folder / "som.toml")),
            *[("node", f"som node run --config {folder / name / 'node.toml'}") for name in nodes],
        ]
    )


def _replace(file: Path, text: str) -> None:
    draft_file = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        draft_file.write_text(text)
        draft_file.replace(file)
    except OSError as error:
        raise Refusal(f"{file} cannot be written: {error.strerror}") from None
