"""A live bridge of which one attestor of four is silent, slow or a liar: transfers complete, each once, and the liar is named (B9)."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

from bridge.digests import Domain, MintAuth, digest
from bridge.identifiers import ledger_recipient
from ledger.attestations import Attestation
from ledger.bridges import Burn, Word
from ledger.transactions.bodies import Attest
from ledger.transactions.bridge_bodies import BridgeIn
from node.api.bridge_structs import BridgeAttestation, Contradictions, LockBody
from tests.bridge.contracts.world import ROUTE as ROUTE_ID
from tests.devnet.bridge_flow import ALICE, BOB, HOME_B, Books, Money, check_processes, demand, until
from tests.devnet.bridge_net import PARTICIPANTS, ROUTE, BridgeNet
from tests.devnet.bridge_stranger import som

if TYPE_CHECKING:
    from pathlib import Path

FAULTY = PARTICIPANTS[1]
OTHERS = tuple(name for name in PARTICIPANTS if name != FAULTY)
LOCKED, BURNED = 8_000, 3_000
AWAKE_SECONDS, ASLEEP_SECONDS = 0.7, 4.0
ABOUT = f"KGS:{ROUTE}"
BEHIND_MS = 2_000
"""Of the ledger's clock: what is attested has been, by the time of the block."""


