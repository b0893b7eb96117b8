"""The relayer: carries what enough attestors signed to the contract. It has no power and needs no trust: anyone may do the same.

The contract takes each message once, so nothing is kept on disk: what is still to be carried is read off both sides in each step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import asdict

from bridge.attest import checkpoint_of, domain_of, mint_auth_of, rotation_of
from bridge.contracts import artifact
from bridge.digests import Checkpoint, MintAuth, RotateAttestors, digest
from bridge.errors import BridgeError, TransactionRefused, UnknownInterface
from bridge.keys import recovered
from bridge.observe import contract_of
from bridge.speaker import attested_at
from ledger.bridges import threshold_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.abi import Value
    from bridge.chains import Carrier, ForeignBlock, PublicChain
    from bridge.digests import Message
    from bridge.home import Home, ProvenRoute
    from ledger.bridges import Attestor

MESSAGES_STEP: Final = 32
"""Messages tried in one step."""
DONE: Final = frozenset({"NonceUsed", "HeightNotAbove", "EpochNotNext"})
"""Refusals that say that somebody has carried it already."""


class Carriage(Struct, frozen=True):
    """What became of one message."""

    what: str
    number: int
    outcome: str
    """`sent`, `mined`, `done` (another brought it), `few` (signatures are missing), or the contract's refusal by name."""
    tx_hash: bytes = b""


class Relayer:
    """Carries the messages of one route."""

    def __init__(self, home: Home, chain: PublicChain, carrier: Carrier) -> None:
        self._home, self._chain, self._carrier = home, chain, carrier
        self._interface = artifact("SomBridge").interface
        self._settled = 0
        """Locks up to here are decided: minted, expired or refunded."""

    def step(self) -> tuple[Carriage, ...]:
        """Carry what there is: sets first, since later messages are signed by the new one; then leaves to mint; then a refund's checkpoint.

        Raises
        ------
        BridgeError
            The ledger or the chain cannot be asked; it is done again.
        """
        newest = self._home.newest()
        terms = newest.route.terms
        if terms.mode != "enforced" or newest.route.status in ("proposed", "halted"):
            return ()
        final = self._chain.final()
        state = self._chain.state(contract_of(terms), final)
        rotations = self._rotations(newest, _number(state, "epoch"))
        if rotations:
            return rotations
        return (*self._mints(newest, final), *self._checkpoint(newest, state))

    def _rotations(self, newest: ProvenRoute, epoch: int) -> tuple[Carriage, ...]:
        """Carry the next set that the contract lacks; one after another, since each is signed by the one before."""
        if epoch >= newest.route.epoch:
            return ()
        message = rotation_of(newest.route, self._home.rotation(epoch + 1))
        return (self._carry(newest, "rotate", epoch + 1, message, self._home.rotation(epoch).attestors),)

    def _mints(self, newest: ProvenRoute, final: ForeignBlock) -> tuple[Carriage, ...]:
        """Carry leaves to mint, oldest first; what is late, few have signed, or is not final yet keeps nothing after it waiting."""
        done: list[Carriage] = []
        last = self._settled
        while sum(1 for each in done if each.outcome not in ("few", "done")) < MESSAGES_STEP and (page := self._home.locks(last)):
            for line in page:
                if line.state != "locked" and self._settled == line.nonce - 1:
                    self._settled = line.nonce
                elif line.state == "locked" and final.time <= line.deadline and (carried := self._mint(newest, line.nonce)) is not None:
                    done.append(carried)
            last = page[-1].nonce
        return tuple(done)

    def _mint(self, newest: ProvenRoute, nonce: int) -> Carriage | None:
        if not self._home.signatures("mint", nonce):
            return None
        lock = self._home.lock(nonce)
        if lock.state != "locked" or self._chain.nonce_used(contract_of(newest.route.terms), nonce, self._chain.final()):
            return None
        change = attested_at(self._home, newest, lock)
        return self._carry(newest, "mint", nonce, mint_auth_of(change.route, lock, change.at), change.route.attestors)

    def _checkpoint(self, newest: ProvenRoute, state: Mapping[str, Value]) -> tuple[Carriage, ...]:
        """Carry the newest attestation where the contract does not know of a refund yet, or of no attestation at all.

        Locks need none: a leave to mint brings the totals itself. A refund lowers what may be minted, so it is brought at once.
        """
        if _number(state, "ledgerHeight") and _number(state, "cumulativeRefunded") >= newest.route.refunded:
            return ()
        height = self._home.attested("checkpoint")
        if height <= _number(state, "ledgerHeight"):
            return ()
        page = self._home.changes(height - 1)
        if not page or page[0].at.height != height:
            return ()
        return (self._carry(newest, "checkpoint", height, checkpoint_of(page[0].route, page[0].at), page[0].route.attestors),)

    def _carry(self, newest: ProvenRoute, what: str, number: int, message: Message, attestors: Sequence[Attestor]) -> Carriage:
        domain = domain_of(newest.route.terms)
        signatures = chosen(self._home, what, number, digest(domain, message), attestors)
        if not signatures:
            return Carriage(what, number, "few")
        data = self._interface.call(what, (_values(message), b"".join(signatures)))
        try:
            carried = self._carrier.carry(contract_of(newest.route.terms), data)
        except TransactionRefused as refused:
            name = self._refusal(refused)
            return Carriage(what, number, "done" if name in DONE else name)
        return Carriage(what, number, "mined" if carried.mined else "sent", carried.tx_hash)

    def _refusal(self, refused: TransactionRefused) -> str:
        try:
            return self._interface.refusal(refused.data).name
        except UnknownInterface:
            return "reverted"


def chosen(home: Home, what: str, number: int, signed: bytes, attestors: Sequence[Attestor]) -> tuple[bytes, ...]:
    """Return exactly as many good signatures of members as the contract takes, by address; none where there are too few.

    What the ledger keeps is opaque to it, so each one is recovered here: one bad signature would spoil the whole message.
    """
    members = {each.address[-20:] for each in attestors}
    good: dict[bytes, bytes] = {}
    for each in home.signatures(what, number):
        address = recovered(signed, each.signature)
        if address is not None and address in members:
            good[address] = each.signature
    needed = threshold_of(len(members))
    return tuple(good[address] for address in sorted(good)[:needed]) if len(good) >= needed else ()


def _values(message: Message) -> tuple[Value, ...]:
    """Return a message's fields in the order of the ABI, which is that of the struct; addresses as text."""
    match message:
        case Checkpoint():
            return tuple(asdict(message).values())
        case MintAuth():
            return tuple("0x" + value.hex() if name == "recipient" else value for name, value in asdict(message).items())
        case RotateAttestors():
            shown = tuple("0x" + each.hex() for each in message.attestors)
            return tuple(shown if name == "attestors" else value for name, value in asdict(message).items())
    raise AssertionError(f"a {type(message).__name__} is brought by its signers")


def _number(state: Mapping[str, Value], name: str) -> int:
    value = state.get(name)
    if not isinstance(value, int):
        raise NoState(name=name)
    return value


class NoState(BridgeError):
    """The contract does not say what every one of ours says."""

    def __init__(self, *, name: str) -> None:
        super().__init__(f"the contract's state has no number {name}: it is none of ours")
