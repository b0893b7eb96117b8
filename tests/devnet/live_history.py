"""A random history on a live network, submitted over HTTP to all validators at once, and the naive model asked in the order of the ledger.

The commands are those of `tests.strategies`, drawn here from a seed; what differs is that nobody holds the clock, and that transactions are
ordered by the network: the model is asked in that order, at the time of each block.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from devnet.wallet import Signed
from ledger.assets import FeeRule, Policy
from ledger.codec import make_envelope, sign_transaction, tx_id_of
from ledger.keys import public_key_of
from ledger.participants import Key, Keyset
from ledger.transactions.bodies import AccountOpen, AccountSet, AssetPut, Body, HoldBody, Issue, Leg, Pay, Redeem, Settle, Void
from node.api.structs import BlockBody
from node.provision import POWERS
from tests.ledger.world import ALICE, BOB, TILL
from tests.naive import Naive, Purse
from tests.strategies import (
    BIG_HOLD_MS,
    BPS,
    CAP,
    CAST,
    CONTRA,
    FEES,
    FUNDS,
    NOBODY,
    Burn,
    Change,
    Command,
    Drop,
    Mint,
    Move,
    Reserve,
    Take,
    fee_of,
    member_of,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from devnet.client import Client
    from devnet.wallet import Wallet
    from node.api.structs import ReceiptBody

ASSET = "KGS"
VALID_MS = 120_000
NO_QUOTA = 10**17
HOLDS_MAX = 256
SHORT_HOLD_MS = 1_500
USER_SEED = sha256(b"the key of a user who signs for herself").digest()
ISSUERS = ("operator/ops", "treasury/ops")
"""Two of the root's three; the issue of the devnet's asset asks for as many."""
EXTRA_WALLETS = 40
"""More leaves than one bucket has, so that paths have branches."""


@dataclass(frozen=True)
class Sent:
    """A command, its transaction and what it says about a hold."""

    command: Command
    signed: Signed
    hold: bytes
    """Id of the hold that a settlement or void names."""
    until: int


@dataclass
class History:
    """What happened, and the model that agrees so far."""

    clients: Sequence[Client]
    wallet: Wallet
    draw: random.Random
    model: Naive = field(init=False)
    placed: list[bytes] = field(default_factory=list)
    codes: Counter[int] = field(default_factory=Counter)
    lapsed: int = 0
    last_short_hold: int = 0
    times: dict[int, int] = field(default_factory=dict)
    """Height -> block time."""
    final: dict[bytes, tuple[Command, ReceiptBody]] = field(default_factory=dict)

    async def begin(self) -> None:
        """Give the asset its fees and its cap, open the cast, and issue the same sum to everybody."""
        fees = tuple(FeeRule(kind, "wallet", "", 0, bps, 0, 1_000_000) for kind, bps in BPS.items())  # type: ignore[arg-type]
        policy = Policy(ASSET, 2, "operator", "sovereign", CAP, (), fees, 0, (), None, POWERS, "block", ())
        user = Keyset("user", 1, (Key(public_key_of(USER_SEED), 0),), "", 0)
        await self._must(
            self.sign(AssetPut(policy), *ISSUERS),
            self.sign(AccountOpen(ALICE, "wallet", b"", user, ()), "bank-a/ops", f"{ALICE}/user", sender="bank-a"),
            self.sign(AccountOpen(BOB, "wallet", b"", None, ()), "bank-b/ops", sender="bank-b"),
            *(self.sign(AccountOpen(name, "wallet", b"", None, ()), member_of(name), sender=name[:6]) for name in extra_wallets()),
        )
        issues = [self.sign(Issue(ASSET, name, FUNDS, "", None), *ISSUERS) for name in CAST]
        await self._must(*issues)
        purses = {name: Purse("wallet" if name in (ALICE, BOB) else "settlement", posted=FUNDS) for name in CAST}
        purses |= {CONTRA: Purse("contra", posted=-FUNDS * len(CAST)), FEES: Purse("fee")}
        self.model = Naive(purses, CONTRA, FEES, CAP, NO_QUOTA, BPS, HOLDS_MAX, 0)

    async def play(self, rounds: int, each: int) -> None:
        """Submit rounds of so many commands; everybody's at once, each round final before the next."""
        for _ in range(rounds):
            await self.round([self._draw() for _ in range(each)])
        while max(self.times.values()) < self.last_short_hold:
            await self.round([Move(((TILL, ALICE, 1),), "atomic", None)])

    async def round(self, commands: Sequence[Command]) -> None:
        """Submit commands to all validators at once, then ask the model in the order that the network chose."""
        sent = {one.signed.tx_id: one for one in map(self._send, commands)}
        lots = [[one.signed.raw for one in list(sent.values())[place :: len(self.clients)]] for place in range(len(self.clients))]
        answers = await asyncio.gather(
            *(client.submit(lot, wait="final") for client, lot in zip(self.clients, lots, strict=True) if lot),
        )
        receipts = []
        for answer in (one for some in answers for one in some):
            assert answer.receipt is not None, answer
            receipts.append(answer.receipt)
        for receipt in sorted(receipts, key=lambda one: (one.height, one.index)):
            await self._compare(sent[bytes.fromhex(receipt.tx_id)], receipt)

    async def compare_balances(self) -> None:
        """Every balance over HTTP is the model's."""
        for name, purse in self.model.purses.items():
            balances = {one.asset: (int(one.posted), int(one.held)) for one in (await self.clients[0].account(name)).balances}
            assert balances.get(ASSET, (0, 0)) == (purse.posted, purse.held), name

    async def _compare(self, sent: Sent, receipt: ReceiptBody) -> None:
        """Insist on the same code, leg of a payment, codes per leg, and changes."""
        model, before = self.model, len(self.model.holds)
        model.wait(await self._time(receipt.height))
        self.lapsed += before - len(model.holds)
        old = {name: (purse.posted, purse.held) for name, purse in model.purses.items()}
        code, leg, codes = self._ask(sent)
        assert (code, codes) == (receipt.code, receipt.codes), (sent.command, receipt)
        assert leg == receipt.failed_leg or not isinstance(sent.command, Move), (sent.command, receipt)
        change = {name: (purse.posted - old[name][0], purse.held - old[name][1]) for name, purse in model.purses.items()}
        entries: dict[str, tuple[int, int]] = {}
        for entry in receipt.entries:
            posted, held = entries.get(entry.account, (0, 0))
            entries[entry.account] = posted + int(entry.posted), held + int(entry.held)
        assert {name: both for name, both in entries.items() if any(both)} == {name: both for name, both in change.items() if any(both)}
        self.codes[receipt.code] += 1
        self.final[sent.signed.tx_id] = sent.command, receipt
        if isinstance(sent.command, Reserve) and receipt.code == 0:
            self.placed.append(sent.signed.tx_id)
            if sent.command.ahead_ms == SHORT_HOLD_MS:
                self.last_short_hold = max(self.last_short_hold, sent.until)

    def _ask(self, sent: Sent) -> tuple[int, int | None, tuple[int, ...]]:
        """Code, failed leg and codes per leg that the model gives."""
        model, command = self.model, sent.command
        match command:
            case Move(legs, mode, wrong):
                quoted = [
                    (one, two, amount, model.fee("pay", one, amount) + (place == wrong)) for place, (one, two, amount) in enumerate(legs)
                ]
                if mode == "atomic":
                    return *model.pay(quoted), ()
                code, codes = model.pay_each(quoted)
                return code, 0 if code else None, tuple(codes)
            case Mint(to, amount):
                code = model.issue(to, amount)
            case Burn(source, amount):
                code = model.redeem(source, amount)
            case Reserve(source, target, amount, _):
                code = model.hold(sent.signed.tx_id, source, target, amount, sent.until)
            case Take(_, amount):
                code = model.settle(sent.hold, amount)
            case Drop():
                code = model.void(sent.hold)
            case Change(account, status):
                code = model.set_status(account, status)
            case _:
                raise AssertionError(f"{command} is not for a live network")
        return code, None, ()

    def _draw(self) -> Command:
        """Draw a command: payments above all, and every reason to fail now and then."""
        draw, amount = self.draw, self.draw.choice((1, 7, 20, 33, 40, 150, 600, 2 * FUNDS))
        debit, credit = draw.sample((*CAST, *CAST, *CAST, *CAST, FEES, CONTRA, NOBODY), 2)
        credit = credit if credit != debit else next(name for name in CAST if name != debit)
        match draw.choices(range(7), (8, 2, 2, 5, 5, 2, 2))[0]:
            case 0:
                count = draw.randint(1, 5)
                others = [draw.sample(CAST, 2) for _ in range(count - 1)]
                legs = [(debit, credit, amount), *((one, two, draw.choice((1, 20, 150))) for one, two in others)]
                wrong = draw.randrange(count) if draw.random() < 0.1 else None
                return Move(tuple(legs), draw.choice(("atomic", "each")), wrong)
            case 1:
                return Mint(credit, amount)
            case 2:
                return Burn(debit, amount)
            case 3:
                ahead = draw.choice((SHORT_HOLD_MS, SHORT_HOLD_MS, 3_600_000, 86_400_000, 0, BIG_HOLD_MS))
                return Reserve(debit, credit, draw.choice((7, 40, 150, 600)), ahead)
            case 4:
                return Take(-draw.randint(1, 4), draw.choice((1, 7, 20, 33, 600)))
            case 5:
                return Drop(-draw.randint(1, 6))
            case _:
                return Change(debit, draw.choice(("open", "open", "open", "closing", "closed")))

    def _send(self, command: Command) -> Sent:
        """Sign what a command means."""
        hold, until = bytes(32), 0
        if isinstance(command, Take | Drop) and self.placed:
            hold = self.placed[command.which % len(self.placed)]
        if isinstance(command, Reserve):
            until = time.time_ns() // 1_000_000 + command.ahead_ms
        body, members = _body(command, hold, until)
        return Sent(command, self.sign(body, "operator/ops", *members), hold, until)

    def sign(self, body: Body, *members: str, sender: str = "operator") -> Signed:
        """Transaction from `sender`, signed by keysets `OWNER/NAME`."""
        envelope = make_envelope(
            chain=self.wallet.chain,
            sender=sender,
            ref=secrets.token_hex(8),
            valid_until=time.time_ns() // 1_000_000 + VALID_MS,
            salt=secrets.token_bytes(16),
            body=body,
        )
        seeds = {**self.wallet.seeds, (ALICE, "user"): USER_SEED}
        owners = [(owner, name) for owner, _, name in (member.rpartition("/") for member in dict.fromkeys(members))]
        return Signed(tx_id_of(envelope), sign_transaction(envelope, [(*one, seeds[one]) for one in owners]))

    async def _time(self, height: int) -> int:
        if height not in self.times:
            self.times[height] = (await self.clients[0].get(f"/v1/blocks/{height}", BlockBody)).fields.time_ms
        return self.times[height]

    async def _must(self, *signed: Signed) -> None:
        for answer in await self.clients[0].submit([one.raw for one in signed], wait="final"):
            assert answer.receipt is not None, answer
            assert answer.receipt.code == 0, answer


