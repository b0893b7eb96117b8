"""How the ledger sees state: a reader below, and one overlay per block with an undo log per transaction above it.

Storage keys are text: `kind/id` as in section 6 of the specification (`balance/bank-a/x/KGS`, `hold/<hex>`, `grant/ID`, `key/<hex>`); a
total is `total/PARTICIPANT/ASSET`. Keys that begin with `~` are derived indexes: never hashed, rebuilt from the records:
`~due/<until, 15 digits>/<kind/id>` (what lapses when), `~held/ACCOUNT/<hold hex>`, `~grants/PERMISSION/ID`, `~debits/ACCOUNT/ID` (grants
`debit`), `~accounts/PARTICIPANT/LOCAL`,
`~evidence/PARTICIPANT/<height>/HASH`,
`~settlements/PARTICIPANT/LOCAL`, `~wallets/PARTICIPANT/<pseudonym hex>/LOCAL`, `~pseudonyms/<holder hex>/PARTICIPANT/<hex>`,
`~proposals/PARTICIPANT/<hex>`, `~assets/CODE`, `~restrained/CODE`, `~totals/PARTICIPANT/CODE`, `~closings/DATE`,
`~refs/<minute, 12 digits>/FROM` (which buckets a minute drops), `~live/PARTICIPANT` (a
`Count`: its live references), `~ordered/SCOPE/SUBJECT/ID`, `~guarded/...` and `~active...` (see `ledger.orders`).
`~recipients/HEX/ACCOUNT` (B13), `~routes/HEX/ROUTE`, `~locks/HEX/ROUTE/NONCE` and `~foreign/HEX/KIND/ROUTE/NONCE` (see `ledger.bridges`).
`ledger.indexes` says how each follows from the records.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Annotated, Protocol

from msgspec import Meta, Struct

from ledger.accounts import Account, Balance, Total
from ledger.assets import Asset
from ledger.attestations import Accusation
from ledger.bridges import BridgeRoute, Lock, Release, Rotation, Signed, SignedCount
from ledger.closings import BusinessDay, Closing, Published
from ledger.epochs import PLAN_KEY, Epoch, EpochPlan, Readiness, ViewKey
from ledger.grants import GrantRecord
from ledger.holders import Holder, Pseudonym, Returnable, Spent
from ledger.holds import Hold
from ledger.names import servicer_of
from ledger.orders import OrderRecord
from ledger.participants import KeyOwner, KeysetRecord, Participant
from ledger.proposals import Proposal
from ledger.reserves import Item, Locked, Observation, Report
from ledger.types import U63, AmountOrZero, Hash32, Text35

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.tree import Tree


class Refs(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """`refs/FROM/MINUTE`: an append-only list of used references, by the minute of `valid_until` (L14)."""

    count: AmountOrZero
    running: Hash32
    """SHA-256("som/refs/1" | previous | ref_id | tx_id | height u64), from zeros."""


class Governed(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`param/KEY`: the value of a parameter (canonical bytes)."""

    value: bytes


