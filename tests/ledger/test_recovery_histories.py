"""Keysets and banks against a naive model: who may put what, who signs, whose keys are taken (L24, L29, invariant 24)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from ledger.authority import Signers, Voice
from ledger.errors import OK, Unorderable
from ledger.keys import public_key_of
from ledger.participants import Key, KeyOwner, Keyset, Participant
from ledger.state import Overlay
from ledger.succession import servicer_now
from ledger.transactions import begin_block
from ledger.transactions.bodies import KeysetPut, ParticipantPut
from tests.ledger.world import ALICE, DAY_MS, HOUR_MS, MAIN_A, MAIN_B, TILL, World, pay, seed_of, signers
from tests.naive_keys import NaiveKeys, Slot

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body
    from tests.ledger.world import Signer

POOL = 6
"""Keys, numbered; all keysets draw on the same ones, so that they get into each other's way."""
BANKS = ("bank-a", "bank-b", "treasury")
MAIN = {"bank-a": MAIN_A, "bank-b": MAIN_B, "treasury": TILL}
SLOTS = {"user": (ALICE, "user"), "board": ("bank-b", "board")}
"""Name in the model -> owner and name of the keyset. `ops` of the servicer and of bank-b recover them."""
DELAYS = (0, 3 * DAY_MS, 5 * DAY_MS, 2 * DAY_MS)
"""The last is shorter than the network allows."""
GAPS = (HOUR_MS, DAY_MS, 3 * DAY_MS - 1_000, 3 * DAY_MS, 5 * DAY_MS)
STEPS = 120


def seed(number: int) -> bytes:
    """Seed of a key of the pool."""
    return seed_of("pool", index=number)


def keyset(name: str, number: int, delay_ms: int) -> Keyset:
    """Keyset of one key of the pool; `ops` recovers it where there is a delay."""
    return Keyset(SLOTS[name][1], 1, (Key(public_key_of(seed(number)), 0),), "ops" if delay_ms else "", delay_ms)


class Stage:
    """A ledger and the model, side by side."""

    def __init__(self) -> None:
        self.world = World(money=10**9)
        old = signers(f"{ALICE}/user")
        self.world.must(KeysetPut(ALICE, keyset("user", 0, 0)), by=[*old, (ALICE, "user", seed(0))], sender=ALICE)
        self.world.must(KeysetPut("bank-b", keyset("board", 1, 0)), by=[*signers("operator/ops"), ("bank-b", "board", seed(1))])
        self.world.must(_bank("treasury", "active", ""), by=signers("operator/ops"))
        slots = {"user": Slot("bank-a", wallet=True, key=0), "board": Slot("bank-b", wallet=False, key=1)}
        self.model = NaiveKeys(3 * DAY_MS, slots, dict.fromkeys(BANKS, ("active", "")), self.world.time_ms)

    def carry_out(self, choose: random.Random) -> int:
        """Play one command on both, compare everything that keys say, and return the code."""
        if choose.random() < 0.2:
            self.world.time_ms += choose.choice(GAPS)
        self.model.wait(self.world.time_ms)
        expected, found, what = self._command(choose)
        assert found == expected, what
        self.model.wait(self.world.time_ms)
        self.compare()
        return found

    def compare(self) -> None:
        """Ask ledger and model who signs, whose keys are taken and who services whom."""
        overlay, now = Overlay(self.world.state), self.world.time_ms
        for name, (owner, keyset_name) in SLOTS.items():
            for number in range(POOL):
                voice = Voice(owner, keyset_name, public_key_of(seed(number)))
                assert Signers(overlay, [voice], now).agrees(f"{owner}/{keyset_name}") is self.model.signs(name, number), (name, number)
        for bank in BANKS:
            assert servicer_now(overlay, MAIN[bank]) == self.model.servicer(bank)
        begin_block(overlay, self.world.context())
        for number in range(POOL):
            held_by = overlay.get(f"key/{public_key_of(seed(number)).hex()}")
            assert isinstance(held_by, KeyOwner) is (number in self.model.taken()), number

    def _command(self, choose: random.Random) -> tuple[int, int, object]:
        draw = choose.random()
        if draw < 0.15:
            return self._bank(choose)
        return self._pay(choose) if draw < 0.3 else self._put(choose)

    def _bank(self, choose: random.Random) -> tuple[int, int, object]:
        bank = choose.choice(BANKS)
        status = choose.choice(("active", "active", "suspended", "suspended", "closed" if choose.random() < 0.05 else "active"))
        successor = choose.choice(("", *BANKS)) if status != "active" else ""
        if successor == bank:
            successor = ""
        body = _bank(bank, status, successor)
        return self.model.bank(bank, status, successor), self._do(body, []), body

    def _pay(self, choose: random.Random) -> tuple[int, int, object]:
        bank, signer = choose.choice(BANKS), choose.choice(BANKS)
        target = MAIN["bank-b" if bank == "bank-a" else "bank-a"]
        return self.model.pay(bank, signer), self._do(pay((MAIN[bank], target, 1)), signers(f"{signer}/ops")), (bank, signer)

    def _put(self, choose: random.Random) -> tuple[int, int, object]:
        """Put a keyset, mostly signed by whom it needs, sometimes by others."""
        name = choose.choice(tuple(SLOTS))
        slot, by = self.model.slots[name], choose.choice(("current", "recovery"))
        key, delay = choose.choice((choose.randrange(POOL), slot.key)), choose.choice((*DELAYS, slot.delay, slot.delay))
        if slot.waiting and choose.random() < 0.3:
            key, delay = slot.waiting[0], slot.waiting[1]
        servicer = self.model.servicer(slot.bank) if slot.wallet else slot.bank
        signed, ops = {key}, {servicer}
        if by == "current" and not slot.objected:
            signed, ops = {slot.key, key}, set()
        elif key in slot.known():
            signed = set()
        if slot.objected and not slot.wallet:
            ops = set()
        if choose.random() < 0.15:
            signed ^= {choose.randrange(POOL)}
        if choose.random() < 0.1:
            ops ^= {choose.choice(BANKS)}
        return self._both(name, key, delay, by, signed, ops)

    def played(self, name: str, key: int, delay: int, by: str, signed: set[int], ops: set[str]) -> int:
        """Put a keyset on both, compare, and return the code."""
        self.model.wait(self.world.time_ms)
        expected, found, what = self._both(name, key, delay, by, signed, ops)
        assert found == expected, what
        self.model.wait(self.world.time_ms)
        self.compare()
        return found

    def _both(self, name: str, key: int, delay: int, by: str, signed: set[int], ops: set[str]) -> tuple[int, int, object]:
        owner, keyset_name = SLOTS[name]
        by_whom: list[Signer] = [(owner, keyset_name, seed(each)) for each in signed]
        for bank in ops:
            by_whom += signers(f"{bank}/ops")
        body = KeysetPut(owner, keyset(name, key, delay), "current" if by == "current" else "recovery")
        return self.model.put(name, key, delay, by, signed, ops), self._do(body, by_whom), (body, signed, ops)

    def _do(self, body: Body, by: list[Signer]) -> int:
        try:
            return self.world.do(body, by=[*signers("operator/ops"), *by]).code
        except Unorderable as refusal:
            return refusal.code