def extra_wallets() -> list[str]:
    """Wallets that only fill the trees."""
    return [f"{bank}/extra-{number:02}" for bank in ("bank-a", "bank-b") for number in range(EXTRA_WALLETS)]


def _body(command: Command, hold: bytes, until: int) -> tuple[Body, tuple[str, ...]]:
    """Body of a command, and who signs it beside the operator."""
    match command:
        case Move(legs, mode, wrong):
            made = tuple(
                Leg(debit, credit, ASSET, amount, fee_of("pay", debit, amount) + (place == wrong), "")
                for place, (debit, credit, amount) in enumerate(legs)
            )
            return Pay(made, mode, "", None, "", None, None), tuple(member_of(debit) for debit, _, _ in legs)
        case Mint(to, amount):
            return Issue(ASSET, to, amount, "", None), ISSUERS
        case Burn(source, amount):
            return Redeem(ASSET, source, amount, "", None), (member_of(source),)
        case Reserve(source, target, amount, _):
            fee = fee_of("hold", source, amount)
            return HoldBody(source, target, ASSET, amount, fee, until, "treasury", "treasury", "none", "escrow"), (member_of(source),)
        case Take(_, amount):
            return Settle(hold, amount, b""), ("treasury/ops",)
        case Drop():
            return Void(hold), ("treasury/ops",)
        case Change(account, status):
            return AccountSet(account, status, None), (f"{account.partition('/')[0]}/ops",)
        case _:
            raise AssertionError(f"{command} is not for a live network")
