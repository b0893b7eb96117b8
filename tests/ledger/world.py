"""A small network for tests of rules: genesis with operator, treasury and two banks, keys for everybody, and blocks of a few transactions.

Nothing is faked: envelopes are signed and decoded, signatures verify, invariants run. Only trees and headers are left out (see `chain.py`).
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING

from ledger.codec import decode_transaction, make_envelope, sign_transaction, signing_bytes
from ledger.epochs import NO_EPOCH_BEGINS
from ledger.errors import OK
from ledger.genesis import chain_id, first_records, sign_genesis, view_key_hash
from ledger.genesis_document import (
    Genesis,
    GenesisAccount,
    GenesisAsset,
    GenesisFee,
    GenesisGrant,
    GenesisKey,
    GenesisKeyset,
    GenesisNeed,
    GenesisParticipant,
    GenesisQuota,
    GenesisScope,
    GenesisSealed,
    GenesisValidator,
    GenesisViewKey,
)
from ledger.grants import Grant, Need, Quota, Scope
from ledger.indexes import derive_indexes
from ledger.invariants import check_whole
from ledger.keys import public_key_of, verify
from ledger.parameters import BlockContext, load_parameters
from ledger.participants import Key, Keyset
from ledger.state import Overlay, Record, UsedRef
from ledger.transactions import apply_transaction, begin_block, end_block
from ledger.transactions.bodies import AccountOpen, HoldBody, Issue, Leg, Pay

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.accounts import AccountKind
    from ledger.blocks import Entry
    from ledger.grants import Permission
    from ledger.outcomes import Outcome
    from ledger.participants import ParticipantKind
    from ledger.transactions.bodies import Body, Transaction
    from ledger.tree import Tree

START_MS = 1_795_000_000_000
"""A moment in November 2026."""
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
VIEW_KEY = sha256(b"view key of the test network").digest()
FEE_PER_CENT = GenesisFee("pay", "wallet", "", "5", 100, "10", "1000")
"""Fee of payments out of wallets: 5 + 1 %, at least 10, at most 1,000."""
FEE_OF_HOLDS = GenesisFee("hold", "wallet", "", "0", 150, "0", "100000")
"""Fee of holds on wallets: 1.5 %."""

Signer = tuple[str, str, bytes]
"""(owner, keyset, seed), as `ledger.codec.sign_transaction` takes it."""

OPS = ("operator", "ops", b"")
KEYSETS = {
    "operator": {"ops": (1, 1), "board": (2, 3)},
    "treasury": {"ops": (1, 1), "treasury": (1, 1)},
    "bank-a": {"ops": (1, 2)},
    "bank-b": {"ops": (1, 1), "compliance": (1, 1)},
}
"""Participant -> keyset -> (m, number of keys)."""
KINDS: dict[str, ParticipantKind] = {"operator": "operator", "treasury": "treasury", "bank-a": "bank", "bank-b": "bank"}
ROOT_MEMBERS = ("operator/board", "operator/ops", "treasury/treasury")
ALICE, BOB, MAIN_A, MAIN_B, TILL = "bank-a/alice", "bank-b/bob", "bank-a/main", "bank-b/main", "treasury/main"
"""A wallet that signs for itself, one that its servicer signs for, and three settlement accounts."""


def seed_of(owner: str, keyset: str = "ops", index: int = 0) -> bytes:
    """Seed of a key: whoever knows the name knows the key."""
    return sha256(f"{owner}/{keyset}/{index}".encode()).digest()


def signers(member: str, number: int = 1) -> list[Signer]:
    """Sign for `OWNER/KEYSET` with its first keys."""
    owner, _, keyset = member.rpartition("/")
    return [(owner, keyset, seed_of(owner, keyset, index)) for index in range(number)]


BOARD = signers("operator/board", 2)
ROOT = BOARD
"""With the sender's `ops` of the operator: two of the three keysets that root and issue need."""


