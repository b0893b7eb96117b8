"""`som epoch`: who validates when, what proves it, and the end of the current one."""

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cli.client import NotThere
from cli.command import command
from cli.epochs import box_key_of, current_epoch, next_epoch, open_view_key
from cli.faults import Distrust, Misuse, Refusal
from cli.output import print_fields, print_json, print_line
from cli.parties import sender_keyset
from cli.proof import CheckpointOption, VerifyOption, epoch_link, trusted
from cli.sending import How, send
from cli.session import Session
from cli.trust import checkpoint_of
from ledger.epochs import set_hash
from ledger.transactions.bodies import ParamSet
from node.api.epoch_structs import EpochBody, NextEpochBody
from node.api.structs import BlockBody
from node.epochchain import EpochChainBroken, decode_link
from node.keystore import write_private

app = typer.Typer(help="Epochs: a set of validators each, from one boundary block to the next.", no_args_is_help=True)

END_AHEAD = 10
"""Heights that a moved end lies ahead at least (K22)."""
POLL_SECONDS = 0.25
WAIT_SECONDS = 900
END_SPARE = 5
"""Heights that may pass until an order to end the epoch is final, beside those that the rule wants; more where blocks come fast."""
END_SECONDS = 5
"""How long the order may take to become final."""
SAMPLE = 20
"""Blocks by which the present pace is measured."""


@command(app, "show")
def show(
    session: Session,
    number: Annotated[str, typer.Argument(metavar="[NUMBER]", help="Number of the epoch; else the current one.")] = "latest",
    *,
    verify: VerifyOption = False,
    checkpoint: CheckpointOption = "",
) -> None:
    """Show an epoch, its checkpoint for new clients, and what comes next; --verify walks there from the genesis document."""
    found = session.client.get(f"/v1/epochs/{number}", EpochBody)
    if verify or checkpoint:
        council = trusted(session, checkpoint).council(found.epoch)
        if set_hash(found.epoch, council.validators).hex() != found.set_hash or council.base != found.base:
            raise Distrust(f"what the node says of epoch {found.epoch} is not what its validators signed: do not believe this node")
    coming = next_epoch(session) if number == "latest" else None
    named = _checkpoint(session, found.epoch)
    if session.json:
        built = {"epoch": msgspec.to_builtins(found), "verified": verify, "checkpoint": named}
        print_json(built | ({"next": msgspec.to_builtins(coming)} if coming is not None else {}))
        return
    print_fields(
        [
            ("epoch", f"{found.epoch}{', verified' if verify else ''}"),
            ("heights", f"{found.base + 1} to {found.end}, the newest is {found.as_of}"),
            ("quorum", f"{found.quorum} of {len(found.validators)}"),
            *[("validator", f"{each.index} {each.participant} {each.consensus_key} {each.endpoint}") for each in found.validators],
            ("view key", f"{found.view_key.number}, {len(found.view_key.copies)} sealed copies"),
            *([("checkpoint", named)] if named else []),
            *(next_rows(coming) if coming is not None else []),
        ]
    )


@command(app, "end")
def end(
    session: Session,
    how: How,
    *,
    ahead: Annotated[
        int | None,
        typer.Option("--in", metavar="HEIGHTS", min=END_AHEAD + 1, help="How many heights from now the epoch ends; else in some seconds."),
    ] = None,
) -> None:
    """Let the current epoch end early, so that what is planned takes effect (param.set epoch_end). The quorum of `root` signs.

    With --wait it returns when the next epoch has begun.
    """
    if how.propose and ahead is None:
        raise Misuse("votes take time: say with --in how many heights from now the epoch ends, enough for all of them")
    sender, coming = session.sender("operator"), current_epoch(session).epoch + 1
    order = end_order(session, _soon(session) if ahead is None else ahead)
    send(session, order, sender=sender, needed=(sender_keyset(session, sender),), how=how)
    if how.wait and not how.propose and how.export is None:
        if not session.json:
            print_line(f"epoch {coming - 1} ends at height {order.value}: waiting for it")
        begun = _awaited(session, coming, WAIT_SECONDS)
        if not session.json:
            _print_begun(begun)


@command(app, "wait")
def wait(
    session: Session,
    number: Annotated[int | None, typer.Argument(metavar="[NUMBER]", min=0, help="Number of the epoch; else the next one.")] = None,
    *,
    seconds: Annotated[
        int, typer.Option("--seconds", min=0, help="How long to wait; an idle network makes a block per heartbeat.")
    ] = WAIT_SECONDS,
) -> None:
    """Wait until an epoch has begun, and say who votes in it. Exit code 1: it had not begun when the time was over."""
    wanted = current_epoch(session).epoch + 1 if number is None else number
    begun = _awaited(session, wanted, seconds)
    if session.json:
        print_json(msgspec.to_builtins(begun))
    else:
        _print_begun(begun)


