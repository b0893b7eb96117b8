"""The bodies of all transaction types that exist, and the envelope around them (section 3 and 4 of the ledger's specification).

`TYPES` maps the name on the wire to the struct of its body; a name that is not there is refused as unknown (100).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

from ledger import blocks
from ledger.accounts import CLASSES_MAX, AccountKind
from ledger.assets import Policy
from ledger.attestations import Attestation
from ledger.conditions import Condition, Witness
from ledger.epochs import Validators, ViewKey
from ledger.grants import Grant
from ledger.holders import PseudonymAt, TierText
from ledger.orders import Order
from ledger.participants import Keyset, Participant
from ledger.proposals import CONTENT_BYTES_MAX, MemberText
from ledger.transactions.bridge_bodies import BRIDGE_TYPES, BridgeBody
from ledger.travel import Travel
from ledger.types import (
    U32,
    U63,
    AccountText,
    Amount,
    AmountOrZero,
    AssetText,
    ClassText,
    Hash32,
    PublicKey,
    Salt16,
    Signature64,
    TargetText,
    Text35,
    Text64,
    Text140,
    TimeMs,
)

LEGS_MAX = blocks.LEGS_MAX
SIGNATURES_MAX = blocks.SIGNATURES_MAX
TX_BYTES_MAX = blocks.TX_BYTES_MAX


class Signature(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One signature over "som/sig/1" | tx_id. Sorted by (participant, keyset, public_key), no repeats."""

    participant: Text64
    """Owner of the keyset: a participant or an account."""
    keyset: Text35
    public_key: PublicKey
    signature: Signature64


