"""What one participant is told of a block, and what it can rebuild from that alone (section 6: View(p)).

A view is canonical `[height, index, tx_id, opening, type, code, part, entries, writes]`. There is one for each transaction that concerns
the participant, in order, and a last one, of type "system" and with a tx_id of zeros, for all writes of its tree. Replaying is applying the
writes; what the writes mean follows from parts and entries. Not here: who is concerned (`ledger.transactions.who_sees_all`).
"""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Raw, Struct
from msgspec.structs import replace

from ledger.blocks import U32, U63, Code, Entry
from ledger.canonical import decode, encode
from ledger.codec import ENVELOPE_VERSION, decode_transaction
from ledger.disclosure import public_code
from ledger.errors import Malformed
from ledger.keys import keyed, tagged
from ledger.leaves import LEAF_BYTES_MAX, STORAGE_KEY_MAX, leaf_hash, leaf_key
from ledger.lists import list_root
from ledger.names import servicer_of
from ledger.transactions.bodies import LEGS_MAX, Pay
from ledger.tree import rebuild_tree, root_of
from ledger.types import AccountText, Amount, AssetText, Hash32, Text35, Text64, TimeMs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ledger.outcomes import Outcome
    from ledger.transactions.bodies import Transaction

SYSTEM = "system"
"""Type of the last view of a block."""
SYSTEM_INDEX = 2**32 - 1
"""Its index: after every transaction, and the same however many transactions the block has that are no business of this participant."""
NOTHING, WHOLE, CREDITED = 0, 1, 2
VIEW_BYTES_MAX = 16 * 1_048_576
"""All writes of one participant in a block of 10,000 legs fit many times."""


