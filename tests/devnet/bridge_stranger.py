"""A stranger's check of a proof of reserve: the command on a file, then every field of it altered in turn."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from cli.bridge_proof import Claims, Untrue, check
from ledger.genesis import parse_genesis
from tests.devnet.bridge_net import ROUTE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.genesis import Genesis
    from tests.devnet.bridge_net import BridgeNet

Document = dict[str, object]


async def stranger_checks(net: BridgeNet, folder: Path, locked: int) -> None:
    """Have a node give a proof; verify it by the genesis document alone, in a process that knows no node; then alter it."""
    file, genesis = folder / "proof.json", net.network.plan.data / "genesis.json"
    code, out = await som("--config", str(net.folder / "relayer" / "som.toml"), "bridge", "proof", ROUTE, "--output", str(file))
    assert code == 0, out
    nobody = folder / "nobody.toml"
    nobody.write_text('nodes = ["http://127.0.0.1:1"]\n')
    code, out = await som("--config", str(nobody), "bridge", "verify", str(file), "--genesis", str(genesis), "--json")
    assert code == 0, out
    assert msgspec.json.decode(out, type=Document)["locked"] == str(locked)
    every_field(file.read_bytes(), parse_genesis(genesis.read_text()))
    lie = msgspec.json.decode(file.read_bytes(), type=Document)
    altered = msgspec.convert(lie["claims"], Document)
    file.write_bytes(msgspec.json.encode({**lie, "claims": {**altered, "released": "7"}}))
    code, out = await som("--config", str(nobody), "bridge", "verify", str(file), "--genesis", str(genesis))
    assert (code, "claims.released" in out) == (1, True)


def every_field(data: bytes, genesis: Genesis) -> None:
    """Alter each field in turn: the file is no longer true, and the field is named."""
    for field, changed in altered(data):
        refused(changed, genesis, field)
    check(data, genesis)


def altered(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield every way in which a file is changed here, with the field that must be named for it."""
    whole = msgspec.json.decode(data, type=Document)
    claims = msgspec.convert(whole["claims"], Document)
    assert set(claims) == set(Claims.__struct_fields__)
    for name, value in claims.items():
        yield f"claims.{name}", msgspec.json.encode({**whole, "claims": {**claims, name: other(value)}})
    state, signatures = str(whole["state"]), msgspec.convert(whole["signatures"], list[str])
    for place in range(8, len(state) - 4, max(1, len(state) // 40)):
        changed = state[:place] + ("A" if state[place] != "A" else "B") + state[place + 1 :]
        yield "state", msgspec.json.encode({**whole, "state": changed})
    yield "links", msgspec.json.encode({**whole, "links": ["AAAA"]})
    yield "format", msgspec.json.encode({**whole, "format": "another"})
    bad = [
        signatures[1:],
        signatures[::-1],
        [*signatures, signatures[0]],
        [signatures[0][:-2] + "00", *signatures[1:]],
        ["11" * 65, *signatures[1:]],
        ["no hex", *signatures[1:]],
    ]
    for each in bad:
        yield "signatures", msgspec.json.encode({**whole, "signatures": each})
    yield "file", msgspec.json.encode({**whole, "more": 1})


def other(value: object) -> object:
    """Return another value of the same type."""
    if isinstance(value, int):
        return value + 1
    return value[1:] if isinstance(value, list) else f"{value}0"


def refused(data: bytes, genesis: Genesis, field: str) -> None:
    """Insist that a file is untrue by this field."""
    with pytest.raises(Untrue) as found:
        check(data, genesis)
    assert found.value.field == field, (found.value.field, field, found.value.reason)


async def som(*arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code and what it said."""
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await made.communicate()
    return (made.returncode or 0), out.decode()
