"""The profile of an asset as people write it: a TOML file, read into structs with every error that its form has, each with its line.

What the fields mean to the ledger is in `cli.profile_terms`; what a profile is for, in `ledger/profiles/README.md`.
"""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import msgspec
from msgspec import Meta, Struct

from cli.faults import Misuse
from cli.toml_lines import lines_of_toml
from ledger.grants import Permission
from ledger.json_lines import nearest_line

if TYPE_CHECKING:
    from collections.abc import Callable

FILE_BYTES_MAX = 65_536
SUFFIX = ".toml"
_PLACE = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_TOML_LINE = re.compile(r"\(at (?:line (?P<line>\d+), column \d+|end of document)\)")

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{1,31}$")]
Text = Annotated[str, Meta(max_length=200)]
Bps = Annotated[int, Meta(ge=0, le=10_000)]
Texts = Annotated[tuple[Text, ...], Meta(max_length=64)]


class ExpiryPart(Struct, frozen=True, forbid_unknown_fields=True):
    """When purpose money ends, and where the rest goes."""

    at: Text
    """A date, a time, or a length from the day it is applied (`180d`)."""
    budget_line: Text


class AssetPart(Struct, frozen=True, forbid_unknown_fields=True):
    """The policy, as far as it has one value each. Amounts are text in major units; empty: none."""

    code: Text
    decimals: Annotated[int, Meta(ge=0, le=8)]
    reserve: Literal["sovereign", "attested", "vault", "foreign"]
    locks: Text = ""
    """Of a vault: the asset that is locked."""
    ratio_bps: int = 10_000
    cap: Text = ""
    queued: Text = ""
    """How long the issuer has to pay out a redemption, such as `3d`; empty: a redemption takes effect at once."""
    receive: Texts = ()
    powers: Texts = ("freeze", "pause", "seize")
    fixed: Texts = ()
    publish: Text = "block"
    travel_min: Text = ""
    expires: ExpiryPart | None = None


class LimitPart(Struct, frozen=True, forbid_unknown_fields=True):
    """What people of a tier may have and spend; empty: no limit."""

    tier: Text
    balance: Text = ""
    transaction: Text = ""
    day: Text = ""
    month: Text = ""
    anonymous: bool = False


class FeePart(Struct, frozen=True, forbid_unknown_fields=True):
    """A fee rule (L17)."""

    type: Literal["pay", "hold"]
    max: Text
    debit_kind: Text = ""
    credit_kind: Text = ""
    fixed: Text = ""
    bps: Bps = 0
    min: Text = ""


class FeedPart(Struct, frozen=True, forbid_unknown_fields=True):
    """A price, and who reports it."""

    name: Text
    base: Text
    quote: Text
    unit: int
    decimals: int
    sources: Texts
    max_age: Text


class TermsPart(Struct, frozen=True, forbid_unknown_fields=True):
    """On which terms a type of item backs the asset."""

    type: Text
    max_age: Text
    feed: Text = ""
    haircut_bps: Bps = 0
    share_max_bps: int = 10_000


class RoutePart(Struct, frozen=True, forbid_unknown_fields=True):
    """A chain on which the asset circulates and that is only observed."""

    id: Text
    sources: Texts


