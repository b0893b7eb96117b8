"""What a transaction about keysets and participants would do, in words (L24, L29)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.times import time_text
from node.keystore import fingerprint

if TYPE_CHECKING:
    from ledger.participants import Key, Keyset, Participant
    from ledger.transactions.bodies import KeysetPut

DAY_MS = 86_400_000


def keyset_lines(body: KeysetPut) -> list[tuple[str, str]]:
    """Say what a keyset.put puts where, and by whose word."""
    keyset = body.keyset
    member = f"{body.owner}/{keyset.name}"
    what = ("recovers", f"{member}: what is put holds after the delay that is in force") if body.by == "recovery" else ("puts", member)
    return [what, *keys_lines(keyset)]


def keys_lines(keyset: Keyset) -> list[tuple[str, str]]:
    """Say who signs in a keyset, and who may recover it."""
    days = f"{keyset.delay_ms / DAY_MS:g} days"
    return [
        ("signed by", f"{keyset.m} of {len(keyset.keys)}"),
        *[
            (
                "key",
                f"{fingerprint(key.public_key)}  {key.public_key.hex()}" + (f"  until {time_text(key.not_after)}" if key.not_after else ""),
            )
            for key in keyset.keys
        ],
        ("recovery", f"by {keyset.recovery}, after {days}" if keyset.recovery else "by nobody"),
    ]


def _key_text(key: Key) -> str:
    ends = f"  until {time_text(key.not_after)}" if key.not_after else ""
    return f"{fingerprint(key.public_key)}  {key.public_key.hex()}{ends}"


def participant_lines(participant: Participant) -> list[tuple[str, str]]:
    """Say what becomes of a participant."""
    shown = (("BIC", participant.bic), ("LEI", participant.lei), ("country", participant.country), ("successor", participant.successor))
    return [
        ("participant", f"{participant.id}, {participant.kind}: {participant.name}"),
        ("status", participant.status),
        *[(label, text) for label, text in shown if text],
        *[("node key", key.hex()) for key in participant.node_keys],
        *[("box key", key.hex()) for key in participant.box_keys],
        *[("endpoint", each) for each in participant.endpoints],
    ]
