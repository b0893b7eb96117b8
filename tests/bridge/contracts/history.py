"""A random history of one bridge: honest attestors, a rogue quorum, outsiders, old sets, repeats and reordering as actors."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec.structs import astuple, replace

from bridge.digests import Checkpoint, Message, MintAuth, ReserveStatement, RotateAttestors
from tests.bridge.contracts.chain import Reverted
from tests.bridge.contracts.model import Model
from tests.bridge.contracts.raw_events import RawEvents, demand
from tests.bridge.contracts.world import ADMIN, ALICE, BOB, CAROL, DELAY, GUARDIAN, HOME, LIMITS, World, threshold
from tests.bridge.keys import Key, in_order, keys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from bridge.abi import Value
    from tests.bridge.contracts.chain import Contract, Receipt

OUTSIDERS = keys(5, first=900)
RESERVE = keys(3, first=500)
ELSEWHERE = 50_000
"""What another minter of the token has put into circulation."""


def outcome(taken: object) -> str:
    """Return the model's verdict as a word."""
    return "taken" if taken else "refused"


class History:
    """One world, one model, and a source of choices."""

    def __init__(self, random: Random, code: str | None = None) -> None:
        self.random = random
        self.world = World(reserve=RESERVE, code=code)
        token, chain = self.world.token, self.world.chain
        token.send(ADMIN, "setCeiling", GUARDIAN, ELSEWHERE)
        chain.wait(DELAY)
        token.send(ALICE, "applyCeiling", GUARDIAN)
        token.send(GUARDIAN, "mint", bytes.fromhex(BOB[2:]), ELSEWHERE)
        self.known = {one.address: one for one in self.world.attestors}
        members = frozenset(one.address for one in self.world.attestors)
        reserve = frozenset(one.address for one in RESERVE)
        started = chain.now - DELAY
        self.model = Model({1: members}, reserve, chain.now, rotated_at=started, bucket_at=started, day=started // 86_400)
        self.events = RawEvents(self.world, ELSEWHERE)
        self.past: list[tuple[Message, tuple[Key, ...]]] = []
        self.accepted = 0
        self.reached: Counter[str] = Counter()
        """How often somebody did something, and what became of it: `ACTOR: WHAT taken` or `refused`."""
        self._actors: set[str] = set()
        """Who is behind the message that is being made, beside honest attestors."""

    def run(self, steps: int) -> None:
        """Take that many steps; raise Violation when contract and model differ or a promise breaks."""
        often = {
            self.mint: 40,
            self.checkpoint: 15,
            self.rotate: 8,
            self.reserve: 8,
            self.burn: 12,
            self.wait: 9,
            self.repeat: 8,
            self.demand_reserve: 1,
            self.meddle: 4,
            self.pause: 1,
        }
        for _ in range(steps):
            self._actors = set()
            self.random.choices(list(often), weights=list(often.values()))[0]()

    def mint(self) -> None:
        """Carry a mint: of the home ledger's totals mostly, of invented ones by a rogue quorum."""
        height, locked, refunded = self.totals()
        epoch = self.epoch()
        room = max(1, locked - refunded - self.model.minted)
        amount = self.random.choice((1, 1_000, 5_000, min(room, 90_000), min(room, LIMITS[0]), room, room + 1, LIMITS[0], LIMITS[0] + 1))
        message = self.world.auth(
            set_epoch=epoch,
            nonce=self.random.randint(1, 200),
            amount=amount,
            recipient=bytes.fromhex(self.random.choice((ALICE, BOB))[2:]),
            deadline=self.model.now + self.random.choice((-1, 0, 3600, 3600, 7200, 7200, 90_000, 90_000)),
            ledger_height=height,
            cumulative_locked=locked,
            cumulative_refunded=refunded,
        )
        self.carry(message, self.signers(epoch))

    def checkpoint(self) -> None:
        """Carry a checkpoint."""
        height, locked, refunded = self.totals()
        epoch = self.epoch()
        count = max(0, self.model.lock_count + self.random.choice((-1, 0, 1, 5)))
        message = self.world.checkpoint(
            set_epoch=epoch, ledger_height=height, lock_count=count, cumulative_locked=locked, cumulative_refunded=refunded
        )
        self.carry(message, self.signers(epoch))

    def rotate(self) -> None:
        """Carry a rotation to a new set, partly of the members that there are."""
        fresh = keys(self.random.choice((4, 5, 7)), first=self.random.randint(1, 40))
        listed = fresh if self.random.random() < 0.9 else tuple(reversed(fresh))
        wanted = threshold(len(fresh)) if self.random.random() < 0.9 else self.random.randint(0, len(fresh))
        message = replace(
            self.world.rotation(listed),
            new_epoch=self.model.epoch + self.random.choice((1, 1, 1, 1, 0, 2)),
            threshold=wanted,
            ledger_height=max(0, self.model.rotation_height + self.random.choice((1, 1, 1, 5, 0))),
            immediate=self.random.random() < 0.3,
        )
        self.known |= {one.address: one for one in fresh}
        self.carry(message, self.signers(self.model.epoch))

    def reserve(self) -> None:
        """Carry a statement of the second key set."""
        _, locked, refunded = self.totals()
        last = self.model.stated
        released = max(0, last[3] + self.random.choice((0, 0, 100, -1)))
        message = self.world.statement(
            ledger_height=max(0, last[0] + self.random.choice((1, 1, 1, 3, 0))),
            cumulative_locked=locked,
            cumulative_refunded=refunded,
            cumulative_released=released,
            vault_balance=max(0, locked - refunded - released + self.random.choice((0, 0, 0, 0, 1))),
        )
        self.carry(message, self.misordered(RESERVE, 2))

    def burn(self) -> None:
        """Have somebody burn, of this bridge's tokens or of those that another minter made."""
        whom = self.random.choice((ALICE, BOB))
        balance = self.world.balance(whom)
        left = self.model.minted - self.model.burned
        amount = max(0, self.random.choice((0, 1, 10, balance // 9, balance // 2, balance, balance + 1, left, left + 1)))
        expected = self.model.burn(amount, balance)
        self._actors = {"holder"}
        self.judge(lambda: self.world.burn(amount, whom), outcome(expected), "burn", f"burn of {amount}")

    def wait(self) -> None:
        """Let time pass."""
        seconds = self.random.choice((1, 600, 3600, 20_000, 86_400))
        self.world.chain.wait(seconds)
        self.model.now += seconds

    def repeat(self) -> None:
        """Carry an earlier message again, as it was or by other signers: relayers lose, repeat and reorder."""
        if self.past:
            message, by = self.random.choice(self.past)
            self._actors = {"repeated"}
            self.carry(message, by)

    def meddle(self) -> None:
        """Have an outsider call what is not its own, or carry what nobody signed."""
        bridge, token = self.world.bridge, self.world.token
        nobody = astuple(self.world.auth(nonce=self.random.randint(201, 300)))
        calls: tuple[tuple[Contract, str, tuple[Value, ...]], ...] = (
            (bridge, "setLimits", (LIMITS,)),
            (bridge, "retire", (CAROL,)),
            (bridge, "unpauseMint", ()),
            (bridge, "scheduleReserveSigners", ([one.address for one in OUTSIDERS[:2]], 2)),
            (bridge, "applyReserveSigners", ()),
            (bridge, "releaseReserve", ()),
            (bridge, "mint", (nobody, b"")),
            (bridge, "mint", (nobody, bytes(65 * self.random.randint(1, 5)))),
            (bridge, "burn", (1, HOME)),
            (token, "mint", (CAROL, 1)),
            (token, "setCeiling", (CAROL, 10**9)),
        )
        contract, name, values = self.random.choice(calls)
        self._actors = {"outsider"}
        self.judge(lambda: contract.send(CAROL, name, *values), "refused", "call", f"{name} by an outsider")

    def pause(self) -> None:
        """Have the guardian stop minting, somebody try, and the admin go on."""
        self.events.take(self.world.bridge.send(GUARDIAN, "pauseMint"))
        self.model.paused = True
        self._actors = {"paused"}
        self.mint()
        self.events.take(self.world.bridge.send(ADMIN, "unpauseMint"))
        self.model.paused = False

    def demand_reserve(self) -> None:
        """Turn the second key set on."""
        self.events.take(self.world.bridge.send(ADMIN, "requireReserve"))
        self.model.reserve_required = True

    def carry(self, message: Message, by: tuple[Key, ...]) -> None:
        """Carry a message and compare what contract and model say."""
        self.past.append((message, by))
        match message:
            case MintAuth():
                expected = self.model.mint(message, by)
            case Checkpoint():
                expected = self.model.checkpoint(message, by)
            case RotateAttestors():
                expected = self.model.rotate(message, by)
            case ReserveStatement():
                expected = self.model.state_reserve(message, by)
        self.judge(lambda: self.world.carry(message, by), outcome(expected), type(message).__name__, repr(message))

    def judge(self, attempt: Callable[[], Receipt], expected: str, kind: str, what: str) -> None:
        """Try it on the contract, and raise when it does otherwise than the model."""
        for actor in self._actors or {"honest"}:
            self.reached[f"{actor}: {kind} {expected}"] += 1
        try:
            receipt = attempt()
        except Reverted as refusal:
            demand(expected == "refused", f"bridge.md takes this, the contract says {refusal}: {what}")
            return
        demand(expected == "taken", f"bridge.md refuses this, the contract took it: {what}")
        self.accepted += 1
        self.events.take(receipt)

    def totals(self) -> tuple[int, int, int]:
        """Return a height with totals: as a home ledger would have them, stale ones, or what a rogue quorum invents."""
        model = self.model
        if self.random.random() < 0.1:
            self._actors.add("rogue quorum")
            return self.random.randint(0, 200), self.random.randint(0, 10**7), self.random.randint(0, 10**6)
        if self.random.random() < 0.2:
            self._actors.add("reordered")
            return max(0, model.height - self.random.randint(0, 2)), model.locked, max(0, model.refunded - self.random.choice((0, 500)))
        grown = self.random.choice((0, 1_000, 300_000))
        refund = min(self.random.choice((0, 0, 500)), model.locked + grown - model.refunded)
        return model.height + self.random.randint(1, 3), model.locked + grown, model.refunded + max(0, refund)

    def epoch(self) -> int:
        """Return the epoch in force mostly, else one beside it."""
        found = max(0, self.model.epoch + self.random.choice((0, 0, 0, 0, 0, 0, -1, -1, 1)))
        if found != self.model.epoch:
            self._actors.add("another set")
        elif found > 1:
            self._actors.add("rotated set")
        return found

    def signers(self, epoch: int) -> tuple[Key, ...]:
        """Return who signs for an epoch: a quorum, or something that looks like one."""
        addresses = self.model.sets.get(epoch) or self.model.sets[self.model.epoch]
        members = in_order(self.known[one] for one in addresses)
        return self.misordered(members, threshold(len(members)))

    def misordered(self, members: Sequence[Key], needed: int) -> tuple[Key, ...]:
        """Return `needed` members in order five times of six; else one too few or many, repeated, shuffled or foreign."""
        chosen = list(in_order(self.random.sample(list(members), needed)))
        how = self.random.choice(("good",) * 25 + ("few", "many", "repeated", "shuffled", "foreign"))
        if how != "good":
            self._actors.add({"foreign": "outsider", "many": "outsider"}.get(how, "too thin a quorum"))
        match how:
            case "few":
                chosen.pop()
            case "many":
                chosen = list(in_order([*chosen, OUTSIDERS[0]]))
            case "repeated":
                chosen = list(in_order([*chosen[1:], chosen[-1]]))
            case "shuffled":
                chosen.reverse()
            case "foreign":
                chosen = list(in_order([*chosen[1:], self.random.choice(OUTSIDERS)]))
        return tuple(chosen)
