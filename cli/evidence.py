"""`som validator evidence` and `accuse`: proofs of double votes that a node keeps, and what the ledger has on record of them."""

from __future__ import annotations

import time
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from cli.faults import Refusal
from cli.output import print_json, print_table
from cli.parties import OPS, sender_keyset
from cli.sending import send
from cli.times import time_text
from consensus.evidence import Evidence, check_evidence
from consensus.signing import parse_signing_bytes
from consensus.types import ChainId, SignedVote, ValidatorId, ValidatorSet
from ledger.attestations import Attestation
from ledger.keys import verify
from ledger.transactions.bodies import Attest
from node.api.diagnosis_structs import EvidencePage
from node.doublevotes import file_of

if TYPE_CHECKING:
    from cli.sending import How
    from cli.session import Session
    from node.api.diagnosis_structs import DoubleVoteBody

BEHIND_MS = 1_000
"""A word of now is dated this far back: the block that takes it may have a clock that is a little behind."""
PAGE = "100"


def list_evidence(session: Session) -> None:
    """Print every proof that the node keeps, and every one on record."""
    pages = _pages(session)
    kept, recorded = [each for page in pages for each in page.evidence], [each for page in pages for each in page.recorded]
    if session.json:
        print_json({"evidence": msgspec.to_builtins(kept), "recorded": msgspec.to_builtins(recorded)})
        return
    rows = [[each.id, each.participant or f"signer {each.signer}", str(each.epoch), str(each.view)] for each in kept]
    print_table(["kept by this node", "validator of", "epoch>", "view>"], rows)
    rows = [[each.id, each.public_key, each.by, str(each.height), time_text(each.as_of)] for each in recorded]
    print_table(["on record", "consensus key", "shown by", "height>", "as of"], rows)


def accuse(session: Session, name: str, by: str, how: How) -> None:
    """Check a proof that the node keeps, signatures and hash, and put on record that a participant has it.

    Raises
    ------
    Refusal
        The node keeps no such proof, or it proves nothing.
    """
    found = next(((page.chain, each) for page in _pages(session) for each in page.evidence if each.id == name), None)
    if found is None:
        raise Refusal(f"this node keeps no evidence {name}: `som validator evidence` lists what it has")
    chain, proof = found
    if not proves(chain, proof):
        raise Refusal(f"evidence {name} proves nothing: not this file, votes that go together, or a signature of somebody else")
    sender = session.sender(by)
    who = by or sender
    as_of = time.time_ns() // 1_000_000 - BEHIND_MS
    said = Attestation(proof.public_key, "evidence", proof.public_key, 0, as_of, 0, bytes.fromhex(name), "", who)
    send(session, Attest(said), sender=sender, needed=(sender_keyset(session, sender), (who, OPS)), how=how)


def proves(chain: str, proof: DoubleVoteBody) -> bool:
    """Whether both votes are signed by the key that is named and exclude each other, and the file of this hash is theirs."""
    signed = []
    for vote in (proof.first, proof.second):
        try:
            found, said = parse_signing_bytes(bytes.fromhex(vote.message))
        except ValueError:
            return False
        if found != bytes.fromhex(chain):
            return False
        signed.append(SignedVote(said, ValidatorId(proof.signer), bytes.fromhex(vote.signature)))
    first, second = signed
    if not proof.public_key or sha256(file_of(Evidence(first, second))).hexdigest() != proof.id:
        return False
    alone = Evidence(replace(first, signer=ValidatorId(0)), replace(second, signer=ValidatorId(0)))
    return check_evidence(alone, ValidatorSet((bytes.fromhex(proof.public_key),)), ChainId(bytes.fromhex(chain)), verify)


def _pages(session: Session) -> list[EvidencePage]:
    pages = [session.client.get("/v1/evidence", EvidencePage, {"limit": PAGE})]
    while pages[-1].next:
        pages.append(session.client.get("/v1/evidence", EvidencePage, {"limit": PAGE, "after": pages[-1].next}))
    return pages
