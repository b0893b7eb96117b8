"""The demonstration day: real flows on real nodes, each shown with its transaction id, receipt and time to finality.

What this version has: issue by two keysets, wallets, payments within and across banks, a payroll of 500 legs, a hold settled in part,
KGST on locked soms, USDKG on attested gold, a validator killed and back, the trial balance, supply against reserves, and equal roots. With
`--bridge` public chains come in between (`devnet.bridge_day`).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

from devnet.client import Client, Refused
from devnet.tokens import gold, supply_against_reserves, wrapped_soms
from ledger.transactions.bodies import AccountOpen, Body, HoldBody, Issue, Leg, Pay, Settle, Void

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from devnet.network import Network
    from devnet.output import Output
    from devnet.wallet import Signed
    from node.api.structs import StatusBody

ASSET = "KGS"
STAFF = 500
POLL_SECONDS = 0.02
SETTLE_SECONDS_MAX = 60


class DayFailed(Exception):
    """A step of the demonstration did not end as it must."""


class Day:
    """One demonstration day on a running network."""

    def __init__(self, network: Network, client: Client, output: Output) -> None:
        self.network, self.client, self.output = network, client, output
        self.wallet = network.wallet
        self.mark = secrets.token_hex(2)
        """Part of the names of this day's wallets, so that a network that is started again can have another day."""
        self.aigul, self.bakyt = f"bank-a/aigul-{self.mark}", f"bank-b/bakyt-{self.mark}"

    async def run(self, *more: Callable[[Day], Awaitable[None]]) -> None:
        """Run all steps in order, and what else there is to show once all assets are issued.

        Raises
        ------
        DayFailed
            A receipt, a balance or a root is not what it must be.
        """
        await self.issue()
        await self.customers()
        await self.payroll()
        await self.hold()
        await wrapped_soms(self)
        await gold(self)
        for scene in more:
            await scene(self)
        await self.kill_and_return()
        await self.close()

    async def do(self, what: str, signed: Signed) -> None:
        """Submit, wait for the receipt, show it, insist that it took effect."""
        await self.do_all(what, [signed])

    async def do_all(self, what: str, batch: Sequence[Signed]) -> None:
        """Do the same for several at once; the last receipt is shown."""
        began = time.perf_counter()
        try:
            answers = await self.client.submit([one.raw for one in batch], wait="final")
        except Refused as refusal:
            raise DayFailed(f"{what}: {refusal}") from refusal
        milliseconds = (time.perf_counter() - began) * 1000
        for answer in answers:
            if answer.receipt is None or answer.receipt.code != 0:
                raise DayFailed(f"{what}: {answer.tx_id[:16]} is {answer.status}, code {answer.code} {answer.name}: {answer.message}")
            receipt = answer.receipt
        self.output.receipt(what, receipt, len(batch), milliseconds)

    async def refused(self, what: str, signed: Signed, code: int) -> None:
        """Submit, show the receipt, insist that the network refused it with this code."""
        began = time.perf_counter()
        answer = (await self.client.submit([signed.raw], wait="final"))[0]
        if answer.receipt is None or answer.receipt.code != code:
            raise DayFailed(f"{what}: {answer.tx_id[:16]} is {answer.status} and was not refused with {code}")
        self.output.receipt(what, answer.receipt, 1, (time.perf_counter() - began) * 1000)

    async def first_payment(self) -> None:
        """Finalise one transaction, so that the table of endpoints is not printed before the network works."""
        self.output.title("First transaction: a wallet is opened")
        await self.do("open a wallet", self._open("bank-a", f"bank-a/first-{self.mark}"))

    async def issue(self) -> None:
        """Issue a million som to each bank, signed by two keysets of the quorum."""
        self.output.title("Issue: 1,000,000.00 KGS to each bank, signed by two keysets, operator/ops and treasury/ops")
        for bank in ("bank-a", "bank-b"):
            body = Issue(asset=ASSET, to=f"{bank}/main", amount=100_000_000, basis="board decision 2026/1", source=None)
            await self.do(f"issue to {bank}", self.wallet.sign("operator", body, *self.network.issue_keysets))

    async def customers(self) -> None:
        """Open wallets, fund them, pay across banks."""
        self.output.title("Customers: wallets, payments from the bank, a payment from a customer of bank A to one of bank B")
        await self.do("open aigul's wallet at bank A", self._open("bank-a", self.aigul))
        await self.do("open bakyt's wallet at bank B", self._open("bank-b", self.bakyt))
        await self.do("bank-a pays aigul 5,000.00", self._pay("bank-a", "bank-a/main", self.aigul, 500_000))
        await self.do("bank-b pays bakyt 5,000.00", self._pay("bank-b", "bank-b/main", self.bakyt, 500_000))
        await self.do("aigul (A) pays bakyt (B) 12.50", self._pay("bank-a", self.aigul, self.bakyt, 1_250))

    async def payroll(self) -> None:
        """Pay 500 salaries in one atomic transaction."""
        self.output.title(f"Payroll: {STAFF} wallets at bank B, then one atomic payment of {STAFF} legs from bank A")
        names = [f"bank-b/staff-{self.mark}-{number:03}" for number in range(STAFF)]
        await self.do_all(f"open {STAFF} wallets", [self._open("bank-b", name) for name in names])
        legs = tuple(Leg("bank-a/main", name, ASSET, 45_000 + index, 0, "salary") for index, name in enumerate(names))
        await self.do(f"payroll of {STAFF} legs", self.wallet.sign("bank-a", _pay(legs, "SALA")))

    async def hold(self) -> None:
        """Reserve 100.00, take 60.00 of it, release the rest."""
        self.output.title("Hold: aigul's bank reserves 100.00 for bakyt, bank B takes 60.00, then releases the rest")
        until = time.time_ns() // 1_000_000 + 3_600_000
        body = HoldBody(self.aigul, self.bakyt, ASSET, 10_000, 0, until, "bank-b", "bank-b", "none", "authorisation")
        placed = self.wallet.sign("bank-a", body)
        await self.do("hold 100.00", placed)
        await self.do("settle 60.00 of it", self.wallet.sign("bank-b", Settle(hold=placed.tx_id, amount=6_000, witness=b"")))
        await self.do("void the rest", self.wallet.sign("bank-b", Void(hold=placed.tx_id)))
        balance = next(one for one in (await self.client.account(self.aigul)).balances if one.asset == ASSET)
        if (balance.posted, balance.held) != (str(500_000 - 1_250 - 6_000), "0"):
            raise DayFailed(f"{self.aigul} has {balance.posted} posted and {balance.held} held after the hold")

    async def kill_and_return(self) -> None:
        """Kill a validator with SIGKILL, pay on, let it come back and catch up."""
        victim = self.network.validators[-1]
        self.output.title(f"Fault: {victim.name} is killed with SIGKILL; payments go on; it comes back and catches up")
        await victim.kill()
        self.output.line(f"{victim.name} killed")
        for number in range(1, 11):
            await self.do(f"payment {number} of 10 with three of four", self._pay("bank-a", "bank-a/main", "bank-b/main", 100))
        at_kill = (await self.client.status()).height
        began = time.perf_counter()
        await victim.start()
        await self.network.ready(victim)
        await self.wait_for_height(victim.api_url, at_kill)
        self.output.line(f"{victim.name} is back and has caught up to height {at_kill} after {time.perf_counter() - began:.1f} s")
        await self.do("payment with all four", self._pay("bank-b", "bank-b/main", "bank-a/main", 100))

    async def close(self) -> None:
        """Show the trial balance, and that all nodes have the same roots at one height."""
        self.output.title("Close: trial balance, supply against reserves, roots")
        balance = await self.client.trial_balance()
        for line in balance.assets:
            self.output.line(f"{line.asset}: supply {line.supply}, sum over all accounts {line.sum}, held {line.held}")
            if int(line.sum) != 0:
                raise DayFailed(f"the trial balance of {line.asset} is {line.sum}, not 0")
        self.output.line("trial balance 0")
        for text, covered in await supply_against_reserves(self):
            self.output.line(text)
            if not covered:
                raise DayFailed(f"the reserve does not cover it: {text}")
        await self.equal_roots()

    async def equal_roots(self) -> None:
        """Find one height at which every node shows the same final block and roots."""
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        while time.monotonic() < deadline:
            statuses = await asyncio.gather(*(self.status(node.api_url) for node in self.network.nodes))
            if len({(status.height, status.final_block) for status in statuses}) == 1:
                roots = {
                    (status.transactions_root, status.participants_root, status.assets_root, status.governance_root) for status in statuses
                }
                if len(roots) != 1:
                    raise DayFailed(f"the nodes differ at height {statuses[0].height}: {roots}")
                self.output.roots(statuses)
                return
            await asyncio.sleep(POLL_SECONDS)
        raise DayFailed("the nodes did not come to one height within a minute")

    async def wait_for_height(self, url: str, height: int) -> None:
        """Wait until the node at `url` is final at `height`."""
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        while time.monotonic() < deadline:
            if (await self.status(url)).height >= height:
                return
            await asyncio.sleep(POLL_SECONDS)
        raise DayFailed(f"{url} did not reach height {height} within a minute")

    async def status(self, url: str) -> StatusBody:
        """Where the node at `url` stands."""
        async with Client(url) as client:
            return await client.status()

    def _open(self, bank: str, account: str) -> Signed:
        return self.wallet.sign(bank, AccountOpen(id=account, kind="wallet", pseudonym=b"", keyset=None, classes=()))

    def _pay(self, bank: str, debit: str, credit: str, amount: int) -> Signed:
        return self.wallet.sign(bank, _pay((Leg(debit, credit, ASSET, amount, 0, ""),), ""))


def _pay(legs: tuple[Leg, ...], purpose: str) -> Body:
    return Pay(legs=legs, mode="atomic", purpose=purpose, uetr=None, memo="", travel=None, return_of=None)
