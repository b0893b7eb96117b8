"""The secret of a participant's tree, between real nodes: who services it gets it sealed, and believes it only after a check (L28, L29)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from nacl.bindings import crypto_box_seal

from ledger.canonical import decode, encode
from ledger.leaves import participant_secret
from ledger.participants import Participant
from ledger.proofs import ProofError
from ledger.transactions.bodies import ParticipantPut
from node.greeting import Identity
from node.keyfiles import new_seed, read_seed
from node.peers import client_session
from node.secrets import ANSWER_BYTES_MAX, SealedSecret, fetch_secret, open_secret, secret_path
from node.snapshot_sources import SourceGone, open_source
from node.viewkeys import BoxKey
from node.wire import WireError
from tests.node.network import LocalNetwork, codes, network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PEER_A, PEER_B = "peer-0", "peer-1"
"""Nodes of bank-a and bank-b; they are configured, and do not run."""


@pytest.fixture
async def net(tmp_path: Path) -> AsyncIterator[LocalNetwork]:
    async with network(tmp_path, peers=2) as made:
        await made.start(*made.validators)
        await put(made, "bank-b", "active", "")
        yield made


async def put(net: LocalNetwork, bank: str, status: str, successor: str) -> None:
    """Set status and successor of a bank; the box keys stay."""
    record = net.running[net.validators[0]].chain.state.get(f"participant/{bank}")
    assert isinstance(record, Participant)
    body = ParticipantPut(msgspec.structs.replace(record, status=status, successor=successor, name=f"{bank} is {status}"))
    async with net.client("validator-0") as client:
        assert codes(await client.submit([net.wallet.sign("operator", body, "operator/ops").raw], wait="final")) == [0]
    await net.same_tip(*net.validators)


async def answer_of(net: LocalNetwork, caller: str, participant: str) -> bytes:
    """Ask validator-0 as a node, and return what it answers."""
    config = net.configs[caller]
    identity = Identity(net.made.chain, read_seed(Path(config.node_key)))
    entry = next(each for each in config.peers if each.name == "validator-0")
    async with client_session() as session, open_source(session, entry, identity, None) as source:
        assert source is not None
        return await source.get(secret_path(participant), ANSWER_BYTES_MAX)


async def test_l28_a_bank_gets_its_own_secret_and_a_successor_that_of_the_failed(net: LocalNetwork) -> None:
    """Goal: L28 and L29. Method: each bank asks for both, before the succession, after it, and after the bank is back."""
    chain, view_key = net.made.chain, net.made.secrets.view_key
    for caller, bank in ((PEER_A, "bank-a"), (PEER_B, "bank-b")):
        found = await fetch_secret(net.configs[caller], bank, chain=chain)
        assert found.secret == participant_secret(view_key, bank)
        assert found.proven.block.header.height > 0
    with pytest.raises(SourceGone, match="403"):
        await fetch_secret(net.configs[PEER_A], "bank-b", chain=chain)
    await put(net, "bank-b", "suspended", "bank-a")
    assert (await fetch_secret(net.configs[PEER_A], "bank-b", chain=chain)).secret == participant_secret(view_key, "bank-b")
    with pytest.raises(SourceGone, match="403"):
        await fetch_secret(net.configs[PEER_B], "bank-b", chain=chain)
    await put(net, "bank-b", "active", "")
    with pytest.raises(SourceGone, match="403"):
        await fetch_secret(net.configs[PEER_A], "bank-b", chain=chain)


async def test_l28_a_secret_is_believed_only_where_it_fits_the_slot(net: LocalNetwork) -> None:
    """Goal: nothing is believed because of who sent it. Method: an answer altered in each part, and one that another box key opens."""
    config, chain = net.configs[PEER_A], net.made.chain
    truth = await answer_of(net, PEER_A, "bank-a")
    box = BoxKey.of(read_seed(Path(config.box_key)))
    sealed = decode(truth, SealedSecret)
    assert open_secret(truth, box, "bank-a", chain=chain).epoch == sealed.epoch
    ((public, copy),) = sealed.copies
    other = open_secret(
        await answer_of(net, PEER_B, "bank-b"), BoxKey.of(read_seed(Path(net.configs[PEER_B].box_key))), "bank-b", chain=chain
    )
    lies = {
        "participant": msgspec.structs.replace(sealed, participant="bank-b"),
        "epoch": msgspec.structs.replace(sealed, epoch=sealed.epoch + 1),
        "copy": msgspec.structs.replace(sealed, copies=((public, bytes([copy[0] ^ 1]) + copy[1:]),)),
        "another secret": msgspec.structs.replace(sealed, copies=((public, crypto_box_seal(bytes(32), public)),)),
        "another tree": msgspec.structs.replace(sealed, proof=other.proof),
        "proof": msgspec.structs.replace(sealed, proof=sealed.proof[:-1] + bytes([sealed.proof[-1] ^ 1])),
    }
    for lie in lies.values():
        with pytest.raises((WireError, ProofError)):
            open_secret(encode(lie), box, "bank-a", chain=chain)
    for wrong, of in ((BoxKey.of(new_seed()), "bank-a"), (box, "bank-b")):
        with pytest.raises(WireError):
            open_secret(truth, wrong, of, chain=chain)
    with pytest.raises(WireError):
        open_secret(truth[:-1], box, "bank-a", chain=chain)
