"""One history of the whole bridge: what is drawn happens, and after each thing all promises are looked at, by raw events of both sides."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import contextmanager
from functools import cache
from random import Random
from typing import TYPE_CHECKING

from bridge.attestor import Stopped
from bridge.errors import BridgeError
from bridge.identifiers import ledger_recipient
from bridge.keccak import keccak256
from ledger.bridges import Lock, Release, lock_key, release_key
from tests.bridge.contracts.world import ROUTE as ROUTE_ID
from tests.bridge.whole import Killed
from tests.ledger.bridge_world import ROUTE, SUSPENSE, VAULT
from tests.simulation_bridge import raw
from tests.simulation_bridge.home import PURSES, Road
from tests.simulation_bridge.raw import Paid, Violation, demand
from tests.simulation_bridge.stage import Carter, Process, Witness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.abi import Interface
    from ledger.bridges import BridgeRoute
    from tests.bridge.forking import Block, Sent
    from tests.simulation_bridge.home import Fate
    from tests.simulation_bridge.raw import Sums
    from tests.simulation_bridge.stage import Stage

FATES: dict[Fate, int] = {"heard": 17, "lost": 1, "unheard": 1, "late": 1}
"""With their weights."""
MINTED_WORD, BURNED_WORD = 11, 12
"""Places of M and B in what `state()` returns."""
NONCE_WORD = 2
"""Place of the nonce in the call data of a mint."""
ACCOUNTS = {ledger_recipient(account): account for account in PURSES}


class History:
    """Both sides, everybody between them, and a source of choices."""

    def __init__(self, seed: int, folder: Path, made: Stage) -> None:
        self.draw = Random(seed)  # noqa: S311 - a history that replays, not a secret
        self.counts: Counter[str] = Counter()
        """How often something happened."""
        self.trace: list[str] = []
        """What was done, in words."""
        self.chain, self.contracts = made.chain, made.contracts
        self.ledger = made.ledger.twin()
        self.chain.restart(self.ledger.time_ms // 1_000 + self.draw.randrange(-900, 900))
        if made.folder is not None:
            shutil.copytree(made.folder, folder, dirs_exist_ok=True)
        self.calm = False
        """Whether nothing is lost any more."""
        self.road = Road(self.ledger, self._fate, made.changes)
        self.folder = folder
        self.witnesses = [Witness(each.participant, 0, self.road, self.chain, folder) for each in self.route.attestors]
        self.carters = [Carter(f"relayer-{at}", 701 + at, self.road, self.chain) for at in range(2)]
        self.liar = self.draw.choice((*[each.name for each in self.witnesses], ""))
        """One of at most f: it says anything; nobody where it is empty."""
        self.there = raw.There(self.chain, self.contracts.bridge.address, self.contracts.token.address)
        self.here = raw.Home(VAULT, ROUTE_ID)
        self.said_there: dict[bytes, str] = {}
        """Call data of every message that a relayer ever sent, and to which function."""
        self.outcomes: dict[tuple[str, int], str] = {}
        """What became of each message the last time that a relayer looked at it."""
        self.minting: set[int] = set()
        """Locks of which leave to mint was sent."""
        self._checked_refunds: set[int] = set()
        self._state, self._supply = (
            contract.interface.call(name, ())
            for contract, name in ((self.contracts.bridge, "state"), (self.contracts.token, "totalSupply"))
        )

    @property
    def route(self) -> BridgeRoute:
        """Record of the route, as it is now."""
        return self.ledger.route

    @property
    def processes(self) -> list[Process]:
        """Everybody that runs."""
        return [*self.witnesses, *self.carters]

    def _fate(self) -> Fate:
        return "heard" if self.calm else self.draw.choices(list(FATES), list(FATES.values()))[0]

    def say(self, text: str) -> None:
        """Write down what happens."""
        self.trace.append(text)

    # --- time and blocks there ----------------------------------------------------------------------------------------------

    def later(self, seconds: int) -> None:
        """Let time pass on both sides; the public chain does not stand still meanwhile."""
        self.ledger.time_ms += seconds * 1_000
        self.chain.wait(seconds)
        for _ in range(2):
            self.mine()
        self.finalise()

    def mine(self, *, whole: bool = False, time: int = 0) -> Block:
        """Make a block of some of what waits there, or of all of it; in any order but that of each sender's own."""
        pool = self.chain.pool
        taken = [each for each in pool if whole or self.draw.random() < 0.7]
        senders = [each.sender for each in taken]
        self.draw.shuffle(senders)
        inside: list[Sent] = []
        for sender in senders:
            each = next(one for one in taken if one.sender == sender)
            taken.remove(each)
            if each.nonce < 0 or each.nonce == self._count(sender) + sum(one.sender == sender and one.nonce >= 0 for one in inside):
                inside.append(each)
                pool.remove(each)
        block = self.chain.mine(inside, time)
        for mined in block.mined:
            if mined.refused is not None:
                self.counts[f"refused there: {self.contracts.bridge.interface.refusal(mined.refused).name}"] += 1
        return block

    def finalise(self, lag: int | None = None) -> None:
        """Let finality move on, as far as drawn."""
        behind = self.draw.randrange(4) if lag is None else lag
        self.chain.final_number = max(self.chain.final_number, self.chain.newest.number - behind)

    def _count(self, sender: str) -> int:
        return sum(each.sent.sender == sender and each.sent.nonce >= 0 for block in self.chain.blocks for each in block.mined)

    # --- processes ----------------------------------------------------------------------------------------------------------

    @contextmanager
    def surviving(self, process: Process) -> Iterator[None]:
        """Let a process do something that may fail for now, and in which it may be killed; what stops it for good is a violation."""
        process.fuse.left = self.draw.randrange(1, 160) if not self.calm and self.draw.random() < 0.3 else 0
        try:
            yield
        except Stopped as stopped:
            raise Violation(f"{process.name} has no reason to stop: {stopped}") from None
        except Killed:
            process.end()
            self.counts[f"killed: {'attestor' if isinstance(process, Witness) else 'relayer'}"] += 1
            self.say(f"{process.name} is killed")
        except BridgeError as problem:
            self.counts[f"tried again: {type(problem).__name__}"] += 1
        finally:
            process.fuse.left = 0

    def attest(self, witness: Witness) -> None:
        """Let an attestor do a step."""
        with self.surviving(witness):
            witness.step()

    def relay(self, carter: Carter) -> None:
        """Let a relayer do a step."""
        with self.surviving(carter):
            for carriage in carter.step():
                self.counts[f"carried: {carriage.what} {carriage.outcome}"] += 1
                self.outcomes[carriage.what, carriage.number] = carriage.outcome
                self.say(f"{carter.name}: {carriage.what} {carriage.number} {carriage.outcome}")
        for sent in (*self.chain.pool, *(each for node in carter.nodes for each in node.lost)):
            if sent.nonce >= 0 and sent.data not in self.said_there:
                self.said_there[sent.data] = names_of(self.contracts.bridge.interface).get(sent.data[:4], "")
                if self.said_there[sent.data] == "mint":
                    self.minting.add(raw.word(sent.data[4:], NONCE_WORD))

    # --- promises -----------------------------------------------------------------------------------------------------------

    def check(self) -> Sums:
        """Look at everything that is promised (B1); return the sums of the newest block there."""
        sums = self.there.read()
        here, route = self.here, self.route
        here.read(self.ledger.ordered)
        demand(here.vault - sums.supply >= 0, f"B1, V - S >= 0: {here.vault} in the vault, {sums.supply} out there")
        demand(here.locked - here.refunded >= sums.minted, "B1: what is minted was locked, and not refunded")
        demand(sums.burned >= here.released, "B1: what is released was burned")
        totals = (route.locked, route.refunded, route.released)
        demand(totals == (here.locked, here.refunded, here.released), f"the ledger says {totals} of L, F and R")
        demand(self.ledger.balance(VAULT)[0] == here.vault, "V = L - F - R is what is in the vault")
        final = self.there.at(self.chain.final_number)
        demand(route.released <= route.burned <= final.burned, "R <= B as agreed on <= B at the final block")
        demand(route.minted <= final.minted, "M as agreed on <= M at the final block")
        self._check_said(sums)
        self._check_mints(sums)
        self._check_refunds()
        self._check_releases(final)
        return sums

    def _check_said(self, sums: Sums) -> None:
        """Compare what the contracts say of themselves with their logs."""
        newest = self.chain.newest.number
        state, _ = self.chain.view(self.contracts.bridge.address, self._state, newest)
        supply, _ = self.chain.view(self.contracts.token.address, self._supply, newest)
        said = (raw.word(state, MINTED_WORD), raw.word(state, BURNED_WORD), raw.word(supply, 0))
        demand(said == (sums.minted, sums.burned, sums.supply), f"the contracts say {said} of M, B and S")
        for height, locked, refunded in self.there.named:
            demand((locked, refunded) == self.here.at(height), f"L {locked} and F {refunded} were never those of height {height}")

    def _check_mints(self, sums: Sums) -> None:
        for nonce, mint in sums.mints:
            demand(nonce <= len(self.here.locks), f"mint {nonce} has no lock")
            lock = self.here.locks[nonce - 1]
            same = (lock.lock_id, lock.recipient, lock.amount) == (mint.lock_id, mint.recipient, mint.amount)
            demand(same, f"mint {nonce} is another one than its lock")
            demand(nonce not in self.here.refunds, f"lock {nonce} is refunded and minted")

    def _check_refunds(self) -> None:
        final = self.chain.blocks[self.chain.final_number].facts
        for nonce in self.here.refunds - self._checked_refunds:
            demand(final.time > self.lock(nonce).deadline, f"lock {nonce} is refunded before a final block is past its deadline (B5)")
            self._checked_refunds.add(nonce)
            self.counts["refunded"] += 1
            self.counts["refunded, its mint under way"] += nonce in self.minting

    def _check_releases(self, final: Sums) -> None:
        """See that what was paid is what was burned in final blocks, each burn once, to whom it names."""
        burned = Counter(Paid(ACCOUNTS.get(burn.recipient, SUSPENSE), burn.amount) for burn in final.burns)
        demand(not Counter(self.here.paid) - burned, "what leaves the vault for burns is what was burned, to whom each burn names")

    def lock(self, nonce: int) -> Lock:
        """Lock as it is now."""
        record = self.ledger.state.get(lock_key(ROUTE, nonce))
        if not isinstance(record, Lock):
            raise TypeError(nonce)
        return record

    def release(self, nonce: int) -> Release | None:
        """Release as it is now, where anybody has told of it."""
        record = self.ledger.state.get(release_key(ROUTE, nonce))
        return record if isinstance(record, Release) else None


@cache
def names_of(interface: Interface) -> dict[bytes, str]:
    """Return the functions that relayers call, by selector."""
    return {keccak256(interface.functions[name].signature.encode())[:4]: name for name in ("mint", "checkpoint", "rotate")}
