"""Transactions and their bytes (section 3 of the specification): decode what arrives, make what is sent.

Decoding is the only way to a `Transaction`, so whoever holds one knows that its bytes are canonical, its limits kept and its ids right.
Not here: whether it is valid (`ledger.transactions`), and whether its signatures verify.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import ledger.transactions as catalogue
from ledger.canonical import decode, encode, loose_decoder
from ledger.errors import Malformed
from ledger.keys import public_key_of, sign
from ledger.names import check_owner
from ledger.transactions.bodies import TX_BYTES_MAX, TYPES, Body, RawEnvelope, RawTransaction, Signature, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "decode",
    "decode_transaction",
    "encode",
    "encode_transaction",
    "make_envelope",
    "ref_id_of",
    "sign_envelope",
    "sign_transaction",
    "signing_bytes",
    "tx_id_of",
]

ENVELOPE_VERSION = 1
_whole, _envelope = loose_decoder(RawTransaction), loose_decoder(RawEnvelope)
_BODIES: dict[str, Callable[[bytes], Body]] = {name: loose_decoder(kind) for name, kind in TYPES.items()}
NAME_OF = {body: name for name, body in TYPES.items()}
"""Struct of a body -> its name on the wire."""


def decode_transaction(raw: bytes, raw_id: bytes | None = None) -> Transaction:
    """Transaction of its bytes: limits first, then form, then canonical bytes, then the ids that follow from them.

    `raw_id`: SHA-256 of the bytes, where the caller has made it already.

    Raises
    ------
    Malformed
        More than TX_BYTES_MAX bytes, not a transaction of a known type, beyond a limit of a field, signatures not sorted or repeated, or
        not canonical.

    Source: ledger/README.md, L6 and L13.
    """
    if len(raw) > TX_BYTES_MAX:
        raise Malformed(reason=f"the transaction has {len(raw)} bytes, at most {TX_BYTES_MAX} are allowed")
    whole = _whole(raw)
    envelope_bytes = bytes(whole.envelope)
    envelope = _envelope(envelope_bytes)
    read = _BODIES.get(envelope.type)
    if read is None:
        raise Malformed(reason=f"no transaction type is called {envelope.type!r}")
    body = read(envelope.body)
    again = (ENVELOPE_VERSION, envelope.chain, envelope.type, envelope.sender, envelope.ref, envelope.valid_until, envelope.salt, body)
    if encode((again, whole.signatures)) != raw:
        raise Malformed(reason="the transaction is not canonical MessagePack")
    if len(whole.signatures) > 1:
        _check_order(whole.signatures)
    check_owner(envelope.sender)
    catalogue.check_form(envelope.type, body)
    return Transaction(
        raw=raw,
        raw_id=sha256(raw).digest() if raw_id is None else raw_id,
        tx_id=tx_id_of(envelope_bytes),
        chain=envelope.chain,
        type=envelope.type,
        sender=envelope.sender,
        ref=envelope.ref,
        valid_until=envelope.valid_until,
        body=body,
        signatures=whole.signatures,
        ref_id=ref_id_of(envelope.sender, envelope.ref),
    )


def tx_id_of(envelope: bytes) -> bytes:
    """32 bytes over the envelope alone: whoever signs or strips signatures, the id stays (L13)."""
    return sha256(b"som/tx/1" + envelope).digest()


def ref_id_of(sender: str, ref: str) -> bytes:
    """Name (32 bytes) under which the client's reference is remembered (L14)."""
    return sha256(b"som/ref-id/1" + sender.encode() + b"\x00" + ref.encode()).digest()


def signing_bytes(tx_id: bytes) -> bytes:
    """Return what every signature of the transaction is over."""
    return b"som/sig/1" + tx_id


def make_envelope(*, chain: bytes, sender: str, ref: str, valid_until: int, salt: bytes, body: Body) -> bytes:
    """Return the canonical envelope of a body. `salt` is 16 random bytes from the caller: the ledger has no randomness."""
    return encode((ENVELOPE_VERSION, chain, NAME_OF[type(body)], sender, ref, valid_until, salt, body))


def sign_envelope(envelope: bytes, *, owner: str, keyset: str, seed: bytes) -> Signature:
    """Signature under an envelope by the 32-byte seed of a key in `owner`'s keyset."""
    return Signature(owner, keyset, public_key_of(seed), sign(seed, signing_bytes(tx_id_of(envelope))))


def encode_transaction(envelope: bytes, signatures: Iterable[Signature]) -> bytes:
    """Whole transaction: signatures sorted as L13 demands, an array of both without decoding the envelope again."""
    ordered = tuple(sorted(signatures, key=_order))
    return b"\x92" + envelope + encode(ordered)


def sign_transaction(envelope: bytes, signers: Sequence[tuple[str, str, bytes]]) -> bytes:
    """Whole transaction signed by each (owner, keyset, seed)."""
    return encode_transaction(envelope, [sign_envelope(envelope, owner=owner, keyset=keyset, seed=seed) for owner, keyset, seed in signers])


def _order(signature: Signature) -> tuple[str, str, bytes]:
    return (signature.participant, signature.keyset, signature.public_key)


def _check_order(signatures: tuple[Signature, ...]) -> None:
    last = _order(signatures[0])
    for signature in signatures[1:]:
        this = _order(signature)
        if this <= last:
            raise Malformed(reason="signatures must be sorted by participant, keyset and public key, each once")
        last = this
