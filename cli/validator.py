"""`som validator`: who votes from the next epoch on. README.md, "Changing the validator set", has the whole way."""

from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct

from cli.command import command
from cli.epoch import end_order, print_next
from cli.epochs import (
    box_key_of,
    coming_set,
    current_epoch,
    new_view_key,
    next_epoch,
    open_view_key,
    parse_key,
    sealed_copies,
    validators_of,
)
from cli.evidence import accuse as show_evidence
from cli.evidence import list_evidence
from cli.faults import Misuse, Refusal
from cli.output import print_json, print_line, print_table
from cli.parties import OPS, find_participant, sender_keyset
from cli.readiness import PATIENCE_SECONDS, awaited_word
from cli.sending import How, Step, send, send_steps
from cli.session import Session, read_text
from ledger.epochs import Validator
from ledger.keys import public_key_of
from ledger.participants import Participant
from ledger.transactions.bodies import Attest, ParticipantPut, ValidatorsSet
from node.api.epoch_structs import EpochBody, NextEpochBody, SeatBody, ViewKeyBody
from node.api.structs import ParticipantBody
from node.config import load_config
from node.keyfiles import read_seed

app = typer.Typer(help="Validators: who votes now, and from the next epoch on.", no_args_is_help=True)

NodeConfigOption = Annotated[
    Path | None, typer.Option("--node-config", metavar="FILE", help="Configuration of its node, where it lies on this machine.")
]
BoxFileOption = Annotated[
    Path | None, typer.Option("--box-key-file", metavar="FILE", help="Box key file of a node that has the view key (box.key).")
]
EndOption = Annotated[
    int | None, typer.Option("--end-in", metavar="HEIGHTS", min=11, help="Let the epoch end so many heights from now (som epoch end).")
]


class Keys(Struct, frozen=True):
    """Public keys of a node."""

    consensus: bytes
    node: bytes
    box: bytes


class SetFile(Struct, frozen=True):
    """A set in a file; what else `som validator list --json` prints is passed over."""

    validators: tuple[SeatBody, ...]


@command(app, "list")
def list_(session: Session) -> None:
    """List the validators of the current epoch, and what is planned for the next."""
    now, coming = current_epoch(session), next_epoch(session)
    if session.json:
        print_json({"epoch": now.epoch, "validators": msgspec.to_builtins(now.validators), "next": msgspec.to_builtins(coming)})
        return
    rows = [[str(each.index), each.participant, each.consensus_key, each.endpoint] for each in now.validators]
    print_table(["index>", "participant", "consensus key", "endpoint"], rows)
    print_line(f"epoch {now.epoch}, heights {now.base + 1} to {now.end}; {now.quorum} of {len(now.validators)} must sign")
    print_next(coming)


@command(app, "add")
def add(
    session: Session,
    participant: Annotated[str, typer.Argument(metavar="PARTICIPANT", help="Who runs it.")],
    how: How,
    *,
    node_config: NodeConfigOption = None,
    consensus_key: Annotated[str, typer.Option("--consensus-key", metavar="HEX", help="As som init printed it.")] = "",
    node_key: Annotated[str, typer.Option("--node-key", metavar="HEX", help="As som init printed it.")] = "",
    box_key: Annotated[str, typer.Option("--box-key", metavar="HEX", help="As som init printed it.")] = "",
    endpoint: Annotated[str, typer.Option("--endpoint", metavar="URL", help="Of its peer listener.")] = "",
    replaces: Annotated[str, typer.Option("--replaces", metavar="HEX", help="Consensus key whose place it takes (som recover).")] = "",
    box_key_file: BoxFileOption = None,
    end_in: EndOption = None,
) -> None:
    """Plan a set with one more validator. Registers its node's keys, seals the view key to it, plans the set; the quorum of root signs.

    The view key is opened with the box key file of a node that has it. The set takes effect at the end of the epoch if the newcomer has
    said by then that it is ready (som validator ready).
    """
    keys = _keys_of(node_config, consensus_key, node_key, box_key)
    now, coming = current_epoch(session), next_epoch(session)
    old = coming_set(now, coming)
    newcomer = Validator(participant, keys.consensus, keys.node, endpoint or _endpoint(node_config))
    if replaces and all(each.consensus_key.hex() != replaces for each in old):
        raise Refusal(f"{replaces[:80]} is no consensus key of the set: som validator list")
    root = session.sender("operator")
    needed = (sender_keyset(session, root),)
    steps = [
        *_registering(find_participant(session, participant), keys, root, needed),
        *_sealing(now, coming, keys.box, box_key_file, root, needed),
    ]
    if newcomer not in old:
        plan = ValidatorsSet(_with(old, newcomer, replaces), now.epoch + 1)
        steps.append(Step(f"plan {len(plan.validators)} validators for epoch {now.epoch + 1}", lambda: plan, root, needed))
    steps += _ending(session, end_in, root, needed)
    if not steps:
        raise Refusal(f"{keys.consensus.hex()} is planned or votes already: som validator list")
    send_steps(session, steps, how)


