"""`som backup create|verify|restore`: what a node holds, in a folder that proves itself; never a key, mark or journal."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cli.faults import Refusal
from cli.node import ConfigOption
from cli.output import print_fields, print_json
from cli.times import time_text
from node.config import load_config

app = typer.Typer(help="Backups of a node: state and blocks, without keys.", no_args_is_help=True)

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of the backup.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document.")]
ChainOption = Annotated[str, typer.Option("--chain", metavar="HEX", help="Id that the chain must have.")]


@app.command("create")
def create(config: ConfigOption, folder: FolderArgument, *, json: JsonOption = False) -> None:
    """Back a node up into a new folder, whether it runs or not."""
    from node.backup import create_backup  # noqa: PLC0415 - LMDB and aiohttp would triple the start of every other command

    made = create_backup(load_config(config), config, folder)
    if json:
        print_json({**msgspec.to_builtins(made), "files": len(made.files)})
        return
    print_fields(
        [
            ("backup", str(folder)),
            ("chain", made.chain),
            ("height", str(made.height)),
            ("blocks", f"{made.first} to {made.height}" if made.first <= made.height else "none: the node began at a snapshot"),
            ("bytes", str(sum(each.bytes for each in made.files))),
            ("next", f"som backup verify {folder}"),
        ]
    )


@app.command("verify")
def verify(
    folder: FolderArgument,
    *,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Configuration of a full-view node: compares bodies and receipts too.")
    ] = None,
    chain: ChainOption = "",
    json: JsonOption = False,
) -> None:
    """Check a backup without a network: from the genesis document to every root, record and block."""
    from node.restore import verify_backup  # noqa: PLC0415 - see above

    found = verify_backup(folder, None if config is None else load_config(config))
    if chain and chain != found.chain:
        raise Refusal(f"the backup is of chain {found.chain}, not {chain}")
    if json:
        print_json(msgspec.to_builtins(found))
        return
    print_fields(
        [
            ("chain", found.chain + ("" if chain else " (compare it with what you know)")),
            ("height", str(found.height)),
            ("block", found.block_id),
            ("time", time_text(found.time_ms)),
            ("epochs", str(found.epochs)),
            ("records", str(found.leaves)),
            ("blocks", str(found.blocks)),
            ("bodies", str(found.bodies) if config is not None else "not compared: --config names who can open the view key"),
        ]
    )


@app.command("restore")
def restore(config: ConfigOption, folder: FolderArgument, *, json: JsonOption = False) -> None:
    """Make a node's store from a backup, after checking it. The data folder must be empty."""
    from node.restore import restore_backup  # noqa: PLC0415 - see above

    settings = load_config(config)
    found = restore_backup(folder, settings)
    voter = settings.role == "validator"
    following = "som recover makes a new key: a restored validator has no mark, and the old key never votes again (K15)"
    if json:
        print_json({**msgspec.to_builtins(found), "recover": voter})
        return
    print_fields(
        [
            ("restored", settings.data),
            ("height", str(found.height)),
            ("blocks", str(found.blocks)),
            ("next", following if voter else "start the node: it fetches what came since"),
        ]
    )
