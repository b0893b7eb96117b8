"""A ledger that is made of whole blocks with trees, and beside it the whole naive model: every transaction is asked on both.

It is a `World`, so whatever sets a small network up in the tests sets up both sides. After each block codes have been compared, and so has
every record of the state.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING

from msgspec import Struct

from ledger.canonical import decode
from ledger.conditions import purse_message
from ledger.disclosure import public_codes
from ledger.epochs import NO_EPOCH_BEGINS
from ledger.errors import Unorderable
from ledger.execute import Execution, genesis_state
from ledger.genesis import first_records
from ledger.keys import public_key_of, verify
from ledger.outcomes import Outcome
from ledger.state import Governed
from ledger.transactions.bodies import TYPES, Propose
from tests.ledger.backing_world import BackedWorld
from tests.ledger.world import KEYSETS, VIEW_KEY, MemoryState, World, make_genesis, seed_of, verified
from tests.naive_books import Refused
from tests.naive_rotation import public
from tests.naive_votes import Listener
from tests.naive_whole import Answer, Whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ledger.execute import BlockResult
    from ledger.genesis_document import Genesis
    from ledger.state import Record
    from ledger.transactions.bodies import Transaction
    from ledger.tree import Tree
    from tests.ledger.world import Signer

Plain = SimpleNamespace
NOT_COMPARED = ("refs", "day", "closing")
"""A running hash of references says nothing that their codes do not say; business days and closings have a model of their own."""


def plain(value: object) -> object:
    """Copy a decoded value into plain ones: the model never sees a class of the ledger."""
    if isinstance(value, Governed):
        return Plain(value=decode(value.value, int))
    if isinstance(value, Struct):
        return Plain(**{name: plain(getattr(value, name)) for name in value.__struct_fields__})
    if isinstance(value, tuple):
        return tuple(plain(each) for each in value)
    return value


def plain_record(record: object) -> SimpleNamespace:
    """Copy a record."""
    copied = plain(record)
    if not isinstance(copied, SimpleNamespace):
        raise TypeError(type(record))
    return copied


def plain_transaction(tx: Transaction, *, genuine: bool) -> SimpleNamespace:
    """Copy a transaction, with the body that a proposal carries."""
    copied = Plain(tx_id=tx.tx_id, type=tx.type, sender=tx.sender, ref=tx.ref, valid_until=tx.valid_until, chain=tx.chain)
    copied.genuine, copied.body = genuine, plain(tx.body)
    copied.signed = [(each.participant, each.keyset, each.public_key) for each in tx.signatures]
    if isinstance(tx.body, Propose):
        copied.body.inner = plain(decode(tx.body.content, TYPES[tx.body.type]))
    return copied


class TreeState(MemoryState):
    """State after some block with its trees; index keys are sorted, so that a scan costs what it finds."""

    def __init__(self, records: dict[str, Record]) -> None:
        super().__init__(records)
        self.trees = genesis_state(records, VIEW_KEY).trees
        self._indexes = sorted(key for key in self.records if key[0] == "~")

    def scan(self, start: str, end: str, limit: int) -> list[str]:
        """Index keys of a range."""
        first = bisect_left(self._indexes, start)
        return self._indexes[first : min(first + limit, bisect_left(self._indexes, end))]

    def tree(self, name: str) -> Tree:
        """Tree of a participant, or a public one."""
        return self.trees.get(name)

    def take(self, changes: Mapping[str, Record | None]) -> None:
        """Apply the changes of a block."""
        for key, record in changes.items():
            known = key in self.records
            if record is None:
                self.records.pop(key, None)
            else:
                self.records[key] = record
            if key[0] == "~" and known != (record is not None):
                if known:
                    del self._indexes[bisect_left(self._indexes, key)]
                else:
                    insort(self._indexes, key)


class ComparedWorld(BackedWorld):
    """A `World` whose blocks are whole and whose every transaction is put to the naive model, too."""

    state: TreeState
    taken: list[Transaction]
    """What the newest block took."""
    result: BlockResult
    """Of the newest block."""

    def __init__(self, genesis: Genesis | None = None) -> None:
        World.__init__(self, genesis or make_genesis())
        records = first_records(self.genesis)
        self.state = TreeState(records)
        self.model = Whole({key: plain_record(record) for key, record in records.items()}, self.time_ms)
        self.model.chain = self.chain
        self.seeds = {public_key_of(seed): seed for seed in first_seeds()}
        """Public key -> seed, of everybody who may sign."""
        self._verified: dict[bytes, bool] = {}
        self._copies: dict[str, tuple[Record, dict[str, object]]] = {}

    def sign_for(self, *members: str) -> list[Signer]:
        """Sign with every key that we have of these keysets, in the state as it is."""
        signing: list[Signer] = []
        for member in members:
            keyset = self.model.get(f"keyset/{member}")
            owner, _, name = member.rpartition("/")
            keys = [key.public_key for key in keyset.keys] if keyset else []
            signing += [(owner, name, self.seeds[key]) for key in keys if key in self.seeds]
        return signing

    def asked(self, type_: str, body: SimpleNamespace, sender: str) -> tuple[list[str], list[Signer]]:
        """Listen to whom a body asks, as far as it comes: keysets; and who signs for the keys that it brings."""
        listener = Listener(self.model, answer=True)
        act = Plain(id=bytes(32), sender=sender, type=type_, body=body, voices=listener, codes=())
        act.sweep, act.steps = self.model.sweep_accounts, self.model.steps
        with suppress(Refused):
            self.model.steps(type_, body)[0](self.model, act)
        coming = listener.change or listener.other
        if coming is None:
            return list(listener.asked), []
        owner, old, new = coming
        known = public(old) if old is not None and hasattr(old, "waiting") else []
        keys = [key.public_key for key in new.keys if key.public_key not in known and key.public_key in self.seeds]
        return list(listener.asked), [(owner, new.name, self.seeds[key]) for key in keys]

    def block(self, *transactions: Transaction) -> list[Outcome]:
        """Make a block of what may stand in one; compare every code, and every record afterwards."""
        context = self.context()
        self.model.begin_block(context.time_ms, context.epoch)
        execution = Execution(self.state, context, VIEW_KEY, self._is_genuine)
        self._verified.clear()
        self.taken, outcomes = [], []
        for tx in transactions:
            outcome = self._ask(execution, tx)
            if outcome is not None:
                self.taken.append(tx)
                outcomes.append(outcome)
        self.result = result = execution.finish()
        self.state.take(result.changes)
        self.state.trees.update(result.trees)
        self.state.refs.update(result.used_refs)
        ended = self.model.end_block()
        if ended != (result.next != NO_EPOCH_BEGINS):
            raise AssertionError(f"block {context.height}: the end of the epoch")
        self.swept, self.next = result.swept, result.next
        self.height += 1
        self.time_ms += 1_000
        if ended:
            self.epoch, self.base = self.epoch + 1, self.height
        if self.model.late != result.due_left:
            raise AssertionError(f"block {context.height}: the sweep")
        self.compare()
        return outcomes

    def _ask(self, execution: Execution, tx: Transaction) -> Outcome | None:
        """Ask both for one transaction."""
        self._verified[tx.raw_id] = verified(tx)
        copied = plain_transaction(tx, genuine=self._is_genuine(tx))
        self._verify_receipts(copied.body)
        self._verify_receipts(getattr(copied.body, "inner", None))
        answer = self.model.apply(copied)
        try:
            receipt = execution.apply(tx)
        except Unorderable as refusal:
            self.seen[tx.type, refusal.code] += 1
            found = Answer(refusal.code, None, ())
            answer = Answer(answer.code, None, ())
            outcome = None
        else:
            self.seen[tx.type, receipt.code] += 1
            found = Answer(receipt.code, receipt.failed_leg, receipt.codes)
            answer = Answer(answer.code, answer.leg, public_codes(answer.codes))
            outcome = Outcome(receipt.code, receipt.failed_leg, receipt.codes, receipt.entries, "")
        if found != answer:
            raise AssertionError(f"block {self.height + 1}: {tx.type} {tx.body} is {found}, in the model {answer}")
        return outcome

    def _verify_receipts(self, body: object) -> None:
        """Note whether a purse's receipt is the device's: the model has no keys to see that for itself."""
        witness = getattr(body, "witness", None)
        if not isinstance(body, SimpleNamespace) or not isinstance(witness, SimpleNamespace) or not hasattr(witness, "counter"):
            return
        hold = self.model.get(f"hold/{body.hold.hex()}")
        key = getattr(getattr(hold, "condition", None), "key", b"")
        message = purse_message(self.chain, body.hold, witness.counter, witness.payee, body.amount)
        witness.genuine = bool(key) and verify(key, message, witness.signature)

    def _is_genuine(self, tx: Transaction) -> bool:
        """Look up whether its signatures verified, as a node does."""
        return self._verified[tx.raw_id]

    def compare(self) -> None:
        """Compare every record of the state with the model's, field by field; what the model does not have is nothing."""
        mine = dict(self.model.records())
        for key, record in self.state.records.items():
            if key[0] == "~" or key.split("/", maxsplit=1)[0] in NOT_COMPARED:
                continue
            fields = self._copied(key, record)
            expected = mine.pop(key, None)
            if expected is None:
                if any(fields.values()):
                    raise AssertionError(f"block {self.height}: {key} {record} is not in the model")
            elif any(fields[name] != value for name, value in expected.items()):
                differing = {name: (fields[name], value) for name, value in expected.items() if fields[name] != value}
                raise AssertionError(f"block {self.height}: {key} (ledger, model) {differing}")
        for key, fields in mine.items():
            if any(fields.values()):
                raise AssertionError(f"block {self.height}: {key} {fields} is in the model only")

    def _copied(self, key: str, record: Record) -> dict[str, object]:
        known = self._copies.get(key)
        if known is None or known[0] is not record:
            known = self._copies[key] = (record, vars(plain_record(record)))
        return known[1]


def first_seeds() -> Iterable[bytes]:
    """Seeds of the keysets of the genesis document."""
    for owner, keysets in KEYSETS.items():
        for name, (_, number) in keysets.items():
            for index in range(number):
                yield seed_of(owner, name, index)
    yield seed_of("bank-a/alice", "user")
