"""The EIP-712 digests that attestors and reserve signers sign. PURE: bytes in, bytes out; it neither signs nor sends.

The types are those of bridge/contracts/src/Attestations.sol, and every executed field is covered (B3). Tests compare the
digests with eth-account's and with the ones that the contract itself returns.
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

from msgspec import Struct

from bridge.errors import FieldOutOfRange
from bridge.keccak import keccak256

WORD_BYTES = 32
ADDRESS_BYTES = 20
DOMAIN_NAME = "DigitalSomBridge"
DOMAIN_VERSION = "1"
ATTESTORS_MAX = 64

DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
CHECKPOINT_TYPE = (
    "Checkpoint(bytes32 routeId,uint64 setEpoch,uint64 ledgerHeight,bytes32 ledgerBlockHash,uint64 lockCount,"
    "uint256 cumulativeLocked,uint256 cumulativeRefunded,uint64 issuedAt)"
)
MINT_AUTH_TYPE = (
    "MintAuth(bytes32 routeId,uint64 setEpoch,uint64 nonce,bytes32 lockId,address recipient,uint256 amount,uint64 deadline,"
    "uint64 ledgerHeight,bytes32 ledgerBlockHash,uint256 cumulativeLocked,uint256 cumulativeRefunded)"
)
ROTATE_TYPE = "RotateAttestors(bytes32 routeId,uint64 newEpoch,address[] attestors,uint256 threshold,uint64 ledgerHeight,bool immediate)"
RESERVE_TYPE = (
    "ReserveStatement(bytes32 routeId,uint64 ledgerHeight,bytes32 ledgerBlockHash,uint256 cumulativeLocked,"
    "uint256 cumulativeRefunded,uint256 cumulativeReleased,uint256 vaultBalance,uint64 issuedAt)"
)


class Domain(Struct, frozen=True):
    """The contract that a signature is for; a signature for one contract or chain is worthless at any other."""

    chain_id: int
    """1 <= chain_id < 2^256."""
    contract: bytes
    """20 bytes; of a Tron address without its 0x41."""


class Checkpoint(Struct, frozen=True):
    """The locked-supply attestation: the totals of a route at a height of the ledger."""

    route_id: bytes
    set_epoch: int
    ledger_height: int
    ledger_block_hash: bytes
    lock_count: int
    cumulative_locked: int
    cumulative_refunded: int
    issued_at: int
    """Seconds since 1970 of the ledger's block."""


class MintAuth(Struct, frozen=True):
    """Leave to mint one lock, with the totals of the height it was read at."""

    route_id: bytes
    set_epoch: int
    nonce: int
    lock_id: bytes
    recipient: bytes
    amount: int
    deadline: int
    """Seconds since 1970, of the public chain; the last second at which the mint is taken."""
    ledger_height: int
    ledger_block_hash: bytes
    cumulative_locked: int
    cumulative_refunded: int


class RotateAttestors(Struct, frozen=True):
    """The next set of attestors, strictly ascending."""

    route_id: bytes
    new_epoch: int
    attestors: tuple[bytes, ...]
    threshold: int
    ledger_height: int
    immediate: bool


class ReserveStatement(Struct, frozen=True):
    """What treasury and auditor counted in the vault."""

    route_id: bytes
    ledger_height: int
    ledger_block_hash: bytes
    cumulative_locked: int
    cumulative_refunded: int
    cumulative_released: int
    vault_balance: int
    issued_at: int


Message: TypeAlias = Checkpoint | MintAuth | RotateAttestors | ReserveStatement


def digest(domain: Domain, message: Message) -> bytes:
    """Return keccak(0x1901 | domain separator | struct hash): what a key signs.

    Raises
    ------
    FieldOutOfRange
        A field does not fit its width, or there are more than 64 attestors.
    """
    return keccak256(b"\x19\x01" + domain_separator(domain) + struct_hash(message))


def domain_separator(domain: Domain) -> bytes:
    """Return the hash of name, version, chain id and contract."""
    return _hashed(
        DOMAIN_TYPE,
        keccak256(DOMAIN_NAME.encode()),
        keccak256(DOMAIN_VERSION.encode()),
        _uint("chain_id", domain.chain_id, 256),
        _address("contract", domain.contract),
    )


