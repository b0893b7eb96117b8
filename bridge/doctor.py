"""What keeps a process of the bridge from its work: one line for each thing that was looked at, with what to do where it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bridge.attest import SIGNING
from bridge.errors import BridgeError
from bridge.monitor import stalled
from bridge.observe import contract_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.chains import PublicChain
    from bridge.home import Home
    from bridge.keys import KeptKey
    from ledger.bridges import BridgeRoute

CLOCK_SECONDS_MAX: Final = 30
EVENTS_BLOCKS: Final = 100
"""Newest final blocks whose events every node must tell alike."""


class Looked(Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    good: bool
    says: str
    """How it is; where it is wrong, after a semicolon, what to do."""


class Patient(Struct, frozen=True):
    """A process, by its configuration and its key."""

    participant: str
    """Empty: a relayer."""
    address: bytes
    first_block: int
    stalled_seconds: int


def look_at(key: KeptKey) -> Looked:
    """Look at a key that could be opened."""
    return Looked("key", not key.weakness, f"0x{key.address.hex()}" + (f": {key.weakness}" if key.weakness else ""))


def examine(patient: Patient, home: Home, open_chain: Callable[[BridgeRoute], PublicChain], now: int) -> tuple[Looked, ...]:
    """Look at ledger, route, set, chain and contract, as far as one can be asked without the others; `now` in Unix seconds."""
    try:
        newest = home.newest()
    except BridgeError as problem:
        return (Looked("ledger", good=False, says=f"{problem}; see that `nodes` and `genesis` of the profile are right"),)
    route, ahead = newest.route, now - newest.at.time_ms // 1_000
    found = [
        Looked("ledger", good=True, says=f"verified up to height {newest.at.height}, {ahead} s ago"),
        Looked("clock", abs(ahead) <= CLOCK_SECONDS_MAX, f"{ahead} s beside the ledger's newest block" + _if(ahead, "; set the clock")),
        Looked("route", route.status in SIGNING, f"{route.status}{f': {route.reason}' if route.reason else ''}" + _closed(route)),
    ]
    if patient.participant:
        found.append(_member(patient, route))
    try:
        found += _abroad(patient, route, open_chain(route), now)
    except BridgeError as problem:
        found.append(Looked("chain", good=False, says=f"{problem}; see `urls` under [chain]"))
    return (*found, *_others(home))


def _others(home: Home) -> tuple[Looked, ...]:
    """Say which attestors contradict themselves or the others: nothing of this process, but somebody must look."""
    try:
        liars = home.contradictions()
    except BridgeError as problem:
        return (Looked("others", good=False, says=f"{problem}; see `nodes` of the profile"),)
    said = ", ".join(f"{each.participant} ({each.what} {each.number})" for each in liars)
    return (Looked("others", not liars, f"{said} contradict; have the route take another attestor" if said else "no attestor contradicts"),)


def _abroad(patient: Patient, route: BridgeRoute, chain: PublicChain, now: int) -> tuple[Looked, ...]:
    chain.chain_id()
    final = chain.final()
    why = stalled(final, now, patient.stalled_seconds)
    found = [
        Looked("chain", not why, why + "; ask its operators" if why else f"final up to block {final.number}, {now - final.time} s ago"),
        Looked("first block", patient.first_block <= final.number, f"{patient.first_block}, final is {final.number}"),
    ]
    if route.terms.mode != "enforced" or not route.terms.bridge:
        return tuple(found)
    state = chain.state(contract_of(route.terms), final)
    ours = state.get("routeId") == route.terms.route_id
    epoch = state.get("epoch")
    found.append(Looked("contract", ours, "of this route" if ours else "of another route; see the addresses in the route's terms"))
    late = "" if epoch == route.epoch else f", the ledger's is {route.epoch}; a relayer carries the sets between"
    found.append(Looked("set there", not late, f"epoch {epoch}{late}"))
    newest = chain.events(contract_of(route.terms), max(0, final.number - EVENTS_BLOCKS + 1), final.number)
    found.append(Looked("events", good=True, says=f"{len(newest)} in the newest {EVENTS_BLOCKS} final blocks, alike at every node"))
    paused = [name for name in ("mintPaused", "burnPaused", "retired") if state.get(name)]
    found.append(Looked("switches there", not paused, ", ".join(paused) + "; ask the contract's admin" if paused else "all open"))
    return tuple(found)


def _member(patient: Patient, route: BridgeRoute) -> Looked:
    mine = [each for each in route.attestors if each.participant == patient.participant]
    if not mine:
        return Looked("attestor", good=False, says=f"{patient.participant} is none of this route; have bridge.set name it")
    if route.terms.mode == "enforced" and mine[0].address[-20:] != patient.address:
        says = f"the route names the key 0x{mine[0].address.hex()}, this one is 0x{patient.address.hex()}; have bridge.set name this key"
        return Looked("attestor", good=False, says=says)
    return Looked("attestor", good=True, says=f"{patient.participant}, one of {len(route.attestors)} in epoch {route.epoch}")


def _if(ahead: int, advice: str) -> str:
    return advice if abs(ahead) > CLOCK_SECONDS_MAX else ""


def _closed(route: BridgeRoute) -> str:
    return "" if route.status in SIGNING else "; nothing is signed until it is active (som bridge set)"