class LockerPart(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the asset is locked on another chain, of one that is issued here against it."""

    name: Text
    chain: Text
    contract: Text
    """Address, in hex."""
    sources: Texts
    max_age: Text


class GrantPart(Struct, frozen=True, forbid_unknown_fields=True):
    """Authority over this asset."""

    to: Text
    permission: Permission
    id: Text = ""
    """Empty: `PERMISSION:ASSET`. `:PARTICIPANT` follows, of whoever gets it unless that is `@issuer`, and of whom it is limited to."""
    need: Texts = ()
    need_m: int = 0
    """How many of `need` must agree; 0: all of them."""
    quota: Text = ""
    count: Annotated[int, Meta(ge=0)] = 0
    per: Literal["once", "day", "month"] = "once"
    participant: Text = ""
    """Limited to this participant; `@self`: to whoever gets it."""
    classes: Texts = ()
    lifted_by: Texts = ()
    rank: int = 0


class AccountPart(Struct, frozen=True, forbid_unknown_fields=True):
    """An account that must be there before the asset, such as a budget line."""

    id: Text
    kind: Literal["settlement", "clearing"] = "settlement"


class ItemPart(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be attested at the beginning. Whoever found it says so on the day: `apply` only tells how."""

    id: Text
    type: Text
    quantity: Annotated[int, Meta(ge=0)]
    by: Text
    standard: Text = ""
    about: Text = ""


class BridgePart(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the asset is to circulate on other chains, as its issuer wishes."""

    chain: Text
    mode: Literal["enforced", "observed"]
    about: Text = ""


class Document(Struct, frozen=True):
    """A profile. Participants are named by their role (`@issuer`), by all that have it, or by their handle."""

    name: str
    title: str
    roles: dict[str, str]
    """Role -> who that is."""
    asset: AssetPart
    limits: dict[str, LimitPart]
    """By path in the file, as all lists: so an error of a later check finds its line."""
    fees: dict[str, FeePart]
    feeds: dict[str, FeedPart]
    terms: dict[str, TermsPart]
    routes: dict[str, RoutePart]
    lockers: dict[str, LockerPart]
    grants: dict[str, GrantPart]
    accounts: dict[str, AccountPart]
    items: dict[str, ItemPart]
    bridges: dict[str, BridgePart]


LISTS: dict[str, type[Struct]] = {
    "limits": LimitPart,
    "fees": FeePart,
    "feeds": FeedPart,
    "terms": TermsPart,
    "routes": RoutePart,
    "lockers": LockerPart,
    "grants": GrantPart,
    "accounts": AccountPart,
    "items": ItemPart,
    "bridges": BridgePart,
}
PLAIN: dict[str, object] = {"format": Literal[1], "name": Name, "title": Text, "roles": dict[Name, Text], "asset": AssetPart}


class Fault(Struct, frozen=True):
    """One error of a profile."""

    line: int
    path: str
    """Of the value that is wrong, without the leading `$.`."""
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.path}: {self.reason}" if self.path else f"line {self.line}: {self.reason}"


class Source(Struct, frozen=True):
    """A profile's text, and where it is from."""

    place: str
    text: str
    lines: dict[str, int]

    def fault(self, path: str, reason: str) -> Fault:
        """Error of the value at a path."""
        return Fault(nearest_line(self.lines, path), path.removeprefix("$").removeprefix("."), reason)


def ready_made() -> dict[str, str]:
    """Profiles that come with the ledger: name -> TOML text."""
    folder = resources.files("ledger").joinpath("profiles")
    files = [each for each in folder.iterdir() if each.name.endswith(SUFFIX)]
    return {each.name.removesuffix(SUFFIX): each.read_text(encoding="utf-8") for each in sorted(files, key=lambda each: each.name)}


def open_source(named: str) -> Source:
    """Text of a profile: one that comes with the ledger, else a file.

    Raises
    ------
    Misuse
        There is no such file, it is too long, or it is not TOML; names the line.
    """
    known = ready_made()
    text = known[named] if named in known else _read(named, known)
    try:
        tomllib.loads(text)
        return Source(named, text, lines_of_toml(text))
    except tomllib.TOMLDecodeError as error:
        place = _TOML_LINE.search(str(error))
        line = place["line"] if place else None
        where = f"line {line or text.count(chr(10)) + 1}: "
        raise Misuse(f"{named}: {where}{_TOML_LINE.sub('', str(error)).strip()}") from None
    except RecursionError:
        raise Misuse(f"{named}: its values lie too deep within each other") from None


def _read(named: str, known: dict[str, str]) -> str:
    try:
        with Path(named).open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise Misuse(f"{named} is longer than {FILE_BYTES_MAX} bytes")
        return data.decode()
    except FileNotFoundError:
        raise Misuse(f"{named!r} is neither a file nor a profile that comes with the ledger: {', '.join(known)}") from None
    except OSError as error:
        raise Misuse(f"{named} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misuse(f"{named} is not UTF-8 text") from None


def read_document(source: Source) -> tuple[Document | None, list[Fault]]:
    """Document of a text, and everything that is wrong with its form. What is wrong is left out; without an asset there is none."""
    faults: list[Fault] = []

    def found(path: str, reason: str) -> None:
        faults.append(source.fault(path, reason))

    values = cast("dict[str, object]", tomllib.loads(source.text))
    for name in values.keys() - PLAIN.keys() - LISTS.keys():
        found(f"$.{name}", "no profile has such a field")
    plain: dict[str, object] = {}
    for name, kind in PLAIN.items():
        if name not in values:
            found("$", f"{name} is missing")
        elif name == "asset":
            plain[name] = _struct(AssetPart, values[name], "$.asset", found)
        else:
            plain[name] = _value(kind, values[name], f"$.{name}", found)
    lists = {name: _list(kind, values.get(name, []), f"$.{name}", found) for name, kind in LISTS.items()}
    faults.sort(key=lambda each: each.line)
    if any(plain.get(name) is None for name in PLAIN):
        return None, faults
    return cast("Callable[..., Document]", Document)(**{name: plain[name] for name in PLAIN if name != "format"}, **lists), faults


def _list(kind: type[Struct], value: object, path: str, found: Callable[[str, str], None]) -> dict[str, Struct]:
    if not isinstance(value, list):
        found(path, f"write [[{path.removeprefix('$.')}]], once for each")
        return {}
    made = {f"{path}[{index}]": _struct(kind, each, f"{path}[{index}]", found) for index, each in enumerate(value)}
    return {place: each for place, each in made.items() if each is not None}


def _struct(kind: type[Struct], value: object, path: str, found: Callable[[str, str], None]) -> Struct | None:
    """Struct of a table; every field is looked at, so all errors are told at once."""
    if not isinstance(value, dict):
        found(path, "a table is needed here")
        return None
    given = cast("dict[str, object]", value)
    fields = {each.name: each for each in msgspec.structs.fields(kind)}
    good = True
    for name in given.keys() - fields.keys():
        found(f"{path}.{name}", f"there is no such field; possible are {', '.join(fields)}")
        good = False
    made: dict[str, object] = {}
    for name, field in fields.items():
        if name in given:
            made[name] = _value(field.type, given[name], f"{path}.{name}", found)
            good = good and made[name] is not None
        elif field.required:
            found(path, f"{name} is missing")
            good = False
    return cast("Callable[..., Struct]", kind)(**made) if good else None


def _value(kind: object, value: object, path: str, found: Callable[[str, str], None]) -> object:
    try:
        return msgspec.convert(value, cast("type[object]", kind))
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        found(path + (place["path"] if place else ""), _PLACE.sub("", str(error)))
        return None
