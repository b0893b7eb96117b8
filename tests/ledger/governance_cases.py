"""The cases of attest, param.set and validator.set; see `cases.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.attestations import Accusation, Attestation, ready_value
from ledger.epochs import COPIES_MAX, ViewKey
from ledger.grants import Quota
from ledger.participants import KeyOwner
from ledger.transactions.bodies import Attest, ParamSet, ValidatorsSet
from tests.ledger.breaks import Break, asked, both, edited, gone, no_grant
from tests.ledger.cast import BANK_A, BY_ROOT, OPERATOR, SMALL_ORDER, Case
from tests.ledger.epoch_world import OTHER_KEY, box_of, plan, register, said, seal, sealed, validator
from tests.ledger.world import START_MS

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body
    from tests.ledger.breaks import Change
    from tests.ledger.world import World

NEWCOMER = validator("bank-a")
FILE = bytes(range(32))
SET = (*(validator("operator", index) for index in range(4)), NEWCOMER)
CURRENT_KEY = validator("operator").consensus_key
NO_ROOT = (
    Break("grant root", 112, no_grant("root", "root")),
    Break("quota of root", 113, both(edited("grant/root", used=1), edited("grant/root", "grant", quota=Quota(1, "once")))),
)


def planned(world: World) -> Attest:
    """Plan a set with a newcomer that is ready in every respect."""
    register(world, "bank-a")
    seal(world, "bank-a")
    plan(world, *SET)
    return said(world, NEWCOMER)


def joining(world: World) -> ValidatorsSet:
    """Make a set that may be planned."""
    register(world, "bank-a")
    return ValidatorsSet(SET, 1)


def copies(world: World) -> ParamSet:
    """Make copies that may be added."""
    register(world, "bank-a")
    return ParamSet("view_key", sealed("bank-a"), 0)


def value(**fields: int) -> Change:
    """Change what the node says it has done."""

    def change(_world: World, body: Body) -> Body:
        if not isinstance(body, Attest):
            raise TypeError
        word = body.attestation
        return Attest(replace(word, value=replace(ready_value(word), **fields)))

    return change


def synced_below(behind: int) -> Change:
    """Let the node be this many heights behind the block that takes its word."""

    def change(world: World, body: Body) -> Body:
        world.height = max(world.height, 2_000)
        return value(height=world.height + 1 - behind)(world, body)

    return change


def subject(key: bytes) -> Change:
    """Let the word be about another key."""
    return asked("attestation", id=key.hex(), subject=key.hex())


def validators(*, count: int = 5, **fields: object) -> Change:
    """Shorten the set, and change fields of its newcomer."""
    return asked(validators=(*SET[: count - 1], replace(NEWCOMER, **fields)))


def stolen(_world: World, body: Body) -> Body:
    """Name a key of the current set as the bank's."""
    if not isinstance(body, ValidatorsSet):
        raise TypeError
    return replace(body, validators=(*SET[1:4], replace(NEWCOMER, consensus_key=CURRENT_KEY)))


def left_before(world: World, body: Body) -> Body:
    """Register the newcomer's key as one that voted once: its record went with its set, the key stays in the registry."""
    world.state.records[f"key/{NEWCOMER.consensus_key.hex()}"] = KeyOwner("bank-a", "~consensus")
    return body


def full_of_copies(world: World, body: Body) -> Body:
    """Fill the list of copies."""
    known = tuple((index.to_bytes(32, "big"), bytes(80)) for index in range(COPIES_MAX))
    world.state.records["viewkey/0"] = ViewKey(sealed().hash, known)
    return body


def end(ahead: int) -> Change:
    """Ask for an end this far ahead of the block."""
    return lambda world, body: replace(body, value=world.height + 1 + ahead)


def accused(_world: World) -> Attest:
    """Show that a validator of the current set has voted twice."""
    key = CURRENT_KEY.hex()
    return Attest(Attestation(key, "evidence", key, 0, START_MS, 0, FILE, "", "operator"))