def keyset(owner: str, name: str, m: int = 1, number: int = 1, *, start: int = 0) -> Keyset:
    """Keyset of the keys `start`, `start + 1`, ..."""
    keys = sorted(public_key_of(seed_of(owner, name, index)) for index in range(start, start + number))
    return Keyset(name, m, tuple(Key(key, 0) for key in keys), "", 0)


def grant(
    name: str,
    permission: Permission,
    to: str,
    *,
    asset: str = "",
    participant: str = "",
    need: Need | None = None,
    quota: Quota | None = None,
) -> Grant:
    """Make a grant without begin and end, as a body carries it; `msgspec.structs.replace` for the rest."""
    return Grant(name, to, permission, Scope(asset, participant, "", ()), quota, need, (), 0, 0, 0)


def _document_keyset(made: Keyset) -> GenesisKeyset:
    return GenesisKeyset(made.name, made.m, tuple(GenesisKey(key.public_key.hex(), key.not_after) for key in made.keys))


def _document_grant(made: Grant) -> GenesisGrant:
    return GenesisGrant(
        made.id,
        made.to,
        made.permission,
        GenesisScope(made.scope.asset, made.scope.participant, made.scope.account),
        None if made.quota is None else GenesisQuota(str(made.quota.amount), made.quota.per),
        None if made.need is None else GenesisNeed(made.need.m, made.need.of),
        made.lifted_by,
        made.not_before,
        made.until,
        made.rank,
    )


def first_grants(quota_a_day: int = 10**17) -> list[Grant]:
    """Root and issue by two of three keysets, the registrar, and a licence to open accounts for each participant."""
    quorum = Need(2, ROOT_MEMBERS)
    return [
        grant("root", "root", "operator", need=quorum),
        grant("issue-kgs", "issue", "operator", asset="KGS", need=quorum, quota=Quota(quota_a_day, "day")),
        grant("register", "register", "operator"),
        grant("tier", "tier", "operator"),
        *(grant(f"wallet-{name}", "wallet", name, participant=name) for name in KEYSETS),
        *order_grants(),
    ]


def order_grants() -> list[Grant]:
    """Let the treasury freeze, arrest, seize (with another keyset) and guard; the operator's quorum pauses."""
    return [
        grant("freeze", "order.freeze", "treasury"),
        grant("arrest", "order.arrest", "treasury"),
        grant("seize", "order.seize", "treasury", need=Need(2, ("operator/board", "treasury/ops", "treasury/treasury"))),
        grant("guard", "order.pause", "treasury"),
        grant("pause", "order.pause", "operator", need=Need(2, ROOT_MEMBERS)),
    ]


def make_genesis(
    *,
    cap: str | None = None,
    fees: tuple[GenesisFee, ...] = (),
    params: dict[str, int] | None = None,
    grants: Iterable[Grant] | None = None,
) -> Genesis:
    """Document of the test network, without signatures."""
    box_key, sealed = sha256(b"box").hexdigest(), (b"sealed" * 16)[:80].hex()
    participants = []
    for name, keysets in KEYSETS.items():
        made = tuple(_document_keyset(keyset(name, each, m, number)) for each, (m, number) in sorted(keysets.items()))
        node_keys = tuple(sorted(public_key_of(seed_of(name, "node", index)).hex() for index in range(4))) if name == "operator" else ()
        boxes = (box_key,) if name == "operator" else ()
        participants.append(GenesisParticipant(name, KINDS[name], name.title(), "", "", "KG", made, node_keys, boxes, ()))
    validators = tuple(
        GenesisValidator(
            "operator",
            public_key_of(seed_of("operator", "consensus", index)).hex(),
            public_key_of(seed_of("operator", "node", index)).hex(),
            "",
        )
        for index in range(4)
    )
    accounts = [GenesisAccount(name, "settlement", None) for name in (MAIN_A, MAIN_B, TILL)]
    accounts += [GenesisAccount(ALICE, "wallet", _document_keyset(keyset(ALICE, "user"))), GenesisAccount(BOB, "wallet", None)]
    return Genesis(
        format=1,
        devnet=False,
        name="test",
        protocol=1,
        time_ms=START_MS,
        params=params or {},
        participants=tuple(participants),
        grants=tuple(_document_grant(each) for each in (first_grants() if grants is None else grants)),
        assets=(GenesisAsset("KGS", 2, "operator", "sovereign", cap, fees, (), ("freeze", "pause", "seize")),),
        accounts=tuple(accounts),
        validators=validators,
        view_key=GenesisViewKey(view_key_hash(VIEW_KEY).hex(), (GenesisSealed(box_key, sealed),)),
        signatures=(),
    )


