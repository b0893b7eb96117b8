"""What an attestor says to the contract, made of the ledger's records at a certified height. PURE: records in, messages out.

Every attestor must make the very same bytes, so nothing is chosen here: height, block and totals are those of the record that is given, and
no clock is read. Who is to sign what, and when, is in `pending`; keys and marks are in `bridge.signer`. That the height is certified is
checked by whoever reads it (B9), before anything of it comes here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bridge.digests import Checkpoint, Domain, MintAuth, ReserveStatement, RotateAttestors
from bridge.errors import FieldOutOfRange
from bridge.tron import without_prefix
from ledger.bridges import threshold_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.bridges import BridgeRoute, Lock, Rotation, RouteTerms

SIGNING: Final = frozenset({"active", "paused_out", "paused_in"})
"""States of a route in which its attestors sign: not before its addresses are known, not after a halt, not once it is retired."""


class Point(Struct, frozen=True):
    """A final block of the ledger, as attestations name it."""

    height: int
    block_id: bytes
    """32 bytes."""
    time_ms: int
    """Of the block, Unix ms."""


def domain_of(terms: RouteTerms) -> Domain:
    """Return chain and contract that a route's signatures are for.

    Raises
    ------
    FieldOutOfRange
        The route has no address of 20 bytes yet.
    """
    return Domain(terms.chain_id, address_of(terms, terms.bridge))


def address_of(terms: RouteTerms, address: bytes) -> bytes:
    """Return the 20 bytes that contracts know an address by: Tron's 0x41 is none of theirs."""
    if terms.kind == "TVM":
        return without_prefix(address)
    if len(address) != 20:
        raise FieldOutOfRange(field="address", given=f"{len(address)} bytes", needed="20 bytes")
    return address


def checkpoint_of(route: BridgeRoute, at: Point) -> Checkpoint:
    """Return the locked-supply attestation of a route as its record was after the block `at`."""
    return Checkpoint(
        route_id=route.terms.route_id,
        set_epoch=route.epoch,
        ledger_height=at.height,
        ledger_block_hash=at.block_id,
        lock_count=route.locks,
        cumulative_locked=route.locked,
        cumulative_refunded=route.refunded,
        issued_at=at.time_ms // 1_000,
    )


def mint_auth_of(route: BridgeRoute, lock: Lock, at: Point) -> MintAuth:
    """Return the leave to mint a lock, with the totals of the block `at`.

    Raises
    ------
    AssertionError
        The lock is not of this route, or is younger than the block: our own fault.
    """
    if lock.route != route.id or lock.nonce > route.locks:
        raise AssertionError(f"lock {lock.nonce} of {lock.route} is to be minted by the record of {route.id} with {route.locks} locks")
    return MintAuth(
        route_id=route.terms.route_id,
        set_epoch=route.epoch,
        nonce=lock.nonce,
        lock_id=lock.lock_id,
        recipient=address_of(route.terms, lock.recipient),
        amount=lock.amount,
        deadline=lock.deadline,
        ledger_height=at.height,
        ledger_block_hash=at.block_id,
        cumulative_locked=route.locked,
        cumulative_refunded=route.refunded,
    )


def rotation_of(route: BridgeRoute, rotation: Rotation) -> RotateAttestors:
    """Return what the set before says of a set: members strictly ascending, as the contract wants them."""
    return RotateAttestors(
        route_id=route.terms.route_id,
        new_epoch=rotation.epoch,
        attestors=tuple(sorted(address_of(route.terms, each.address) for each in rotation.attestors)),
        threshold=threshold_of(len(rotation.attestors)),
        ledger_height=rotation.height,
        immediate=rotation.immediate,
    )


def reserve_of(route: BridgeRoute, vault_balance: int, at: Point) -> ReserveStatement:
    """Return the statement of the second key set: what its members, who counted themselves, found in the vault."""
    return ReserveStatement(
        route_id=route.terms.route_id,
        ledger_height=at.height,
        ledger_block_hash=at.block_id,
        cumulative_locked=route.locked,
        cumulative_refunded=route.refunded,
        cumulative_released=route.released,
        vault_balance=vault_balance,
        issued_at=at.time_ms // 1_000,
    )


def pending(route: BridgeRoute, locks: Iterable[Lock], at: Point) -> tuple[MintAuth, ...]:
    """Return what is signed of these locks at a block, by nonce: locked, waiting no longer (B7), and still to be minted in time (B5)."""
    if route.status not in SIGNING or route.terms.mode != "enforced":
        return ()
    open_locks = (lock for lock in locks if lock.state == "locked" and lock.nonce <= route.locks)
    ready = (lock for lock in open_locks if lock.sign_from_ms <= at.time_ms and at.time_ms // 1_000 <= lock.deadline)
    return tuple(mint_auth_of(route, lock, at) for lock in sorted(ready, key=lambda lock: lock.nonce))
