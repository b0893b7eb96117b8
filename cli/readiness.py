"""What a newcomer says before it votes (K22): found out at its own node, with its own box key, never made up."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from cli.client import Client
from cli.epochs import box_key_of, open_view_key
from cli.faults import Refusal
from cli.times import now_ms
from ledger.attestations import ReadyValue, ready_attestation
from node.api.structs import StatusBody

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.attestations import Attestation
    from node.api.epoch_structs import EpochBody, NextEpochBody
    from node.config import Config

PATIENCE_SECONDS = 900.0
"""How long `som validator ready --wait` waits for the node to catch up."""
LOOK_SECONDS = 0.5
BEHIND_MAX = 100
"""Heights that a node may be behind the network; the ledger takes a thousand, but time passes until the word is final."""


class NotYet(Refusal):
    """The node cannot say it now, and may be able to later."""


def awaited_word(config: Config, consensus_key: bytes, look: Callable[[], tuple[EpochBody, NextEpochBody]], seconds: float) -> Attestation:
    """Word of `word_of`, asked for again for so many seconds while the node is only not there yet; `look` tells how the network stands."""
    until = time.monotonic() + seconds
    while True:
        try:
            return word_of(config, consensus_key, *look())
        except NotYet:
            if time.monotonic() > until:
                raise
        time.sleep(LOOK_SECONDS)


def word_of(config: Config, consensus_key: bytes, now: EpochBody, coming: NextEpochBody) -> Attestation:
    """Word that the node of a configuration is ready for the planned set.

    Raises
    ------
    Refusal
        It is not planned, or has no copy of the view key that comes.
    NotYet
        It is not synced, or hears too few validators.
    Unreachable
        The node does not run.
    """
    if any(each.consensus_key == consensus_key.hex() for each in now.validators):
        raise Refusal(f"{consensus_key.hex()} votes already: nothing has to be said")
    seat = next((each for each in coming.validators if each.consensus_key == consensus_key.hex()), None)
    if seat is None:
        raise Refusal(f"{consensus_key.hex()} is in no planned set: som validator add plans one, som validator list shows it")
    view_key = coming.view_key or now.view_key
    open_view_key(view_key, box_key_of(Path(config.box_key)))
    host = f"[{config.api.host}]" if ":" in config.api.host else config.api.host
    found = Client((f"http://{host}:{config.api.port}",)).get("/v1/status", StatusBody)
    if found.syncing or found.height + BEHIND_MAX < now.as_of:
        raise NotYet(
            f"{found.node} is still catching up, at height {found.height} of {now.as_of}: try again when it is there (--wait waits for it)"
        )
    heard = min(found.peers, len(now.validators))
    if heard < now.quorum:
        raise NotYet(
            f"{found.node} hears {heard} validators, and {now.quorum} are needed: check its [[peers]] and its network (som status)"
        )
    value = ReadyValue(found.height, view_key.number, heard)
    time_ms = min(now_ms(), found.time_ms)
    return ready_attestation(seat.participant, consensus_key, value, view_key_hash=bytes.fromhex(view_key.hash), as_of=time_ms)
