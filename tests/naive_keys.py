"""A naive model of keysets that are recovered and of banks that are succeeded (L24, L29): numbers instead of keys, no code of the ledger.

Entry point: `NaiveKeys`. Every command answers with the code that the specification asks for; `signs` says whose signature counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

OK, MALFORMED, QUORUM, NOBODY, SUSPENDED, BAD = 0, 100, 111, 120, 121, 128
REGISTRAR = "operator"
"""Sends every keyset.put, so its `ops` always sign."""


@dataclass
class Slot:
    """A keyset of one key: which, and how slowly it is recovered (0: not at all)."""

    bank: str
    """Its owner, or who opened the wallet that owns it."""
    wallet: bool
    key: int
    delay: int = 0
    waiting: tuple[int, int, int, str] | None = None
    """Key, delay, due, and who put it."""
    objected: bool = False

    def known(self) -> set[int]:
        """Keys that stand in the registry for it."""
        return {self.key} | ({self.waiting[0]} if self.waiting else set())

    def settle(self, now: int) -> None:
        """Let what is due be."""
        if self.waiting and not self.objected and self.waiting[2] <= now:
            self.key, self.delay, self.waiting = self.waiting[0], self.waiting[1], None


@dataclass
class NaiveKeys:
    """Banks and keysets by name."""

    least: int
    """Shortest delay."""
    slots: dict[str, Slot]
    banks: dict[str, tuple[str, str]]
    """Status and successor."""
    now: int = 0
    objections: list[str] = field(default_factory=list)

    def wait(self, now: int) -> None:
        """Let time pass."""
        self.now = now
        for slot in self.slots.values():
            slot.settle(now)

    def servicer(self, bank: str) -> str:
        """Who services the accounts of a bank."""
        while self.banks[bank][0] != "active" and self.banks[bank][1]:
            bank = self.banks[bank][1]
        return bank

    def active(self, bank: str) -> bool:
        """Whether a bank can act."""
        return self.banks[bank][0] == "active"

    def signs(self, name: str, key: int) -> bool:
        """Whether a key speaks for a keyset now."""
        slot = self.slots[name]
        return not slot.objected and slot.key == key and (slot.wallet or self.active(slot.bank))

    def taken(self) -> set[int]:
        """Keys that nobody else may bring."""
        return set().union(*(slot.known() for slot in self.slots.values()))

    def bank(self, bank: str, status: str, successor: str) -> int:
        """Code of a participant.put."""
        if (successor and status == "active") or successor == bank:
            return MALFORMED
        if self.banks[bank][0] == "closed" and status != "closed":
            return SUSPENDED
        if successor and not self.active(successor):
            return SUSPENDED
        self.banks[bank] = (status, successor)
        return OK

    def pay(self, bank: str, signer: str) -> int:
        """Code of a payment out of an account of a bank that `ops` of some bank signs, sent by the registrar."""
        needed = self.servicer(bank)
        if not self.active(needed):
            return SUSPENDED
        return OK if signer == needed else QUORUM

    def put(self, name: str, key: int, delay: int, by: str, signed: set[int], ops: set[str]) -> int:
        """Code of a keyset.put: `signed` are the keys that signed for the keyset, `ops` the banks that signed, the registrar aside."""
        slot = self.slots[name]
        servicer = self.servicer(slot.bank) if slot.wallet else slot.bank
        refused = self._refused(slot, servicer, by)
        if refused:
            return refused
        if not self._agreed(slot, servicer, key, by, signed, ops):
            return QUORUM
        helper = {servicer} if by == "recovery" or (slot.objected and slot.wallet) else set()
        if ops - helper:
            return MALFORMED
        return self._change(slot, key, delay, by)

    def _refused(self, slot: Slot, servicer: str, by: str) -> int:
        if (not slot.wallet or slot.objected) and not self.active(servicer):
            return SUSPENDED
        if by == "recovery":
            if not slot.delay or slot.objected:
                return BAD
            if not self.active(servicer):
                return SUSPENDED
        return OK

    @staticmethod
    def _agreed(slot: Slot, servicer: str, key: int, by: str, signed: set[int], ops: set[str]) -> bool:
        brought = {key} - slot.known()
        if slot.objected:
            return signed == brought and (not slot.wallet or servicer in ops)
        if by == "recovery":
            return signed == brought and servicer in ops
        return slot.key in signed and {key} - {slot.key} <= signed <= {slot.key, key}

    def _change(self, slot: Slot, key: int, delay: int, by: str) -> int:
        recovering = slot.waiting is not None and slot.waiting[3] == "recovery"
        same = (key, delay) == (slot.key, slot.delay)
        if by == "current" and recovering and not slot.objected:
            if not same:
                return BAD
            slot.objected = True
            return OK
        known = {slot.delay} | ({slot.waiting[1]} if slot.waiting else set())
        if delay and delay < self.least and delay not in known:
            return BAD
        if key in self.taken() - slot.known():
            return BAD
        if by == "recovery" and same and not recovering:
            return BAD
        if slot.objected:
            slot.key, slot.delay, slot.waiting, slot.objected = key, delay, None, False
        elif by == "recovery":
            slot.waiting = None if same else (key, delay, self.now + slot.delay, "recovery")
        elif delay == slot.delay or not slot.delay:
            slot.key, slot.delay, slot.waiting = key, delay, None
        else:
            due = slot.waiting[2] if slot.waiting and slot.waiting[1] == delay else self.now + slot.delay
            slot.key, slot.waiting = key, (key, delay, due, "current")
        return OK