class PlannedParameter(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A value that a parameter is to take later."""

    key: Text35
    value: U63
    at_height: U63
    """In force from the first block at or above it; of a parameter of consensus, from the first epoch that begins so."""


class PlannedParameters(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`param/next`: sorted by key, at most one value a key. There is no record where nothing is planned."""

    entries: Annotated[tuple[PlannedParameter, ...], Meta(min_length=1, max_length=64)]


class Mark(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The (empty) value of an index key."""


class Count(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A derived number, kept because summing it each time would cost too much."""

    count: int


Record = (
    Accusation
    | Account
    | Asset
    | Balance
    | BusinessDay
    | Closing
    | BridgeRoute
    | Count
    | Epoch
    | EpochPlan
    | Governed
    | GrantRecord
    | Hold
    | Holder
    | Item
    | KeyOwner
    | KeysetRecord
    | Lock
    | Locked
    | Mark
    | Observation
    | OrderRecord
    | Participant
    | PlannedParameters
    | Proposal
    | Pseudonym
    | Published
    | Readiness
    | Refs
    | Release
    | Report
    | Returnable
    | Rotation
    | Signed
    | SignedCount
    | Spent
    | Total
    | ViewKey
)

PLANNED_PARAMETERS_KEY = "param/next"

KINDS: dict[str, type[Record]] = {
    "account": Account,
    "balance": Balance,
    "total": Total,
    "hold": Hold,
    "holder": Holder,
    "pseudonym": Pseudonym,
    "limit": Spent,
    "return": Returnable,
    "grant": GrantRecord,
    "proposal": Proposal,
    "order": OrderRecord,
    "asset": Asset,
    "participant": Participant,
    "keyset": KeysetRecord,
    "key": KeyOwner,
    "validator": Readiness,
    "epoch": Epoch,
    PLAN_KEY: EpochPlan,
    "param": Governed,
    PLANNED_PARAMETERS_KEY: PlannedParameters,
    "viewkey": ViewKey,
    "refs": Refs,
    "item": Item,
    "feed": Report,
    "observed": Observation,
    "locked": Locked,
    "evidence": Accusation,
    "day": BusinessDay,
    "closing": Closing,
    "published": Published,
    "route": BridgeRoute,
    "rotation": Rotation,
    "signed": Signed,
    "attestor": SignedCount,
    "lock": Lock,
    "release": Release,
}
"""Kind of a storage key (the part before the first slash), or a whole key that stands apart from its kind -> its record."""


class UsedRef(Struct, frozen=True, array_like=True, gc=False):
    """A reference that a transaction has used and that is still remembered (L14)."""

    tx_id: bytes
    minute: int


class StateReader(Protocol):
    """State after some block: what execution may read. Implemented over memory and LMDB by the node, by a dict in tests."""

    def get(self, key: str) -> Record | None:
        """Record at a storage key; None where absent."""

    def scan(self, start: str, end: str, limit: int) -> list[str]:
        """Index keys with start <= key < end, ascending, at most `limit`."""

    def used_ref(self, ref_id: bytes) -> UsedRef | None:
        """Whether (from, ref) is remembered."""

    def tree(self, name: str) -> Tree:
        """Tree of a participant, of "A" or of "G" (see `ledger.tree`)."""

    def participants(self) -> Iterator[str]:
        """Ids of all participants, ascending."""


class Overlay:
    """Writes on top of a reader: one per block, with an undo log so that a refused transaction changes nothing."""

    __slots__ = ("_indexes", "_now", "_undo", "base", "changes", "due_left", "fresh_refs", "passing", "senders", "used")

    def __init__(self, base: StateReader) -> None:
        self.base = base
        self.changes: dict[str, Record | None] = {}
        """Everything written since `base`, indexes included; None: removed."""
        self.used: dict[bytes, UsedRef] = {}
        """References used since `base`, by ref_id, in order."""
        self.senders: list[str] = []
        """Who has used them, in the same order."""
        self.fresh_refs: dict[str, int] = {}
        """Participant -> those of them that are not on record yet (see `ledger.references`)."""
        self.due_left = True
        """Whether something that has lapsed may still be in the state: False once a sweep has reached the end (L19)."""
        self.passing = 0
        """Lapsed holds that transactions have released in passing."""
        self._now: dict[str, Record | None] = {}
        """Everything read or written: each key is looked up in `base` once per block."""
        self._indexes: list[str] = []
        """Index keys in `changes`, sorted: so a scan costs what it finds, not what the block has written."""
        self._undo: list[tuple[str | bytes, bool, Record | None]] = []
        """Storage key, whether `changes` had it, and its record before; or a ref_id."""

    def get(self, key: str) -> Record | None:
        """Record at a storage key as of now."""
        now = self._now
        if key in now:
            return now[key]
        record = now[key] = self.base.get(key)
        return record

    def put(self, key: str, record: Record | None) -> None:
        """Write a record; None removes it."""
        now, changes = self._now, self.changes
        before = now[key] if key in now else self.base.get(key)
        now[key] = record
        if key in changes:
            self._undo.append((key, True, before))
        else:
            self._undo.append((key, False, before))
            if key[0] == "~":
                insort(self._indexes, key)
        changes[key] = record

    def scan(self, start: str, end: str, limit: int) -> list[str]:
        """Index keys of base and overlay together, ascending."""
        indexes = self._indexes
        mine = indexes[bisect_left(indexes, start) : bisect_left(indexes, end)]
        if not mine:
            return self.base.scan(start, end, limit)
        changes = self.changes
        below = [key for key in self.base.scan(start, end, limit + len(mine)) if key not in changes]
        return sorted(below + [key for key in mine if changes[key] is not None])[:limit]

    def used_ref(self, ref_id: bytes) -> UsedRef | None:
        """Whether (from, ref) has been used, here or below."""
        return self.used.get(ref_id) or self.base.used_ref(ref_id)

    def use_ref(self, ref_id: bytes, sender: str, used: UsedRef) -> None:
        """Remember (from, ref). It was not remembered before, or only by a minute that is past."""
        self.used[ref_id] = used
        self.senders.append(sender)
        participant = servicer_of(sender)
        self.fresh_refs[participant] = self.fresh_refs.get(participant, 0) + 1
        self._undo.append((ref_id, False, None))

    def tree(self, name: str) -> Tree:
        """Tree as of `base`: trees are updated once per block."""
        return self.base.tree(name)

    def participants(self) -> Iterator[str]:
        """Ids of all participants, ascending; one that is new here included."""
        new = [key[12:] for key in self.changes if key.startswith("participant/")]
        return iter(sorted(dict.fromkeys([*self.base.participants(), *new])))

    def mark(self) -> int:
        """Return a point to roll back to."""
        return len(self._undo)

    def writes_since(self, mark: int) -> dict[str, tuple[Record | None, Record | None]]:
        """Return each key written since a mark with its record as it was then, and as it is now."""
        changes = self.changes
        writes: dict[str, tuple[Record | None, Record | None]] = {}
        for key, _, before in reversed(self._undo[mark:]):
            if isinstance(key, str):
                writes[key] = (before, changes[key])
        return writes

    def rollback(self, mark: int) -> None:
        """Undo every write since a mark."""
        undo, changes = self._undo, self.changes
        while len(undo) > mark:
            key, known, record = undo.pop()
            if isinstance(key, bytes):
                del self.used[key]
                self.fresh_refs[servicer_of(self.senders.pop())] -= 1
                continue
            self._now[key] = record
            if known:
                changes[key] = record
                continue
            del changes[key]
            if key[0] == "~":
                del self._indexes[bisect_left(self._indexes, key)]

    def forget_undo(self) -> None:
        """Drop the undo log: what was written so far stays."""
        self._undo.clear()