def on_record(world: World, body: Body) -> Body:
    """Let somebody have shown this file before."""
    world.state.records[f"evidence/{FILE.hex()}"] = Accusation(CURRENT_KEY, "bank-a", START_MS, 1, START_MS)
    return body


GOVERNANCE = (
    Case(
        "attest, evidence",
        accused,
        OPERATOR,
        (
            Break("participant", 120, asked("attestation", by="bank-x")),
            Break("active participant", 121, both(asked("attestation", by="bank-a"), edited("participant/bank-a", status="suspended"))),
            Break("a validator of its own", 112, asked("attestation", by="bank-a"), [*OPERATOR, *BANK_A]),
            Break("a file that is not on record", 125, on_record),
            Break("a date that has come", 172, asked("attestation", as_of=START_MS * 2)),
            Break("a consensus key", 172, subject(validator("bank-a").consensus_key)),
            Break("a key that votes", 172, subject(validator("operator").node_key)),
        ),
    ),
    Case(
        "attest",
        planned,
        [*OPERATOR, *BANK_A],
        (
            Break("a plan", 112, gone("epoch/next")),
            Break("a key that is planned", 112, subject(validator("bank-a", 1).consensus_key)),
            Break("a newcomer", 112, both(subject(CURRENT_KEY), asked("attestation", by="operator")), OPERATOR),
            Break("the participant of the plan", 112, asked("attestation", by="treasury")),
            Break("participant", 120, asked("attestation", by="bank-x")),
            Break("active participant", 121, edited("participant/bank-a", status="suspended")),
            Break("a height that is final", 172, value(height=99)),
            Break("a recent height", 172, synced_below(1_001)),
            Break("the number of the view key", 172, value(view_key=1)),
            Break("its hash", 172, asked("attestation", doc_hash=sealed(key=OTHER_KEY).hash)),
            Break("a sealed copy", 172, edited("viewkey/0", copies=((box_of("operator"), bytes(80)),))),
            Break("a quorum heard", 172, value(heard=2)),
            Break("a date that is past", 172, asked("attestation", as_of=START_MS + 10**9)),
            Break("an end that is to come", 172, asked("attestation", valid_until=START_MS)),
        ),
    ),
    Case("param.set, a parameter", lambda _world: ParamSet("legs_max", 500, 0), BY_ROOT, NO_ROOT),
    Case("param.set, later", lambda _world: ParamSet("epoch_length", 500, 77), BY_ROOT, NO_ROOT),
    Case(
        "param.set, the end of the epoch",
        lambda world: ParamSet("epoch_end", world.height + 100, 0),
        BY_ROOT,
        (
            *NO_ROOT,
            Break("ten heights ahead", 172, end(9)),
            Break("an earlier end", 172, asked(value=10_000)),
        ),
    ),
    Case(
        "param.set, copies of the view key",
        copies,
        BY_ROOT,
        (
            *NO_ROOT,
            Break("room for copies", 127, full_of_copies),
            Break("a box key", 128, asked(value=sealed("bank-b"))),
            Break("a key for boxes", 128, asked(value=ViewKey(sealed().hash, ((validator("operator").node_key, bytes(80)),)))),
        ),
    ),
    Case("param.set, another view key", lambda _world: ParamSet("view_key", sealed("operator", key=OTHER_KEY), 0), BY_ROOT, NO_ROOT),
    Case(
        "validator.set",
        joining,
        BY_ROOT,
        (
            *NO_ROOT,
            Break("participant", 120, validators(participant="bank-x")),
            Break("active participant", 121, edited("participant/bank-a", status="suspended")),
            Break("an epoch to come", 125, asked(epoch=0)),
            Break("enough of them", 128, validators(count=3)),
            Break("a registered node key", 128, validators(node_key=validator("bank-a", 9).node_key)),
            Break("a node key of its own", 128, validators(count=4, node_key=validator("operator", 3).node_key)),
            Break("a usable key", 128, validators(consensus_key=SMALL_ORDER)),
            Break("a key with one role", 128, validators(consensus_key=validator("operator", 3).node_key, count=4)),
            Break("a key of its own", 128, stolen),
            Break("a key that never left a set", 128, left_before),
        ),
    ),
)
