"""What an attestor signs for the other chain, and leaves with the ledger for anyone to carry there (B9).

The height of a message is given, never chosen (`bridge.home`): a checkpoint is of each height at which lock count, L, F or the set changed;
the leave to mint a lock is of the height that locked it, or that brought the current set where that came later. So every attestor, whenever
it comes to it, makes the same message. What was signed is known to the marks; the cursor only saves work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from bridge.attest import SIGNING, checkpoint_of, domain_of, mint_auth_of, rotation_of
from bridge.digests import digest
from bridge.errors import NotAboveMark
from bridge.home import HomeDistrusted, HomeRefused
from ledger.bridges import Word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.digests import Message
    from bridge.home import Home, ProvenRoute
    from bridge.signer import Signer
    from ledger.bridges import Attestor, Lock
    from ledger.bridges import BridgeRoute as RouteRecord

CATCH_UP: Final = 32
"""Checkpoints that are signed after a pause: the ledger keeps an attestor's newest 64 signatures, older ones help nobody."""
MINTS_STEP: Final = 16
"""Leaves to mint in one step, so that no step takes minutes."""


class Spoken(Struct, frozen=True, forbid_unknown_fields=True):
    """How far an attestor has signed."""

    height: int = 0
    """Of the last change that was looked at."""
    totals: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Epoch, lock count, L and F of it."""
    rotation: int = 1
    """Newest epoch whose set was signed for, or was not ours to sign for; the first one is signed by nobody."""
    epoch: int = 0
    """For which the next two hold."""
    mint: int = 0
    """Locks up to here were signed, or need not be."""
    waiting: tuple[int, ...] = ()
    """Locks up to there that were not: big ones wait at home first (B7)."""


class Speaker:
    """Signs for one attestor on one route."""

    def __init__(self, home: Home, signer: Signer, by: str) -> None:
        self._home, self._signer, self._by = home, signer, by

    def step(self, spoken: Spoken) -> Spoken:
        """Sign what there is to sign; raises as `Home` and `Signer` do, and `HomeRefused`. Whatever happens, it can be done again."""
        newest = self._home.newest()
        route = newest.route
        if route.terms.mode != "enforced" or route.status not in SIGNING:
            return spoken
        spoken = self._rotations(newest, spoken)
        if not self._is_member(route.attestors):
            return spoken
        return self._checkpoints(newest, self._mints(newest, spoken))  # people wait for mints, and they have deadlines

    def _rotations(self, newest: ProvenRoute, spoken: Spoken) -> Spoken:
        """Sign each set that came since, as a member of the one before it."""
        for epoch in range(spoken.rotation + 1, newest.route.epoch + 1):
            if self._is_member(self._home.rotation(epoch - 1).attestors):
                rotation = self._home.rotation(epoch)
                self._leave(newest.route, rotation_of(newest.route, rotation), Word("rotate", epoch - 1, epoch, bytes(32), b"\0"))
            spoken = replace(spoken, rotation=epoch)
        return spoken

    def _checkpoints(self, newest: ProvenRoute, spoken: Spoken) -> Spoken:
        """Sign the locked-supply attestation of each height that changed it."""
        found: list[ProvenRoute] = []
        height, totals = spoken.height, spoken.totals
        while page := self._home.changes(height):
            for change in page:
                height = change.at.height
                if change.route.status in SIGNING and _totals(change.route) != totals:  # what changed in a halt is signed when it is over
                    totals = _totals(change.route)
                    found.append(change)
        for change in found[-CATCH_UP:]:
            route = change.route
            if route.status in SIGNING and route.epoch in (newest.route.epoch, newest.route.epoch - 1) and self._is_member(route.attestors):
                message = checkpoint_of(route, change.at)
                self._leave(route, message, Word("checkpoint", route.epoch, change.at.height, bytes(32), b"\0"))
        return replace(spoken, height=height, totals=totals)

    def _mints(self, newest: ProvenRoute, spoken: Spoken) -> Spoken:
        """Sign the leave to mint of each open lock once for each set, when it need not wait any more."""
        route = newest.route
        if spoken.epoch != route.epoch:
            spoken = replace(spoken, epoch=route.epoch, mint=0, waiting=())
        waiting = list(spoken.waiting)
        last = spoken.mint
        while page := self._home.locks(last):
            waiting += [line.nonce for line in page if line.state == "locked"]
            last = page[-1].nonce
        left: list[int] = []
        signed = 0
        for nonce in waiting:
            if signed >= MINTS_STEP:
                left.append(nonce)
                continue
            lock = self._home.lock(nonce)
            if lock.state != "locked" or newest.at.time_ms // 1_000 > lock.deadline:
                continue
            if lock.sign_from_ms > newest.at.time_ms:
                left.append(nonce)
                continue
            self._mint(newest, lock)
            signed += 1
        return replace(spoken, mint=last, waiting=tuple(left))

    def _mint(self, newest: ProvenRoute, lock: Lock) -> None:
        change = attested_at(self._home, newest, lock)
        if self._is_member(change.route.attestors):
            message = mint_auth_of(change.route, lock, change.at)
            self._leave(change.route, message, Word("mint", change.route.epoch, lock.nonce, bytes(32), b"\0"))

    def again(self, newest: ProvenRoute, nonces: Sequence[int]) -> int:
        """Sign again the open locks of these whose signature is no longer kept; return how many."""
        done = 0
        for nonce in nonces:
            if any(each.address == self._signer.address for each in self._home.signatures("mint", nonce)):
                continue
            lock = self._home.lock(nonce)
            if lock.state == "locked" and lock.sign_from_ms <= newest.at.time_ms and newest.at.time_ms // 1_000 <= lock.deadline:
                self._mint(newest, lock)
                done += 1
        return done

    def _leave(self, route: RouteRecord, message: Message, word: Word) -> None:
        """Sign a message, and leave the signature with the ledger."""
        domain = domain_of(route.terms)
        try:
            signature = self._signer.sign(domain, message)
        except NotAboveMark as refused:
            if word.what != "mint" and refused.key < refused.mark:  # the cursor was lost: a newer one was signed, and this one before it
                return
            raise
        code = self._home.sign(replace(word, digest=digest(domain, message), signature=signature))
        if code != 0:
            raise HomeRefused(what=f"the signature of {word.what} {word.number}", code=code)

    def _is_member(self, attestors: Sequence[Attestor]) -> bool:
        """Whether this participant is in a set with this very key."""
        return any(each.participant == self._by and each.address[-20:] == self._signer.address for each in attestors)


def attested_at(home: Home, newest: ProvenRoute, lock: Lock) -> ProvenRoute:
    """Return the route at the height that the leave to mint a lock names, for the set of now.

    Raises
    ------
    HomeDistrusted
        The node does not show it: its store began above, or it hides it.
    """
    height = max(lock.height, home.rotation(newest.route.epoch).height)
    page = home.changes(height - 1)
    if not page or page[0].at.height != height or page[0].route.epoch != newest.route.epoch:
        raise HomeDistrusted(reason=f"it does not show route {newest.route.id} as it was at height {height}; ask a node that is older")
    return page[0]


def _totals(route: RouteRecord) -> tuple[int, int, int, int]:
    return (route.epoch, route.locks, route.locked, route.refunded)
