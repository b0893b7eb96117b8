"""What an attestor saw on the other chain, as the ledger takes it (bridge.in, attest foreign). PURE: events in, facts out.

Burns are seen in order, without a gap, and their cumulative total is recomputed here from the amounts (B2, B6); an expiry is a final block
after the deadline in which the nonce is unused (B5). Whatever breaks what the contract promises is `Broken`: the attestor stops and halts
the route, since a bridge that contradicts itself must release nothing more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from bridge.attest import address_of
from bridge.errors import BridgeError
from bridge.identifiers import is_ledger_recipient
from ledger.attestations import Sighting
from ledger.bridges import Burn, Expiry, Mint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bridge.abi import Value
    from bridge.chains import ForeignBlock, Seen
    from ledger.bridges import Lock, RouteTerms

TVM_PREFIX: Final = b"\x41"
AMOUNT_MAX: Final = 10**18 - 1
"""L1: what the ledger can count; a token that has more is not ours."""


class Broken(BridgeError):
    """The public chain, or the contract there, contradicts what it said before, or what is true here."""

    def __init__(self, *, route: str, reason: str) -> None:
        super().__init__(f"route {route} is broken: {reason}; this attestor stops, halts the route and releases nothing more")
        self.route, self.reason = route, reason


class Progress(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How far one attestor has observed a route. Kept by whoever observes; a new one begins at the block that deployed the contract."""

    block: int
    block_hash: bytes
    """32 bytes; empty before the first observation."""
    burns: int = 0
    """Nonce of the last burn seen."""
    burned: int = 0
    """Sum of the burns seen."""
    minted: int = 0
    """Sum of the mints seen."""


class Observed(Struct, frozen=True):
    """What a range of final blocks brought."""

    progress: Progress
    """After it."""
    facts: tuple[Burn | Mint, ...]
    """In the order of the chain; each is one bridge.in."""


def check_continuity(route: str, progress: Progress, now: ForeignBlock) -> None:
    """See that the block which was observed last is still the one at its number: what was final stays so (B6).

    Raises
    ------
    Broken
        Another block stands there.
    """
    if progress.block_hash and (now.number != progress.block or now.hash != progress.block_hash):
        raise Broken(
            route=route,
            reason=f"block {progress.block} was final as {progress.block_hash.hex()[:16]} and is {now.hash.hex()[:16]} now: "
            "the chain was reorganised past its finality",
        )


def observe(route: str, terms: RouteTerms, progress: Progress, events: Iterable[Seen], final: ForeignBlock) -> Observed:
    """Turn the bridge contract's events after `progress` up to the block `final` into facts.

    Raises
    ------
    Broken
        A burn is missing or repeated, a total does not follow from the amounts, or an event lies outside the range.
    """
    facts: list[Burn | Mint] = []
    place = (progress.block, -1)
    for seen in events:
        here = (seen.block.number, seen.log_index)
        if not progress.block < seen.block.number <= final.number or here <= place:
            raise Broken(
                route=route, reason=f"an event of block {seen.block.number} came out of order, or from outside the range that was asked for"
            )
        place = here
        if seen.name == "Burned":
            burn = _burn(route, terms, seen)
            progress = _count_burn(route, progress, burn)
            facts.append(burn)
        elif seen.name == "Minted":
            progress = _count_mint(route, progress, seen)
            facts.append(_mint(terms, seen))
    return Observed(replace(progress, block=final.number, block_hash=final.hash), tuple(facts))


def facts_of(route: str, terms: RouteTerms, events: Iterable[Seen]) -> tuple[Burn | Mint, ...]:
    """Turn events that were observed before into the same facts again.

    Raises
    ------
    Broken
        A field is none of its kind.
    """
    names = ("Burned", "Minted")
    return tuple(_burn(route, terms, seen) if seen.name == "Burned" else _mint(terms, seen) for seen in events if seen.name in names)


def expiries(locks: Iterable[Lock], final: ForeignBlock, used: Callable[[int], bool]) -> tuple[Expiry, ...]:
    """Return an expiry for each lock whose deadline the block `final` has passed without its nonce being used (B5).

    `used` tells whether a nonce was used by the end of that very block; it is asked only where it matters. The ledger's clock, and ours,
    have no say.
    """
    late = sorted((lock for lock in locks if lock.state == "locked" and final.time > lock.deadline), key=lambda lock: lock.nonce)
    return tuple(
        Expiry(lock.nonce, lock.lock_id, lock.deadline, final.number, final.hash, final.time) for lock in late if not used(lock.nonce)
    )


def common_block(terms: RouteTerms, final: ForeignBlock) -> int:
    """Return the number of the block that all attestors sight: the newest multiple of the route's step that is final (B10)."""
    return final.number - final.number % terms.observe_step