class Write(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One change of a leaf in the participant's own tree."""

    key: Annotated[str, Meta(max_length=STORAGE_KEY_MAX)]
    value: Annotated[bytes, Meta(max_length=LEAF_BYTES_MAX)] | None
    """Canonical `[blind, record]`; None: removed."""


class Credit(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A movement of value to an account of the participant, by the index of its leg (0 where the type has none)."""

    leg: U32
    debit: AccountText
    credit: AccountText
    asset: AssetText
    amount: Amount
    reference: Text35


class Head(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """The envelope without salt and body: with the salt, other legs could be guessed and checked against the tx_id."""

    version: Literal[1]
    chain: Hash32
    type: Text35
    sender: Text64
    ref: Text35
    valid_until: TimeMs


class Credited(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What somebody who is only paid sees of a transaction."""

    head: Head
    credits: Annotated[tuple[Credit, ...], Meta(max_length=LEGS_MAX)]


class Part(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """How much of the transaction is shown."""

    form: Literal[0, 1, 2]
    content: Raw
    """NOTHING: nil. WHOLE: the transaction with its signatures. CREDITED: `Credited`."""


class View(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One line of a participant's journal."""

    height: U63
    index: U32
    """Of the transaction in the block; SYSTEM_INDEX of the system view."""
    tx_id: Hash32
    opening: Hash32
    """SHA-256(k | index): with it the participant recomputes the leaf of transactions_root. Zeros in the system view."""
    type: Text35
    code: Code
    """As this participant may know it: the servicer of the account that refused sees why, everybody else the public code (L23)."""
    part: Part
    entries: tuple[Entry, ...]
    writes: tuple[Write, ...]


_NOTHING = (NOTHING, None)


def decode_view(data: bytes) -> View:
    """View of its bytes, with the content of its part.

    Raises
    ------
    Malformed
        Too long, not a view, its part does not have the form it says, or not canonical.
    """
    if len(data) > VIEW_BYTES_MAX:
        raise Malformed(reason=f"a view has at most {VIEW_BYTES_MAX} bytes")
    view = decode(data, View)
    content = bytes(view.part.content)
    if view.part.form == WHOLE:
        decode_transaction(content)
    elif view.part.form == CREDITED:
        decode(content, Credited)
    else:
        decode(content, type(None))
    return view


class ViewBuilder:
    """Collects the views of one block, participant by participant."""

    __slots__ = ("_height", "_views")

    def __init__(self, height: int) -> None:
        self._height = height
        self._views: defaultdict[str, list[bytes]] = defaultdict(list)

    def add(
        self, tx: Transaction, outcome: Outcome, of: Mapping[str, Sequence[Entry]], told: Collection[str], *, index: int, opening: bytes
    ) -> None:
        """Tell everybody concerned of a transaction, with their own entries (`of`): `told` see all of it, the others what they are paid."""
        code, views, knows = outcome.code, self._views, outcome.knows
        head = (self._height, index, tx.tx_id, opening, tx.type, public_code(code) if code else code)
        shown = (WHOLE, Raw(tx.raw))
        for participant in told:
            mine = (*head[:-1], code) if participant in knows else head
            views[participant].append(encode((*mine, shown, of.get(participant, ()), ())))
        for participant, entries in of.items():
            if participant not in told:
                part = (CREDITED, (envelope_head(tx), credits_of(tx, outcome, participant)))
                views[participant].append(encode((*head, part, entries, ())))

    def add_system(self, participant: str, *, entries: Iterable[Entry], writes: Iterable[tuple[str, bytes | None]]) -> None:
        """Add the last view of a participant: what the block did of itself, and all writes of its tree, in key order."""
        line = (self._height, SYSTEM_INDEX, bytes(32), bytes(32), SYSTEM, 0, _NOTHING, tuple(entries), tuple(writes))
        self._views[participant].append(encode(line))

    def of(self, participant: str) -> tuple[bytes, ...]:
        """Return the views of one participant, in order."""
        return tuple(self._views.get(participant, ()))


def envelope_head(tx: Transaction) -> tuple[object, ...]:
    """`Head` of a transaction, as fields."""
    return (ENVELOPE_VERSION, tx.chain, tx.type, tx.sender, tx.ref, tx.valid_until)


def credits_of(tx: Transaction, outcome: Outcome, participant: str) -> list[tuple[object, ...]]:
    """Movements of value to a participant's accounts, as fields of `Credit`; a fee is an entry only, whose leg is not shown."""
    if isinstance(tx.body, Pay):
        codes, own = outcome.codes or (outcome.code,) * len(tx.body.legs), participant + "/"
        return [
            (index, leg.debit, leg.credit, leg.asset, leg.amount, leg.reference)
            for index, leg in enumerate(tx.body.legs)
            if leg.credit.startswith(own) and codes[index] == 0
        ]
    carried = outcome.ballot.carried if outcome.ballot is not None else None
    if isinstance(carried, Pay):
        return credits_of(replace(tx, body=carried), outcome, participant)
    paid = [entry for entry in outcome.entries if entry.posted > 0 and servicer_of(entry.account) == participant]
    payers = {(entry.asset, entry.leg): entry.account for entry in outcome.entries if entry.posted < 0}
    return [(entry.leg, payers[entry.asset, entry.leg], entry.account, entry.asset, entry.posted, "") for entry in paid]


def journal_root(views: Iterable[bytes]) -> bytes:
    """List root over a participant's views of one block."""
    return list_root([sha256(b"som/view/1" + view).digest() for view in views])


def salt_of(secret: bytes, epoch_and_view: bytes) -> bytes:
    """Salt (32 bytes) of a participant's slot in one block, from its secret and `view_bytes`."""
    return keyed(secret, epoch_and_view)


def slot_of(participant: str, *, salt: bytes, state_root: bytes, journal: bytes) -> bytes:
    """Return what one participant contributes to participants_root: nobody without its salt can tell whether it was active."""
    return tagged(b"som/slot/1", participant.encode(), b"\x00", salt, state_root, journal)


def replay_views(leaves: Mapping[str, bytes], views: Iterable[bytes]) -> dict[str, bytes]:
    """Leaves of a participant's tree after its views, from its leaves before them.

    Raises
    ------
    Malformed
        A view is not canonical, writes twice to a leaf or not in key order, or removes what is not there.

    Source: ledger/PROOFS.md, invariant 21.
    """
    now = dict(leaves)
    for data in views:
        last = ""
        for write in decode_view(data).writes:
            if write.key <= last or (write.value is None and write.key not in now):
                raise Malformed(reason=f"a view writes {write.key!r} out of order or removes what is not there")
            last = write.key
            if write.value is None:
                del now[write.key]
            else:
                now[write.key] = write.value
    return now


def state_root(leaves: Mapping[str, bytes]) -> bytes:
    """Root of a participant's tree from its leaves: storage key -> canonical value."""
    placed = ((leaf_key(key), value) for key, value in leaves.items())
    return root_of(rebuild_tree((place, leaf_hash(place, value)) for place, value in placed))
