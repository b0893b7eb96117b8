"""`som participant`: create, change, suspend and show legal entities."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from cli.command import command
from cli.faults import Distrust, Misuse, Refusal
from cli.output import print_fields, print_json, print_table
from cli.parties import find_participant, participant_or_none, sender_keyset
from cli.proof import CheckpointOption, verify_proven
from cli.sending import How, send
from cli.session import Session
from ledger.names import check_participant_id
from ledger.participants import Participant
from ledger.proofs import ProofError
from ledger.transactions.bodies import ParticipantPut
from node.api.structs import ParticipantBody, Participants
from node.config import load_config
from node.keyfiles import write_seed
from node.wire import WireError

app = typer.Typer(help="Participants: the legal entities of the ledger.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Handle, such as bank-a.")]
KeysOption = list[str] | None
COUNTRY = "KG"
"""Of a new participant, unless it is told otherwise."""


@command(app, "put")
def put(
    session: Session,
    participant: IdArgument,
    how: How,
    *,
    kind: Annotated[Literal["operator", "treasury", "bank", "issuer", "other"] | None, typer.Option("--kind", help="What it is.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Legal name.")] = None,
    bic: Annotated[str | None, typer.Option("--bic", help="8 or 11 characters.")] = None,
    lei: Annotated[str | None, typer.Option("--lei", help="20 characters.")] = None,
    country: Annotated[str | None, typer.Option("--country", help="ISO 3166-1 alpha-2.")] = None,
    status: Annotated[Literal["active", "suspended", "closed"] | None, typer.Option("--status", help="New status.")] = None,
    node_key: Annotated[KeysOption, typer.Option("--node-key", metavar="HEX", help="Ed25519 key of a node; replaces all.")] = None,
    box_key: Annotated[KeysOption, typer.Option("--box-key", metavar="HEX", help="X25519 key of a node; replaces all.")] = None,
    endpoint: Annotated[KeysOption, typer.Option("--endpoint", metavar="URL", help="Where a node is; replaces all.")] = None,
) -> None:
    """Create a participant, or change what is named of one that exists. Grant `register` signs: send --as the registrar."""
    old = participant_or_none(session, participant)
    if old is None and (kind is None or name is None):
        raise Misuse(f"{participant} would be new: say what it is with --kind and --name")
    base = old or ParticipantBody(participant, "", "", "", "", COUNTRY, "active", (), (), (), ())
    fields = (
        participant,
        kind or base.kind,
        base.name if name is None else name,
        base.bic if bic is None else bic,
        base.lei if lei is None else lei,
        base.country if country is None else country,
        status or base.status,
        "" if (status or base.status) == "active" else base.successor,
        _keys(base.node_keys if node_key is None else node_key),
        _keys(base.box_keys if box_key is None else box_key),
        base.endpoints if endpoint is None else endpoint,
    )
    sender = session.sender()
    send(session, ParticipantPut(_record(fields)), sender=sender, needed=(sender_keyset(session, sender),), how=how)


@command(app, "succeed")
def succeed(
    session: Session,
    participant: IdArgument,
    how: How,
    *,
    by: Annotated[str, typer.Option("--by", metavar="ID", help="Active participant that services its accounts from now on.")],
    status: Annotated[
        Literal["suspended", "closed"], typer.Option("--status", help="What becomes of it; closed is for ever.")
    ] = "suspended",
) -> None:
    """Let another participant service all accounts of one that fails: one record, no account changes (L29). Grant `register` signs.

    Of one that is closed already the successor alone changes.
    """
    old, successor = find_participant(session, participant), find_participant(session, by)
    if successor.status != "active" or by == participant:
        raise Refusal(f"{by} cannot succeed {participant}: a successor is another participant, and active")
    fields = (
        participant,
        *(old.kind, old.name, old.bic, old.lei, old.country),
        "closed" if old.status == "closed" else status,
        by,
        _keys(old.node_keys),
        _keys(old.box_keys),
        old.endpoints,
    )
    sender = session.sender()
    send(session, ParticipantPut(_record(fields)), sender=sender, needed=(sender_keyset(session, sender),), how=how)


@command(app, "secret")
def secret(
    session: Session,
    participant: IdArgument,
    *,
    node_config: Annotated[Path, typer.Option("--node-config", metavar="FILE", help="Configuration of a node of who services it (TOML).")],
    into: Annotated[Path, typer.Option("--into", metavar="FILE", help="New file for the secret, readable by you alone.")],
    checkpoint: CheckpointOption = "",
) -> None:
    """Fetch the secret of a participant's tree from its nodes' peers, for who services it, and check it against a final header (L28, L29).

    With it a bank, or the successor of a failed one, recomputes blinds and salts of that tree. It changes with the view key.
    """
    from node.secrets import ask_for_secret  # noqa: PLC0415 - aiohttp and LMDB would triple the start of every other command
    from node.snapshot_sources import SourceGone  # noqa: PLC0415

    check_participant_id(participant)
    try:
        found = ask_for_secret(load_config(node_config), participant, chain=session.chain)
    except SourceGone as problem:
        raise Refusal(f"no node gives the secret of {participant}: {problem}; only who services it is given it") from None
    except (WireError, ProofError) as problem:
        raise Distrust(f"what a node gave is not the secret of {participant} ({problem}): do not believe this node") from None
    proven = verify_proven(session, found.proof, checkpoint=checkpoint)
    write_seed(into, found.secret)
    height = proven.block.header.height
    if session.json:
        print_json({"participant": participant, "epoch": found.epoch, "height": height, "file": str(into)})
        return
    fits = f"it fits the slot of {participant} in block {height}, epoch {found.epoch}"
    print_fields([("secret of", participant), ("checked", fits), ("file", str(into))])


@command(app, "show")
def show(session: Session, participant: IdArgument) -> None:
    """Show a participant and its keysets."""
    found = find_participant(session, participant)
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    print_fields(
        [
            ("participant", found.id),
            ("name", found.name),
            ("kind", found.kind),
            ("status", found.status),
            *([("successor", f"{found.successor}, which services its accounts")] if found.successor else []),
            *[(label, text) for label, text in (("BIC", found.bic), ("LEI", found.lei), ("country", found.country)) if text],
            *[("keyset", f"{each.name}, {each.m} of {len(each.keys)}") for each in found.keysets],
            *[("node key", each) for each in found.node_keys],
            *[("box key", each) for each in found.box_keys],
            *[("endpoint", each) for each in found.endpoints],
        ]
    )


@command(app, "list")
def list_(session: Session) -> None:
    """List all participants."""
    found = session.client.get("/v1/participants", Participants)
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    print_table(["participant", "kind", "status", "name"], [[each.id, each.kind, each.status, each.name] for each in found.participants])


def _record(fields: tuple[object, ...]) -> Participant:
    try:
        return msgspec.convert(fields, Participant)
    except msgspec.ValidationError as error:
        raise Misuse(f"that is no participant: {error}") from None


def _keys(texts: Sequence[str]) -> tuple[bytes, ...]:
    try:
        return tuple(bytes.fromhex(text) for text in texts)
    except ValueError:
        raise Misuse("a key is written as 64 hex characters") from None
