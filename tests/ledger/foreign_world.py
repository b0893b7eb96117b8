"""WUSD on the small network: dollars that are locked on two public chains and issued here by the Treasury, unit for unit (L9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.assets import Policy
from ledger.attestations import Attestation
from ledger.reserves import Locker, Reserve
from ledger.transactions.bodies import Attest, GrantPut, Issue
from tests.ledger.backing_world import NO_DOCUMENT, TREASURY, BackedWorld
from tests.ledger.cast import BY_ROOT, OPERATOR
from tests.ledger.world import DAY_MS, HOUR_MS, TILL, grant, signers

if TYPE_CHECKING:
    from ledger.outcomes import Outcome
    from tests.ledger.world import World

CODE = "WUSD"
WATCHERS = ("bank-a", "bank-b", "operator")
DEEP = Locker("eth-vault", "ethereum", bytes.fromhex("aa" * 20), WATCHERS, HOUR_MS)
"""Three watch it."""
SHALLOW = Locker("tron-vault", "tron", bytes.fromhex("41" + "bb" * 20), ("bank-b",), DAY_MS)
"""One does."""


def foreign_policy(code: str = CODE, *, lockers: tuple[Locker, ...] = (DEEP, SHALLOW), queued: int = 0) -> Policy:
    """Make an asset that is locked on other chains."""
    reserve = Reserve("foreign", "", 10_000, (), (), (), lockers)
    return Policy(code, 6, "treasury", reserve, None, (), (), queued, (), None, (), "block", ())


class ForeignWorld(BackedWorld):
    """The small network with WUSD instead of gold, and words for what happens to it."""

    def establish(self, policy: Policy) -> None:
        """Define the asset, and give everybody who has to do with it its grant."""
        self.define(policy if policy.code == CODE else foreign_policy())
        self.must(GrantPut(grant(f"issue-{CODE}", "issue", "treasury", asset=CODE)), by=BY_ROOT)
        for watcher in WATCHERS:
            self.must(GrantPut(grant(f"watch-{watcher}", "attest.foreign", watcher, asset=CODE)), by=BY_ROOT)

    def sight(self, amount: int, *, by: str, locker: str = DEEP.name, **dates: int) -> Attestation:
        """Make what somebody says of a locker, as of now unless told otherwise."""
        subject = f"{CODE}:{locker}"
        as_of, valid_until = dates.get("as_of", self.time_ms), dates.get("valid_until", 0)
        return Attestation(subject, "foreign", subject, amount, as_of, valid_until, NO_DOCUMENT, "", by)

    def watch(self, amount: int, *, by: str, locker: str = DEEP.name, **dates: int) -> int:
        """Let somebody say what is locked; return the code."""
        return self.attest(self.sight(amount, by=by, locker=locker, **dates)).code

    def lock(self, deep: int, shallow: int) -> ForeignWorld:
        """Let everybody see so much in both lockers."""
        for watcher in WATCHERS:
            self.accepted(self.attest(self.sight(deep, by=watcher)))
        self.accepted(self.attest(self.sight(shallow, by="bank-b", locker=SHALLOW.name)))
        return self

    def mint(self, amount: int, to: str = TILL) -> int:
        """Issue WUSD and return the code."""
        return self.do(Issue(CODE, to, amount, "order 7", None), by=TREASURY, sender="treasury").code

    def pay_out(self, amount: int) -> Outcome:
        """Redeem WUSD, to be paid out over there."""
        return self.burn(amount, code=CODE)

    def say_as(self, said: Attestation) -> Outcome:
        """Let somebody say something by a transaction of its own."""
        return self.do(Attest(said), by=[*OPERATOR, *([] if said.by == "operator" else signers(f"{said.by}/ops"))])

    @classmethod
    def of_small(cls, world: World) -> ForeignWorld:
        """Go on with a small network that exists already: what happens here happens there."""
        made = cls.__new__(cls)
        made.__dict__ = world.__dict__
        made.establish(foreign_policy())
        return made