def signed_genesis(genesis: Genesis) -> Genesis:
    """Sign as everybody who must."""
    for member, number in (("operator/board", 2), ("operator/ops", 1), ("treasury/treasury", 1), ("operator/consensus", 4)):
        for _, _, seed in signers(member, number):
            genesis = sign_genesis(genesis, seed)
    return genesis


class MemoryState:
    """State after some block, in dicts: the reader under the overlays of a test."""

    def __init__(self, records: dict[str, Record]) -> None:
        self.records = {**records, **derive_indexes(records.items())}
        self.refs: dict[bytes, UsedRef] = {}

    def get(self, key: str) -> Record | None:
        """Record at a storage key."""
        return self.records.get(key)

    def scan(self, start: str, end: str, limit: int) -> list[str]:
        """Index keys of a range."""
        return sorted(key for key in self.records if key[0] == "~" and start <= key < end)[:limit]

    def used_ref(self, ref_id: bytes) -> UsedRef | None:
        """Whether a reference was used."""
        return self.refs.get(ref_id)

    def tree(self, name: str) -> Tree:
        """No trees here."""
        raise AssertionError(f"no tree is read in tests of rules: {name}")

    def participants(self) -> Iterator[str]:
        """Ids of all participants."""
        return iter(sorted(key[12:] for key in self.records if key.startswith("participant/")))

    def hashed(self) -> dict[str, Record]:
        """Return the records that are leaves."""
        return {key: record for key, record in self.records.items() if key[0] != "~"}


def verified(tx: Transaction) -> bool:
    """Whether every signature verifies."""
    message = signing_bytes(tx.tx_id)
    return all(verify(each.public_key, message, each.signature) for each in tx.signatures)


