"""A route on a chain: token, bridge, four attestors of whom three sign, an admin, a guardian and people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bridge.contracts import artifact
from bridge.digests import Checkpoint, Domain, Message, MintAuth, ReserveStatement, RotateAttestors, digest
from bridge.identifiers import ledger_recipient
from tests.bridge.contracts.chain import GENESIS_TIME, Chain, Contract, PublicChain, Receipt, deploy
from tests.bridge.keys import Key, keys, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.abi import Value

ROUTE = bytes.fromhex("5a") * 32
BLOCK = bytes.fromhex("b1") * 32
ADMIN, GUARDIAN, FREEZER = ("0x" + byte * 20 for byte in ("a1", "a2", "a3"))
ALICE, BOB, CAROL = ("0x" + byte * 20 for byte in ("c1", "c2", "c3"))
HOME = ledger_recipient("KG01:alice")
DELAY = 48 * 3600
LIMITS = (1_000_000, 5_000_000, 2_000_000, 100)
"""Per mint, per day, bucket, and the bucket's refill per second, in minor units."""
CEILING = 10**12
NO_ONE = "0x" + "00" * 20


def threshold(count: int) -> int:
    """Return the only threshold that a set of this size may have (B9)."""
    return 2 * count // 3 + 1


class World:
    """One deployed route and what its honest attestors would sign."""

    def __init__(
        self,
        *,
        attestors: Sequence[Key] = (),
        reserve: Sequence[Key] = (),
        opening: int = 0,
        code: str | None = None,
        chain: PublicChain | None = None,
    ) -> None:
        self.chain = chain or Chain()
        self.attestors = tuple(attestors) or keys(4)
        self.reserve = tuple(reserve)
        token_values = ("Som", "KGST", 2, ADMIN, DELAY, ALICE if opening else NO_ONE, opening)
        self.token = deploy(self.chain, artifact("SomToken"), *token_values)
        self.bridge = self.deploy_bridge(code, opening=opening)
        self.domain = Domain(self.chain.chain_id, bytes.fromhex(self.bridge.address[2:]))
        for role in ("PAUSER_ROLE", "FREEZER_ROLE"):
            self.token.send(ADMIN, "grantRole", self.token.read(role)[0], FREEZER)
        self.token.send(ADMIN, "setCeiling", self.bridge.address, CEILING)
        if opening:
            self.chain.wait(DELAY)
            self.token.send(ALICE, "applyCeiling", self.bridge.address)
            self.token.send(ADMIN, "adoptOpening", self.bridge.address, opening)

    def deploy_bridge(self, code: str | None = None, /, **changes: Value) -> Contract:
        """Deploy a bridge for the token, with some fields of its configuration changed."""
        return deploy(self.chain, artifact("SomBridge"), tuple(self.configuration(**changes).values()), code=code)

    def configuration(self, **changes: Value) -> dict[str, Value]:
        """Return the constructor's argument, field by field."""
        fields: dict[str, Value] = {
            "route_id": ROUTE,
            "token": self.token.address,
            "decimals": 2,
            "opening": 0,
            "predecessor": NO_ONE,
            "admin": ADMIN,
            "delay": DELAY,
            "guardian": GUARDIAN,
            "limits": LIMITS,
            "attestors": [one.address for one in self.attestors],
            "threshold": threshold(len(self.attestors)),
            "reserve_signers": [one.address for one in self.reserve],
            "reserve_threshold": 2 if self.reserve else 0,
        }
        if unknown := changes.keys() - fields.keys():
            raise AssertionError(f"the configuration has no {unknown}")
        return fields | changes

    @property
    def quorum(self) -> tuple[Key, ...]:
        """Return exactly as many attestors as must sign, in order."""
        return self.attestors[: threshold(len(self.attestors))]

    def checkpoint(self, **changes: int | bytes) -> Checkpoint:
        """Return a checkpoint of height 10: 5 locks, 1,000,000 locked."""
        return msgspec.structs.replace(Checkpoint(ROUTE, 1, 10, BLOCK, 5, 1_000_000, 0, GENESIS_TIME), **changes)

    def auth(self, **changes: int | bytes) -> MintAuth:
        """Return leave to mint 1,000 of lock 1 to Alice, read at height 10."""
        alice = bytes.fromhex(ALICE[2:])
        made = MintAuth(ROUTE, 1, 1, b"\x01" * 32, alice, 1_000, self.chain.now + 3600, 10, BLOCK, 1_000_000, 0)
        return msgspec.structs.replace(made, **changes)

    def rotation(self, to: Sequence[Key], **changes: int | bytes | bool) -> RotateAttestors:
        """Return a rotation to these keys as epoch 2."""
        made = RotateAttestors(ROUTE, 2, tuple(one.address for one in to), threshold(len(to)), 20, immediate=False)
        return msgspec.structs.replace(made, **changes)

    def statement(self, **changes: int | bytes) -> ReserveStatement:
        """Return a reserve statement of height 10: 1,000,000 locked and in the vault."""
        made = ReserveStatement(ROUTE, 10, BLOCK, 1_000_000, 0, 0, 1_000_000, GENESIS_TIME)
        return msgspec.structs.replace(made, **changes)

    def carry(self, message: Message, by: Sequence[Key] | None = None, sender: str = CAROL) -> Receipt:
        """Have a stranger carry a message to the bridge, signed by these keys or by the quorum."""
        names = {Checkpoint: "checkpoint", MintAuth: "mint", RotateAttestors: "rotate", ReserveStatement: "submitReserve"}
        whom = by if by is not None else self.reserve[:2] if isinstance(message, ReserveStatement) else self.quorum
        signatures = signed(digest(self.domain, message), whom)
        return self.bridge.send(sender, names[type(message)], msgspec.structs.astuple(message), signatures)

    def mint(self, **changes: int | bytes) -> Receipt:
        """Carry a mint that the quorum signed."""
        return self.carry(self.auth(**changes))

    def burn(self, amount: int, sender: str = ALICE, recipient: bytes = HOME) -> Receipt:
        """Approve and burn."""
        self.token.send(sender, "approve", self.bridge.address, amount)
        return self.bridge.send(sender, "burn", amount, recipient)

    def balance(self, of: str) -> int:
        """Return the tokens of an address."""
        return self.token.number("balanceOf", of)

    def state(self) -> dict[str, Value]:
        """Return the bridge's own account of itself."""
        return self.bridge.record("state")
