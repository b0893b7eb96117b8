"""The part of the demonstration day with `--bridge`: soms go to BNB Chain and come back, USDKG is watched on Ethereum.

One attestor of four is dead from the beginning, so everything is done by the other three. What happens on a public chain is shown with its
transaction there, what happens here with its receipt or the record that it left.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from bridge.identifiers import ledger_recipient
from devnet.day import DayFailed
from devnet.tokens import UNIT, decimal, reserve_of
from ledger.transactions.bridge_bodies import BridgeOut
from node.api.bridge_structs import LockBody, ReleaseBody

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from devnet.abroad import PublicChain, Sent
    from devnet.bridges import Bridges
    from devnet.day import Day

WAIT_SECONDS_MAX = 120
POLL_SECONDS = 0.1
DEAD = "treasury"
"""Whose attestor is never started."""
LOCKED, MOVED, LOST, BURNED = 1_234_567, 300_000, 50_000, 200_000
"""KGST in hundredths: locked for Aida, paid on to Bek, burned in a block that is taken back, burned for good."""
FIRST, MORE = 1_000_000 * UNIT, 500_000 * UNIT
"""USDKG that somebody else makes on Ethereum."""
BACK = "bank-b/main"


class BridgeDay:
    """The scenes, on bridges that are established."""

    def __init__(self, bridges: Bridges) -> None:
        self.bridges = bridges
        self.aida, self.bek = (each.lower() for each in bridges.bnb.people[2:4])

    async def run(self, day: Day) -> None:
        """Establish both routes and show all scenes in order.

        Raises
        ------
        DayFailed
            An amount is not what it must be, or does not come to be within two minutes.
        """
        await self.bridges.establish(day, dead=(DEAD,))
        await self.out(day)
        await self.lost(day)
        await self.back(day)
        await self.watched(day)
        await self.close(day)

    async def out(self, day: Day) -> None:
        """Lock, see it minted, move it there."""
        day.output.title(
            f"Out: {kgst(LOCKED)} KGST are locked, minted on BNB Chain, moved to another holder there; {DEAD}'s attestor was never started"
        )
        running = [each for each in self.bridges.attestors.values() if each.running]
        day.output.line(f"{len(running)} attestors of {len(self.bridges.attestors)} run, and three are enough")
        body = BridgeOut("KGST", "bank-a/main", LOCKED, self.bridges.kgst, bytes.fromhex(self.aida[2:]))
        began = time.perf_counter()
        await day.do(f"bank-a locks {kgst(LOCKED)} for Aida", day.wallet.sign("bank-a", body))

        async def minted() -> bool:
            return await self._held(self.aida) == LOCKED

        await self._until(day, "Aida has what was locked", minted)
        after = time.perf_counter() - began
        lock = await self._lock(day)
        minting = f"tx {lock.foreign_tx[:18]}…, lock {lock.nonce} {lock.lock_id[:16]}… {lock.state}"
        day.output.line(f"{'minted for Aida on BNB Chain':<38} {minting}, {after:.1f} s after it")
        moved = await self.bridges.token.send(self.aida, "transfer", self.bek, MOVED)
        self._there(day, f"Aida pays Bek {kgst(MOVED)} there", moved, self.bridges.bnb)

    async def lost(self, day: Day) -> None:
        """Burn, have the block reorganised away before it is final, and see that nothing is released."""
        bnb, bridges = self.bridges.bnb, self.bridges
        day.output.title(f"A reorganisation: Bek's burn of {kgst(LOST)} KGST is in a block that is taken back before it is final")
        before = await self._balance(day)
        held = await self._held(self.bek)
        await bridges.token.send(self.bek, "approve", bridges.bridge.address, LOST + BURNED)
        async with bnb.still():
            burned = await bridges.bridge.send_now(self.bek, "burn", LOST, ledger_recipient(BACK))
            self._there(day, f"Bek burns {kgst(LOST)} for {BACK}", burned, bnb)
            await bnb.forget(burned.block)
            if await bnb.block_of(burned.tx_hash) is not None or await self._held(self.bek) != held:
                raise DayFailed(f"the reorganisation did not take {burned.tx_hash} back")
        day.output.line(f"block {burned.block} was reorganised away: no block has that transaction, and Bek has his {kgst(held)} again")

        async def seen() -> bool:
            route = await bridges.route(day, bridges.kgst)
            return sum(1 for each in route.seen if each.block >= burned.block) >= route.threshold

        await self._until(day, f"attestors have seen block {burned.block} final", seen)
        route = await bridges.route(day, bridges.kgst)
        if (route.burns, route.released, await self._balance(day)) != (0, "0", before):
            raise DayFailed(f"a burn that never was has released something: {route.burns} burns, {route.released} released")
        day.output.line(
            f"block {burned.block} as it is now is final and observed: 0 burns, released 0.00, {BACK} has {kgst(before)} as before"
        )

    async def back(self, day: Day) -> None:
        """Burn for good, and see it released at home."""
        bridges = self.bridges
        day.output.title(f"Back: Bek burns {kgst(BURNED)} KGST on BNB Chain for {BACK}")
        before = await self._balance(day)
        began = time.perf_counter()
        burned = await bridges.bridge.send(self.bek, "burn", BURNED, ledger_recipient(BACK))
        self._there(day, f"Bek burns {kgst(BURNED)} for {BACK}", burned, bridges.bnb)

        async def released() -> bool:
            return await self._balance(day) == before + BURNED

        await self._until(day, f"{BACK} has what was burned", released)
        after = time.perf_counter() - began
        found = await day.client.get(f"/v1/bridge/routes/{bridges.kgst}/releases/1", ReleaseBody)
        if found.state != "released" or int(found.amount) != BURNED or found.tx_hash != burned.tx_hash.removeprefix("0x"):
            raise DayFailed(f"the release is {found.state} of {found.amount} for {found.tx_hash}")
        day.output.line(
            f"{'released at home':<38} burn {found.nonce}, tx {found.tx_hash[:16]}… {found.state} to {found.account}, "
            f"said by {len(found.votes)} attestors, {after:.1f} s after it"
        )

    async def watched(self, day: Day) -> None:
        """See what somebody else makes of USDKG on Ethereum, and what that does to the coverage."""
        bridges = self.bridges
        day.output.title(
            "USDKG on Ethereum: another maker's token has no cap of ours; its supply is watched and counts against the same gold"
        )
        supply = 0
        for amount in (FIRST, MORE):
            made = await bridges.foreign.send(bridges.maker, "mint", bridges.holder, amount)
            self._there(day, f"its maker makes {decimal(amount, 6)}", made, bridges.ethereum)
            supply += amount
            began = time.perf_counter()
            await self._until(day, "that supply is observed", partial(self._abroad, day, supply))
            found = await reserve_of(day, "USDKG")
            home = int(found.supply or 0)
            circulating = f"abroad {decimal(supply, 6)}, at home {decimal(home, 6)}"
            covered = f"gold at market {decimal(int(found.market), 6)} covers {(found.coverage_bps or 0) / 100:.2f} % ({found.state})"
            day.output.line(f"observed after {time.perf_counter() - began:.1f} s: {circulating}; {covered}")

    async def close(self, day: Day) -> None:
        """Show the totals of the route, on both sides."""
        bridges = self.bridges
        day.output.title("Bridge totals of KGST: what is locked is never less than what is out there")
        route = await bridges.route(day, bridges.kgst)
        there = await bridges.bridge.totals()
        supply = await bridges.token.number("totalSupply")
        for name, about, amount in (
            ("L", "locked here", route.locked),
            ("F", "refunded here", route.refunded),
            ("R", "released here", route.released),
            ("M", "minted there", route.minted),
            ("B", "burned there", route.burned),
            ("V", "in the vault", route.vault),
            ("S", "supply there", str(supply)),
        ):
            day.output.line(f"{name} {about:<14} {kgst(int(amount)):>14}")
        if (int(route.minted), int(route.burned)) != (there["cumulativeMinted"], there["cumulativeBurned"]):
            raise DayFailed(f"the contract says {there}, attestors {route.minted} and {route.burned}")
        surplus = int(route.vault) - supply
        if surplus < 0:
            raise DayFailed(f"{kgst(-surplus)} KGST are out there that nothing stands behind")
        day.output.line(f"V - S = {kgst(surplus)}, never below 0; the contract's own M and B are the same. Try: som bridge show {route.id}")

    async def _until(self, day: Day, what: str, true: Callable[[], Awaitable[bool]]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while not await true():
            if time.monotonic() > deadline:
                raise DayFailed(f"not within {WAIT_SECONDS_MAX} s: {what}; the processes' logs are beneath {self.bridges.folder}")
            await self.bridges.route(day, self.bridges.kgst)
            await asyncio.sleep(POLL_SECONDS)

    async def _abroad(self, day: Day, supply: int) -> bool:
        return int((await reserve_of(day, "USDKG")).foreign) == supply

    async def _lock(self, day: Day) -> LockBody:
        """Return the lock, once attestors agree that it is minted."""
        path = f"/v1/bridge/routes/{self.bridges.kgst}/locks/1"

        async def agreed() -> bool:
            return (await day.client.get(path, LockBody)).state == "minted"

        await self._until(day, "attestors agree on the mint", agreed)
        return await day.client.get(path, LockBody)

    async def _held(self, holder: str) -> int:
        return await self.bridges.token.number("balanceOf", holder)

    async def _balance(self, day: Day) -> int:
        return sum(int(each.posted) for each in (await day.client.account(BACK)).balances if each.asset == "KGST")

    def _there(self, day: Day, what: str, sent: Sent, chain: PublicChain) -> None:
        day.output.line(
            f"{what:<38} {chain.name} tx {sent.tx_hash[:18]}…, receipt 1 in block {sent.block}, after {sent.milliseconds:.1f} ms"
        )


def kgst(amount: int) -> str:
    """Write an amount of KGST."""
    return decimal(amount, 2)