class World:
    """A chain of blocks on a state in memory; `do` makes a block of one transaction."""

    def __init__(self, genesis: Genesis | None = None, *, money: int = 0) -> None:
        self.genesis = genesis or make_genesis()
        self.chain = chain_id(self.genesis)
        self.state = MemoryState(first_records(self.genesis))
        self.time_ms = START_MS
        self.height = 0
        self.epoch, self.base = 0, 0
        """Of the next block, and the height that it stands on."""
        self.check_every = 1
        """Blocks between two checks of the whole state; long simulations check more rarely."""
        self.seen: Counter[tuple[str, int]] = Counter()
        """How often a type had a code."""
        self._numbers = count(1)
        if money:
            for account in (MAIN_A, MAIN_B, TILL, ALICE, BOB):
                self.issue(account, money)

    def context(self) -> BlockContext:
        """Context of the next block."""
        height = self.height + 1
        return BlockContext(self.chain, self.epoch, height, height - self.base, self.time_ms, load_parameters(self.state))

    def sign(
        self,
        body: Body,
        *,
        by: Iterable[Signer],
        sender: str = "operator",
        ref: str = "",
        valid_until: int | None = None,
        chain: bytes | None = None,
    ) -> Transaction:
        """Transaction of a body, signed; every one has a reference of its own unless told otherwise."""
        number = next(self._numbers)
        envelope = make_envelope(
            chain=chain or self.chain,
            sender=sender,
            ref=ref or f"ref-{number}",
            valid_until=self.time_ms + 2 * MINUTE_MS if valid_until is None else valid_until,
            salt=number.to_bytes(16, "big"),
            body=body,
        )
        return decode_transaction(sign_transaction(envelope, list(by)))

    def block(self, *transactions: Transaction) -> list[Outcome]:
        """Make a block; an unorderable transaction raises and the block with it."""
        overlay, context = Overlay(self.state), self.context()
        self.swept: tuple[Entry, ...] = begin_block(overlay, context)
        outcomes = [apply_transaction(overlay, tx, context, verified) for tx in transactions]
        self.seen.update((tx.type, outcome.code) for tx, outcome in zip(transactions, outcomes, strict=True))
        self.next = end_block(overlay, context)
        """`header.next` of the newest block."""
        self.keep(overlay)
        if self.next != NO_EPOCH_BEGINS:
            self.epoch, self.base = self.epoch + 1, self.height
        return outcomes

    def keep(self, overlay: Overlay) -> None:
        """Move the state on by a block, and check its sums."""
        for key, record in overlay.changes.items():
            if record is None:
                self.state.records.pop(key, None)
            else:
                self.state.records[key] = record
        self.state.refs.update(overlay.used)
        self.height += 1
        self.time_ms += 1_000
        if self.height % self.check_every:
            return
        check_whole(self.state.hashed())
        derived = derive_indexes(self.state.hashed().items())
        kept = {key: record for key, record in self.state.records.items() if key[0] == "~"}
        if derived != kept:
            raise AssertionError("the indexes are not those of the records")

    def do(self, body: Body, *, by: Iterable[Signer], sender: str = "operator", ref: str = "") -> Outcome:
        """Make a block of one transaction and return what became of it."""
        return self.block(self.sign(body, by=by, sender=sender, ref=ref))[0]

    def must(self, body: Body, *, by: Iterable[Signer], sender: str = "operator") -> Transaction:
        """Make a block of one transaction that has to succeed."""
        tx = self.sign(body, by=by, sender=sender)
        (outcome,) = self.block(tx)
        if outcome.code != OK:
            raise AssertionError(f"{tx.type} was refused with {outcome.code}: {outcome.detail}")
        return tx

    def issue(self, to: str, amount: int, asset: str = "KGS") -> Transaction:
        """Put money into an account."""
        return self.must(Issue(asset, to, amount, "test", None), by=[*signers("operator/ops"), *BOARD])

    def open(self, account: str, kind: AccountKind = "settlement", own: Keyset | None = None) -> Transaction:
        """Open an account, with a keyset of its own or without."""
        servicer = account.partition("/")[0]
        by = signers(f"{servicer}/ops") + (signers(f"{account}/{own.name}", len(own.keys)) if own else [])
        return self.must(AccountOpen(account, kind, b"", own, ()), by=by, sender=servicer)

    def balance(self, account: str, asset: str = "KGS") -> tuple[int, int]:
        """Return posted and held."""
        record = self.state.get(f"balance/{account}/{asset}")
        return (getattr(record, "posted", 0), getattr(record, "held", 0))


def pay(*legs: Leg | tuple[str, str, int], mode: str = "atomic") -> Pay:
    """Pay body; a leg is (debit, credit, amount) in KGS without fee."""
    whole = tuple(leg if isinstance(leg, Leg) else Leg(leg[0], leg[1], "KGS", leg[2], 0, "") for leg in legs)
    return Pay(whole, "each" if mode == "each" else "atomic", "test", None, "", None, None)


def hold(source: str, target: str, amount: int, *, until: int, fee: int = 0, settle_by: str = "", void_by: str = "") -> HoldBody:
    """Hold body in KGS; the target settles and voids unless told otherwise."""
    return HoldBody(source, target, "KGS", amount, fee, until, settle_by or target, void_by or target, "none", "authorisation")
