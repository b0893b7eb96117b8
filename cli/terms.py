"""What of a policy has no option of its own: reserve, queue and expiry, from a JSON file.

Structs are objects with their field names, as in `ledger.assets.Policy` and `ledger.reserves`, a contract is hex; an expiry is
`{"at": "2026-12-31T00:00Z", "budget_line": "treasury/main"}`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from cli.client import NotThere
from cli.faults import Misuse
from cli.times import parse_point
from ledger.assets import Policy
from ledger.canonical import decode
from ledger.reserves import Expiry, Feed, Locker, Reserve, Route, Terms
from node.api.reserve_structs import ReserveBody

if TYPE_CHECKING:
    from cli.session import Session

FILE_BYTES_MAX = 65_536
FIELDS = ("reserve", "queued", "expires")
_WITHIN: dict[str, type[msgspec.Struct]] = {"terms": Terms, "feeds": Feed, "routes": Route, "lockers": Locker}
LEFT_OUT: dict[str, object] = {"lockers": []}
"""Members that a file need not have, and what they are then."""


def known_policy(session: Session, code: str) -> Policy | None:
    """Whole policy of an asset as the node has it; None where there is no such asset."""
    try:
        found = session.client.get(f"/v1/assets/{code}/reserve", ReserveBody)
    except NotThere:
        return None
    return decode(bytes.fromhex(found.policy), Policy)


def policy_fields(path: str) -> dict[str, object]:
    """Fields of a policy that a file gives, in the form of `msgspec.convert`.

    Raises
    ------
    Misuse
        The file cannot be read, is no JSON object, or has a member that is no such field.
    """
    try:
        data = Path(path).read_bytes()[: FILE_BYTES_MAX + 1]
        members = msgspec.json.decode(data, type=dict[str, object])
    except (OSError, msgspec.MsgspecError, UnicodeError) as error:
        raise Misuse(f"{path} is no JSON object that can be read: {error}") from None
    unknown = sorted(members.keys() - set(FIELDS))
    if unknown:
        raise Misuse(f"{path}: {', '.join(unknown)} cannot be given here, only {', '.join(FIELDS)}")
    return {name: _field(path, name, value) for name, value in members.items()}


def _field(path: str, name: str, value: object) -> object:
    if name == "reserve" and value != "sovereign":
        return _struct(path, Reserve, value)
    if name == "expires" and isinstance(value, dict):
        times = cast("dict[str, object]", value)
        return _struct(path, Expiry, {**times, "at": parse_point(str(times.get("at", "")))})
    return value


def _struct(path: str, kind: type[msgspec.Struct], value: object) -> list[object]:
    """Fields of an object in the order of its struct."""
    fields = kind.__struct_fields__
    if not isinstance(value, dict) or not set(fields) - LEFT_OUT.keys() <= set(value) <= set(fields):
        raise Misuse(f"{path}: {kind.__name__.lower()} must be an object with {', '.join(fields)}")
    members = {**LEFT_OUT, **cast("dict[str, object]", value)}
    return [
        [_struct(path, _WITHIN[name], each) for each in _list(path, name, members[name])]
        if name in _WITHIN
        else address_of(str(members[name]))
        if name == "contract"
        else members[name]
        for name in fields
    ]


def address_of(text: str) -> bytes:
    """Address of a contract on another chain, from hex with or without 0x; raises `Misuse`."""
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise Misuse(f"{text!r} is no address: write it in hex") from None


def _list(path: str, name: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise Misuse(f"{path}: {name} is a list")
    return cast("list[object]", value)