def sighting_of(route: str, supply: int, at: ForeignBlock, totals: Mapping[str, Value] | None = None) -> Sighting:
    """Return what an attestor says of a common block: supply there, and the contract's M and B (zero of a contract that is not ours).

    Raises
    ------
    Broken
        A number is none, or more than the ledger can count.
    """
    minted = 0 if totals is None else _amount(route, "cumulativeMinted", totals.get("cumulativeMinted"))
    burned = 0 if totals is None else _amount(route, "cumulativeBurned", totals.get("cumulativeBurned"))
    return Sighting(_amount(route, "the supply", supply), minted, burned, at.number, at.hash)


def check_mint(lock: Lock | None, mint: Mint, route: str) -> None:
    """See that what was minted there was locked here: same nonce, id, recipient and amount (B8).

    Raises
    ------
    Broken
        It was not: somebody mints without a lock.
    """
    if lock is None or (lock.nonce, lock.lock_id, lock.recipient, lock.amount) != (mint.nonce, mint.lock_id, mint.recipient, mint.amount):
        raise Broken(
            route=route, reason=f"nonce {mint.nonce} was minted in transaction {mint.tx_hash.hex()} and is not locked like that here"
        )


def _burn(route: str, terms: RouteTerms, seen: Seen) -> Burn:
    recipient = _bytes(route, seen.fields.get("ledgerRecipient"), 32)
    if not is_ledger_recipient(recipient):
        raise Broken(route=route, reason=f"a burn names {recipient.hex()}, whose checksum the contract must have refused")
    return Burn(
        route_id=terms.route_id,
        chain_id=terms.chain_id,
        contract=terms.bridge,
        nonce=_amount(route, "the nonce of a burn", seen.fields.get("nonce")),
        block=seen.block.number,
        block_hash=seen.block.hash,
        tx_hash=seen.tx_hash,
        log_index=seen.log_index,
        sender=_address(route, terms, seen.fields.get("from")),
        recipient=recipient,
        amount=_amount(route, "the amount of a burn", seen.fields.get("amount")),
        cumulative=_amount(route, "the total of a burn", seen.fields.get("cumulativeBurned")),
    )


def _mint(terms: RouteTerms, seen: Seen) -> Mint:
    route, fields = terms.asset, seen.fields
    return Mint(
        nonce=_amount(route, "the nonce of a mint", fields.get("nonce")),
        lock_id=_bytes(route, fields.get("lockId"), 32),
        recipient=_address(route, terms, fields.get("recipient")),
        amount=_amount(route, "the amount of a mint", fields.get("amount")),
        block=seen.block.number,
        block_hash=seen.block.hash,
        tx_hash=seen.tx_hash,
        log_index=seen.log_index,
    )


def _count_burn(route: str, progress: Progress, burn: Burn) -> Progress:
    if burn.nonce != progress.burns + 1:
        raise Broken(route=route, reason=f"burn {progress.burns + 1} is missing: the contract showed burn {burn.nonce} next")
    burned = progress.burned + burn.amount
    if burn.amount == 0 or burn.cumulative != burned:
        raise Broken(
            route=route, reason=f"burn {burn.nonce} of {burn.amount} makes a total of {burned}, the contract says {burn.cumulative}"
        )
    return replace(progress, burns=burn.nonce, burned=burned)


def _count_mint(route: str, progress: Progress, seen: Seen) -> Progress:
    amount = _amount(route, "the amount of a mint", seen.fields.get("amount"))
    minted = progress.minted + amount
    said = _amount(route, "the total of a mint", seen.fields.get("cumulativeMinted"))
    if amount == 0 or said != minted:
        raise Broken(route=route, reason=f"a mint of {amount} makes a total of {minted}, the contract says {said}")
    return replace(progress, minted=minted)


def _amount(route: str, what: str, value: Value | None) -> int:
    if not isinstance(value, int) or not 0 <= value <= AMOUNT_MAX:
        raise Broken(route=route, reason=f"{what} is {str(value)[:80]}, not a number up to {AMOUNT_MAX}")
    return value


def _bytes(route: str, value: Value | None, size: int) -> bytes:
    if not isinstance(value, bytes) or len(value) != size:
        raise Broken(route=route, reason=f"a field of an event is not {size} bytes")
    return value


def _address(route: str, terms: RouteTerms, value: Value | None) -> bytes:
    """Return an address of an event as the ledger writes those of the chain: Tron's with 0x41."""
    if not isinstance(value, str) or len(value) != 42 or not value.startswith("0x"):
        raise Broken(route=route, reason="a field of an event is no address")
    try:
        address = bytes.fromhex(value[2:])
    except ValueError:
        raise Broken(route=route, reason="a field of an event is no address") from None
    return (TVM_PREFIX if terms.kind == "TVM" else b"") + address


def contract_of(terms: RouteTerms) -> bytes:
    """Return the 20 bytes of the bridge contract's address."""
    return address_of(terms, terms.bridge)


def in_ranges(first: int, last: int, most: int) -> Sequence[tuple[int, int]]:
    """Return `first` to `last`, both included, in ranges of at most `most` blocks: no node answers for everything at once."""
    return tuple((begin, min(begin + most - 1, last)) for begin in range(first, last + 1, most))