def struct_hash(message: Message) -> bytes:
    """Return the EIP-712 hash of the message's type and fields."""
    match message:
        case Checkpoint():
            return _checkpoint(message)
        case MintAuth():
            return _mint_auth(message)
        case RotateAttestors():
            return _rotate(message)
        case ReserveStatement():
            return _reserve(message)


def _checkpoint(message: Checkpoint) -> bytes:
    return _hashed(
        CHECKPOINT_TYPE,
        _hash("route_id", message.route_id),
        _uint("set_epoch", message.set_epoch, 64),
        _uint("ledger_height", message.ledger_height, 64),
        _hash("ledger_block_hash", message.ledger_block_hash),
        _uint("lock_count", message.lock_count, 64),
        _uint("cumulative_locked", message.cumulative_locked, 256),
        _uint("cumulative_refunded", message.cumulative_refunded, 256),
        _uint("issued_at", message.issued_at, 64),
    )


def _mint_auth(message: MintAuth) -> bytes:
    return _hashed(
        MINT_AUTH_TYPE,
        _hash("route_id", message.route_id),
        _uint("set_epoch", message.set_epoch, 64),
        _uint("nonce", message.nonce, 64),
        _hash("lock_id", message.lock_id),
        _address("recipient", message.recipient),
        _uint("amount", message.amount, 256),
        _uint("deadline", message.deadline, 64),
        _uint("ledger_height", message.ledger_height, 64),
        _hash("ledger_block_hash", message.ledger_block_hash),
        _uint("cumulative_locked", message.cumulative_locked, 256),
        _uint("cumulative_refunded", message.cumulative_refunded, 256),
    )


def _rotate(message: RotateAttestors) -> bytes:
    if len(message.attestors) > ATTESTORS_MAX:
        raise FieldOutOfRange(field="attestors", given=str(len(message.attestors)), needed=f"at most {ATTESTORS_MAX}")
    return _hashed(
        ROTATE_TYPE,
        _hash("route_id", message.route_id),
        _uint("new_epoch", message.new_epoch, 64),
        keccak256(b"".join(_address("attestors", one) for one in message.attestors)),
        _uint("threshold", message.threshold, 256),
        _uint("ledger_height", message.ledger_height, 64),
        _uint("immediate", int(message.immediate), 1),
    )


def _reserve(message: ReserveStatement) -> bytes:
    return _hashed(
        RESERVE_TYPE,
        _hash("route_id", message.route_id),
        _uint("ledger_height", message.ledger_height, 64),
        _hash("ledger_block_hash", message.ledger_block_hash),
        _uint("cumulative_locked", message.cumulative_locked, 256),
        _uint("cumulative_refunded", message.cumulative_refunded, 256),
        _uint("cumulative_released", message.cumulative_released, 256),
        _uint("vault_balance", message.vault_balance, 256),
        _uint("issued_at", message.issued_at, 64),
    )


def _hashed(type_text: str, *words: bytes) -> bytes:
    return keccak256(_type_hash(type_text) + b"".join(words))


@cache
def _type_hash(type_text: str) -> bytes:
    return keccak256(type_text.encode())


def _uint(field: str, value: int, bits: int) -> bytes:
    if not 0 <= value < 1 << bits:
        raise FieldOutOfRange(field=field, given=str(value), needed=f"0 to 2^{bits} - 1")
    return value.to_bytes(WORD_BYTES, "big")


def _hash(field: str, value: bytes) -> bytes:
    if len(value) != WORD_BYTES:
        raise FieldOutOfRange(field=field, given=f"{len(value)} bytes", needed=f"{WORD_BYTES} bytes")
    return value


def _address(field: str, value: bytes) -> bytes:
    if len(value) != ADDRESS_BYTES:
        raise FieldOutOfRange(field=field, given=f"{len(value)} bytes", needed=f"{ADDRESS_BYTES} bytes")
    return value.rjust(WORD_BYTES, b"\x00")
