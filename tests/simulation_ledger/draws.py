"""Random bodies of the types that move money and restrict it: mostly what could succeed in the state as it is, now and then anything."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from ledger.conditions import ANYONE, Arbiter, Device, HashLock, Payee, PurseReceipt, purse_message
from ledger.keys import public_key_of, sign
from ledger.orders import Order
from ledger.transactions.bodies import (
    HoldBody,
    Issue,
    Leg,
    OrderLift,
    OrderPut,
    Pay,
    Redeem,
    ReturnOf,
    Seize,
    Settle,
    Void,
)
from ledger.travel import Travel
from tests.ledger.world import seed_of
from tests.naive_books import Plain, bank_of, members, vault_of
from tests.naive_limits import limit_of, person, travelling
from tests.naive_money import fee_of, rule_of

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from ledger.conditions import Witness
    from ledger.orders import Allowed, OrderMode, OrderScope
    from ledger.transactions.bodies import Body
    from tests.naive_whole import Whole

SECOND_MS, HOUR_MS, DAY_MS = 1_000, 3_600_000, 86_400_000
MOST = 10**18 - 1
NOBODY, NOTHING, MAIN_OF_ALL = "bank-a/nobody", "NOTHING", "operator/fee:KGS"
SECRET = b"the secret of every lock"
MODES: tuple[OrderMode, ...] = ("debit", "credit", "both", "arrest", "arrest", "arrest", "pause", "pause")
WORDS: tuple[tuple[Allowed, ...], ...] = ((), (), ("holds",), ("holds", "redeem"), ("fee", "return", "tax"))
ORDERS_KEPT = 24


class Drawn(NamedTuple):
    """A body, and who sends it."""

    body: Body
    sender: str
    by: tuple[str, ...] = ()
    """Keysets that sign beside the sender; empty: all that are asked."""


class Draws:
    """What the next transaction may be, from what the books say."""

    def __init__(self, model: Whole, choose: random.Random) -> None:
        self.model = model
        self.choose = choose
        self.numbers = 0
        self.past: list[bytes] = []
        """Holds that were placed, open or not."""

    def number(self) -> int:
        """Return a number that was not there before."""
        self.numbers += 1
        return self.numbers

    def chance(self, per_cent: float) -> bool:
        """Whether it happens."""
        return self.choose.random() * 100 < per_cent

    def one(self, things: Sequence[str]) -> str:
        """One of them."""
        return self.choose.choice(things)

    def account(self, *kinds: str) -> str:
        """Any account, of these kinds if some are named."""
        accounts = self.model.tables["account"].values()
        names = sorted(each.id for each in accounts if (each.kind in kinds if kinds else each.kind not in ("contra", "vault", "fee")))
        if self.chance(1) or not names:
            return NOBODY
        return self.one(sorted(each.id for each in accounts)) if self.chance(2) else self.one(names)

    def rich(self, asset: str) -> str:
        """Account that has some of an asset."""
        balances = self.model.tables["balance"]
        names = sorted(key[8:].rpartition("/")[0] for key, each in balances.items() if each.posted > 0 and key.endswith(f"/{asset}"))
        names = [name for name in names if "vault:" not in name]
        usable = [name for name in names if self.usable(name, asset)]
        names = usable if usable and not self.chance(10) else names
        return self.one(names) if names and not self.chance(5) else self.account()

    def usable(self, name: str, asset: str) -> bool:
        """Whether an account may have an asset, as far as status and tier go."""
        account, policy = self.model.get(f"account/{name}"), self.policy(asset)
        if account is None or account.status != "open" or policy is None:
            return False
        return account.kind != "wallet" or limit_of(self.model, person(self.model, name), policy) is not None

    def payee(self, asset: str) -> str:
        """Account that may have an asset, most often."""
        names = sorted(each.id for each in self.model.tables["account"].values() if each.kind in ("settlement", "wallet", "clearing"))
        names = [name for name in names if self.usable(name, asset)] if not self.chance(12) else names
        wallets = [name for name in names if "main" not in name]
        return self.one(wallets or names) if names and not self.chance(3) else self.account()

    def part(self, account: str, asset: str) -> int:
        """Part of what an account has free; now and then more than anybody has."""
        free = self.model.free(account, asset) if self.model.get(f"account/{account}") else 0
        if free <= 0 or self.chance(12):
            return self.anything(self.amount())
        return max(1, min(free, self.amount()) // self.choose.choice((1, 1, 2, 3)))

    def asset(self) -> str:
        """Any asset, soms most often."""
        codes = sorted(each.policy.code for each in self.model.tables["asset"].values())
        return NOTHING if self.chance(1) else "KGS" if self.chance(45) else self.one(codes)

    def policy(self, code: str) -> Plain | None:
        """Policy of an asset, if there is one."""
        record = self.model.get(f"asset/{code}")
        return record.policy if record else None

    def amount(self) -> int:
        """Any amount, small ones most often."""
        return self.choose.choice(
            (self.choose.randint(1, 400), self.choose.randint(1, 400), self.choose.randint(1, 40), self.choose.randint(1, 9_000), 1)
        )

    def anything(self, amount: int) -> int:
        """Return the amount, or now and then one that nobody has."""
        return self.choose.choice((10**12, MOST)) if self.chance(3) else amount

    def sender_of(self, account: str) -> str:
        """Who sends what this account pays."""
        record = self.model.get(f"account/{account}")
        if record is not None and record.keyset and self.chance(60):
            return account
        return bank_of(account) if self.chance(85) else "operator"

    def fee(self, type_: str, asset: str, debit: str, credit: str, amount: int) -> int:
        """Fee that is right, most often."""
        policy, accounts = self.policy(asset), [self.model.get(f"account/{name}") for name in (debit, credit)]
        if policy is None or accounts[0] is None or accounts[1] is None:
            return 0
        right = fee_of(rule_of(policy, type_, accounts[0], accounts[1]), amount)
        return right + 1 if self.chance(2) else right

    # --- money ---------------------------------------------------------------------------------------------------------

    def pay(self) -> Drawn:
        """Pay with one to five legs; a return; a payment with travel data; a direct debit."""
        if self.chance(6):
            return self._under_mandate()
        if self.chance(8) and self.model.tables["return"]:
            return self._back()
        asset, legs = self.asset(), []
        debit = self.rich(asset)
        for _ in range(self.choose.choice((1, 1, 1, 2, 3, 5))):
            debit = self.rich(asset) if self.chance(30) else debit
            credit = self.payee(asset)
            if debit != credit:
                amount = self.part(debit, asset)
                legs.append(Leg(debit, credit, asset, amount, self.fee("pay", asset, debit, credit, amount), ""))
                debit = credit if self.chance(15) else debit
        mode = "each" if self.chance(25) else "atomic"
        uetr = bytes(16) if len(legs) == 1 and self.chance(25) else None
        purpose = "TAXS" if self.chance(10) else "SALA"
        return Drawn(Pay(tuple(legs), mode, purpose, uetr, "", self._travel(legs), None), self.sender_of(debit))  # type: ignore[arg-type]

    def _travel(self, legs: list[Leg]) -> tuple[Travel, ...] | None:
        known = [leg for leg in legs if all(self.model.get(f"account/{name}") for name in (leg.debit, leg.credit))]
        known = [leg for leg in known if self.policy(leg.asset)]
        needed = travelling(self.model, [(leg.debit, leg.credit, leg.asset, leg.amount, index) for index, leg in enumerate(known)])
        to = sorted(set(needed.values())) if not self.chance(15) else []
        to = ["bank-a"] if not to and self.chance(2) else to
        return tuple(Travel(name, "IVMS101", bytes(32)) for name in to) or None

    def _under_mandate(self) -> Drawn:
        """Debit an account as somebody whom its owner let."""
        mandates = [each.grant for each in self.model.grants("debit")]
        if not mandates:
            return self.hold()
        grant = self.choose.choice(mandates)
        asset = grant.scope.asset or "KGS"
        debit, credit = grant.scope.account, self.payee(asset)
        if grant.scope.participant and self.chance(80):
            credit = f"{grant.scope.participant}/main"
        credit = MAIN_OF_ALL if credit == debit else credit
        amount = self.part(debit, asset)
        leg = Leg(debit, credit, asset, amount, self.fee("pay", asset, debit, credit, amount), "")
        return Drawn(Pay((leg,), self.choose.choice(("atomic", "each")), "RENT", None, "", None, None), grant.to, tuple(members(grant)))

    def _back(self) -> Drawn:
        key = self.one(sorted(self.model.tables["return"]))
        paid = self.model.tables["return"][key]
        tx_id = bytes(32) if self.chance(5) else bytes.fromhex(key.split("/")[1])
        rest = max(1, paid.amount - paid.returned)
        amount = self.choose.choice((rest, max(1, rest // 2), rest + 1))
        leg = Leg(paid.credit, paid.debit, paid.asset, amount, self.fee("pay", paid.asset, paid.credit, paid.debit, amount), "")
        return Drawn(Pay((leg,), "atomic", "", None, "", None, ReturnOf(tx_id, 0)), self.sender_of(paid.credit))

    def hold(self) -> Drawn:
        """Hold for seconds, hours or days."""
        asset = self.asset()
        source, target = self.rich(asset), self.payee(asset)
        amount = self.part(source, asset)
        ahead = self.choose.choice(
            (2 * SECOND_MS, 20 * SECOND_MS, HOUR_MS, DAY_MS, 9 * DAY_MS, 401 * DAY_MS if self.chance(10) else DAY_MS)
        )
        until = self.model.now + (0 if self.chance(2) else ahead)
        settle_by = self.choose.choice((bank_of(target), target, "operator", "bank-x" if self.chance(10) else "treasury"))
        void_by = self.choose.choice((bank_of(source), bank_of(source), source))
        fee = self.fee("hold", asset, source, target, amount)
        body = HoldBody(source, target, asset, amount, fee, until, settle_by, void_by, "none", "escrow")
        return Drawn(self._on_condition(body) if self.chance(45) else body, self.sender_of(source))

    def _on_condition(self, body: HoldBody) -> HoldBody:
        """Let a hold wait for a secret, an arbiter, a device, or for whom of a class a settle names."""
        match self.choose.randint(0, 3):
            case 0:
                return replace(body, settle_by="", condition=HashLock(sha256(SECRET).digest()))
            case 1:
                return replace(body, condition=Arbiter(self.choose.choice(("operator", "treasury", "bank-b", "bank-a/alice"))))
            case 2:
                key, ends = public_key_of(seed_of("device", "purse", self.choose.randint(0, 3))), self.model.now + HOUR_MS
                key = public_key_of(seed_of("operator")) if self.chance(2) else key
                target = self.choose.choice((ANYONE, ANYONE, body.target, "mcc:82*"))
                until = ends + HOUR_MS
                return replace(body, settle_by="", target=target, until=until, condition=Device(key, ends, HOUR_MS), kind="offline")
            case _:
                return replace(body, target=self.choose.choice(("mcc:82*", "school", "mcc:8211")))

    def _some_hold(self) -> bytes:
        names = sorted(self.model.tables["hold"])
        if names and not self.chance(12):
            return bytes.fromhex(self.one(names)[5:])
        return self.choose.choice(self.past) if self.past else bytes(32)

    def settle(self) -> Drawn:
        """Settle a part, all or too much of a hold."""
        if not self.model.tables["hold"] and self.chance(90):
            return self.hold()
        name = self._some_hold()
        hold = self.model.get(f"hold/{name.hex()}")
        amount = hold.left if hold and self.chance(40) else self.amount()
        by = self._sender_for(hold.settle_by if hold and hold.settle_by else "operator")
        return Drawn(Settle(name, amount, self._witness(name, hold, amount)), by)

    def _witness(self, name: bytes, hold: Plain | None, amount: int) -> Witness:
        """Show what the condition of a hold asks for, or nearly."""
        if hold is None or self.chance(4):
            return self.choose.choice((b"", SECRET, Payee("bank-b/shop")))
        payee = hold.target if "/" in hold.target else self.one(("bank-b/shop", "bank-b/shop", "bank-b/kiosk", self.payee(hold.asset)))
        if hasattr(hold.condition, "digest"):
            return b"no secret" if self.chance(8) else SECRET
        if hasattr(hold.condition, "grace"):
            seeds = [seed_of("device", "purse", index) for index in range(4)]
            seed = next((each for each in seeds if public_key_of(each) == hold.condition.key), seeds[0])
            counter = self.choose.choice((self.choose.randint(0, 1_023), self.choose.randint(0, 9)))
            said = purse_message(self.model.chain, name, counter, payee, amount + self.chance(4))
            return PurseReceipt(counter, payee, sign(seed, said))
        return b"" if "/" in hold.target else Payee(payee)

    def void(self) -> Drawn:
        """Void a hold."""
        if not self.model.tables["hold"] and self.chance(90):
            return self.hold()
        name = self._some_hold()
        hold = self.model.get(f"hold/{name.hex()}")
        return Drawn(Void(name), self._sender_for(hold.void_by if hold else "operator"))

    def _sender_for(self, party: str) -> str:
        return self.sender_of(party) if "/" in party else party

    def issue(self) -> Drawn:
        """Issue or wrap."""
        asset = self.asset()
        to, policy = self.payee(asset), self.policy(asset)
        vault = vault_of(policy) if policy else None
        source = self.rich(vault[1]) if vault and not self.chance(4) else NOBODY if self.chance(1) else None
        source = self.rich("KGS") if source is None and self.chance(2) else source
        amount = self.part(source, vault[1]) if source is not None and vault is not None else self.anything(self.amount())
        return Drawn(Issue(asset, to, amount, "", source), policy.issuer if policy else "operator")

    def redeem(self) -> Drawn:
        """Redeem, unwrap or queue."""
        asset = self.asset()
        source, policy = self.rich(asset), self.policy(asset)
        vault = vault_of(policy) if policy else None
        to = self.payee("KGS") if (vault is not None) != self.chance(4) else None
        return Drawn(Redeem(asset, source, self.part(source, asset), "", to), self.sender_of(source))

    # --- orders --------------------------------------------------------------------------------------------------------

    def order(self) -> Drawn:
        """Make an order; fewer where many are in force, so that money still moves."""
        active = [each for each in self.model.tables["order"].values() if each.status == "active"]
        if len(active) > 5 and self.chance(75):
            return self.lift()
        mode, scope, subject = self._aim()
        amount = self.choose.choice((None, 100, 350)) if mode == "arrest" and scope == "account" else None
        asset = "" if scope in ("asset", "ledger") else self.asset() if amount is not None or self.chance(70) else ""
        seize_to = self.account() if mode == "arrest" and self.chance(80) else ""
        seize_to = "" if seize_to == subject else seize_to
        ahead = self.choose.choice((5 * SECOND_MS, HOUR_MS, HOUR_MS, 6 * HOUR_MS, 2 * DAY_MS))
        until = 0 if self.chance(25) else self.model.now + (-1 if self.chance(3) else ahead)
        by = self.choose.choice(("treasury", "treasury", "operator", "bank-x" if self.chance(10) else "treasury"))
        orders = sorted(self.model.tables["order"])
        name = self.one(orders)[6:] if orders and self.chance(3) else f"o{self.number()}"
        basis = sha256(name.encode()).digest()
        made = Order(name, by, basis, scope, subject, asset, mode, amount, self._words(mode), seize_to, until, open=False)
        return Drawn(OrderPut(made), by if by != "bank-x" else "treasury")

    def _words(self, mode: OrderMode) -> tuple[Allowed, ...]:
        """Return what an order of this mode lets pass."""
        holds: tuple[Allowed, ...] = ("holds",)
        if mode == "arrest":
            return holds if self.chance(66) else ()
        if mode == "pause":
            return holds if self.chance(30) else ("holds", "redeem")
        return self.choose.choice(WORDS)

    def _aim(self) -> tuple[OrderMode, OrderScope, str]:
        mode = self.choose.choice(MODES)
        holders = sorted(self.model.tables["holder"])
        if mode == "pause":
            if self.chance(30):
                return mode, "ledger", ""
            return (mode, "asset", self.asset()) if self.chance(50) else (mode, "participant", self._participant())
        if self.chance(10):
            return mode, "participant", self._participant()
        if self.chance(12) and holders:
            return mode, "holder", bytes(16).hex() if self.chance(5) else self.one(holders)[7:]
        return mode, "account", self.rich("KGS") if self.chance(60) else self.account()

    def _participant(self) -> str:
        return "bank-x" if self.chance(3) else self.one(sorted(each.id for each in self.model.tables["participant"].values()))

    def _some_order(self, *modes: str) -> Plain | None:
        orders = self.model.tables["order"]
        active = sorted(key for key, each in orders.items() if each.status == "active" and each.order.mode in modes)
        names = sorted(orders) if self.chance(8) or not active else active
        return orders[self.one(names)].order if names else None

    def lift(self) -> Drawn:
        """Lift an order."""
        if not any(each.status == "active" for each in self.model.tables["order"].values()) and self.chance(90):
            return self.order()
        order = self._some_order("debit", "credit", "both", "arrest", "pause", "pause")
        sender = (order.by if self.chance(93) else "bank-b") if order else "treasury"
        return Drawn(OrderLift(order.id if order else "none", sha256(b"appeal").digest()), sender)

    def seize(self) -> Drawn:
        """Seize on an arrest."""
        order = self._some_order("arrest")
        if (order is None or self.model.tables["order"][f"order/{order.id}"].status != "active") and self.chance(80):
            return self.order()
        asset = order.asset if order and order.asset and self.chance(95) else self.asset()
        account = order.subject if order and order.scope == "account" and self.chance(90) else self.rich(asset)
        return Drawn(Seize(order.id if order else "none", account, asset, self.amount()), "operator" if self.chance(50) else "treasury")