def _bank(bank: str, status: str, successor: str) -> ParticipantPut:
    kind = "treasury" if bank == "treasury" else "bank"
    return ParticipantPut(Participant(bank, kind, bank, "", "", "KG", status, successor, (), (), ()))  # type: ignore[arg-type]


@pytest.mark.parametrize("number", range(12))
def test_invariant_24_keys_and_banks_are_what_a_naive_model_says(number: int) -> None:
    """Goal: whatever is put, in whatever order, the same keys sign. Method: random commands on both, compared after each."""
    stage, choose = Stage(), random.Random(number)  # noqa: S311  # a history to repeat, no secret
    codes = [stage.carry_out(choose) for _ in range(STEPS)]
    assert codes.count(OK) > STEPS // 4


@pytest.mark.parametrize("number", range(20))
def test_l24_whatever_a_thief_does_the_owner_wins(number: int) -> None:
    """Goal: a stolen key against recovery. Method: a thief does at random all that the keyset may; the owner recovers within the delay."""
    stage, choose = Stage(), random.Random(number)  # noqa: S311  # a history to repeat, no secret
    slot, owns = stage.model.slots["board"], 5
    assert stage.played("board", 1, DELAYS[1], "current", {1}, set()) == OK
    stolen = stage.world.time_ms

    def thief(until: int) -> None:
        """Rotate, change terms and object, with whatever the thief's keyset is now, at random times."""
        while choose.random() < 0.8:
            key, delay = choose.choice((slot.key, choose.randrange(1, 5))), choose.choice((*DELAYS, slot.delay, slot.delay))
            stage.played("board", key, delay, choose.choice(("current", "current", "recovery")), {slot.key, key} - {owns}, set())
            stage.world.time_ms = min(stage.world.time_ms + choose.choice((1, HOUR_MS, DAY_MS)), until)

    thief(stolen + DELAYS[1] - HOUR_MS)
    assert stage.played("board", owns, DELAYS[1], "recovery", {owns}, {"bank-b"}) == OK
    thief(stage.world.time_ms + 10 * DAY_MS)
    stage.world.time_ms += 6 * DAY_MS
    stage.model.wait(stage.world.time_ms)
    if slot.objected:
        assert stage.played("board", owns, DELAYS[1], "current", set(), set()) == OK
    stage.compare()
    assert [each for each in range(POOL) if stage.model.signs("board", each)] == [owns]
