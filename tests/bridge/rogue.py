"""`python -m tests.bridge.rogue`: what a full rogue quorum can take, in each configuration, from the raw events of both sides.

Every attestor signs and says whatever takes most; nobody of the ledger, no admin and no auditor helps. `bridge/README.md` has the table,
and `test_rogue_quorum.py` on both sides insists that it is this one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from msgspec import Struct

from ledger.bridges import Expiry
from ledger.transactions.bridge_bodies import BridgeClaim, BridgeIn
from tests.bridge.contracts.chain import Reverted
from tests.bridge.contracts.raw_events import RawEvents
from tests.bridge.contracts.world import ADMIN, GUARDIAN, World
from tests.bridge.contracts.world import LIMITS as THERE
from tests.bridge.keys import Key, keys
from tests.ledger.bridge_world import BIG_DELAY_MS, LIMITS, ROUTE, VAULT, WITNESSES, BridgedWorld, burn_of, fact_of, witness
from tests.ledger.cast import OPERATOR
from tests.ledger.order_cast import TREASURY as TREASURY_OPS
from tests.ledger.order_cast import order
from tests.ledger.world import DAY_MS, HOUR_MS, MAIN_A, MAIN_B

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ledger.bridges import Burn
    from ledger.outcomes import Outcome

RESERVE = keys(3, first=500)
LIES = 2**95
"""Locked, says the quorum."""
HOUR, DAY, HOURS = 3_600, 86_400, 24
PER_MINT, PER_DAY, BUCKET, REFILL = THERE
VAULT_HAS = 20_000
MINE = "bank-b/main"
"""Account of whoever the rogues are, at home."""


class Row(Struct, frozen=True):
    """One configuration: what holds, and the most that is lost."""

    side: str
    configuration: str
    bound: str
    """Which limit it is, as a formula of the route's configuration."""
    amount: int

    def text(self) -> str:
        """As a row of the table in the documentation."""
        return f"| {self.side} | {self.configuration} | {self.bound} | {self.amount:,} |"


class Abroad:
    """A bridge whose attestors are all rogue; what it minted is summed up of the token's and the bridge's own logs."""

    def __init__(self, reserve: Sequence[Key] = ()) -> None:
        self.world = World(reserve=reserve)
        self.raw = RawEvents(self.world, 0)
        self.signers: Sequence[Key] = self.world.quorum
        self.epoch = 1
        self._nonce = 0

    def midnight(self, before: int = 0) -> None:
        """Wait until so many seconds before the day ends there."""
        self.world.chain.wait((-before - self.world.chain.now) % DAY)

    def attempt(self, amount: int) -> bool:
        """Mint an invented lock; whether the contract took it."""
        self._nonce += 1
        leave = self.world.auth(nonce=self._nonce, amount=amount, cumulative_locked=LIES, ledger_height=10**9, set_epoch=self.epoch)
        try:
            self.raw.take(self.world.carry(leave, self.signers))
        except Reverted:
            return False
        return True

    def plunder(self, hours: int) -> int:
        """Mint as much and as often as the contract takes for so many hours; return the sum of the events so far."""
        for hour in range(hours):
            if hour:
                self.world.chain.wait(HOUR)
            for amount in (PER_MINT, 100_000, 10_000, 1_000):
                while self.attempt(amount):
                    pass
        return self.raw.minted


def at_once_there() -> int:
    """Take with nothing but the limits in the way."""
    return Abroad().plunder(1)


def until_the_pause_there() -> int:
    """Take until a guardian pauses, an hour after it began."""
    rogue = Abroad()
    rogue.midnight()
    rogue.plunder(2)
    rogue.world.bridge.send(GUARDIAN, "pauseMint")
    return rogue.plunder(HOURS)


def a_day_there() -> int:
    """Take for one calendar day (UTC)."""
    rogue = Abroad()
    rogue.midnight()
    return rogue.plunder(HOURS)


def any_day_there() -> int:
    """Take for the 24 hours around a midnight: two calendar days' limits."""
    rogue = Abroad()
    rogue.midnight(before=12 * HOUR)
    return rogue.plunder(HOURS)


