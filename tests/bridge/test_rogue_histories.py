"""Random histories at home of a quorum that is wholly rogue: any lie, in any order, and what leaves the vault is bounded.

Sums are those of the entries of each block, not the route's own totals.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.bridges import Release, release_key
from ledger.dates import local_date
from ledger.errors import OK, InvariantBroken, LedgerError
from ledger.transactions.bridge_bodies import BridgeClaim, BridgeIn, BridgeOut
from tests.ledger.bridge_world import (
    ABROAD,
    BIG_DELAY_MS,
    LIMITS,
    ROUTE,
    VAULT,
    WITNESSES,
    BridgedWorld,
    burn_of,
    defined,
    fact_of,
    signers_of,
    witness,
)
from tests.ledger.cast import BY_ROOT, OPERATOR
from tests.ledger.world import DAY_MS, HOUR_MS, MAIN_A, MAIN_B

if TYPE_CHECKING:
    from ledger.bridges import Burn, Expiry, Mint
    from ledger.outcomes import Outcome
    from ledger.transactions.bodies import Body
    from tests.ledger.world import Signer

STEPS, HISTORIES = 50, 20
REACHED = ("burn paid", "burn waits", "claim paid", "expiry paid", "mint taken", "halted", "opened again", "lock taken", "refused")
NOBODY = "bank-x/nobody"


class Plunder:
    """One route, honest owners who lock, and attestors who say whatever comes."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.world = BridgedWorld()
        self.world.check_every = 8
        self.vault = 0
        self.locked = 0
        """Sum of what went in."""
        self.paid: list[tuple[int, int]] = []
        """Time and amount of each release."""
        self.agreed: dict[int, int] = {}
        """Nonce of a big burn -> when it was agreed on."""
        self.reached: Counter[str] = Counter()
        self.world.limit(bucket=20_000, day_out=20_000, big_amount=10**9)
        for source in (MAIN_A, MAIN_B) * 2:
            self.do(BridgeOut("KGS", source, 5_000, ROUTE, ABROAD), [*OPERATOR, *signers_of(source)])
        self.world.limit()

    def run(self, steps: int) -> None:
        """Take that many steps, and look after each."""
        often = {
            self.lock: 6,
            self.lie_about_a_burn: 20,
            self.lie_about_a_lock: 3,
            self.claim: 8,
            self.wait: 6,
            self.open_again: 12,
        }
        for _ in range(steps):
            self.random.choices(list(often), weights=list(often.values()))[0]()
            self.check()

    def lock(self) -> None:
        """Lock something of one of two honest banks."""
        amount, source = self.random.choice((10, 500, 2_000, 2_999, 3_000, 5_000)), self.random.choice((MAIN_A, MAIN_B))
        if self.do(BridgeOut("KGS", source, amount, ROUTE, ABROAD), [*OPERATOR, *signers_of(source)]) == OK:
            self.reached["lock taken"] += 1

    def lie_about_a_burn(self) -> None:
        """Have a quorum say a burn: the next one mostly, of what may be there mostly."""
        route, draw = self.world.route, self.random
        room = max(1, route.locked - route.refunded - route.burned)
        amount = draw.choice((1, 500, 2_999, 3_000, 6_000, room, min(room, 2_999), min(room, LIMITS.bucket), room + 1))
        nonce = max(1, route.burns + draw.choice((1, 1, 1, 1, 1, 1, 2, 0, 64, 65)))
        cumulative = max(amount, route.burned + amount + draw.choice((0, 0, 0, 0, 0, 0, 0, 1, -1)))
        burn = burn_of(
            nonce, min(amount, LIMITS.bucket), cumulative - amount + min(amount, LIMITS.bucket), draw.choice((MAIN_A, MAIN_B, NOBODY))
        )
        before = self.world.route.burned
        self.say(burn)
        if self.world.route.burned > before:
            release = self.world.state.get(release_key(ROUTE, nonce))
            waits = isinstance(release, Release) and release.state == "waiting"
            self.reached["burn waits" if waits else "burn paid"] += 1

    def lie_about_a_lock(self) -> None:
        """Have a quorum say that some lock expired, or was minted."""
        if not self.world.route.locks:
            return
        kind = self.random.choice(("expiry", "mint"))
        before = (self.world.route.refunded, self.world.route.minted)
        self.say(fact_of(self.world.lock_of(self.random.randint(1, self.world.route.locks)), kind))
        if (self.world.route.refunded, self.world.route.minted) != before:
            self.reached["expiry paid" if kind == "expiry" else "mint taken"] += 1

    def claim(self) -> None:
        """Have anybody claim anything."""
        kind = self.random.choice(("release", "release", "refund"))
        waiting = [nonce for nonce in range(1, self.world.route.burns + 1) if self.world.release_of(nonce).state == "waiting"]
        nonce = self.random.choice(waiting or [self.random.randint(1, max(1, self.world.route.burns))])
        if self.do(replace(BridgeClaim(ROUTE, "refund", nonce, None), kind=kind), OPERATOR) == OK:
            self.reached["claim paid"] += 1

    def wait(self) -> None:
        """Let time pass."""
        self.world.time_ms += self.random.choice((60_000, HOUR_MS, 6 * HOUR_MS, DAY_MS, BIG_DELAY_MS))

    def open_again(self) -> None:
        """Let the quorum of the route open it after a halt."""
        if self.world.route.status == "halted":
            self.reached["halted"] += 1
            if self.do(defined(terms=None, attestors=None, status="active"), BY_ROOT) == OK:
                self.reached["opened again"] += 1

    def say(self, fact: Burn | Expiry | Mint) -> None:
        """Let three of four say it."""
        for by in self.random.sample(WITNESSES, 3):
            self.do(BridgeIn(ROUTE, by, fact), witness(by))

    def do(self, body: Body, by: list[Signer]) -> int:
        """Send it; take its entries and return its code."""
        try:
            outcome = self.world.do(body, by=by)
        except LedgerError as refusal:
            self.reached["refused"] += 1
            return refusal.code
        assert outcome.code != InvariantBroken.code, (body, outcome.detail)
        self.reached["refused"] += outcome.code != OK
        self.take(body, outcome)
        return outcome.code

    def take(self, body: Body, outcome: Outcome) -> None:
        """Add up what an outcome moved."""
        now = self.world.time_ms - 1_000
        for entry in outcome.entries:
            if entry.account == VAULT:
                self.vault += entry.posted
                self.locked += max(0, entry.posted)
                released = isinstance(body, BridgeIn) and hasattr(body.fact, "cumulative")
                if entry.posted < 0 and (released or (isinstance(body, BridgeClaim) and body.kind == "release")):
                    self.paid.append((now, -entry.posted))

    def check(self) -> None:
        """See what must hold whoever said what."""
        route = self.world.route
        assert (self.vault, 0) == self.world.balance(VAULT)
        assert 0 <= self.vault <= self.locked
        assert sum(amount for _, amount in self.paid) == route.released <= route.burned <= route.locked - route.refunded
        days: Counter[str] = Counter()
        for at, amount in self.paid:
            days[local_date(at)] += amount
        assert all(amount <= LIMITS.day_in for amount in days.values()), "no day lets more out than its limit"
        for first, _ in self.paid:
            spent = sum(amount for at, amount in self.paid if at >= first)
            span = self.paid[-1][0] - first
            assert spent <= LIMITS.bucket + span * LIMITS.bucket // LIMITS.bucket_ms, "no span of time lets more out than the bucket"


@settings(max_examples=HISTORIES, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_b_no_lie_of_a_whole_quorum_takes_more_than_the_limits(random: Random) -> None:
    """Goal: acceptance 6 at home. Method: any history of lies; entries, totals, day and bucket agree at every step."""
    Plunder(random).run(STEPS)


def test_b_rogue_histories_get_somewhere() -> None:
    """Goal: a route that refuses everything is safe, too. Method: everything comes about at least once."""
    reached: Counter[str] = Counter()
    for seed in range(HISTORIES):
        history = Plunder(Random(seed))  # noqa: S311
        history.run(STEPS)
        reached += history.reached
    assert not [each for each in REACHED if not reached[each]], reached