def _awaited(session: Session, wanted: int, seconds: float) -> EpochBody:
    """Epoch that the network is in, once it is this one or a later one.

    Raises
    ------
    Refusal
        So many seconds have passed.
    """
    until = time.monotonic() + seconds
    while True:
        now = current_epoch(session)
        if now.epoch >= wanted:
            return now
        if time.monotonic() > until:
            raise Refusal(
                f"epoch {wanted} has not begun after {seconds} s: epoch {now.epoch} ends at height {now.end}, "
                f"{now.end - now.as_of} heights from here (som epoch end lets it end early)"
            )
        time.sleep(POLL_SECONDS)


def _print_begun(now: EpochBody) -> None:
    print_line(f"epoch {now.epoch} began after height {now.base}; {now.quorum} of {len(now.validators)} must sign")
    for each in now.validators:
        print_line(f"validator {each.index} {each.participant} {each.consensus_key} {each.endpoint}")


@command(app, "keys")
def keys(
    session: Session,
    output: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write them, such as DATA/view_keys of a newcomer's node.")],
    box_key_file: Annotated[Path, typer.Option("--box-key-file", metavar="FILE", help="Box key file of a node that has them (box.key).")],
) -> None:
    """Open every view key that was ever in force and write them for a new node, which replays with them (L28). They are secret."""
    box = box_key_of(box_key_file)
    opened: dict[int, bytes] = {}
    for epoch in range(current_epoch(session).epoch + 1):
        shown = session.client.get(f"/v1/epochs/{epoch}", EpochBody).view_key
        if shown.number not in opened:
            opened[shown.number] = open_view_key(shown, box)
    write_private(output, "".join(f"{key.hex()}\n" for key in opened.values()).encode())
    if session.json:
        print_json({"file": str(output), "view_keys": sorted(opened)})
    else:
        print_line(f"{len(opened)} view keys are in {output}: give it to nobody but the node that replays with it")


def _soon(session: Session) -> int:
    """Heights to an end that is near, and far enough for an order that becomes final within some seconds at the present pace."""
    session.be_ready()
    least, now = END_AHEAD + END_SPARE, current_epoch(session).as_of
    sample = min(SAMPLE, now - 1)
    if sample < 1:
        return least + SAMPLE
    try:
        newest, older = (session.client.get(f"/v1/blocks/{height}", BlockBody).fields.time_ms for height in (now, now - sample))
    except NotThere:  # the node began at a snapshot a moment ago
        return least + SAMPLE
    return least + END_SECONDS * 1_000 * sample // max(1, newest - older)


def end_order(session: Session, ahead: int) -> ParamSet:
    """Order that ends the current epoch so many heights from now.

    Raises
    ------
    Refusal
        It ends by itself no later.
    """
    now = current_epoch(session)
    height = now.as_of + ahead
    if height >= now.end:
        raise Refusal(f"epoch {now.epoch} ends at height {now.end} anyway, {now.end - now.as_of} heights from now")
    return ParamSet("epoch_end", height, 0)


def next_rows(coming: NextEpochBody) -> list[tuple[str, str]]:
    """Lines for people: what the next boundary brings."""
    rows = [("next", f"epoch {coming.epoch} begins after height {coming.at}")]
    if coming.planned_for is not None:
        rows.append(("planned", f"{len(coming.validators)} validators, from epoch {coming.planned_for} on"))
        rows += [
            ("", f"{each.index} {each.participant} {each.consensus_key} {each.standing}{'' if each.sealed else ', no view key'}")
            for each in coming.validators
        ]
    if coming.view_key is not None:
        rows.append(("view key", f"{coming.view_key.number} comes, {len(coming.view_key.copies)} sealed copies"))
    return [*rows, *[("waits for", each) for each in coming.waits_for]]


def _checkpoint(session: Session, epoch: int) -> str:
    """Checkpoint of an epoch as this node shows it; empty for epoch 0, whose checkpoint is the genesis document."""
    if epoch == 0:
        return ""
    try:
        return checkpoint_of(decode_link(epoch_link(session, epoch), epoch - 1)).text
    except EpochChainBroken as problem:
        raise Distrust(f"{problem}: do not believe this node") from None


def print_next(coming: NextEpochBody) -> None:
    """Print what the next boundary brings."""
    if coming.planned_for is None and coming.view_key is None:
        print_line(f"nothing is planned; epoch {coming.epoch} begins after height {coming.at} with the same set")
    else:
        print_fields(next_rows(coming))
