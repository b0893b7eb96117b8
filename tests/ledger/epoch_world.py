"""Newcomers, plans and boundaries on the small network of `world.py`: the operator validates, banks want to join."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.attestations import ReadyValue, ready_attestation
from ledger.epochs import Epoch, Validator, ViewKey, epoch_of, view_key_of
from ledger.errors import OK
from ledger.genesis import view_key_hash
from ledger.keys import public_key_of
from ledger.participants import Participant
from ledger.transactions.bodies import Attest, ParamSet, ParticipantPut, ValidatorsSet
from tests.ledger.cast import BY_ROOT, OPERATOR
from tests.ledger.world import VIEW_KEY, World, make_genesis, seed_of, signers

if TYPE_CHECKING:
    from ledger.outcomes import Outcome

LENGTH = 12
"""Heights of an epoch in these tests."""
BOX_OF_OPERATOR = sha256(b"box").digest()
OTHER_KEY = sha256(b"another view key").digest()


def small_world(length: int = LENGTH) -> World:
    """Make a network with short epochs."""
    return World(make_genesis(params={"epoch_length": length}))


def box_of(participant: str) -> bytes:
    """Box key of a participant."""
    return BOX_OF_OPERATOR if participant == "operator" else sha256(f"box of {participant}".encode()).digest()


def validator(participant: str, index: int = 0) -> Validator:
    """Make a validator by the keys that everybody in these tests has."""
    keys = [public_key_of(seed_of(participant, role, index)) for role in ("consensus", "node")]
    return Validator(participant, keys[0], keys[1], "http://node.example:8900")


def current(world: World) -> Epoch:
    """Epoch of the next block."""
    return epoch_of(world.state, world.epoch)


def register(world: World, participant: str, nodes: int = 4) -> None:
    """Let a participant register node keys and a box key."""
    record = world.state.get("participant/" + participant)
    if not isinstance(record, Participant):
        raise TypeError(participant)
    keys = tuple(sorted(public_key_of(seed_of(participant, "node", index)) for index in range(nodes)))
    world.must(ParticipantPut(replace(record, node_keys=keys, box_keys=(box_of(participant),))), by=OPERATOR)


def sealed(*participants: str, key: bytes = VIEW_KEY) -> ViewKey:
    """View key with a copy for each participant; what a copy holds is no matter of the ledger."""
    return ViewKey(view_key_hash(key), tuple(sorted((box_of(name), bytes(range(80))) for name in participants)))


def seal(world: World, *participants: str, key: bytes = VIEW_KEY) -> None:
    """Give governance copies of a view key: of the one in force, else planned."""
    world.must(ParamSet("view_key", sealed(*participants, key=key), 0), by=BY_ROOT)


def plan(world: World, *validators: Validator, epoch: int | None = None) -> None:
    """Plan a set, for the next epoch unless told otherwise."""
    world.must(ValidatorsSet(tuple(validators), world.epoch + 1 if epoch is None else epoch), by=BY_ROOT)


def said(world: World, newcomer: Validator, *, key: bytes = VIEW_KEY, number: int | None = None, heard: int = 3) -> Attest:
    """Word of a newcomer that is right now."""
    value = ReadyValue(world.height, current(world).view_key if number is None else number, heard)
    word = ready_attestation(newcomer.participant, newcomer.consensus_key, value, view_key_hash=view_key_hash(key), as_of=world.time_ms)
    return Attest(word)


def attest(world: World, newcomer: Validator, *, key: bytes = VIEW_KEY, number: int | None = None) -> Outcome:
    """Let a newcomer say that it is ready."""
    by = signers(f"{newcomer.participant}/ops")
    return world.do(said(world, newcomer, key=key, number=number), by=by, sender=newcomer.participant)


def pass_boundary(world: World) -> Epoch:
    """Make empty blocks to the end of the epoch; return the next one."""
    epoch = world.epoch
    while world.epoch == epoch:
        world.block()
    return current(world)


def hash_in_force(world: World) -> bytes:
    """Hash of the view key of the next block's epoch."""
    return view_key_of(world.state, current(world).view_key).hash


OLD = tuple(validator("operator", index) for index in range(4))
NEW, OTHER = validator("bank-a"), validator("bank-b")
"""Validators by the keys of genesis, and two newcomers."""


def first_set(world: World) -> tuple[Validator, ...]:
    """Return the validators of the genesis document."""
    return epoch_of(world.state, 0).validators


def joined(world: World) -> tuple[Validator, ...]:
    """Plan the bank in the place of the last validator, with everything it needs."""
    register(world, "bank-a")
    seal(world, "bank-a")
    validators = (*first_set(world)[:3], NEW)
    plan(world, *validators)
    outcome = attest(world, NEW)
    if outcome.code != OK:
        raise AssertionError(outcome.detail)
    return validators
