"""The genesis document as others use it: parse, check, sign, and the first state that follows from it (section 6).

The chain's id is the hash of the document, so whoever follows a chain has agreed to every word of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from ledger.genesis_document import Genesis, GenesisError, GenesisSignature, canonical_genesis, chain_id, genesis_to_json, parse_genesis
from ledger.genesis_rules import found_records
from ledger.grants import GrantRecord
from ledger.invariants import check_whole
from ledger.json_lines import lines_of, nearest_line
from ledger.keys import public_key_of, sign, tagged, verify
from ledger.participants import Keyset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ledger.state import Record

__all__ = [
    "Genesis",
    "GenesisError",
    "GenesisValidatorFacts",
    "canonical_genesis",
    "chain_id",
    "check_draft",
    "check_genesis",
    "first_records",
    "genesis_signing_bytes",
    "genesis_to_json",
    "missing_signers",
    "parse_genesis",
    "sealed_copies",
    "sign_genesis",
    "validators",
    "view_key_hash",
]


class GenesisValidatorFacts(Struct, frozen=True):
    """A validator of epoch 0; its place in the list is its index."""

    participant: str
    consensus_key: bytes
    node_key: bytes
    endpoint: str


def check_draft(genesis: Genesis, text: str = "") -> None:
    """Check everything but the signatures; with the text, errors name the line.

    Raises
    ------
    GenesisError
        A rule of the ledger is broken, or an invariant would not hold.
    """
    try:
        check_whole(found_records(genesis))
    except GenesisError as error:
        raise _with_line(error, text) from None


def check_genesis(genesis: Genesis, text: str = "") -> None:
    """Check a document that a network is to begin with; with the text, errors name the line.

    Raises
    ------
    GenesisError
        As `check_draft`; or a signature is missing, wrong or by a key that need not sign.
    """
    check_draft(genesis, text)
    try:
        _check_signatures(genesis)
    except GenesisError as error:
        raise _with_line(error, text) from None


def first_records(genesis: Genesis) -> dict[str, Record]:
    """Make the records of the state at height 0, by storage key, index keys left out.

    Raises
    ------
    GenesisError
        As `check_draft`.
    """
    return found_records(genesis)


def validators(genesis: Genesis) -> tuple[GenesisValidatorFacts, ...]:
    """Return the validators of epoch 0, by index."""
    return tuple(
        GenesisValidatorFacts(each.participant, bytes.fromhex(each.consensus_key), bytes.fromhex(each.node_key), each.endpoint)
        for each in genesis.validators
    )


def sealed_copies(genesis: Genesis) -> tuple[tuple[bytes, bytes], ...]:
    """(box key, view key sealed to it) of everybody who may read all (L28)."""
    return tuple((bytes.fromhex(copy.box_key), bytes.fromhex(copy.sealed)) for copy in genesis.view_key.sealed)


def view_key_hash(view_key: bytes) -> bytes:
    """Hash (32 bytes) under which governance knows a view key (L28)."""
    return tagged(b"som/viewkey/1", view_key)


def genesis_signing_bytes(genesis: Genesis) -> bytes:
    """Make the bytes that every signature of the document is over."""
    return b"som/gensig/1" + chain_id(genesis)


def sign_genesis(genesis: Genesis, seed: bytes) -> Genesis:
    """Return the document with one more signature, by the 32-byte seed of a keyset or validator; the same key again changes nothing."""
    public_key = public_key_of(seed).hex()
    signature = GenesisSignature(public_key, sign(seed, genesis_signing_bytes(genesis)).hex())
    others = [each for each in genesis.signatures if each.public_key != public_key]
    return replace(genesis, signatures=tuple(sorted([*others, signature], key=lambda each: each.public_key)))


def missing_signers(genesis: Genesis) -> tuple[str, ...]:
    """Who has yet to sign: keysets in the quorum of root that lack signatures, and validators, as a person reads them.

    Raises
    ------
    GenesisError
        As `check_draft`.
    """
    records = found_records(genesis)
    signed = [each.public_key for each in genesis.signatures]
    missing = []
    for member in _root_members(records):
        keyset = records["keyset/" + member]
        if isinstance(keyset, Keyset) and sum(key.public_key.hex() in signed for key in keyset.keys) < keyset.m:
            missing.append(f"keyset {member}")
    for index, validator in enumerate(genesis.validators):
        if validator.consensus_key not in signed:
            missing.append(f"validator {index} of {validator.participant}")
    return tuple(missing)


def _check_signatures(genesis: Genesis) -> None:
    """Every keyset in the quorum of root and every consensus key has signed, and nobody else."""
    records = found_records(genesis)
    keysets = [records["keyset/" + member] for member in _root_members(records)]
    known = [key.public_key.hex() for keyset in keysets if isinstance(keyset, Keyset) for key in keyset.keys]
    known += [validator.consensus_key for validator in genesis.validators]
    message = genesis_signing_bytes(genesis)
    last = ""
    for index, each in enumerate(genesis.signatures):
        path = f"$.signatures[{index}]"
        if each.public_key <= last:
            raise GenesisError("signatures must be sorted by public key, each once", path=path)
        last = each.public_key
        if each.public_key not in known:
            raise GenesisError("this key need not sign", path=path)
        if not verify(bytes.fromhex(each.public_key), message, bytes.fromhex(each.signature)):
            raise GenesisError("the signature does not verify; was the document changed after it was signed?", path=path)
    missing = missing_signers(genesis)
    if missing:
        raise GenesisError(f"not signed by {', '.join(missing)}", path="$.signatures")


def _root_members(records: Mapping[str, Record]) -> tuple[str, ...]:
    """Keysets that may agree to a use of root."""
    members: dict[str, None] = {}
    for key in sorted(records):
        record = records[key]
        if isinstance(record, GrantRecord) and record.grant.permission == "root":
            grant = record.grant
            members.update(dict.fromkeys(grant.need.of if grant.need else (f"{grant.to}/ops",)))
    return tuple(members)


def _with_line(error: GenesisError, text: str) -> GenesisError:
    if not text or error.line is not None:
        return error
    return GenesisError(error.reason, path=error.path, line=nearest_line(lines_of(text), error.path))
