"""Random bodies of the types that say who exists, who may do what, by which rules value exists, and who decides."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from ledger.assets import FeeRule, Policy
from ledger.attestations import Attestation, ReadyValue, ready_attestation
from ledger.canonical import encode
from ledger.codec import NAME_OF
from ledger.grants import Grant, Need, Quota, Scope
from ledger.holders import Limit, PseudonymAt
from ledger.keys import public_key_of
from ledger.participants import Key, Keyset, KeysetRecord, Participant
from ledger.reserves import Expiry, Locker, Reserve
from ledger.transactions.bodies import (
    AccountOpen,
    AccountSet,
    Approve,
    AssetPut,
    Attest,
    GrantEnd,
    GrantPut,
    HolderPut,
    KeysetPut,
    ParamSet,
    ParticipantPut,
    Propose,
    ValidatorsSet,
)
from tests.ledger.backing_world import OBSERVER, PRICE, SOURCES, gold_policy, vault_policy
from tests.ledger.epoch_world import box_of, sealed, validator
from tests.ledger.foreign_world import foreign_policy
from tests.ledger.people import LIMITS, pseudonym
from tests.ledger.world import VIEW_KEY, seed_of
from tests.simulation_ledger.draws import DAY_MS, HOUR_MS, Drawn, Draws

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from ledger.epochs import Validator, ViewKey
    from ledger.transactions.bodies import Body
    from tests.simulation_ledger.ledger import ComparedWorld

ACCOUNTS_MOST, ASSETS_MOST = 45, 9
NOTHING_THERE = "NOTHING"
CHOICES: tuple[Literal["yes", "no", "withdraw"], ...] = ("yes", "yes", "yes", "yes", "yes", "yes", "no", "withdraw")
PURSES, HOLDS = FeeRule("pay", "wallet", "", 1, 50, 2, 30), FeeRule("hold", "wallet", "", 0, 150, 0, 1_000)
MAKING = ("register", "tier", "wallet", "issue", "attest.reserve", "attest.price", "attest.foreign")
PERMISSIONS = (*MAKING, "redeem.approve", "order.freeze", "order.arrest", "order.seize", "order.pause", "root")
KEYS = {"a": VIEW_KEY, "b": b"b" * 32, "c": b"c" * 32}
CLASSES = ("", "", "", "anonymous", "mcc:8211", "mcc:8211@treasury", "mcc:5411", "school")
LEVELS = (None, 50, 500, 5_000, 100_000)
FEES = ((), (PURSES,), (HOLDS, FeeRule("pay", "", "", 1, 0, 0, 5)))


class RegistryDraws(Draws):
    """Bodies of registry, authority, policies and governance."""

    def __init__(self, world: ComparedWorld, choose: random.Random) -> None:
        super().__init__(world.model, choose)
        self.world = world
        self.essential: list[Grant] = []
        """What must be given again when somebody has ended it, or the history comes to a standstill."""
        self.drawing: tuple[tuple[Callable[[], Drawn], int], ...] = ()
        """What can be proposed."""

    def participant(self) -> str:
        """Any participant."""
        return self._participant()

    def keyset(self, owner: str, name: str) -> Keyset:
        """Make a keyset of new keys, or of one that stands elsewhere."""
        number = self.choose.choice((1, 1, 2, 3))
        keys = []
        for _ in range(number):
            seed = seed_of(owner, name, 100 + self.number())
            if self.chance(2):
                seed = self.choose.choice(list(self.world.seeds.values()))
            self.world.seeds[public_key_of(seed)] = seed
            until = 0 if self.chance(85) else self.model.now + self.choose.choice((20, 31, 40)) * DAY_MS
            keys.append(Key(public_key_of(seed), until))
        recovery = self.one(("", "", "", "ops", "compliance"))
        delay = self.choose.choice((3 * DAY_MS, 3 * DAY_MS, 5 * DAY_MS, HOUR_MS)) if recovery else 0
        return Keyset(name, self.choose.randint(1, number), tuple(sorted(keys, key=lambda key: key.public_key)), recovery, delay)

    # --- registry ------------------------------------------------------------------------------------------------------

    def register(self) -> Drawn:
        """Create, change, suspend, close or reactivate a participant."""
        known = self.model.tables["participant"]
        waiting = sorted(each.id for each in known.values() if each.status == "suspended")
        if waiting and self.chance(70):
            return self._put(known[f"participant/{self.one(waiting)}"], "active")
        if self.chance(25):
            name = f"bank-{self.number()}"
            kind = "operator" if self.chance(4) else "bank"
            return Drawn(ParticipantPut(Participant(name, kind, name, "", "", "KG", "active", "", (), (), ())), "operator")  # type: ignore[arg-type]
        record = known[self.one(sorted(known))]
        fleeting = record.id.startswith("bank-") and record.id not in ("bank-a", "bank-b")
        status = "closed" if fleeting and self.chance(30) else "suspended" if self.chance(15) else "active"
        return self._put(record, "active" if record.kind == "operator" else status)

    def _put(self, record: object, status: str) -> Drawn:
        old = self.world.state.get(f"participant/{getattr(record, 'id', '')}")
        if not isinstance(old, Participant):
            raise TypeError(record)
        indexes = [self.choose.randint(0, 5) for _ in range(3)] if self.chance(20) and old.kind != "operator" else []
        node_keys = tuple(sorted({public_key_of(seed_of(old.id, "node", index)) for index in indexes})) or old.node_keys
        if self.chance(3):
            node_keys = (public_key_of(seed_of("operator", "node", 0)),)
        boxes = old.box_keys or ((box_of(old.id),) if self.chance(50) else ())
        kind = "treasury" if self.chance(3) else old.kind
        others = sorted(each.id for each in self.model.tables["participant"].values() if each.id != old.id)
        successor = self.one(others) if status != "active" and self.chance(60) else ""
        if old.status == "closed":
            return Drawn(ParticipantPut(replace(old, successor=successor)), "operator")
        new = replace(old, successor=successor, status=status, name=f"name {self.number()}", node_keys=node_keys, box_keys=boxes, kind=kind)
        return Drawn(ParticipantPut(new), "operator")

    def rotate(self) -> Drawn:
        """Bring or rotate a keyset."""
        owner = self.account() if self.chance(40) else self.participant()
        record = self.model.get(f"account/{owner}")
        name = (record.keyset or "user") if record else self.one(("compliance", "compliance", "board", "ops"))
        name = "other" if self.chance(5) else name
        sender = owner.split("/", maxsplit=1)[0] if self.chance(60) else "operator"
        old = self.world.state.get(f"keyset/{owner}/{name}")
        if isinstance(old, KeysetRecord) and self.chance(60 if old.waiting else 25):
            again = Keyset(old.name, old.m, old.keys, old.recovery, old.delay_ms)
            new = again if self.chance(70 if old.waiting else 5) else self.keyset(owner, name)
            return Drawn(KeysetPut(owner, new, "recovery" if self.chance(50) else "current"), sender)
        return Drawn(KeysetPut(owner, self.keyset(owner, name)), sender)

    def hold_person(self) -> Drawn:
        """Register a person, or another tier."""
        known = sorted(self.model.tables["holder"])
        fresh = sha256(f"person {self.number()}".encode()).digest()[:16]
        holder = bytes.fromhex(self.one(known)[7:]) if known and (len(known) > 8 or self.chance(60)) else fresh
        banks = sorted(self.choose.sample(("bank-a", "bank-b", "treasury"), self.choose.randint(0, 2)))
        banks = ["bank-x"] if self.chance(3) else banks
        shared = fresh if self.chance(97) else bytes.fromhex(self.one(known)[7:]) if known else fresh
        whose = shared if self.chance(3) else holder
        until = self.choose.choice((0, 0, 0, self.model.now + DAY_MS))
        tier = self.one(("basic", "basic", "full", "", "gone"))
        return Drawn(HolderPut(holder, tier, until, tuple(PseudonymAt(bank, pseudonym(whose, bank)) for bank in banks)), "operator")

    def open(self) -> Drawn:
        """Open an account."""
        if len(self.model.tables["account"]) > ACCOUNTS_MOST and self.chance(90):
            return self.change()
        bank = self.participant()
        name = self.account() if self.chance(3) else f"{bank}/w{self.number()}"
        kind = self.one(("wallet", "wallet", "wallet", "settlement", "clearing", "vault" if self.chance(20) else "wallet"))
        known = sorted(key for key in self.model.tables["pseudonym"] if key.startswith(f"pseudonym/{bank}/"))
        person = bytes.fromhex(self.one(known).rpartition("/")[2]) if kind == "wallet" and known and self.chance(60) else b""
        person = bytes(range(16)) if kind == "wallet" and self.chance(2) else person
        label = self.one(CLASSES)
        label = "" if label == "anonymous" and (person or kind != "wallet") else label
        own = self.keyset(name, "user") if self.chance(25) else None
        return Drawn(AccountOpen(name, kind, person, own, (label,) if label else ()), bank if bank != "bank-x" else "operator")  # type: ignore[arg-type]

    def change(self) -> Drawn:
        """Close, reopen, give other classes or another keyset."""
        name = self.account()
        status = self.one(("", "open", "open", "open", "closing", "closed"))
        shut = sorted(each.id for each in self.model.tables["account"].values() if each.status != "open" and each.kind != "contra")
        if shut and self.chance(60):
            name, status = self.one(shut), "open"
        own = self.keyset(name, self.one(("user", "next"))) if self.chance(15) else None
        label = self.one(CLASSES)
        classes = ((label,) if label else ()) if self.chance(25) or (not status and own is None) else None
        return Drawn(AccountSet(name, status, own, classes), name.split("/", maxsplit=1)[0])  # type: ignore[arg-type]

    # --- authority -----------------------------------------------------------------------------------------------------

    def give(self) -> Drawn:
        """Give a grant; first what the history cannot do without."""
        if self.chance(15):
            return self._mandate()
        missing = [grant for grant in self.essential if self.model.get(f"grant/{grant.id}") is None]
        if missing and self.chance(80):
            return Drawn(GrantPut(self.choose.choice(missing)), "operator")
        permission, to = self.one(PERMISSIONS), self.participant()
        scope = Scope(self.asset() if self.chance(60) else "", self.participant() if self.chance(20) else "", "", ())
        scope = replace(scope, account=self.account()) if self.chance(8) else scope
        scope = replace(scope, classes=("mcc:*",)) if permission == "wallet" and self.chance(30) else scope
        quota = Quota(self.choose.choice((1, 3, 1_000)), self.one(("once", "day", "month"))) if self.chance(40) else None  # type: ignore[arg-type]
        members = sorted({f"{to}/ops", self.one(("operator/board", "treasury/treasury", "bank-b/compliance", "bank-a/gone"))})
        need = Need(self.choose.randint(1, len(members)), tuple(members)) if self.chance(40) else None
        ahead = self.choose.choice((10_000, HOUR_MS, DAY_MS))
        begin = self.model.now + HOUR_MS if self.chance(5) else 0
        until = max(self.model.now - 1 if self.chance(5) else self.model.now + ahead, begin + 1) if self.chance(70) else 0
        orders = permission.startswith("order.")
        lifters = ("bank-b",) if orders and self.chance(30) else ()
        name = self.one(sorted(self.model.tables["grant"]))[6:] if self.chance(4) else f"g{self.number()}"
        made = Grant(name, to, permission, scope, quota, need, lifters, begin, until, self.choose.randint(0, 2) if orders else 0)  # type: ignore[arg-type]
        issuer = self.policy(scope.asset)
        sender = issuer.issuer if issuer and permission.startswith("attest.") and self.chance(50) else "operator"
        return Drawn(GrantPut(made), sender)

    def _mandate(self) -> Drawn:
        """Let somebody debit an account."""
        account = self.rich("KGS")
        scope = Scope("KGS" if self.chance(60) else "", "bank-b" if self.chance(30) else "", account, ())
        quota = Quota(self.choose.choice((50, 5_000)), self.choose.choice(("day", "month"))) if self.chance(60) else None
        until = self.model.now + DAY_MS if self.chance(50) else 0
        made = Grant(f"g{self.number()}", self.participant(), "debit", scope, quota, None, (), 0, until, 0)
        return Drawn(GrantPut(made), self.sender_of(account))

    def end(self) -> Drawn:
        """End a grant, one that was drawn here most often."""
        grants = sorted(self.model.tables["grant"])
        drawn = [key for key in grants if key.startswith("grant/g")] or grants
        name = self.one(grants if self.chance(6) else drawn)[6:]
        record = self.model.get(f"grant/{name}")
        name = "nothing" if self.chance(4) else name
        return Drawn(GrantEnd(name), record.grant.to if record and self.chance(40) else "operator")

    def define(self) -> Drawn:
        """Define an asset, or alter one."""
        assets = sorted(self.model.tables["asset"])
        if len(assets) < ASSETS_MOST and self.chance(20):
            return self._new_asset()
        old = self.world.state.get(self.one(assets))
        policy = getattr(old, "policy", None)
        if not isinstance(policy, Policy):
            raise TypeError(old)
        changes: tuple[dict[str, object], ...] = (
            {"cap": self.choose.choice((None, 10**9, 10**15, 100))},
            {"fees": self.choose.choice(FEES)},
            {"limits": self._limits()},
            {"travel_min": self.choose.choice((0, 0, 200, 1_000))},
            {"powers": ("freeze", "pause", "seize")},
            {"powers": ()},
            {"fixed": self.choose.choice(((), ("cap",)))},
            {"decimals": self.choose.choice((2, 6))},
            {"queued": self.choose.choice((0, DAY_MS))}
            if not isinstance(policy.reserve, Reserve) or policy.reserve.kind != "vault"
            else {},
            {"receive": self.choose.choice(((), ("mcc:*", "school"), ("mcc:8211",)))},
            {"issuer": self.participant()} if self.chance(15) else {},
            {"expires": Expiry(self.model.now + HOUR_MS, self.account())} if self.chance(10) else {},
        )
        return Drawn(AssetPut(replace(policy, **self.choose.choice(changes))), policy.issuer)

    def _limits(self) -> tuple[Limit, ...]:
        if self.chance(40):
            return LIMITS
        if self.chance(40):
            return ()
        balance, once, day, month = (self.choose.choice(LEVELS) for _ in range(4))
        return (Limit("basic", balance, once, day, month, anonymous=self.chance(30)), LIMITS[1])

    def _new_asset(self) -> Drawn:
        code = f"N{self.number()}"
        drawn: tuple[Policy, ...] = (
            replace(gold_policy(code), queued=self.choose.choice((0, HOUR_MS))),
            vault_policy(code, backing=self.one(("KGS", "KGST", "KGS", NOTHING_THERE))),
            replace(self._purse(code), receive=("mcc:8211",)),
            replace(self._purse(code), receive=("mcc:*", "school"), powers=("freeze", "seize")),
            foreign_policy(code, lockers=(Locker("tron", "tron", self.choose.choice((code.encode(), b"N")), (OBSERVER,), DAY_MS),)),
            Policy(code, 2, self.participant(), "sovereign", 10**9, self._limits(), (), 0, (), None, (), "block", ()),
        )
        policy = self.choose.choice(drawn)
        return Drawn(AssetPut(policy), policy.issuer if policy.issuer != "bank-x" else "operator")

    def _purse(self, code: str) -> Policy:
        at = self.model.now + self.choose.choice((HOUR_MS, DAY_MS, 5 * DAY_MS, -1 if self.chance(5) else DAY_MS))
        return vault_policy(code, expires=Expiry(at, self.account("settlement", "clearing") if not self.chance(10) else self.account()))

    # --- facts, governance ---------------------------------------------------------------------------------------------

    def attest(self) -> Drawn:
        """Vouch, report a price, observe a supply, or be ready to validate."""
        if self.chance(12):
            return self._ready()
        if self.chance(8):
            return self._evidence()
        codes = [each.policy.code for each in self.model.tables["asset"].values() if not isinstance(each.policy.reserve, str)]
        code = "USDKG" if self.chance(75) else self.one(sorted(codes)) if codes and not self.chance(5) else self.asset()
        kind = self.one(("reserve", "price", "price", "price", "foreign"))
        asset = self.model.get(f"asset/{code}")
        if asset is not None and not isinstance(asset.policy.reserve, str) and asset.policy.reserve.kind == "foreign":
            kind = "foreign" if not self.chance(10) else kind
        by = {"reserve": "bank-b", "price": self.one(SOURCES), "foreign": OBSERVER}[kind]
        by = self.participant() if self.chance(4) else by
        name = {"reserve": "gold", "price": "XAU-USD", "foreign": "tron"}[kind]
        name = "silver" if self.chance(3) else name
        much = self.choose.choice((0, 10**9, 10 * self.amount(), self.amount(), self.amount()))
        value = self.choose.randint(1, 2 * PRICE) if kind == "price" else much
        subject = f"{code}:{name}"
        item = f"{code if self.chance(97) else 'USDKG'}-{self.choose.randint(1, 3)}" if kind == "reserve" else subject
        as_of = self.model.now + (HOUR_MS if self.chance(2) else 0) - (5_000 if self.chance(4) else 0)
        until = as_of + HOUR_MS if self.chance(15) else 0
        said = Attestation(item, kind, subject, value, as_of, until, bytes(32), "LBMA", by)  # type: ignore[arg-type]
        return Drawn(Attest(said), by if by != "bank-x" else "operator")

    def _evidence(self) -> Drawn:
        """Show that somebody has voted twice, perhaps again, perhaps of a key that never votes."""
        now = self.model.get(f"epoch/{self.world.epoch}")
        keys = [each.consensus_key for each in now.validators] if now else []
        key = (self.choose.choice(keys) if keys and not self.chance(10) else validator("bank-a", 3).consensus_key).hex()
        file, by = bytes([self.choose.randint(1, 250)]) * 32, "operator" if not self.chance(20) else self.participant()
        as_of = self.model.now + (HOUR_MS if self.chance(5) else 0)
        return Drawn(Attest(Attestation(key, "evidence", key, 0, as_of, 0, file, "", by)), by if by != "bank-x" else "operator")

    def _ready(self) -> Drawn:
        plan, now = self.model.get("epoch/next"), self.model.get(f"epoch/{self.world.epoch}")
        current = [each.consensus_key for each in now.validators] if now else []
        coming = [each for each in plan.validators if each.consensus_key not in current] if plan else []
        who = self.choose.choice(coming) if coming and not self.chance(5) else validator("bank-a", 0)
        planned, number = self.model.get("viewkey/next"), now.view_key if now else 0
        key = planned or self.model.get(f"viewkey/{number}")
        value = ReadyValue(
            max(0, self.world.height - self.choose.choice((0, 0, 3))), number + (planned is not None), self.choose.choice((6, 6, 6, 1))
        )
        made = ready_attestation(
            who.participant, who.consensus_key, value, view_key_hash=key.hash if key else bytes(32), as_of=self.world.time_ms
        )
        return Drawn(Attest(made), who.participant)

    def parameter(self) -> Drawn:
        """Set a parameter, the end of the epoch, or the view key."""
        if self.chance(12):
            return Drawn(ParamSet("epoch_end", self.world.height + self.choose.choice((3, 10, 12, 30)), 0), "operator")
        if self.chance(20):
            owners = self.choose.sample(("operator", "bank-a", "bank-b"), self.choose.randint(1, 3))
            boxes: ViewKey = sealed(*sorted({"operator", *owners}), key=self.choose.choice(list(KEYS.values())))
            return Drawn(ParamSet("view_key", boxes, 0), "operator")
        values = {"sweep_max": (3, 6, 500), "holds_per_account_max": (2, 4), "orders_per_subject_max": (2, 3), "proposals_open_max": (2, 8)}
        values |= {"epoch_length": (10, 25), "return_days": (1, 30), "heartbeat_ms": (100, 5_000), "legs_max": (4, 1_000)}
        values |= {"participants_max": (6, 1_024), "assets_max": (6, 256), "hold_ms_max": (60_000, 34_560_000_000)}
        key = self.one(sorted(values))
        at = self.choose.choice((0, 0, self.world.height + self.choose.randint(0, 9)))
        return Drawn(ParamSet(key, self.choose.choice(values[key]), at), "operator")

    def plan(self) -> Drawn:
        """Plan validators."""
        now = self.world.state.get(f"epoch/{self.world.epoch}")
        current: list[Validator] = list(getattr(now, "validators", ()))
        kept = [each for each in current if not self.chance(10)]
        new = [validator(self.one(("bank-a", "bank-b")), self.choose.randint(0, 5)) for _ in range(self.choose.randint(0, 2))]
        new = [each for each in new if self.chance(10) or self._can_join(each)]
        known = {each.consensus_key for each in kept}
        chosen = kept + [each for each in new if each.consensus_key not in known]
        if self.chance(4):
            chosen = [replace(chosen[0], participant="bank-x"), *chosen[1:]] if chosen else chosen
        return Drawn(ValidatorsSet(tuple(dict.fromkeys(chosen)), self.world.epoch + self.choose.choice((0, 1, 1, 1, 2))), "operator")

    def _can_join(self, newcomer: Validator) -> bool:
        """Whether the ledger knows the node of a newcomer, and its consensus key is new."""
        record = self.model.get(f"participant/{newcomer.participant}")
        return (
            record is not None and newcomer.node_key in record.node_keys and self.model.get(f"key/{newcomer.consensus_key.hex()}") is None
        )

    # --- votes ---------------------------------------------------------------------------------------------------------

    def propose(self) -> Drawn:
        """Propose what somebody else could send."""
        draws, weights = zip(*self.drawing, strict=True)
        drawn = self.choose.choices(draws, weights)[0]()
        content: Body = drawn.body
        ahead = self.choose.choice((20_000, HOUR_MS, DAY_MS, 31 * DAY_MS if self.chance(10) else DAY_MS))
        begin = self.model.now + 10_000 if self.chance(10) else 0
        until = self.model.now if self.chance(3) else self.model.now + ahead
        return Drawn(Propose(NAME_OF[type(content)], encode(content), begin, max(until, begin + 1)), drawn.sender)

    def vote(self) -> Drawn:
        """Vote on a proposal; who is asked is found out when it is signed."""
        names = sorted(self.model.tables["proposal"])
        name = bytes.fromhex(self.one(names)[9:]) if names and not self.chance(4) else bytes(32)
        members = ["operator/ops", "operator/board", "treasury/treasury", "treasury/ops", "bank-a/ops", "bank-b/ops", "bank-x/ops"]
        asked = self.asked_on(name)
        member = self.one(asked) if asked and not self.chance(10) else self.one(members)
        choice = self.choose.choice(CHOICES)
        return Drawn(Approve(name, member, choice), self._sender_for(member.rpartition("/")[0]))

    def asked_on(self, name: bytes) -> list[str]:
        """Return the keysets that a proposal asks."""
        proposal = self.model.get(f"proposal/{name.hex()}")
        return [] if proposal is None else self.world.asked(proposal.type, self.model.inner[name], proposal.proposer)[0]