class Faulty:
    """The net with one of four at fault."""

    def __init__(self, net: BridgeNet) -> None:
        self.net = net
        self.money = Money([], [])
        self.key = net.keys[PARTICIPANTS.index(FAULTY)]

    async def start(self) -> None:
        """Start all others; the faulty one is dead from the beginning."""
        self.net.go_on(1)
        await asyncio.gather(*(self.net.processes[name].start() for name in (*OTHERS, "relayer")))

    async def transfer(self) -> float:
        """Lock for Alice, burn of what she then has; return the seconds until both have arrived."""
        began = time.monotonic()
        await self.lock()
        await self.arrive()
        await asyncio.to_thread(self.burn)
        await self.released()
        return time.monotonic() - began

    async def lock(self) -> None:
        """Lock for Alice."""
        self.money.locked.append(LOCKED)
        await self.net.lock(LOCKED, ALICE)

    def burn(self) -> None:
        """Burn of hers, for bank-b."""
        self.money.burned.append(BURNED)
        self.net.burn(ALICE, BURNED, HOME_B)

    async def arrive(self) -> None:
        """Wait until everything locked is minted, and the ledger knows."""
        total = sum(self.money.locked)

        async def minted() -> bool:
            return int((await self.net.route()).minted) == total

        await until(self.net, "every lock is minted", minted)

    async def released(self) -> None:
        """Wait until everything burned is released."""
        total = sum(self.money.burned)

        async def paid() -> bool:
            return int((await self.net.route()).released) == total

        await until(self.net, "every burn is released", paid)

    async def slow(self) -> float:
        """Let the faulty one run, but sleep most of the time; the others do not wait for it."""
        process = self.net.processes[FAULTY]
        await process.start()

        async def drowsy() -> None:
            while process.process is not None:
                process.process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(ASLEEP_SECONDS)
                process.process.send_signal(signal.SIGCONT)
                await asyncio.sleep(AWAKE_SECONDS)

        sleeping = asyncio.create_task(drowsy())
        try:
            return await self.transfer()
        finally:
            sleeping.cancel()
            await asyncio.gather(sleeping, return_exceptions=True)
            await process.kill()

    async def lie(self) -> str:
        """Let it sign two mints of a lock, each of more and for somebody else, and vote for two burns that never were."""
        net = self.net
        await self.lock()
        route = await net.route()
        lock = await net.client.get(f"/v1/bridge/routes/{ROUTE}/locks/{route.locks}", LockBody)
        for amount in (10 * LOCKED, 11 * LOCKED):
            await net.do(self._signed(lock, amount), FAULTY)
        for amount in (9 * BURNED, 10 * BURNED):
            await net.do(BridgeIn(ROUTE, FAULTY, self._burn_of_nobody(route.burns + 1, int(route.burned), amount)), FAULTY)
        await self.arrive()
        await asyncio.to_thread(self.burn)
        await self.released()
        return await self._named(route.locks, route.burns + 1)

    async def _named(self, lock: int, burn: int) -> str:
        """See that the lies are shown, alarmed, and counted by nobody."""
        net = self.net
        found = (await net.client.get(f"/v1/bridge/routes/{ROUTE}/contradictions", Contradictions)).contradictions
        shown = [(each.participant, each.what, each.number, len(each.said)) for each in found]
        demand(shown, [(FAULTY, "burn", burn, 1), (FAULTY, "mint", lock, 2)], "the liar is named, and nobody else")
        signed = await net.client.get(f"/v1/bridge/routes/{ROUTE}/attestation?what=mint&number={lock}", BridgeAttestation)
        demand(tuple(sorted(each.participant for each in signed.signatures)), tuple(sorted(OTHERS)), "what is carried has no lie in it")

        async def alarmed() -> bool:
            return all(f"{FAULTY} contradicts itself or the others: mint {lock}" in net.said(name) for name in OTHERS)

        await until(net, "every honest attestor alarms", alarmed)
        folder = net.folder / OTHERS[0]
        code, said = await som("--config", str(folder / "som.toml"), "bridge", "doctor", str(folder / "bridge.toml"))
        demand((code, f"{FAULTY} (" in said), (1, True), f"the doctor names it: {said}")
        return ", ".join(f"{what} {number}" for _, what, number, _ in shown)

    def _signed(self, lock: LockBody, amount: int) -> Attest:
        """Return leave to mint more than was locked, for somebody else; its form and signature are good."""
        message = MintAuth(
            route_id=ROUTE_ID,
            set_epoch=1,
            nonce=lock.nonce,
            lock_id=bytes.fromhex(lock.lock_id),
            recipient=bytes.fromhex(BOB[2:]),
            amount=amount,
            deadline=lock.deadline,
            ledger_height=lock.height,
            ledger_block_hash=bytes([9] * 32),
            cumulative_locked=10**9,
            cumulative_refunded=0,
        )
        signed = digest(Domain(self.net.anvil.chain_id, bytes.fromhex(self.net.there.bridge.address[2:])), message)
        word = Word("mint", 1, lock.nonce, signed, self.key.sign(signed))
        as_of = time.time_ns() // 1_000_000 - BEHIND_MS
        return Attest(Attestation(ABOUT, "bridge", ABOUT, word, as_of, 0, bytes(32), "", FAULTY))

    def _burn_of_nobody(self, nonce: int, burned: int, amount: int) -> Burn:
        """Return a burn that no block has, for an account of the liar's own."""
        return Burn(
            route_id=ROUTE_ID,
            chain_id=self.net.anvil.chain_id,
            contract=bytes.fromhex(self.net.there.bridge.address[2:]),
            nonce=nonce,
            block=1,
            block_hash=bytes([8] * 32),
            tx_hash=bytes([7] * 32),
            log_index=0,
            sender=bytes.fromhex(ALICE[2:]),
            recipient=ledger_recipient(HOME_B),
            amount=amount,
            cumulative=burned + amount,
        )


async def faulty(folder: Path, port_base: int) -> str:
    """Have one of four be silent, then slow, then a liar; return what happened.

    Raises
    ------
    BridgeFailed
        A transfer did not complete, an amount was lost or doubled, or a lie was not seen.
    """
    async with BridgeNet(folder, port_base) as net:
        books, found = Books(net), Faulty(net)
        await books.open()
        await found.start()
        silent = await found.transfer()
        slow = await found.slow()
        lies = await found.lie()
        await until(net, "every total is known on both sides", books.settled)
        check_processes(net, (*OTHERS, "relayer"))
        done = f"silent from the beginning: there and back in {silent:.1f} s; slow: {slow:.1f} s"
        named = f"a liar's {lies} are named by the node, the doctor and every other attestor, and counted nowhere"
        return f"{done}; {named}\n{await books.close(found.money)}"
