"""Totals recomputed from the raw events of both sides (B1, B2): logs of the contracts there, bytes of transactions and entries here.

Nothing of the code under test decodes them: topics are hashes of the events as bridge.md writes them, words are cut out of the data, and
transactions are read as plain MessagePack. What the sides say of themselves is compared with these sums, never the other way round.
"""

from __future__ import annotations

from bisect import bisect_right
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bridge.keccak import keccak256

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.bridge.contracts.chain import Log
    from tests.bridge.forking import Block, ForkingChain
    from tests.simulation_bridge.home import Entered

ZERO = bytes(32)


class Violation(Exception):
    """A promise is broken."""


def demand(held: object, promise: str) -> None:
    """Raise where a promise does not hold."""
    if not held:
        raise Violation(promise)


def topic(event: str) -> bytes:
    """Return the first topic of an event, by its name and types."""
    return keccak256(event.encode())


MINTED = topic("Minted(uint64,bytes32,address,uint256,uint256,uint64,uint256,uint256)")
BURNED = topic("Burned(uint64,address,bytes32,uint256,uint256)")
CHECKPOINT = topic("CheckpointTaken(uint64,uint64,bytes32,uint64,uint256,uint256,uint64)")
ROTATED = topic("AttestorsRotated(uint64,address[],uint256,uint64,uint64)")
TRANSFER = topic("Transfer(address,address,uint256)")


class MintThere(Struct, frozen=True):
    """A mint, as the bridge logged it."""

    lock_id: bytes
    recipient: bytes
    amount: int


class BurnThere(Struct, frozen=True):
    """A burn, as the bridge logged it."""

    recipient: bytes
    amount: int


class Sums(Struct, frozen=True):
    """What was logged up to the end of a block."""

    minted: int = 0
    burned: int = 0
    supply: int = 0
    """Of the token's own transfers from and to nobody."""
    attested: tuple[int, int, int] = (0, 0, 0)
    """Height, L and F of the newest height that an event names."""
    mints: tuple[tuple[int, MintThere], ...] = ()
    """By nonce, in the order in which they came."""
    burns: tuple[BurnThere, ...] = ()
    epoch: int = 1
    checkpoints: int = 0


def word(data: bytes, at: int) -> int:
    """Return the number that is word `at` of the data of an event or an answer."""
    return int.from_bytes(data[32 * at : 32 * at + 32], "big")


class There:
    """The sums of each block of the branch that stands now."""

    def __init__(self, chain: ForkingChain, bridge: str, token: str) -> None:
        self._chain, self._bridge, self._token = chain, bridge, token
        self._blocks: list[tuple[bytes, Sums]] = []
        self.named: set[tuple[int, int, int]] = set()
        """Heights with L and F that any event has named."""

    def read(self) -> Sums:
        """Read what is new, forget what a reorganisation took; return the sums of the newest block."""
        blocks = self._chain.blocks
        del self._blocks[len(blocks) :]
        while self._blocks and self._blocks[-1][0] != blocks[len(self._blocks) - 1].facts.hash:
            self._blocks.pop()
        for block in blocks[len(self._blocks) :]:
            before = self._blocks[-1][1] if self._blocks else Sums()
            self._blocks.append((block.facts.hash, self._after(before, block)))
        return self._blocks[-1][1]

    def at(self, number: int) -> Sums:
        """Return the sums of a block that was read."""
        return self._blocks[number][1]

    def _after(self, sums: Sums, block: Block) -> Sums:
        for mined in block.mined:
            for log in mined.logs:
                if log.address == self._token and log.topics[0] == TRANSFER:
                    made = word(log.data, 0) * ((log.topics[1] == ZERO) - (log.topics[2] == ZERO))
                    sums = replace(sums, supply=sums.supply + made)
                elif log.address == self._bridge:
                    sums = self._of_bridge(sums, log)
            demand(sums.supply == sums.minted - sums.burned, "there, after every transaction: S = opening + M - B")
            demand(sums.minted <= sums.attested[1] - sums.attested[2] or not sums.minted, "there, after every transaction: M <= L* - F*")
        return sums

    def _of_bridge(self, sums: Sums, log: Log) -> Sums:
        number = int.from_bytes(log.topics[1], "big") if len(log.topics) > 1 else 0
        if log.topics[0] == MINTED:
            mint = MintThere(log.topics[2], log.topics[3][12:], word(log.data, 0))
            demand(all(number != nonce for nonce, _ in sums.mints), f"lock {number} is minted once")
            sums = replace(sums, minted=sums.minted + mint.amount, mints=(*sums.mints, (number, mint)))
            demand(word(log.data, 1) == sums.minted, "the cumulative total of a mint is the sum of all")
            return self._attested(sums, (word(log.data, 2), word(log.data, 3), word(log.data, 4)))
        if log.topics[0] == BURNED:
            burn = BurnThere(log.topics[3], word(log.data, 0))
            sums = replace(sums, burned=sums.burned + burn.amount, burns=(*sums.burns, burn))
            demand(number == len(sums.burns), "burn nonces are contiguous")
            demand(word(log.data, 1) == sums.burned, "the cumulative total of a burn is the sum of all")
        elif log.topics[0] == CHECKPOINT:
            sums = replace(sums, checkpoints=sums.checkpoints + 1)
            return self._attested(sums, (number, word(log.data, 2), word(log.data, 3)))
        elif log.topics[0] == ROTATED:
            demand(number == sums.epoch + 1, "sets follow one another")
            sums = replace(sums, epoch=number)
        return sums

    def _attested(self, sums: Sums, named: tuple[int, int, int]) -> Sums:
        self.named.add(named)
        if named[0] <= sums.attested[0]:
            return sums
        demand(named[1] >= sums.attested[1] and named[2] >= sums.attested[2], "attested totals only grow")
        return replace(sums, attested=named)


