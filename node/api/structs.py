"""Every body that the client API takes and gives. `/openapi.json` is generated from these structs, and the command line reads them.

Amounts are strings of minor units (a JSON number has 53 bits, L1 needs 60), hashes and keys lower-case hex, times Unix milliseconds, proof
files base64. A field that may be missing has a default; a client must ignore fields it does not know.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from node.api.parts import (
    BATCH_MAX,
    BalanceBody,
    Base64,
    FeeRuleBody,
    HeaderBody,
    Hex32,
    HexBytes,
    KeysetBody,
    LimitBody,
    MinorUnits,
    NeedBody,
    QuotaBody,
    ReturnBody,
    ScopeBody,
    TotalBody,
    Whole,
)

TransactionStatus = Literal["pending", "final", "expired", "refused"]
Role = Literal["validator", "peer"]


class Submission(Struct, frozen=True, forbid_unknown_fields=True):
    """JSON body of `POST /v1/transactions`: exactly one of both fields."""

    transaction: str = ""
    """One whole signed transaction: its canonical MessagePack in hex or base64. A refusal answers with 4xx."""
    transactions: Annotated[tuple[str, ...], Meta(max_length=BATCH_MAX)] = ()
    """Several: each gets its own outcome, in the order given."""


class EntryBody(Struct, frozen=True):
    """One change of one balance."""

    account: str
    asset: str
    posted: MinorUnits
    """Change of the posted balance, signed."""
    held: MinorUnits
    """Change of the held balance, signed."""
    leg: Whole


class ReceiptBody(Struct, frozen=True):
    """The network's answer to one ordered transaction: final, for ever."""

    tx_id: Hex32
    height: Whole
    index: Whole
    """Position in the block."""
    code: Whole
    """0: it took effect. Else it was refused, changed nothing but its reference, and `name`, `iso` say why."""
    name: str
    """"OK" or the name of the refusal."""
    iso: str
    """ISO 20022 external status reason; empty for 0."""
    public_code: Whole
    failed_leg: Whole | None
    codes: tuple[int, ...]
    """A code per leg in mode `each`; empty elsewhere."""
    entries: tuple[EntryBody, ...]


class Submitted(Struct, frozen=True, omit_defaults=True):
    """What became of one submitted transaction. 202 and `pending` are no promise: only a receipt is."""

    tx_id: str
    """Hex; empty where the bytes were no transaction."""
    status: TransactionStatus
    code: int = 0
    """Of the refusal by this node, else 0."""
    name: str = ""
    message: str = ""
    iso: str = ""
    receipt: ReceiptBody | None = None


class Submissions(Struct, frozen=True):
    """Answer of `POST /v1/transactions`, one item per transaction in the order given."""

    transactions: tuple[Submitted, ...]


class ErrorBody(Struct, frozen=True, omit_defaults=True):
    """Every answer from 400 on. A code of 100..999 is the ledger's, except 400..599, which repeat the HTTP status."""

    code: int
    name: str
    message: str
    """One sentence: what is wrong, what to do."""
    iso: str
    """ISO 20022 reason; empty where none fits."""
    transactions: tuple[Submitted, ...] = ()
    """The outcome of each, where a list was sent and nothing of it was taken."""
    proof: Base64 = ""
    """Proof file that the account is absent (404 with `?proof=1`)."""


class TransactionBody(Struct, frozen=True, omit_defaults=True):
    """A transaction as this node knows it."""

    tx_id: Hex32
    status: TransactionStatus
    type: str = ""
    sender: str = field(name="from", default="")
    ref: str = ""
    valid_until: Whole = 0
    height: Whole = 0
    """Of its block; only when final."""
    time_ms: Whole = 0
    """Time of its block; only when final."""
    receipt: ReceiptBody | None = None
    raw: HexBytes = ""
    """The whole transaction with its signatures, canonical MessagePack."""
    proof: Base64 = ""
    """Proof file of inclusion (`?proof=1`, only when final)."""
    return_of: Hex32 | None = None
    """Payment that this one returns."""
    returns: tuple[ReturnBody, ...] = ()
    """What was returned of it, oldest first."""


class AccountBody(Struct, frozen=True, omit_defaults=True):
    """An account as of a final block."""

    id: str
    kind: str
    status: str
    keyset: str
    """Name of its own keyset; empty: its servicer signs for it."""
    servicer: str
    holds: Whole
    """Number of open holds, without those that have lapsed."""
    balances: tuple[BalanceBody, ...]
    as_of: Whole
    """Height of the final block this is read from."""
    proof: Base64 = ""
    """Proof file of the account and its balances (`?proof=1`). It may be of another, newer height than `as_of`: trust what is in it."""
    pseudonym: HexBytes = ""
    """Of a wallet: whose it is, in the words of its servicer."""
    classes: tuple[str, ...] = ()


class HistoryEntry(Struct, frozen=True):
    """One line of an account's journal."""

    height: Whole
    index: Whole
    tx_id: Hex32
    """Zeros: a hold lapsed (L19)."""
    leg: Whole
    asset: str
    posted: MinorUnits
    held: MinorUnits


class HistoryPage(Struct, frozen=True):
    """Entries of an account, oldest first."""

    account: str
    entries: tuple[HistoryEntry, ...]
    next: str
    """Cursor of the next page; empty at the end. It stays valid: entries are only appended."""


class GrantBody(Struct, frozen=True):
    """A grant in force."""

    id: str
    to: str
    permission: str
    scope: ScopeBody
    quota: QuotaBody | None
    need: NeedBody | None
    """None: one keyset `ops` of `to`."""
    not_before: Whole
    until: Whole
    """0: no end."""
    giver: str
    as_of: Whole
    lifted_by: tuple[str, ...] = ()
    """Of `order.*`: who may lift, beside the maker."""
    rank: Whole = 0
    """Of `order.*`: its place among others, 0 first."""


