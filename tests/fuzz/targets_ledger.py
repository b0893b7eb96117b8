"""Decoders of the ledger: transactions, bodies, headers, views, records, receipts, proof files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.blocks import Receipt, decode_header, encode_body, header_bytes, split_body
from ledger.canonical import decode, encode
from ledger.codec import decode_transaction
from ledger.errors import Malformed
from ledger.holds import Hold
from ledger.leaves import record_of
from ledger.proofs import ProofError, check_state_proof, check_transaction_proof
from ledger.views import Credited, decode_view
from tests.fuzz.target import Target
from tests.ledger.chain import CHAIN
from tests.ledger.samples import BODIES, CONDITIONED, HEADER, RECEIPT, RECORDS, signed, transaction
from tests.ledger.vectors import current

if TYPE_CHECKING:
    from collections.abc import Callable

_TYPED = (Malformed,)
_PINNED = {name: bytes.fromhex(value) for name, value in current().items()}
_HOLDS = tuple(each for each in CONDITIONED.values() if isinstance(each, Hold))
_CONDITIONED = tuple(signed("ref", each) for each in CONDITIONED.values() if not isinstance(each, Hold))
_TRANSACTIONS = (*map(transaction, BODIES), *_CONDITIONED)


def _named(start: str) -> tuple[bytes, ...]:
    return tuple(value for name, value in _PINNED.items() if name.startswith(start))


def _body(data: bytes) -> None:
    for raw in split_body(data):
        decode_transaction(raw)


def _record(key: str) -> Callable[[bytes], object]:
    return lambda data: record_of(key, data)


def _records() -> list[Target]:
    return [
        Target(f"record {key.partition('/')[0]}", _record(key), (encode((bytes(16), record)), encode((record,))), _TYPED)
        for key, record in RECORDS.items()
        if "contra" not in key
    ]


def _conditions() -> list[Target]:
    return [
        Target("transaction: conditions", decode_transaction, _CONDITIONED, _TYPED),
        Target("record hold: conditions", _record("hold/0"), tuple(encode((bytes(16), hold)) for hold in _HOLDS), _TYPED),
    ]


TARGETS = [
    Target("transaction", decode_transaction, _TRANSACTIONS, _TYPED),
    Target("transaction: pay", decode_transaction, (transaction("pay"),), _TYPED),
    Target("body", _body, (encode_body(_TRANSACTIONS), encode_body(())), _TYPED),
    Target("header", decode_header, (header_bytes(HEADER), _PINNED["block/header"]), _TYPED),
    Target("receipt", lambda data: decode(data, Receipt), (encode(RECEIPT),), _TYPED),
    Target("view", decode_view, _named("view/"), _TYPED),
    Target("credited part", lambda data: decode(data, Credited), (bytes(decode_view(_PINNED["view/bank-c/0"]).part.content),), _TYPED),
    Target("state proof", lambda data: check_state_proof(data, chain=CHAIN), _named("proof/a"), (ProofError,)),
    Target("transaction proof", lambda data: check_transaction_proof(data, chain=CHAIN), _named("proof/t"), (ProofError,)),
    *_records(),
    *_conditions(),
]
