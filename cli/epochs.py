"""Epochs as a command meets them: the set in force, what is planned, and view keys, which a node's box key file opens (L28)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nacl.bindings import crypto_box_seal

from cli.faults import Distrust, Misuse, Refusal
from ledger.epochs import Validator, ViewKey
from ledger.genesis import view_key_hash
from ledger.transactions.bodies import ParamSet
from node.api.epoch_structs import EpochBody, NextEpochBody, PlannedSeatBody, SeatBody, ViewKeyBody
from node.keyfiles import read_seed
from node.viewkeys import BoxKey, KeyRing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from cli.session import Session

KEY_BYTES = 32


def current_epoch(session: Session) -> EpochBody:
    """Return the epoch that the network is in."""
    return session.client.get("/v1/epochs/latest", EpochBody)


def next_epoch(session: Session) -> NextEpochBody:
    """Return what the next boundary brings."""
    return session.client.get("/v1/epochs/next", NextEpochBody)


def validators_of(seats: Sequence[SeatBody | PlannedSeatBody]) -> tuple[Validator, ...]:
    """Return validators as the ledger has them."""
    return tuple(Validator(each.participant, parse_key(each.consensus_key), parse_key(each.node_key), each.endpoint) for each in seats)


def coming_set(now: EpochBody, coming: NextEpochBody) -> tuple[Validator, ...]:
    """Set that a change begins with: the planned one, else the current one."""
    return validators_of(coming.validators or now.validators)


def parse_key(text: str) -> bytes:
    """32 bytes of a public key in hex; raises `Misuse`."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES or text != key.hex():
        raise Misuse(f"{text[:80]!r} is not a public key: 64 characters of 0-9 and a-f are one (som init prints those of a node)")
    return key


def open_view_key(shown: ViewKeyBody, box: BoxKey) -> bytes:
    """Open a view key with a node's box key.

    Raises
    ------
    Refusal
        No copy is sealed to it, or what is sealed is another key.
    """
    copies = [(parse_key(each.box_key), bytes.fromhex(each.sealed)) for each in shown.copies]
    key = KeyRing(box=box).find(parse_key(shown.hash), copies)
    if key is None:
        raise Refusal(
            f"no copy of view key {shown.number} opens with the box key {box.public.hex()}: name the box key file of a node that has it "
            "(--box-key-file)"
        )
    return key


def box_key_of(file: Path) -> BoxKey:
    """Box key of a key file."""
    return BoxKey.of(read_seed(file))


def new_view_key() -> bytes:
    """32 random bytes from the system."""
    return os.urandom(KEY_BYTES)


def sealed_copies(key: bytes, box_keys: Iterable[bytes]) -> ParamSet:
    """Order that gives governance copies of a view key, sealed here: of the one in force more copies, of another one the plan for it."""
    copies = tuple((box_key, crypto_box_seal(key, box_key)) for box_key in sorted(set(box_keys)))
    if not copies:
        raise Distrust("nobody would have a copy of the view key: ask another node")
    return ParamSet("view_key", ViewKey(view_key_hash(key), copies), 0)
