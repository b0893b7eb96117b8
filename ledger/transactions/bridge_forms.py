"""Form of the bridge's bodies: what must be so on any state. What is refused here is MALFORMED (100)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ledger.bridges import ATTESTORS_MIN, Burn, Expiry, Mint, Word
from ledger.errors import Malformed
from ledger.keysets import check_sorted
from ledger.names import check_account_id, check_asset_code, check_participant_id
from ledger.transactions.bridge_bodies import BridgeClaim, BridgeIn, BridgeOut, BridgeSet

if TYPE_CHECKING:
    from ledger.attestations import Attestation
    from ledger.bridges import Attestor, RouteTerms
    from ledger.transactions.bodies import Body

_ROUTE = re.compile(r"[a-z][a-z0-9.-]{1,22}")
EVM_BYTES, TVM_BYTES, TVM_PREFIX = 20, 21, b"\x41"


def check_bridge_form(body: Body) -> bool:
    """Check the types of bridges; False where the body is of another type.

    Raises
    ------
    Malformed
        A name is none, an address is zero or empty where there must be one, a list is not sorted, or nothing would change.
    """
    match body:
        case BridgeOut():
            check_route_id(body.route)
            check_asset_code(body.asset)
            check_account_id(body.source)
            check_address(body.recipient, "the recipient")
        case BridgeIn():
            check_route_id(body.route)
            check_participant_id(body.by)
            _check_fact(body.fact)
        case BridgeSet():
            _check_set(body)
        case BridgeClaim():
            check_route_id(body.route)
            if (body.to is not None) != (body.kind == "suspense"):
                raise Malformed(reason="`to` says whose it is that lies in suspense, and nothing else")
            if body.to is not None:
                check_account_id(body.to)
        case _:
            return False
    return True


def check_route_id(name: str) -> None:
    """Raise Malformed unless the name is a route's."""
    if _ROUTE.fullmatch(name) is None:
        raise Malformed(reason=f"{name!r} is no route: a letter, then letters, digits, '.' and '-', in lower case, at most 23 together")


def check_address(address: bytes, what: str) -> None:
    """Raise Malformed where there is no address, or the zero one: nothing zero is ever valid on a bridge."""
    if not any(address[1:] if address[:1] == TVM_PREFIX else address):
        raise Malformed(reason=f"{what} is empty or zero")


def fits_kind(address: bytes, kind: str) -> bool:
    """Whether an address has the length, and of Tron the first byte, of its kind of chain."""
    if kind == "TVM":
        return len(address) == TVM_BYTES and address[:1] == TVM_PREFIX
    return len(address) == EVM_BYTES


def check_word_form(said: Attestation) -> None:
    """Refuse a signature for a route whose subject is none.

    Raises
    ------
    Malformed
        See above; or it is no signature.
    """
    asset, _, name = said.subject.partition(":")
    check_asset_code(asset)
    check_route_id(name)
    if not isinstance(said.value, Word) or said.id != said.subject or said.standard or said.valid_until:
        raise Malformed(reason="an attestation of kind bridge has a signature, no standard and no end; its id is its subject")
    if not said.value.epoch or not said.value.number or not any(said.value.digest):
        raise Malformed(reason="epoch, number and digest of a signature are never zero")


def _check_fact(fact: Burn | Expiry | Mint) -> None:
    match fact:
        case Burn():
            check_address(fact.contract, "the contract")
            check_address(fact.tx_hash, "the transaction")
            if not any(fact.route_id) or fact.cumulative < fact.amount:
                raise Malformed(reason="a burn has a route, and is part of its cumulative total")
        case Mint():
            check_address(fact.recipient, "the recipient")
            check_address(fact.tx_hash, "the transaction")
        case Expiry():
            if fact.block_time <= fact.deadline:
                raise Malformed(reason="a lock expires in a block after its deadline")


def _check_set(body: BridgeSet) -> None:
    check_route_id(body.id)
    terms, attestors = body.terms, body.attestors
    if terms is None and attestors is None and not body.status:
        raise Malformed(reason="bridge.set changes the terms, the status or the attestors")
    if body.source is not None:
        check_account_id(body.source)
    if body.immediate and attestors is None:
        raise Malformed(reason="immediate is said of a rotation")
    if terms is not None:
        _check_terms(terms)
    if attestors is not None:
        _check_attestors(attestors)


def _check_terms(terms: RouteTerms) -> None:
    check_asset_code(terms.asset)
    if not any(terms.route_id):
        raise Malformed(reason="the id of the route on the other chain is never zero")
    for address, what in ((terms.bridge, "the bridge contract"), (terms.token, "the token")):
        if address:
            check_address(address, what)
            if not fits_kind(address, terms.kind):
                raise Malformed(reason=f"{what} is no address of kind {terms.kind}")
    if terms.mode == "observed" and (terms.bridge or terms.opening):
        raise Malformed(reason="an observed route has no bridge contract and no vault")
    limits = terms.limits
    if limits.min > limits.per_lock or limits.per_lock > limits.bucket or limits.per_lock > limits.day_out:
        raise Malformed(reason="min <= per_lock, and per_lock within bucket and day_out: else a lock that is allowed could never pass")


def _check_attestors(attestors: tuple[Attestor, ...]) -> None:
    for each in attestors:
        check_participant_id(each.participant)
    participants = [each.participant for each in attestors]
    if len(participants) != len(set(participants)):
        raise Malformed(reason="a participant has at most one attestor")
    if any(each.address for each in attestors):
        check_sorted([each.address for each in attestors], "the attestors (by address)")
        for each in attestors:
            check_address(each.address, f"the key of {each.participant}")
            if len(each.address) != EVM_BYTES:
                raise Malformed(reason=f"the key of {each.participant} has an address of {EVM_BYTES} bytes, on every kind of chain")
        if len(attestors) < ATTESTORS_MIN:
            raise Malformed(reason=f"{len(attestors)} attestors with keys: fewer than {ATTESTORS_MIN} tolerate no fault")
    else:
        check_sorted(participants, "the attestors (by participant)")
