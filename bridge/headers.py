"""Keys that providers of public nodes want in a header: named in the configuration, kept in a file each, and shown nowhere.

A key goes to the one node that it is for, over HTTPS or on this machine; redirects are not followed (`bridge.http_calls`).
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

from msgspec import Meta, Struct
from msgspec.structs import replace

from bridge.errors import ConfigUnusable
from bridge.http_calls import HttpCalls, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KEY_BYTES_MAX: Final = 4_096
OURS: Final = frozenset({"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "transfer-encoding"})
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


class HeaderConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A header for one node."""

    url: Annotated[str, Meta(min_length=1, max_length=4_096)]
    """As it stands in `urls`."""
    name: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}\Z")]
    file: Annotated[str, Meta(min_length=1, max_length=4_096)]
    """Its whole content is the value, such as `Bearer ...`."""


def check_headers(headers: Iterable[HeaderConfig], urls: tuple[str, ...]) -> str:
    """Return what is wrong with the headers of a configuration; empty: nothing."""
    for each in headers:
        if each.url not in urls:
            return f"the header {each.name} is for {shown(each.url)}, which is none of `urls`"
        if each.name.lower() in OURS:
            return f"the header {each.name} is not a provider's to ask for"
        if not _is_private(each.url):
            return f"the header {each.name} would go to {shown(each.url)} for all to read: give it an https URL"
    return ""


def placed(headers: Iterable[HeaderConfig], place: Callable[[str], str]) -> tuple[HeaderConfig, ...]:
    """Return headers with their paths made absolute by `place`."""
    return tuple(replace(each, file=place(each.file)) for each in headers)


def calls_of(url: str, headers: Iterable[HeaderConfig]) -> HttpCalls:
    """Open the way to one node, with the headers that are for it.

    Raises
    ------
    ConfigUnusable
        A file cannot be read, or holds what no header can.
    """
    return HttpCalls(url, headers={each.name: _value(each) for each in headers if each.url == url})


def _value(header: HeaderConfig) -> str:
    try:
        with Path(header.file).open("rb") as file:
            value = file.read(KEY_BYTES_MAX + 1).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigUnusable(path=header.file, reason=f"the value of the header {header.name} cannot be read") from None
    if len(value) > KEY_BYTES_MAX or not _VALUE.fullmatch(value):
        raise ConfigUnusable(path=header.file, reason=f"the value of the header {header.name} is no line of plain characters")
    return value


def _is_private(url: str) -> bool:
    """Whether nobody on the way reads what is sent there."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https" or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
