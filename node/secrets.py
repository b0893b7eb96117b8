"""The secret of a participant's tree, for who services it (L28, L29): handed out sealed, believed only after a check.

`GET /peer/v1/secret/PARTICIPANT` on the peer listener, for the holder of an open link's token, answers with canonical `[participant, epoch,
[[box key, sealed], ...], proof file]`: the secret under the view key of the newest final block's epoch, sealed (libsodium
`crypto_box_seal`) to each box key of who services the participant now, and a proof in the participant's tree at that block. Only nodes of
who services it are answered.

Whoever opens it recomputes the salt of the participant's slot, which the proof opens under a final header: another secret has another salt.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from aiohttp import web
from msgspec import Meta, Struct
from nacl.bindings import crypto_box_seal

from ledger.blocks import U32
from ledger.canonical import decode, encode
from ledger.errors import Malformed
from ledger.leaves import participant_secret
from ledger.names import check_participant_id
from ledger.participants import KeyOwner, Participant
from ledger.proofs import PROOF_BYTES_MAX, ProvenState, check_slot_secret
from ledger.succession import servicer_now
from ledger.types import PublicKey, Text16
from node.greeting import Identity
from node.keyfiles import read_seed
from node.link import Bucket
from node.parts import secure
from node.peers import client_session
from node.reads import NothingFinalError, Reads
from node.snapshot_sources import SourceGone, open_source
from node.viewkeys import BoxKey, ViewKeyMissing
from node.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.chain import Chain
    from node.config import Config
    from node.link import Link

RATE = (1.0, 8.0)
"""Requests per second and burst for one node: it asks once an epoch."""
SEALED_BYTES: Final = 80
"""32 of the secret, 48 of the seal."""
ANSWER_BYTES_MAX: Final = PROOF_BYTES_MAX + 4_096


class SealedSecret(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a node answers."""

    participant: Text16
    epoch: U32
    copies: Annotated[
        tuple[tuple[PublicKey, Annotated[bytes, Meta(min_length=SEALED_BYTES, max_length=SEALED_BYTES)]], ...],
        Meta(min_length=1, max_length=16),
    ]
    """Box key, and what it opens."""
    proof: Annotated[bytes, Meta(max_length=PROOF_BYTES_MAX)]
    """Proof file (`ledger/PROOFS.md`) of a leaf in the participant's tree, present or absent."""


class OpenedSecret(Struct, frozen=True):
    """A secret that fits the slot of a header, whose certificate is still to be checked."""

    secret: bytes
    epoch: int
    proven: ProvenState
    proof: bytes


def open_secret(answer: bytes, box: BoxKey, participant: str, *, chain: bytes) -> OpenedSecret:
    """Open an answer with a node's box key and check the secret against the slot; the signatures of the proof's certificate come after.

    Raises
    ------
    WireError
        `secret`: it is no such answer, of another participant, or sealed to other box keys.
    ProofError
        The proof does not hold, or the secret is not that of the slot.
    """
    try:
        sealed = decode(answer, SealedSecret)
    except Malformed as error:
        raise WireError("secret", str(error)) from None
    if sealed.participant != participant:
        raise WireError("secret", f"it is that of {sealed.participant}, not of {participant}")
    opened = [box.open(copy) for box_key, copy in sealed.copies if box_key == box.public]
    if not opened or opened[0] is None:
        raise WireError("secret", f"no copy opens with box key {box.public.hex()}")
    proven = check_slot_secret(sealed.proof, opened[0], chain=chain)
    if (proven.tree, proven.block.header.epoch) != (participant, sealed.epoch):
        raise WireError("secret", f"its proof is of tree {proven.tree} in epoch {proven.block.header.epoch}")
    return OpenedSecret(opened[0], sealed.epoch, proven, sealed.proof)


async def fetch_secret(config: Config, participant: str, *, chain: bytes) -> OpenedSecret:
    """Ask the nodes that a node's configuration names, one after the other, with its node key; open the first answer with its box key.

    Raises
    ------
    SourceGone
        No node is reached, or none answers: the last one's reason.
    WireError, ProofError
        As `open_secret`: the node that answered lied, or has sealed to other keys.
    ConfigError
        A key or TLS file cannot be used.
    """
    secured = secure(config.peer)
    identity = Identity(chain, read_seed(Path(config.node_key)), secured.certificate_hash)
    gone = SourceGone("no node of the configuration is reached")
    async with client_session() as session:
        for entry in config.peers:
            async with open_source(session, entry, identity, secured.client) as source:
                if source is None:
                    continue
                try:
                    answer = await source.get(secret_path(participant), ANSWER_BYTES_MAX)
                except SourceGone as problem:
                    gone = problem
                    continue
            return open_secret(answer, BoxKey.of(read_seed(Path(config.box_key))), participant, chain=chain)
    raise gone


def ask_for_secret(config: Config, participant: str, *, chain: bytes) -> OpenedSecret:
    """Fetch a secret for a program that runs no loop of its own; raises as `fetch_secret`."""
    return asyncio.run(fetch_secret(config, participant, chain=chain))


def serve_secrets(chain: Chain, caller_of: Callable[[web.Request], Link | None]) -> web.RouteDef:
    """Return the route; `caller_of` tells which linked node a request's token belongs to."""
    rates: dict[bytes, Bucket] = {}
    reads = Reads(chain)

    async def secret(request: web.Request) -> web.StreamResponse:
        link = caller_of(request)
        if link is None:
            return web.Response(status=401, text="open a stream first: its Welcome holds the token for this request\n")
        rate = rates.get(link.node_key) or rates.setdefault(link.node_key, Bucket(*RATE, asyncio.get_running_loop().time))
        if not rate.try_take(1):
            return web.Response(status=429, text="asked too often; ask again in a second\n")
        participant = request.match_info["participant"]
        servicer = servicer_now(chain.state, participant)
        if owner_of(chain, link.node_key) != servicer:
            return web.Response(status=403, text=f"only who services {participant} is given its secret\n")
        record = chain.state.get("participant/" + servicer)
        boxes = record.box_keys if isinstance(record, Participant) else ()
        if not boxes:
            return web.Response(status=404, text=f"{servicer} has registered no box key to seal it to (som participant put --box-key)\n")
        try:
            return web.Response(body=_sealed(chain, reads, participant, boxes))
        except (ViewKeyMissing, NothingFinalError) as problem:
            return web.Response(status=503, text=f"{problem}\n")

    return web.get("/peer/v1/secret/{participant:[a-z][a-z0-9-]{1,15}}", secret)


def owner_of(chain: Chain, node_key: bytes) -> str:
    """Participant that has registered a node key; empty: nobody."""
    owner = chain.state.get(f"key/{node_key.hex()}")
    return owner.owner if isinstance(owner, KeyOwner) else ""


def secret_path(participant: str) -> str:
    """Path of the request; raises `Malformed` where the name is no participant's."""
    check_participant_id(participant)
    return f"/peer/v1/secret/{participant}"


def _sealed(chain: Chain, reads: Reads, participant: str, boxes: tuple[bytes, ...]) -> bytes:
    epoch = chain.tip.facts.epoch
    secret = participant_secret(chain.view_key_of(epoch), participant)
    proof = reads.prove(participant, [f"account/{participant}/-"])
    copies = tuple((box_key, crypto_box_seal(secret, box_key)) for box_key in boxes)
    return encode(SealedSecret(participant, epoch, copies, proof))