def its_own_set_there() -> int:
    """Take after a rotation to keys of their own; limits are no matter of the set."""
    rogue = Abroad()
    rogue.world.chain.wait(HOUR)
    fresh = keys(4, first=100)
    rogue.raw.take(rogue.world.carry(rogue.world.rotation(fresh, immediate=True)))
    rogue.signers, rogue.epoch = fresh[:3], 2
    return rogue.plunder(1)


def ceiling_there() -> int:
    """Take under a ceiling of the token that is lower than the limits."""
    rogue = Abroad()
    rogue.world.token.send(ADMIN, "setCeiling", rogue.world.bridge.address, 300_000)
    return rogue.plunder(3 * HOURS)


def unstated_there() -> int:
    """Take while the second key set is on and has stated nothing."""
    rogue = Abroad(RESERVE)
    rogue.world.bridge.send(ADMIN, "requireReserve")
    return rogue.plunder(3 * HOURS)


def stated_there() -> int:
    """Take after treasury and auditor stated 40,000, of which 30,000 were honestly minted before."""
    rogue = Abroad(RESERVE)
    rogue.world.bridge.send(ADMIN, "requireReserve")
    rogue.raw.take(rogue.world.carry(rogue.world.statement(cumulative_locked=40_000, vault_balance=40_000)))
    honest = rogue.world.auth(nonce=10**6, amount=30_000, cumulative_locked=40_000)
    rogue.raw.take(rogue.world.carry(honest))
    return rogue.plunder(3 * HOURS) - 30_000


def both_sets_there() -> int:
    """Take while treasury and auditor lie, too: the limits are left."""
    rogue = Abroad(RESERVE)
    rogue.world.bridge.send(ADMIN, "requireReserve")
    rogue.raw.take(rogue.world.carry(rogue.world.statement(cumulative_locked=LIES, vault_balance=LIES)))
    return rogue.plunder(1)


