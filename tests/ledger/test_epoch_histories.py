"""Any history of plans, words, view keys, ends and lengths: one whole set for every height, as a naive model says (23 and 24)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.attestations import ReadyValue, ready_attestation
from ledger.epochs import NO_EPOCH_BEGINS, epoch_of, plan_of, planned_view_key_of, set_hash, view_key_of
from ledger.genesis import view_key_hash
from ledger.transactions.bodies import Attest, ParamSet, ValidatorsSet
from tests.ledger.cast import BY_ROOT
from tests.ledger.epoch_world import register, sealed, small_world, validator
from tests.ledger.world import VIEW_KEY, signers
from tests.naive_epochs import NaiveEpochs, owner

if TYPE_CHECKING:
    from ledger.epochs import Validator
    from ledger.transactions.bodies import Body
    from tests.ledger.world import Signer, World

FIRST = tuple(f"operator:{index}" for index in range(4))
NAMES = (*FIRST, "bank-a:0", "bank-a:1", "bank-b:0", "bank-b:1")
OWNERS = ("operator", "bank-a", "bank-b")
KEYS = {"a": VIEW_KEY, "b": b"b" * 32, "c": b"c" * 32}


@dataclass(frozen=True)
class Plan:
    """A validator.set; `ahead` epochs from the current one."""

    names: tuple[str, ...]
    ahead: int


@dataclass(frozen=True)
class Word:
    """An attest of a newcomer, for the view key that comes or for another."""

    name: str
    right: bool


@dataclass(frozen=True)
class Seal:
    """A param.set of a view key with copies."""

    key: str
    owners: frozenset[str]


@dataclass(frozen=True)
class End:
    """A param.set of the end, this far ahead of the block."""

    ahead: int


@dataclass(frozen=True)
class Length:
    """A param.set of the length."""

    heights: int


@dataclass(frozen=True)
class Wait:
    """Empty blocks."""

    blocks: int


@dataclass(frozen=True)
class Join:
    """Everything that a set needs, but for the words of the last `silent` newcomers."""

    names: tuple[str, ...]
    silent: int


Step = Plan | Word | Seal | End | Length | Wait
Command = Step | Join

sets = st.lists(st.sampled_from(NAMES), min_size=3, max_size=6, unique=True).map(tuple)
owners = st.sets(st.sampled_from(OWNERS), min_size=1).map(frozenset)
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(Plan, sets, st.sampled_from((0, 1, 1, 1, 2))),
    st.builds(Plan, st.permutations(NAMES).map(lambda names: tuple(names[:5])), st.just(1)),
    st.builds(Plan, st.just(FIRST), st.just(1)),
    st.builds(Word, st.sampled_from(NAMES), st.sampled_from((True, True, True, False))),
    st.builds(Word, st.sampled_from(NAMES[4:]), st.sampled_from((True,))),
    st.builds(Seal, st.sampled_from(tuple(KEYS)), owners),
    st.builds(Seal, st.sampled_from(tuple(KEYS)), st.just(frozenset(OWNERS))),
    st.builds(End, st.sampled_from((9, 10, 11, 30))),
    st.builds(Length, st.sampled_from((10, 12, 15))),
    st.builds(Wait, st.sampled_from((1, 5, 11))),
    st.builds(Wait, st.just(12)),
    st.builds(Join, sets, st.sampled_from((0, 0, 1))),
    st.builds(Join, sets, st.just(0)),
)


class Stage:
    """A small network whose every participant has keys for its validators, and the model of it."""

    def __init__(self) -> None:
        self.world: World = small_world(15)
        for name in ("bank-a", "bank-b"):
            register(self.world, name)
        self.model = NaiveEpochs(15, FIRST, self.world.height, end=15, sealed={"a": frozenset(("operator",))})

    def play(self, command: Command) -> None:
        """Carry a command out, step by step."""
        for step in self._steps(command) if isinstance(command, Join) else [command]:
            self._step(step)

    def _steps(self, join: Join) -> list[Step]:
        newcomers = [name for name in join.names if name not in self.model.names]
        words = [Word(name, right=True) for name in newcomers[: len(newcomers) - join.silent]]
        return [Seal(self.model.next_key or self.model.key, frozenset(OWNERS)), Plan(join.names, 1), *words]

    def _step(self, command: Step) -> None:
        """Carry a step out on both; the codes are the same, and so is all that follows."""
        if isinstance(command, Wait):
            for _ in range(command.blocks):
                self.world.block()
                self._compare(ended=self.model.pass_block())
            return
        body, by, sender, expected = self._transaction(command)
        outcome = self.world.do(body, by=by, sender=sender)
        assert outcome.code == expected, (command, outcome.detail)
        self._compare(ended=self.model.pass_block())

    def _transaction(self, command: Plan | Word | Seal | End | Length) -> tuple[Body, list[Signer], str, int]:
        model, world = self.model, self.world
        match command:
            case Plan(names, ahead):
                body = ValidatorsSet(tuple(map(named, names)), world.epoch + ahead)
                return body, BY_ROOT, "operator", model.propose(names, world.epoch + ahead)
            case Word(name, right):
                coming = model.next_key or model.key
                key = coming if right else next(each for each in KEYS if each != coming)
                number = model.keys + (1 if model.next_key else 0)
                return word(world, name, key, number), signers(f"{owner(name)}/ops"), owner(name), model.attest(name, key, number)
            case Seal(key, to):
                return ParamSet("view_key", sealed(*sorted(to), key=KEYS[key]), 0), BY_ROOT, "operator", model.give_key(key, to)
            case End(ahead):
                return ParamSet("epoch_end", world.height + 1 + ahead, 0), BY_ROOT, "operator", model.move_end(world.height + 1 + ahead)
            case Length(heights):
                return ParamSet("epoch_length", heights, 0), BY_ROOT, "operator", model.set_length(heights)

    def _compare(self, *, ended: bool) -> None:
        world, model = self.world, self.model
        assert (world.height, world.epoch) == (model.height, model.number)
        epoch = epoch_of(world.state, world.epoch)
        assert (epoch.base, epoch.end, epoch.view_key) == (model.base, model.end, model.keys)
        assert epoch.base <= world.height < epoch.end
        assert tuple((each.participant, each.consensus_key) for each in epoch.validators) == tuple(map(who, model.names))
        assert world.next == (set_hash(world.epoch, epoch.validators) if ended else NO_EPOCH_BEGINS)
        assert view_key_of(world.state, epoch.view_key).hash == view_key_hash(KEYS[model.key])
        plan, coming = plan_of(world.state), planned_view_key_of(world.state)
        assert (plan and (plan.from_epoch, tuple(map(calling, plan.validators)))) == model.plan
        assert (coming and coming.hash) == (view_key_hash(KEYS[model.next_key]) if model.next_key else None)
        assert world.state.get(f"epoch/{world.epoch + 1}") is None


def named(name: str) -> Validator:
    """Make the validator of a name; those of the operator as the genesis document has them."""
    participant, _, index = name.partition(":")
    return replace(validator(participant, int(index)), endpoint="")


def who(name: str) -> tuple[str, bytes]:
    """Participant and consensus key of a name."""
    return owner(name), named(name).consensus_key


CALLED = {who(name): name for name in NAMES}


def calling(each: Validator) -> str:
    """Name of a validator."""
    return CALLED[each.participant, each.consensus_key]


def word(world: World, name: str, key: str, number: int) -> Attest:
    """Word of a validator that opened a view key."""
    value = ReadyValue(world.height, number, 6)
    subject = named(name)
    made = ready_attestation(subject.participant, subject.consensus_key, value, view_key_hash=view_key_hash(KEYS[key]), as_of=world.time_ms)
    return Attest(made)


@given(st.lists(commands, min_size=5, max_size=25))
@settings(max_examples=60, deadline=None)
def test_invariant_23_one_whole_set_for_every_height_as_the_naive_model_says(history: list[Command]) -> None:
    """Goal: 23 (the ledger's half) and 24. Method: any history on ledger and model; after every block the same set, end, key and hash."""
    stage = Stage()
    for command in history:
        stage.play(command)