class RawTransaction(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A transaction as it travels: the envelope's bytes as received, and the signatures."""

    envelope: Raw
    signatures: Annotated[tuple[Signature, ...], Meta(max_length=SIGNATURES_MAX)]


class RawEnvelope(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """The envelope with its body still as bytes: `[version, chain, type, from, ref, valid_until, salt, body]`."""

    version: Literal[1]
    chain: Hash32
    type: Text35
    sender: Text64
    """`from`: a participant or an account with a keyset."""
    ref: Annotated[str, Meta(min_length=1, max_length=35)]
    valid_until: TimeMs
    salt: Salt16
    body: Raw


class ParticipantPut(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Create, update or suspend a participant (type 1)."""

    participant: Participant


class KeysetPut(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Bring, rotate or recover a keyset (type 2)."""

    owner: Text64
    keyset: Keyset
    by: Literal["current", "recovery"] = "current"
    """`recovery`: the keyset that `recovery` names agrees in the place of the current one (L24)."""


class HolderPut(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Say the tier of a person, and by which pseudonyms participants know it (type 3)."""

    holder: Salt16
    tier: TierText
    """Empty: a legal person."""
    valid_until: TimeMs
    """0: no end."""
    pseudonyms: Annotated[tuple[PseudonymAt, ...], Meta(max_length=64)]
    """New ones, sorted; those that the holder has already stay."""


class AccountOpen(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Open an account (type 4)."""

    id: AccountText
    kind: AccountKind
    pseudonym: Annotated[bytes, Meta(max_length=16)]
    """Of a wallet: whose it is, as holder.put registered the person for its servicer (16 bytes); empty: nobody's that the ledger knows."""
    keyset: Keyset | None
    """The account's own keyset, brought and signed by its keys in the same envelope; None: the servicer signs for it."""
    classes: Annotated[tuple[ClassText, ...], Meta(max_length=CLASSES_MAX)]
    """Sorted; one with `@participant` is vouched for by that participant's `ops`."""


class AccountSet(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Close or reopen an account, replace its keyset or its classes (type 5). Empty status, None: as it is; something must be set."""

    id: AccountText
    status: Literal["", "open", "closing", "closed"]
    keyset: Keyset | None
    classes: Annotated[tuple[ClassText, ...], Meta(max_length=CLASSES_MAX)] | None = None


class GrantPut(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Give authority (type 6)."""

    grant: Grant


class GrantEnd(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Revoke a grant (type 7)."""

    id: Text64


class Propose(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Open a proposal (type 8); its id is the tx_id (L26)."""

    type: Text35
    """Of the body that votes may carry out; every type but propose and approve."""
    content: Annotated[bytes, Meta(max_length=CONTENT_BYTES_MAX)]
    """Canonical body of that type."""
    not_before: TimeMs
    """0: at once."""
    until: TimeMs


class Approve(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Set, change or withdraw the vote of one keyset on a proposal (type 9)."""

    proposal: Hash32
    keyset: MemberText
    """`OWNER/KEYSET`."""
    vote: Literal["yes", "no", "withdraw"]


class AssetPut(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Define or alter an asset (type 10)."""

    policy: Policy


class Issue(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Contra -> to (type 12)."""

    asset: AssetText
    to: AccountText
    amount: Amount
    basis: Text140
    source: AccountText | None
    """`from` of a wrap: who pays as much of the reserve asset into the vault; None where there is no vault."""


class Redeem(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """From -> contra (type 13)."""

    asset: AssetText
    source: AccountText
    """`from` of the catalogue."""
    amount: Amount
    payout_ref: Text140
    to: AccountText | None
    """Of an unwrap: who is paid out of the vault; None where there is no vault."""


class Leg(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One movement of value from `debit` to `credit` (L7)."""

    debit: AccountText
    credit: AccountText
    asset: AssetText
    amount: Amount
    fee: AmountOrZero
    """Quoted by the sender, on top of the amount (L17)."""
    reference: Text35


class ReturnOf(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payment that a return goes back on (L18)."""

    tx_id: Hash32
    leg: Annotated[int, Meta(ge=0, lt=LEGS_MAX)]


class Pay(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Move value (type 14). `uetr` and `return_of` only with one leg."""

    legs: Annotated[tuple[Leg, ...], Meta(min_length=1, max_length=LEGS_MAX)]
    mode: Literal["atomic", "each"]
    purpose: Text35
    uetr: Annotated[bytes, Meta(min_length=16, max_length=16)] | None
    """A payment with one can be returned (L18)."""
    memo: Text140
    travel: Annotated[tuple[Travel, ...], Meta(min_length=1, max_length=32)] | None
    """Sorted by participant."""
    return_of: ReturnOf | None


class HoldBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Reserve value (type 15); the hold's id is the tx_id."""

    source: AccountText
    target: TargetText
    asset: AssetText
    amount: Amount
    fee: AmountOrZero
    until: TimeMs
    settle_by: Text64
    """Empty where the condition lets anyone settle who shows what it asks for: sha256 and device."""
    void_by: Text64
    condition: Condition
    kind: Literal["authorisation", "escrow", "offline"]


class Settle(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Move part or all of a hold to its target (type 16)."""

    hold: Hash32
    amount: Amount
    witness: Witness


class Void(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Release a hold (type 17)."""

    hold: Hash32


class OrderPut(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Restrict (type 18)."""

    order: Order


class OrderLift(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Lift an order (type 19): who made it, or whom its grant names (L27)."""

    id: Text64
    basis_hash: Hash32
    """SHA-256 of the document that the lifting rests on."""


class Seize(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Move arrested value to the beneficiary that the order names (type 20, L11)."""

    order: Text64
    account: AccountText
    asset: AssetText
    amount: Amount


class Attest(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Record a fact (type 11)."""

    attestation: Attestation


class ParamSet(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Set a parameter, move the end of the epoch, or give a view key and its copies (type 23)."""

    key: Text35
    value: U63 | ViewKey
    """Of `epoch_end` the height, of `view_key` the view key, else the parameter's value."""
    at_height: U63
    """The first block at or above it has the value; 0: the next one. Parameters of consensus wait for the boundary besides."""


class ValidatorsSet(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Plan the set of an epoch to come (type 24)."""

    validators: Validators
    """Their order is their index."""
    epoch: U32
    """The first epoch that it may be the set of."""


Body = (
    ParticipantPut
    | KeysetPut
    | HolderPut
    | AccountOpen
    | AccountSet
    | GrantPut
    | GrantEnd
    | Propose
    | Approve
    | AssetPut
    | Issue
    | Redeem
    | Pay
    | HoldBody
    | Settle
    | Void
    | OrderPut
    | OrderLift
    | Seize
    | Attest
    | ParamSet
    | ValidatorsSet
    | BridgeBody
)

TYPES: dict[str, type[Body]] = {
    "participant.put": ParticipantPut,
    "keyset.put": KeysetPut,
    "holder.put": HolderPut,
    "account.open": AccountOpen,
    "account.set": AccountSet,
    "grant.put": GrantPut,
    "grant.end": GrantEnd,
    "propose": Propose,
    "approve": Approve,
    "asset.put": AssetPut,
    "issue": Issue,
    "redeem": Redeem,
    "pay": Pay,
    "hold": HoldBody,
    "settle": Settle,
    "void": Void,
    "order.put": OrderPut,
    "order.lift": OrderLift,
    "seize": Seize,
    "attest": Attest,
    "param.set": ParamSet,
    "validator.set": ValidatorsSet,
    **BRIDGE_TYPES,
}


class Transaction(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A decoded transaction. Made by `ledger.codec.decode_transaction` only, so its bytes are known to be canonical."""

    raw: bytes
    """The whole transaction with signatures, canonical."""
    raw_id: bytes
    """SHA-256 of `raw`: the name under which pools, gossip and verification results know it (never tx_id)."""
    tx_id: bytes
    """SHA-256("som/tx/1" | envelope)."""
    chain: bytes
    type: str
    sender: str
    ref: str
    valid_until: int
    body: Body
    signatures: tuple[Signature, ...]
    ref_id: bytes
    """SHA-256("som/ref-id/1" | from | 0x00 | ref)."""