@command(app, "remove")
def remove(
    session: Session,
    how: How,
    who: Annotated[
        list[str] | None, typer.Argument(metavar="[WHO...]", help="Consensus keys, or participants with all of their validators.")
    ] = None,
    *,
    node_config: Annotated[
        list[Path] | None,
        typer.Option("--node-config", metavar="FILE", help="A node that leaves, where it lies on this machine: both of its keys; repeat."),
    ] = None,
    box_key: Annotated[
        list[str] | None,
        typer.Option("--box-key", metavar="HEX", help="Box key that leaves, where its participant keeps another validator; repeat."),
    ] = None,
    keep_view_key: Annotated[bool, typer.Option("--keep-view-key", help="No new view key: who leaves may go on reading.")] = False,
    end_in: EndOption = None,
) -> None:
    """Plan a set without some validators, and a new view key that those who leave cannot open. The quorum of root signs.

    Their nodes' keys are taken off the list of their participant, so that from the end of the epoch on nobody lets them in.
    """
    nodes = [_keys_of(each, "", "", "") for each in node_config or ()]
    now, coming = current_epoch(session), next_epoch(session)
    planned = coming_set(now, coming)
    leaving = _leaving(validators_of(now.validators), planned, [*(who or ()), *(each.consensus.hex() for each in nodes)])
    staying = tuple(each for each in planned if each not in leaving)
    if not staying:
        raise Refusal("nobody would be left: a network needs four validators")
    root = session.sender("operator")
    needed = (sender_keyset(session, root),)
    named = {*(parse_key(text) for text in box_key or ()), *(each.box for each in nodes)}
    gone = set() if keep_view_key else _leaving_boxes(session, (now.view_key, coming.view_key), staying, leaving, named)
    steps = _renewing(now, coming, gone, root, needed)
    if staying != planned:
        plan = ValidatorsSet(staying, now.epoch + 1)
        steps.append(Step(f"plan {len(staying)} validators for epoch {now.epoch + 1}", lambda: plan, root, needed))
    if not keep_view_key:
        steps += _striking(session, staying, leaving, gone, root, needed)
    steps += _ending(session, end_in, root, needed)
    if not steps:
        raise Refusal(f"they leave with epoch {now.epoch} already: som validator list; som epoch end lets it end early")
    send_steps(session, steps, how)


@command(app, "set")
def set_(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON as som validator list --json prints it, edited.")],
    how: How,
    *,
    epoch: Annotated[int | None, typer.Option("--epoch", min=1, help="First epoch that it may be the set of; else the next.")] = None,
) -> None:
    """Plan exactly this set. The current set takes a plan back. View keys and registered node keys are not touched (add, remove)."""
    try:
        given = msgspec.json.decode(read_text(file), type=SetFile)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Misuse(f"{file} is not a set of validators: {error}") from None
    number = epoch if epoch is not None else current_epoch(session).epoch + 1
    sender = session.sender("operator")
    needed = (sender_keyset(session, sender),)
    send(session, ValidatorsSet(validators_of(given.validators), number), sender=sender, needed=needed, how=how)


@command(app, "ready")
def ready(
    session: Session,
    node_config: Annotated[Path, typer.Argument(metavar="NODE.toml", help="Configuration of the newcomer's node, on its machine.")],
    how: How,
) -> None:
    """Say that a planned newcomer can vote: its node is synced, hears the validators, and its box key opens the view key that comes.

    With --wait it waits until the node has caught up, a quarter of an hour at most, and then says it.
    """
    config = load_config(node_config)
    if not config.consensus_key:
        raise Misuse(f"{node_config} names no consensus key: only a validator votes")
    public = public_key_of(read_seed(Path(config.consensus_key)))
    patience = PATIENCE_SECONDS if how.wait else 0.0
    word = awaited_word(config, public, lambda: (current_epoch(session), next_epoch(session)), patience)
    sender = session.sender(word.by)
    send(session, Attest(word), sender=sender, needed=(sender_keyset(session, sender), (word.by, OPS)), how=how)


