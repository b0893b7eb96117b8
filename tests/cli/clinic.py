"""Facts for the tests of `som doctor`: a healthy network of four validators as one of them sees it, and its machine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from cli.doctor_facts import Answering, Held, KeyFacts, MachineFacts
from node.api.diagnosis_structs import (
    ConsensusBody,
    DoubleVoteBody,
    EvidencePage,
    ProvenVoteBody,
    SeenValidatorBody,
    SeenVoteBody,
    StallBody,
    TimeoutBody,
)
from node.api.structs import Health, StatusBody, ValidatorBody, Validators

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = 1_800_000_000_000
CHAIN = "c" * 64
URL = "http://127.0.0.1:1"
CONSENSUS_KEYS = [f"{index:064x}" for index in range(1, 5)]
NODE_KEYS = [f"{index:064x}" for index in range(11, 15)]
SERIES: Mapping[str, float] = {
    'som_alarms_total{kind="no_verdict"}': 0.0,
    'som_fsync_seconds_count{file="journal"}': 1_000.0,
    'som_fsync_seconds_sum{file="journal"}': 1.0,
    'som_messages_dropped_total{reason="signature"}': 0.0,
}


def seen(index: int, *, own: int = 0) -> SeenValidatorBody:
    """One validator, in order."""
    mine = index == own
    return SeenValidatorBody(
        index=index,
        name=f"operator/{index}",
        participant="operator",
        own=mine,
        connected=not mine,
        heard_ms_ago=None if mine else 800,
        newest_vote=SeenVoteBody("finalize", 41),
        voted=(),
        view=42,
        final_view=41,
        height=40,
        lag_views=0,
        lag_heights=0,
        clock_ms=None if mine else -3,
        last_signed_height=40,
    )


def healthy(own: int = 0) -> Answering:
    """Return a validator to which nothing is wrong, in a network of four."""
    validators = tuple(
        ValidatorBody(index, "operator", CONSENSUS_KEYS[index], NODE_KEYS[index], f"http://v{index}:8900", 40) for index in range(4)
    )
    status = StatusBody(
        chain=CHAIN,
        network="test",
        node=f"validator-{own}",
        version="1",
        role="validator",
        height=41,
        committed_height=40,
        view=42,
        final_view=41,
        final_block="b" * 64,
        time_ms=NOW - 500,
        transactions_root="0" * 64,
        participants_root="0" * 64,
        assets_root="0" * 64,
        governance_root="0" * 64,
        peers=3,
        peers_known=4,
        syncing=False,
        pending=0,
    )
    consensus = ConsensusBody(
        time_ms=NOW + 5,
        role="validator",
        index=own,
        epoch=0,
        view=42,
        final_view=41,
        height=41,
        committed_height=40,
        leader=2,
        leader_name="operator/2",
        quorum=3,
        busy=False,
        waits_for="the proposal of operator/2",
        waiting_ms=500,
        last_timeout=None,
        silenced="",
        progress=StallBody(0, (), (), ""),
        validators=tuple(seen(index, own=own) for index in range(4)),
    )
    return Answering(
        url=URL if own == 0 else f"{URL}{own}",
        asked_ms=NOW,
        answered_ms=NOW + 10,
        status=status,
        validators=Validators(0, 3, validators, 41),
        health=Health("ok", (), 41),
        consensus=consensus,
        evidence=EvidencePage(CHAIN, (), "", 0, 0, 41),
        series=SERIES,
    )


def with_status(node: Answering, /, **changes: object) -> Answering:
    """Another status."""
    return replace(node, status=msgspec.structs.replace(node.status, **changes))


def with_consensus(node: Answering, /, **changes: object) -> Answering:
    """Another state of the consensus."""
    return replace(node, consensus=msgspec.structs.replace(node.consensus, **changes))


def with_seen(node: Answering, /, *indexes: int, **changes: object) -> Answering:
    """See some validators otherwise."""
    validators = tuple(msgspec.structs.replace(each, **changes) if each.index in indexes else each for each in node.consensus.validators)
    return with_consensus(node, validators=validators)


def with_series(node: Answering, /, **series: float) -> Answering:
    """Other series: an alarm by its kind."""
    return replace(node, series={**node.series, **{f'som_alarms_total{{kind="{kind}"}}': value for kind, value in series.items()}})


def gave_up(ms_ago: int) -> TimeoutBody:
    """Return a view that was given up."""
    return TimeoutBody(41, 1, "operator/1", "leader_silent", ms_ago)


def double_vote(public_key: str) -> DoubleVoteBody:
    """Return a proof against validator 1."""
    vote = ProvenVoteBody("notarize", 40, "b" * 64, "00", "00")
    return DoubleVoteBody("e" * 64, 0, 41, 1, "operator", public_key, vote, vote)


def machine() -> MachineFacts:
    """Return the machine of the healthy validator 0."""
    return MachineFacts(
        config="/etc/som/node.toml",
        name="validator-0",
        role="validator",
        data="/var/som",
        url=URL,
        chain=CHAIN,
        keys=(
            KeyFacts("node_key", "/etc/som/node.key", public=NODE_KEYS[0]),
            KeyFacts("box_key", "/etc/som/box.key", public="d" * 64),
            KeyFacts("consensus_key", "/etc/som/consensus.key", public=CONSENSUS_KEYS[0]),
        ),
        folder_mode=0o700,
        disk_bytes=100 * 2**30,
        free_bytes=50 * 2**30,
        store_bytes=2**20,
        store_bytes_max=2**36,
        held=Held(pid=4_711),
        names={NODE_KEYS[3]: "validator-3"},
    )