class Paid(Struct, frozen=True):
    """What left the vault for a burn."""

    account: str
    amount: int


class LockHere(Struct, frozen=True):
    """A lock, as its transaction said."""

    lock_id: bytes
    recipient: bytes
    amount: int


class Home:
    """Sums over all that was ordered here."""

    def __init__(self, vault: str, route_id: bytes) -> None:
        self._vault, self._route_id = vault, route_id
        self._read = 0
        self.locked = self.refunded = self.released = 0
        self.locks: list[LockHere] = []
        self.refunds: set[int] = set()
        self.paid: list[Paid] = []
        self._heights, self._totals = [0], [(0, 0)]

    def read(self, ordered: list[Entered]) -> None:
        """Take in what is new."""
        for entered in ordered[self._read :]:
            if entered.outcome.code == 0:
                _, _, type_, _, _, _, _, body = msgspec.msgpack.decode(entered.raw)[0]
                self._take(type_, body, [(each.account, each.posted, each.leg) for each in entered.outcome.entries])
                self._note(entered.height)
            else:
                demand(not entered.outcome.entries, "what is refused moves nothing")
        self._read = len(ordered)

    def at(self, height: int) -> tuple[int, int]:
        """Return L and F as they were after a block."""
        return self._totals[bisect_right(self._heights, height) - 1]

    @property
    def vault(self) -> int:
        """V = L - F - R; routes of these histories open on nothing."""
        return self.locked - self.refunded - self.released

    def _note(self, height: int) -> None:
        if self._totals[-1] != (self.locked, self.refunded):
            if self._heights[-1] == height:
                self._heights.pop()
                self._totals.pop()
            self._heights.append(height)
            self._totals.append((self.locked, self.refunded))

    def _take(self, type_: str, body: Any, entries: list[tuple[str, int, int]]) -> None:  # noqa: ANN401 - plain MessagePack
        moved = sum(posted for account, posted, _ in entries if account == self._vault)
        demand(not sum(posted for _, posted, _ in entries) or type_ in ("issue", "redeem"), "what is paid is what is taken")
        if type_ == "bridge.out":
            _, _, amount, _, recipient = body
            self.locked += amount
            numbers = b"".join(each.to_bytes(8, "big") for each in (len(self.locks) + 1, amount, self.locked))
            lock_id = sha256(b"som/lock/1" + self._route_id + numbers + recipient).digest()
            self.locks.append(LockHere(lock_id, recipient, amount))
            demand(moved == amount, "what is locked is in the vault")
        elif type_ == "bridge.in" and body[2][0] == "expiry":
            self._refund(body[2][1], -moved)
        elif type_ == "bridge.in" and body[2][0] == "burn":
            self._release(entries)
        elif type_ == "bridge.claim" and body[1] == "refund":
            self._refund(body[2], -moved)
        elif type_ == "bridge.claim" and body[1] == "release":
            self._release(entries)
        else:
            demand(not moved, f"{type_} leaves the vault alone")

    def _refund(self, nonce: int, moved: int) -> None:
        if moved:
            demand(nonce not in self.refunds, f"lock {nonce} is refunded once")
            demand(moved == self.locks[nonce - 1].amount, f"lock {nonce} is refunded whole")
            self.refunds.add(nonce)
            self.refunded += moved

    def _release(self, entries: Iterable[tuple[str, int, int]]) -> None:
        out = [(leg, -posted) for account, posted, leg in entries if account == self._vault]
        to = [(leg, account, posted) for account, posted, leg in entries if account != self._vault]
        demand([leg for leg, _ in out] == [leg for leg, _, _ in to], "each burn is paid by one movement")
        for (_, amount), (_, account, posted) in zip(out, to, strict=True):
            demand(amount == posted > 0, "a burn is paid whole")
            self.released += amount
            self.paid.append(Paid(account, amount))