@command(app, "evidence")
def evidence(session: Session) -> None:
    """List the proofs of double votes that the node keeps, and what the ledger has on record of such proofs."""
    list_evidence(session)


@command(app, "accuse")
def accuse(
    session: Session,
    proof: Annotated[str, typer.Argument(metavar="EVIDENCE", help="SHA-256 of the proof's file (som validator evidence).")],
    how: How,
    *,
    by: Annotated[str, typer.Option("--by", metavar="PARTICIPANT", help="Who shows it: one that has a validator; else the sender.")] = "",
) -> None:
    """Put on record that a participant which validates has the proof of a double vote. It is checked before anybody signs.

    Nothing else happens: governance acts with the file in hand (som validator remove).
    """
    show_evidence(session, proof, by, how)


def _with(old: tuple[Validator, ...], newcomer: Validator, replaces: str) -> tuple[Validator, ...]:
    """Set with a newcomer: in the place of whom it replaces, else of the entry with its own consensus or node key, else at the end."""
    same = [
        place
        for place, each in enumerate(old)
        if each.consensus_key.hex() == replaces or each.consensus_key == newcomer.consensus_key or each.node_key == newcomer.node_key
    ]
    if not same:
        return (*old, newcomer)
    others = tuple(each for place, each in enumerate(old) if place not in same)
    return (*others[: same[0]], newcomer, *others[same[0] :])


def _keys_of(config: Path | None, consensus: str, node: str, box: str) -> Keys:
    if config is not None:
        if consensus or node or box:
            raise Misuse("name the keys one by one, or the node's configuration with --node-config, not both")
        found = load_config(config)
        if not found.consensus_key:
            raise Misuse(f"{config} names no consensus key: only a validator votes")
        seeds = [read_seed(Path(path)) for path in (found.consensus_key, found.node_key)]
        return Keys(public_key_of(seeds[0]), public_key_of(seeds[1]), box_key_of(Path(found.box_key)).public)
    if not (consensus and node and box):
        raise Misuse("name the newcomer's keys with --consensus-key, --node-key and --box-key (som init prints them), or its --node-config")
    return Keys(parse_key(consensus), parse_key(node), parse_key(box))


def _endpoint(config: Path | None) -> str:
    if config is None:
        return ""
    found = load_config(config).peer
    return f"{'https' if found.tls_certificate else 'http'}://{found.host}:{found.port}"


def _registering(found: ParticipantBody, keys: Keys, root: str, needed: tuple[tuple[str, str], ...]) -> list[Step]:
    """Step that gives a participant the keys of one more node; none where it has them."""
    nodes, boxes = set(found.node_keys) | {keys.node.hex()}, set(found.box_keys) | {keys.box.hex()}
    if (nodes, boxes) == (set(found.node_keys), set(found.box_keys)):
        return []
    body = ParticipantPut(_record(found, nodes, boxes))
    return [Step(f"register the keys of its node for {found.id}", lambda: body, root, needed)]


def _record(found: ParticipantBody, nodes: set[str], boxes: set[str]) -> Participant:
    """Record of a participant with these node keys and box keys, in hex."""
    record = (
        found.id,
        found.kind,
        found.name,
        found.bic,
        found.lei,
        found.country,
        found.status,
        "",
        tuple(bytes.fromhex(key) for key in sorted(nodes)),
        tuple(bytes.fromhex(key) for key in sorted(boxes)),
        found.endpoints,
    )
    return msgspec.convert(record, Participant)


def _sealing(
    now: EpochBody, coming: NextEpochBody, box_key: bytes, file: Path | None, root: str, needed: tuple[tuple[str, str], ...]
) -> list[Step]:
    """Seal the view key in force, and one that is planned, to a box key that has no copy yet."""
    lacking = [each for each in (now.view_key, coming.view_key) if each and all(copy.box_key != box_key.hex() for copy in each.copies)]
    if not lacking:
        return []
    if file is None:
        raise Misuse(
            "the view key has to be sealed to the newcomer, and only a node that has it can: name its box key file, --box-key-file"
        )
    opened = [(each.number, open_view_key(each, box_key_of(file))) for each in lacking]
    return [
        Step(f"seal view key {number} to the newcomer", partial(sealed_copies, key, (box_key,)), root, needed) for number, key in opened
    ]


