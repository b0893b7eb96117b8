"""`som bridge doctor`: what keeps an attestor or a relayer from its work, before it is started or while it runs."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.bridge_keys import CURSOR, MARKS, app
from cli.bridge_run import FileArgument, open_home
from cli.command import command
from cli.faults import CommandFault, Refusal
from cli.output import print_json, print_table
from cli.session import Session
from cli.times import now_ms

if TYPE_CHECKING:
    from bridge.doctor import Looked
    from bridge.process import ProcessConfig

__all__ = ["app"]


@command(app, "doctor")
def doctor(session: Session, file: FileArgument) -> None:
    """Look at everything that a process of this configuration needs; exit code 1 where something is wrong. It changes nothing."""
    found = _look(session, file)
    if session.json:
        print_json({"good": all(each.good for each in found), "found": [[each.what, each.good, each.says] for each in found]})
    else:
        print_table(["looked at", "", "found"], [[each.what, "ok" if each.good else "WRONG", each.says] for each in found])
    if not all(each.good for each in found):
        raise typer.Exit(1)


def _look(session: Session, file: Path) -> "tuple[Looked, ...]":
    from bridge.doctor import Looked, Patient, examine, look_at  # noqa: PLC0415 - curves would slow the start of every other command
    from bridge.errors import BridgeError  # noqa: PLC0415
    from bridge.key_config import open_key  # noqa: PLC0415
    from bridge.process import load, open_chain  # noqa: PLC0415

    try:
        config = load(file)
        key = open_key(config.key, Path(config.folder))
    except BridgeError as problem:
        raise Refusal(str(problem)) from None
    here = [look_at(key), *(_own(config) if config.participant else ())]
    patient = Patient(config.participant, key.address, config.chain.first_block, config.stalled_seconds)
    try:
        home = open_home(session, config)
    except CommandFault as problem:
        return (*here, Looked("ledger", good=False, says=str(problem)))
    found = examine(
        patient,
        home,
        lambda route: open_chain(config.chain, route.terms.kind, route.terms.chain_id, route.terms.finality.providers),
        now_ms() // 1_000,
    )
    return (*here, *found)


def _own(config: "ProcessConfig") -> "tuple[Looked, ...]":
    """Look at marks and cursor in the folder of an attestor."""
    from bridge.attestor import AttestorState  # noqa: PLC0415 - see above
    from bridge.cursor import CursorBroken, CursorFile  # noqa: PLC0415
    from bridge.doctor import Looked  # noqa: PLC0415

    there = (Path(config.folder) / MARKS / "data.mdb").is_file()
    says = "there" if there else "missing: without them this key signs no more; have the route take a new one (som bridge new-key)"
    marks = Looked("marks", good=there, says=says)
    try:
        state = CursorFile(Path(config.folder) / CURSOR, AttestorState).load()
    except CursorBroken as broken:
        return (marks, Looked("cursor", good=False, says=str(broken)))
    if state is None:
        return (marks, Looked("cursor", good=True, says="none yet: it begins at `first_block`"))
    if state.stopped:
        return (marks, Looked("cursor", good=False, says=f"it has stopped: {state.stopped}; find out why, then som bridge attest --resume"))
    return (marks, Looked("cursor", good=True, says=f"told up to block {state.watched.progress.block}"))
