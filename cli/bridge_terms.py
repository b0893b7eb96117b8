"""Terms and attestors of a route, from a JSON file whose objects have the names of their fields (`ledger.bridges`).

```
{"asset": "KGST", "kind": "EVM", "mode": "enforced", "chain_id": 56, "index": 1, "bridge": "0x...", "token": "0x...",
 "finality": {"tag": "finalized", "providers": 2}, "observe_step": 1000, "lock_ttl": "7d", "opening": "0",
 "limits": {"min": "10", "per_lock": "50000", "bucket": "100000", "bucket_time": "1d", "day_out": "500000", "day_in": "500000",
            "outstanding": "5000000", "big_amount": "20000", "big_delay": "2h"},
 "attestors": [{"participant": "bank-a", "address": "0x..."}]}
```

Amounts are in major units. `index` numbers the contracts of an asset on one chain: with the chain's id it gives the route's id there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from cli.addresses import parse_address
from cli.faults import Misuse
from cli.times import parse_length
from ledger.bridges import Attestor, Finality, RouteLimits, RouteTerms

if TYPE_CHECKING:
    from pathlib import Path

    from cli.session import Session

FILE_BYTES_MAX = 65_536


class LimitsFile(Struct, frozen=True, forbid_unknown_fields=True):
    """What may pass; see `RouteLimits`."""

    min: str
    per_lock: str
    bucket: str
    bucket_time: str
    day_out: str
    day_in: str
    outstanding: str
    big_amount: str
    big_delay: str


class AttestorFile(Struct, frozen=True, forbid_unknown_fields=True):
    """Who attests; without address on a route that is only observed."""

    participant: str
    address: str = ""


class RouteFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A route as the file says it."""

    asset: str
    kind: str
    mode: str
    chain_id: int
    index: int
    observe_step: int
    limits: LimitsFile
    attestors: tuple[AttestorFile, ...]
    finality: Finality | None = None
    bridge: str = ""
    token: str = ""
    lock_ttl: str = ""
    opening: str = "0"


def read_route(session: Session, path: Path) -> tuple[RouteTerms, tuple[Attestor, ...]]:
    """Terms and attestors that a file gives.

    Raises
    ------
    Misuse
        The file cannot be read or is not as above.
    """
    try:
        data = path.read_bytes()[: FILE_BYTES_MAX + 1]
        found = msgspec.json.decode(data, type=RouteFile)
    except (OSError, msgspec.MsgspecError, UnicodeError) as error:
        raise Misuse(f"{path} describes no route: {error}") from None
    return terms_of(session, found), attestors_of(found)


def terms_of(session: Session, found: RouteFile) -> RouteTerms:
    """Terms in the ledger's units; raises `Misuse` where they are none."""
    from bridge.identifiers import route_id  # noqa: PLC0415 - the libraries of public chains would slow the start of every other command

    def minor(amount: str) -> int:
        return session.units.parse(amount, found.asset)

    limits = found.limits
    finality = found.finality or Finality("solidified" if found.kind == "TVM" else "finalized", 1)
    fields = {
        "asset": found.asset,
        "decimals": session.units.decimals(found.asset),
        "kind": found.kind,
        "mode": found.mode,
        "chain_id": found.chain_id,
        "route_id": route_id(session.chain, found.chain_id, found.asset, found.index),
        "bridge": parse_address(found.bridge, found.kind) if found.bridge else b"",
        "token": parse_address(found.token, found.kind) if found.token else b"",
        "finality": finality,
        "observe_step": found.observe_step,
        "lock_ttl_ms": parse_length(found.lock_ttl) if found.lock_ttl else 0,
        "limits": RouteLimits(
            min=minor(limits.min),
            per_lock=minor(limits.per_lock),
            bucket=minor(limits.bucket),
            bucket_ms=parse_length(limits.bucket_time),
            day_out=minor(limits.day_out),
            day_in=minor(limits.day_in),
            outstanding=minor(limits.outstanding),
            big_amount=minor(limits.big_amount),
            big_delay_ms=parse_length(limits.big_delay),
        ),
        "opening": 0 if found.opening == "0" else minor(found.opening),
    }
    try:
        return msgspec.convert(tuple(fields.values()), RouteTerms)
    except msgspec.ValidationError as error:
        raise Misuse(f"that is no route: {error}") from None


def attestors_of(found: RouteFile) -> tuple[Attestor, ...]:
    """Attestors in the order that the ledger and the contract want: by address, without keys by participant."""
    made = [Attestor(parse_address(each.address, "EVM") if each.address else b"", each.participant) for each in found.attestors]
    return tuple(sorted(made, key=lambda each: (each.address, each.participant)))