class AtHome:
    """A route whose attestors are all rogue, and 20,000 in its vault; what left it is summed up of the entries of each block."""

    def __init__(self, **limits: int) -> None:
        self.world = BridgedWorld()
        self.world.limit(bucket=VAULT_HAS, day_out=VAULT_HAS, big_amount=10**9)
        for source in (MAIN_A, MAIN_B) * 2:
            self.world.locked(VAULT_HAS // 4, source)
        self.world.limit(**limits)
        self.world.time_ms += DAY_MS
        self.taken = 0

    def count(self, outcome: Outcome) -> int:
        """Add what an outcome moved out of the vault; return its code."""
        self.taken -= sum(entry.posted for entry in outcome.entries if entry.account == VAULT and entry.posted < 0)
        return outcome.code

    def midnight(self, before_ms: int = 0) -> None:
        """Wait until so long before a day ends in Bishkek (UTC+6)."""
        self.world.time_ms += (-before_ms - self.world.time_ms - 6 * HOUR_MS) % DAY_MS

    def say(self, fact: Burn | Expiry) -> None:
        """Let all of them say it."""
        for by in WITNESSES[:3]:
            self.count(self.world.do(BridgeIn(ROUTE, by, fact), by=witness(by)))

    def burn(self, amount: int) -> None:
        """Tell a burn that never was."""
        route = self.world.route
        self.say(burn_of(route.burns + 1, amount, route.burned + amount, MINE))

    def claim_all(self) -> None:
        """Claim every burn that waits."""
        for nonce in range(1, self.world.route.burns + 1):
            if self.world.release_of(nonce).state == "waiting":
                self.count(self.world.do(BridgeClaim(ROUTE, "release", nonce, None), by=OPERATOR))

    def pause(self) -> None:
        """Let a guardian stop both directions."""
        stop = order("pause", ROUTE, scope="bridge", asset="", until=self.world.time_ms + HOUR_MS)
        self.world.must(stop, by=TREASURY_OPS, sender="treasury")

    def plunder(self, hours: int, every: int = 1) -> None:
        """Tell burns below the big amount for so many hours, and claim what had to wait."""
        refill = LIMITS.bucket * HOUR_MS * every // LIMITS.bucket_ms
        for hour in range(0, hours, every):
            if hour:
                self.world.time_ms += every * HOUR_MS
            for amount in (LIMITS.big_amount - 1, LIMITS.big_amount - 1, 2) if hour == 0 else (refill,):
                left = VAULT_HAS - self.world.route.burned
                if left:
                    self.burn(min(amount, left))
            self.claim_all()


def at_once_here() -> int:
    """Tell burns below the big amount, as many as are paid."""
    rogue = AtHome()
    rogue.plunder(1)
    return rogue.taken


def until_the_pause_here() -> int:
    """Tell burns until a guardian stops both directions, an hour after it began."""
    rogue = AtHome()
    rogue.midnight()
    rogue.plunder(2)
    rogue.pause()
    taken = rogue.taken
    rogue.plunder(1)
    if rogue.taken != taken:
        raise AssertionError("a pause stops nothing")
    return taken


def a_day_here() -> int:
    """Tell burns for one local date."""
    rogue = AtHome()
    rogue.midnight()
    rogue.plunder(HOURS)
    return rogue.taken


def any_day_here() -> int:
    """Tell burns for the 24 hours around a midnight."""
    rogue = AtHome()
    rogue.midnight(before_ms=HOUR_MS)
    rogue.plunder(HOURS)
    return rogue.taken


def big_ones_here() -> int:
    """Tell burns from the big amount on; somebody looks within the delay."""
    rogue = AtHome()
    for _ in range(3):
        rogue.burn(LIMITS.big_amount)
    rogue.world.time_ms += BIG_DELAY_MS - HOUR_MS
    rogue.claim_all()
    rogue.pause()
    rogue.claim_all()
    return rogue.taken


def nobody_looks_here() -> int:
    """Tell burns for a week, then of one unit more than was ever locked: the route halts by itself."""
    rogue = AtHome()
    for _ in range(7):
        rogue.midnight()
        rogue.plunder(HOURS, every=6)
        rogue.world.time_ms += HOUR_MS
    rogue.burn(1)
    if rogue.world.route.status != "halted":
        raise AssertionError("more was burned than was ever there")
    return rogue.taken


def no_big_amount_here() -> int:
    """Tell one burn below a big amount that is above bucket and day: it passes alone, whole (B4)."""
    rogue = AtHome(big_amount=10**9)
    rogue.burn(VAULT_HAS)
    return rogue.taken


def false_expiries_here() -> int:
    """Tell locks that were minted there as expired, whose owners are among the rogues."""
    rogue = AtHome()
    for nonce in range(1, rogue.world.route.locks + 1):
        fact = fact_of(rogue.world.lock_of(nonce), "expiry")
        if isinstance(fact, Expiry):
            rogue.say(fact)
    return rogue.taken


ROWS: tuple[tuple[str, str, str, Callable[[], int]], ...] = (
    ("there", "at once", "bucket", at_once_there),
    ("there", "until a guardian's pause, an hour after it began", "bucket + refill", until_the_pause_there),
    ("there", "one day (UTC)", "day", a_day_there),
    ("there", "any 24 hours", "two days; bucket + refill", any_day_there),
    ("there", "at once, after a rotation to keys of their own", "bucket", its_own_set_there),
    ("there", "a lower ceiling, three days", "ceiling", ceiling_there),
    ("there", "second key set on, nothing stated, three days", "nothing", unstated_there),
    ("there", "second key set on, 40,000 stated and 30,000 minted, three days", "stated less minted", stated_there),
    ("there", "second key set on, and rogue, too; at once", "bucket", both_sets_there),
    ("here", "false burns, at once", "bucket", at_once_here),
    ("here", "until a guardian's pause, an hour after it began", "bucket + refill", until_the_pause_here),
    ("here", "one local date", "day_in", a_day_here),
    ("here", "any 24 hours", "two days; bucket + refill", any_day_here),
    ("here", "burns from big_amount on, paused within big_delay", "nothing", big_ones_here),
    ("here", "a week, nobody looks", "the vault", nobody_looks_here),
    ("here", "big_amount above bucket and day_in, at once", "the vault", no_big_amount_here),
    ("here", "false expiries with the owners of the locks, at once", "open locks", false_expiries_here),
)


def rows() -> list[Row]:
    """Return what each configuration costs, by doing it."""
    return [Row(side, configuration, bound, take()) for side, configuration, bound, take in ROWS]


def main() -> int:
    """Print the table."""
    sys.stdout.write("| side | configuration | bounded by | taken |\n|---|---|---|---|\n")
    for row in rows():
        sys.stdout.write(row.text() + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