def _leaving(old: tuple[Validator, ...], planned: tuple[Validator, ...], who: list[str]) -> tuple[Validator, ...]:
    """Find those of the current set or the planned one that are named by participant or consensus key."""
    if not who:
        raise Misuse("say who leaves: a participant, a consensus key (som validator list), or a node by --node-config")
    known = (*planned, *(each for each in old if each not in planned))
    strangers = [name for name in who if not any(name in (each.participant, each.consensus_key.hex()) for each in known)]
    if strangers:
        raise Refusal(f"{strangers[0]} is no validator of the set, as participant or consensus key: som validator list")
    return tuple(each for each in known if each.participant in who or each.consensus_key.hex() in who)


def _leaving_boxes(
    session: Session,
    view_keys: tuple[ViewKeyBody | None, ...],
    staying: tuple[Validator, ...],
    leaving: tuple[Validator, ...],
    named: set[bytes],
) -> set[bytes]:
    """Box keys that leave: those that were named, and all of a participant none of whose validators stays.

    Raises
    ------
    Refusal
        A box key that was named has no copy of the view key.
    Misuse
        A participant keeps a validator and loses some, so that nobody but its operator knows which of its box keys leave.
    """
    strangers = named - {parse_key(copy.box_key) for each in view_keys if each is not None for copy in each.copies}
    if strangers:
        raise Refusal(f"no view key is sealed to the box key {min(strangers).hex()}: check it, a node that votes has a copy")
    still = {each.participant for each in staying}
    partly = [each.participant for each in leaving if each.participant in still]
    if len(named) < len(partly):
        raise Misuse(
            f"{partly[0]} keeps a validator: say which of its box keys leave, with --box-key HEX or --node-config FILE for each validator, "
            "or keep the view key (--keep-view-key)"
        )
    whole = sorted({each.participant for each in leaving} - still)
    return named | {parse_key(text) for name in whole for text in find_participant(session, name).box_keys}


def _renewing(now: EpochBody, coming: NextEpochBody, gone: set[bytes], root: str, needed: tuple[tuple[str, str], ...]) -> list[Step]:
    """Plan a new view key for all who have the present one and do not leave; nothing where nobody loses it, or such a one is planned."""
    if not gone:
        return []
    if coming.view_key is not None and all(parse_key(copy.box_key) not in gone for copy in coming.view_key.copies):
        return []
    known = [parse_key(copy.box_key) for copy in (now.view_key if coming.view_key is None else coming.view_key).copies]
    boxes = [key for key in known if key not in gone]
    order = sealed_copies(new_view_key(), boxes)
    return [Step(f"plan a new view key, sealed to {len(boxes)} nodes", lambda: order, root, needed)]


def _striking(
    session: Session,
    staying: tuple[Validator, ...],
    leaving: tuple[Validator, ...],
    gone: set[bytes],
    root: str,
    needed: tuple[tuple[str, str], ...],
) -> list[Step]:
    """Take the keys of the nodes that leave off their participants: who is not listed is let in no more once its epoch has ended."""
    kept = {each.node_key for each in staying}
    lost = {each.node_key.hex() for each in leaving if each.node_key not in kept}
    steps = []
    for name in sorted({each.participant for each in leaving}):
        found = find_participant(session, name)
        nodes, boxes = set(found.node_keys) - lost, set(found.box_keys) - {key.hex() for key in gone}
        if (nodes, boxes) != (set(found.node_keys), set(found.box_keys)):
            body = ParticipantPut(_record(found, nodes, boxes))
            steps.append(Step(f"strike the keys of the nodes that leave off {name}", partial(_given, body), root, needed))
    return steps


def _given(body: ParticipantPut) -> ParticipantPut:
    return body


def _ending(session: Session, end_in: int | None, root: str, needed: tuple[tuple[str, str], ...]) -> list[Step]:
    """Step that ends the epoch early, where that is asked for."""
    if end_in is None:
        return []
    return [Step(f"end the epoch {end_in} heights on", partial(end_order, session, end_in), root, needed)]
