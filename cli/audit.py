"""`som audit`: who looked whom up, by the log of a node of the operator, read on that node's machine."""

from pathlib import Path
from typing import Annotated

import typer

from cli.backup import JsonOption
from cli.faults import Misuse, Refusal
from cli.output import print_json, print_line, print_table
from cli.times import time_text
from node.audit import AUDIT_BYTES_MAX, NAME, AuditError, AuditRecord, read_records
from node.config import load_config

app = typer.Typer(help="The audit log of a node of the operator.", no_args_is_help=True)


@app.command("list")
def list_(
    *,
    config: Annotated[Path | None, typer.Option("--config", metavar="NODE.toml", help="Configuration of the node whose log it is.")] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="A log that was moved aside.")] = None,
    subject: Annotated[str, typer.Option("--subject", metavar="HOLDER", help="Only what was asked about this person.")] = "",
    by: Annotated[str, typer.Option("--by", metavar="PARTICIPANT", help="Only what this participant asked.")] = "",
    last: Annotated[int, typer.Option("--last", min=1, help="At most so many, the newest.")] = 1_000,
    json: JsonOption = False,
) -> None:
    """List who looked whom up, when and why, and check that nothing in the log was altered or taken out.

    The log ends with a hash: note it elsewhere, and what is cut off at the end later can be told, too.
    """
    if config is not None and file is None:
        path = load_config(config).data_folder / NAME
    elif file is not None and config is None:
        path = file
    else:
        raise Misuse("say which log: --config NODE.toml, or --file FILE")
    records, head = _read(path)
    wanted = [each for each in records if subject in ("", each.subject) and by in ("", each.by.partition("/")[0])][-last:]
    if json:
        print_json({"head": head.hex(), "count": len(records), "records": [_fields(each) for each in wanted]})
        return
    rows = [[str(each.number), time_text(each.time_ms), each.by, each.action, each.subject, _what(each)] for each in wanted]
    print_table(["number>", "when", "who", "did", "whom", "why"], rows)
    print_line(f"{len(records)} records, each bound to the one before it; the log ends with {head.hex()}")


def _read(path: Path) -> tuple[list[AuditRecord], bytes]:
    try:
        with path.open("rb") as opened:
            data = opened.read(AUDIT_BYTES_MAX + 1)
    except FileNotFoundError:
        return [], bytes(32)
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror}") from None
    try:
        found = list(read_records(data))
    except AuditError as error:
        raise Refusal(f"{path}: {error}") from None
    return [record for record, _, _ in found], found[-1][1] if found else bytes(32)


def _what(record: AuditRecord) -> str:
    missing = "" if record.found else " (not found)" if record.action == "find" else " (not registered yet)"
    return f"{record.reason}{missing}"


def _fields(record: AuditRecord) -> dict[str, str | int | bool]:
    return {
        "number": record.number,
        "time_ms": record.time_ms,
        "by": record.by,
        "public_key": record.public_key.hex(),
        "action": record.action,
        "subject": record.subject,
        "reason": record.reason,
        "found": bool(record.found),
    }
