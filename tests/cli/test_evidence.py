"""`som validator evidence` and `accuse`: a proof is checked before anybody signs for it, and stands on record after."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace as changed

from cli.evidence import proves
from consensus.evidence import Evidence
from consensus.signing import signing_bytes
from consensus.types import BlockId, ChainId, Epoch, Kind, SignedVote, ValidatorId, View, Vote
from ledger.attestations import Accusation
from ledger.keys import public_key_of, sign
from ledger.participants import KeyOwner
from node.api.backend import KeptEvidence
from node.api.diagnosis import double_vote
from node.api.diagnosis_structs import EvidencePage
from node.doublevotes import file_of
from tests.cli.test_nouns import outcome

if TYPE_CHECKING:
    from node.api.diagnosis_structs import DoubleVoteBody
    from tests.cli.network import Network

SEED = bytes([7]) * 32
KEY = public_key_of(SEED)
CHAIN = sha256(b"a chain").digest()


def proof_on(chain: bytes, kind: Kind = Kind.FINALIZE) -> DoubleVoteBody:
    """Real double vote of validator 2: a nullify, and a finalize of the same view (or a notarize, which goes with it)."""
    votes = (Vote.nullify(Epoch(0), View(9)), Vote(kind, Epoch(0), View(9), View(8), BlockId(sha256(b"block").digest())))
    signed = [SignedVote(vote, ValidatorId(2), sign(SEED, signing_bytes(ChainId(chain), vote))) for vote in votes]
    evidence = Evidence(signed[0], signed[1])
    return double_vote(ChainId(chain), KeptEvidence(sha256(file_of(evidence)).hexdigest(), evidence, "operator", KEY))


def test_a_proof_is_checked_and_put_on_record(network: Network) -> None:
    """Goal: from the node's folder to governance by commands alone. Method: list, accuse, list; the record; the same again."""
    chain = network.world.chain
    body = proof_on(chain)
    network.world.state.records[f"key/{KEY.hex()}"] = KeyOwner("operator", "~consensus")
    network.served.routes["/v1/evidence"] = lambda _: (200, EvidencePage(chain.hex(), (body,), "", 1, 0, network.world.height))
    listed = network.som("validator", "evidence")[1]
    assert body.id in listed
    assert "operator" in listed
    assert outcome(network.good("validator", "accuse", body.id, "--as", "operator")) == 0
    record = network.world.state.get(f"evidence/{body.id}")
    assert isinstance(record, Accusation)
    assert (record.consensus_key, record.by) == (KEY, "operator")
    assert "125 EXISTS" in network.som("validator", "accuse", body.id, "--as", "operator")[2]
    assert "keeps no evidence" in network.som("validator", "accuse", "00" * 32, "--as", "operator")[2]


def test_what_proves_nothing_is_not_signed_for(network: Network) -> None:
    """Goal: nobody lends a signature to a lie. Method: the node shows a notarize beside a nullify, which is legal."""
    body = proof_on(network.world.chain, Kind.NOTARIZE)
    network.served.routes["/v1/evidence"] = lambda _: (200, EvidencePage(network.world.chain.hex(), (body,), "", 1, 0, 1))
    code, _, err = network.som("validator", "accuse", body.id, "--as", "operator")
    assert (code, "proves nothing" in err) == (1, True), err


GOOD = proof_on(CHAIN)


@pytest.mark.parametrize(
    "bad",
    [
        changed(GOOD, id="00" * 32),
        changed(GOOD, public_key=public_key_of(bytes(32)).hex()),
        changed(GOOD, public_key=""),
        changed(GOOD, second=GOOD.first),
        changed(GOOD, first=changed(GOOD.first, signature="00" * 64)),
        changed(GOOD, first=changed(GOOD.first, message="00" * 60)),
        changed(GOOD, signer=3),
        proof_on(sha256(b"another chain").digest()),
    ],
    ids=range(8),
)
def test_each_thing_that_is_wrong_is_found(bad: DoubleVoteBody) -> None:
    """Goal: hash, key, chain, signatures and conflict all count. Method: change one in a good proof."""
    assert proves(CHAIN.hex(), GOOD)
    assert not proves(CHAIN.hex(), bad)