class ParticipantBody(Struct, frozen=True):
    """A legal entity."""

    id: str
    kind: str
    name: str
    bic: str
    lei: str
    country: str
    status: str
    endpoints: tuple[str, ...]
    node_keys: tuple[Hex32, ...]
    box_keys: tuple[Hex32, ...]
    keysets: tuple[KeysetBody, ...]
    successor: str = ""
    """Of one that is suspended or closed: who services its accounts, or hands them on (L29)."""


class Participants(Struct, frozen=True):
    """All participants, by id."""

    participants: tuple[ParticipantBody, ...]
    as_of: Whole


class AssetBody(Struct, frozen=True):
    """An asset: its policy and what was issued under it."""

    code: str
    decimals: Whole
    issuer: str
    reserve: str
    cap: MinorUnits | None
    """None: none."""
    supply: MinorUnits | None
    """None: it is published once a day, and was not yet."""
    issued: MinorUnits | None
    redeemed: MinorUnits | None
    state: str
    fees: tuple[FeeRuleBody, ...]
    fixed: tuple[str, ...]
    """Fields that never change once supply is above 0."""
    powers: tuple[str, ...]
    """What orders may do in it: freeze, pause, seize."""
    as_of: Whole
    limits: tuple[LimitBody, ...] = ()
    """By tier; empty: no limits."""
    receive: tuple[str, ...] = ()
    """Patterns of classes that may be paid; empty: every account."""
    travel_min: MinorUnits = "0"
    """From this amount on travel data is needed; 0: never."""
    publish: str = "block"
    """day: figures are those of the newest closing, and hidden in between."""
    figures_of: str = ""
    """Date whose closing opened the figures; empty: they are as of now, or there are none."""
    proof: str = ""
    """Base64, where it was asked for: of `asset/CODE`, or of `published/CODE/DATE`."""


class Assets(Struct, frozen=True):
    """All assets, by code."""

    assets: tuple[AssetBody, ...]
    as_of: Whole


class BlockBody(Struct, frozen=True):
    """A final block."""

    height: Whole
    block_id: Hex32
    header: HexBytes
    """Canonical MessagePack: block_id = SHA-256("som/header/1" | header)."""
    fields: HeaderBody
    certificate: HexBytes
    """Finalization of this block or of the nearest descendant that has one; canonical MessagePack, empty for the genesis block."""
    links: tuple[HexBytes, ...]
    """Headers from this block's child to the descendant that the certificate names; empty where it names this block."""
    transactions: tuple[Hex32, ...]


class ValidatorBody(Struct, frozen=True):
    """One validator of the current epoch."""

    index: Whole
    participant: str
    consensus_key: Hex32
    node_key: Hex32
    endpoint: str
    last_signed_height: Whole
    """Newest final height whose certificate here bears its signature; 0: none seen."""


class Validators(Struct, frozen=True):
    """The validator set in force. f = (n - 1) // 3 may be faulty; n - f must sign."""

    epoch: Whole
    quorum: Whole
    validators: tuple[ValidatorBody, ...]
    as_of: Whole


class StatusBody(Struct, frozen=True):
    """Where this node stands."""

    chain: Hex32
    network: str
    node: str
    version: str
    role: Role
    height: Whole
    """Of the newest final block."""
    committed_height: Whole
    """In the store, below or equal to `height`."""
    view: Whole
    final_view: Whole
    final_block: Hex32
    time_ms: Whole
    """Of the newest final block."""
    transactions_root: Hex32
    participants_root: Hex32
    assets_root: Hex32
    governance_root: Hex32
    peers: Whole
    """Connected."""
    peers_known: Whole
    syncing: bool
    pending: Whole
    """Transactions admitted here and not final."""
    peers_denied: Whole = 0
    """Nodes that the operator of this node denies: they are not let in and not called."""


class TrialLine(Struct, frozen=True):
    """One asset: over all accounts, contra included, posted sums to 0 (L7)."""

    asset: str
    supply: MinorUnits
    sum: MinorUnits
    held: MinorUnits
    totals: tuple[TotalBody, ...]
    figures_of: str = ""
    """Date whose closing has these sums, of an asset that is published once a day; empty: they are as of now."""


class TrialBalance(Struct, frozen=True):
    """Sums over every account, per asset."""

    assets: tuple[TrialLine, ...]
    as_of: Whole


class TransactionEvent(Struct, frozen=True):
    """Data of an event of type `transaction` in `GET /v1/events`; its id is `height.index`."""

    tx_id: Hex32
    height: Whole
    index: Whole
    time_ms: Whole
    type: str
    sender: str = field(name="from")
    ref: str
    receipt: ReceiptBody


class SweepEvent(Struct, frozen=True):
    """Data of an event of type `sweep`: holds that lapsed gave back what they held (L19). Its index is above the block's transactions."""

    height: Whole
    index: Whole
    time_ms: Whole
    entries: tuple[EntryBody, ...]


class BlockEvent(Struct, frozen=True):
    """Data of an event of type `block` in `GET /v1/events?receipts=ids`: one per block, ids and codes only."""

    height: Whole
    first: Whole
    """Index of the first id below: above 0 only right after resuming within a block."""
    time_ms: Whole
    ids: tuple[Hex32, ...]
    codes: tuple[int, ...]


class Health(Struct, frozen=True):
    """Answer of `/healthz` and `/readyz`."""

    status: Literal["ok", "not ready"]
    reasons: tuple[str, ...]
    """One sentence each: what is missing."""
    height: Whole
