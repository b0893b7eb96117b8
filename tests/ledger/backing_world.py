"""USDKG and KGST on the small network of `world.py`: gold that others attest, and soms in a vault. The Treasury issues both.

Whoever vouches or reports prices sits in no quorum of issue (L10): bank-b audits, operator and both banks report prices, bank-a counts
what circulates abroad.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from ledger.assets import Asset, Policy
from ledger.attestations import Attestation
from ledger.grants import Need
from ledger.reserves import Expiry, Feed, Reserve, Route, Terms
from ledger.transactions.bodies import AssetPut, Attest, GrantPut, Issue, Redeem
from tests.ledger.cast import BY_ROOT, OPERATOR
from tests.ledger.world import ALICE, DAY_MS, HOUR_MS, MAIN_A, MAIN_B, TILL, World, grant, make_genesis, signers

if TYPE_CHECKING:
    from ledger.genesis_document import Genesis
    from ledger.grants import Grant
    from ledger.outcomes import Outcome
    from ledger.transactions.bodies import Transaction

TREASURY = signers("treasury/ops")
CODE, WRAPPED, LUNCH = "USDKG", "KGST", "KGS.LUNCH"
AUDITOR, OBSERVER = "bank-b", "bank-a"
SOURCES = ("bank-a", "bank-b", "operator")
GOLD = Terms("gold", "XAU-USD", 1_000, 10_000, 30 * DAY_MS)
XAU = Feed("XAU-USD", "XAU", "USD", 311_034_768, 6, SOURCES, HOUR_MS)
TRON = Route("tron", (OBSERVER,))
KILOGRAMS_376 = 376_000 * 10**7
"""In 10^-7 g."""
PRICE = 4_160_917_242
"""USD 4,160.917242 an ounce."""
USD = 10**6
"""Minor units of one whole USDKG."""
VAULT = f"treasury/vault:{WRAPPED}"
NO_DOCUMENT = bytes(32)

Kind = Literal["reserve", "price", "foreign"]


def gold_policy(code: str = CODE, *, routes: tuple[Route, ...] = (TRON,)) -> Policy:
    """USDKG as its column in section 8 of the specification."""
    reserve = Reserve("attested", "", 10_000, (GOLD,), (XAU,), routes)
    return Policy(code, 6, "treasury", reserve, None, (), (), 0, (), None, (), "block", ())


def vault_policy(code: str = WRAPPED, *, backing: str = "KGS", expires: Expiry | None = None) -> Policy:
    """Make an asset that is locked soms, one for one."""
    return Policy(code, 2, "treasury", Reserve("vault", backing, 10_000, (), (), ()), None, (), (), 0, (), expires, (), "block", ())


def backing_grants(code: str = CODE) -> tuple[Grant, ...]:
    """Who issues, vouches, reports and observes."""
    return (
        grant(f"issue-{code}", "issue", "treasury", asset=code, need=Need(2, ("treasury/ops", "treasury/treasury"))),
        grant(f"audit-{code}", "attest.reserve", AUDITOR, asset=code),
        *(grant(f"price-{code}-{source}", "attest.price", source, asset=code) for source in SOURCES),
        grant(f"observe-{code}", "attest.foreign", OBSERVER, asset=code),
    )


ISSUERS = [*TREASURY, *signers("treasury/treasury")]


class BackedWorld(World):
    """The small network with both assets defined, and words for what happens to them."""

    def __init__(self, genesis: Genesis | None = None, *, money: int = 10_000, policy: Policy | None = None) -> None:
        super().__init__(genesis or make_genesis(), money=money)
        self.establish(policy or gold_policy())

    def establish(self, policy: Policy) -> None:
        """Define both assets, and give everybody who has to do with them its grant."""
        self.define(policy)
        for each in backing_grants():
            self.must(GrantPut(each), by=BY_ROOT)
        self.define(vault_policy())
        self.must(GrantPut(grant("issue-KGST", "issue", "treasury", asset=WRAPPED)), by=BY_ROOT)

    def define(self, policy: Policy) -> Transaction:
        """Define an asset of the Treasury, or alter it."""
        return self.must(AssetPut(policy), by=[*BY_ROOT, *TREASURY])

    def asset(self, code: str = CODE) -> Asset:
        """Asset as it is now."""
        record = self.state.get(f"asset/{code}")
        if not isinstance(record, Asset):
            raise TypeError(code)
        return record

    def attest(self, said: Attestation) -> Outcome:
        """Let somebody say something."""
        sender = [] if said.by == "operator" else signers(f"{said.by}/ops")
        return self.do(Attest(said), by=[*OPERATOR, *sender])

    def say(self, kind: Kind, value: int, *, by: str, name: str = "", item: str = "", **more: int) -> Outcome:
        """Let somebody say something that is so now."""
        return self.attest(self.fact(kind, value, by=by, name=name, item=item, **more))

    def fact(self, kind: Kind, value: int, *, by: str, name: str = "", item: str = "", **more: int) -> Attestation:
        """Make an attestation about USDKG, as of now unless told otherwise."""
        subject = f"{CODE}:{name or {'reserve': 'gold', 'price': 'XAU-USD', 'foreign': 'tron'}[kind]}"
        as_of, valid_until = more.get("as_of", self.time_ms), more.get("valid_until", 0)
        return Attestation(item or subject, kind, subject, value, as_of, valid_until, NO_DOCUMENT, "LBMA", by)

    def vouch(self, quantity: int = KILOGRAMS_376, item: str = "vault-7") -> None:
        """Let the auditor find so much gold."""
        self.accepted(self.say("reserve", quantity, by=AUDITOR, item=item))

    def price(self, price: int = PRICE, sources: tuple[str, ...] = SOURCES) -> None:
        """Let the sources report a price."""
        for source in sources:
            self.accepted(self.say("price", price, by=source))

    def observe(self, supply: int = 0) -> None:
        """Let the observer see a supply on Tron."""
        self.accepted(self.say("foreign", supply, by=OBSERVER))

    def ready(self) -> BackedWorld:
        """Let everybody say what is needed for an issue."""
        self.vouch()
        self.price()
        self.observe()
        return self

    def mint(self, amount: int, to: str = TILL) -> int:
        """Issue USDKG and return the code."""
        return self.do(Issue(CODE, to, amount, "order 7", None), by=ISSUERS, sender="treasury").code

    def wrap(self, amount: int, source: str = MAIN_A, to: str = MAIN_A, code: str = WRAPPED) -> int:
        """Lock soms and issue as much of KGST; return the code."""
        return self.do(
            Issue(code, to, amount, "deposit", source), by=list(dict.fromkeys([*TREASURY, *_of(source)])), sender="treasury"
        ).code

    def unwrap(self, amount: int, source: str = MAIN_A, to: str = MAIN_B, code: str = WRAPPED) -> int:
        """Give KGST back for soms; return the code."""
        return self.do(Redeem(code, source, amount, "payout", to), by=[*OPERATOR, *_of(source)]).code

    def burn(self, amount: int, source: str = TILL, code: str = CODE) -> Outcome:
        """Redeem an asset without vault."""
        return self.do(Redeem(code, source, amount, "payout", None), by=[*OPERATOR, *_of(source)])

    @classmethod
    def of(cls, world: World) -> BackedWorld:
        """Go on with a small network that exists already: what happens here happens there."""
        backed = cls.__new__(cls)
        backed.__dict__ = world.__dict__
        backed.establish(gold_policy())
        return backed

    @staticmethod
    def accepted(outcome: Outcome) -> None:
        """Fail unless the transaction was carried out."""
        if outcome.code:
            raise AssertionError(f"{outcome.code}: {outcome.detail}")


def _of(account: str) -> list[tuple[str, str, bytes]]:
    return signers(f"{ALICE}/user") if account == ALICE else signers(f"{account.partition('/')[0]}/ops")


def with_reserve(policy: Policy, **fields: object) -> Policy:
    """Policy with other fields in its reserve."""
    if not isinstance(policy.reserve, Reserve):
        raise TypeError(policy.code)
    return replace(policy, reserve=replace(policy.reserve, **fields))
