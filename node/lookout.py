"""Puts together what this node knows of its consensus, from the core where it votes and from what validators claim where it follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.epochs import quorum_of
from ledger.parameters import parameter_of
from node.driver import now_ms
from node.following import Following
from node.outlook import STATUSES_MISSED, LastTimeout, Neighbour, Outlook
from node.seats import names_of
from node.watchdog import Seen

if TYPE_CHECKING:
    from consensus.report import Report, ValidatorReport
    from consensus.types import ValidatorId
    from ledger.epochs import Validator
    from node.blocks import FinalBlock
    from node.follow import Claim
    from node.parts import Parts
    from node.roles import Roles
    from node.voting import Voting


@dataclass(frozen=True, slots=True)
class Seat:
    """One validator of a set."""

    index: int
    name: str
    member: Validator
    last_signed: int
    connected: bool


class Lookout:
    """Reads everything at the moment it is asked."""

    def __init__(self, parts: Parts, roles: Roles) -> None:
        self._parts, self._roles = parts, roles
        self._began_ms = self._moved_ms = now_ms()
        parts.chain.subscribe(self._moved)

    def seen(self) -> Seen:
        """Return what the watchdog needs each second; costs next to nothing."""
        chain, role = self._parts.chain, self._roles.role
        busy = self._follower_busy(role) if isinstance(role, Following) else role.replica.awake
        return Seen(
            height=chain.tip.facts.height,
            busy=busy,
            delta_ms=self._parts.config.timing.delta_ms,
            heartbeat_ms=parameter_of(chain.state, "heartbeat_ms"),
            faults=chain.council.keys.faults,
        )

    def outlook(self) -> Outlook:
        """Return what this node knows now."""
        role = self._roles.role
        return self._of_follower(role) if isinstance(role, Following) else self._of_validator(role)

    # --- a validator --------------------------------------------------------------------------------------------------

    def _of_validator(self, role: Voting) -> Outlook:
        report, chain = role.replica.report(), self._parts.chain
        seats, last = self._seats(report.epoch), report.last_timeout
        return Outlook(
            now_ms=now_ms(),
            role="validator",
            epoch=report.epoch,
            view=report.view,
            final_view=report.final_view,
            height=chain.tip.facts.height,
            committed_height=chain.committed_height,
            leader=report.leader,
            quorum=quorum_of(len(seats)),
            busy=role.replica.awake,
            waits_for=report.waits_for,
            since_ms=report.waiting_since_ms,
            last_timeout=None if last is None else LastTimeout(last.view, last.leader, last.cause.value, last.at_ms),
            silent_ms=self._silent_ms,
            began_ms=self._began_ms,
            silenced=self._parts.teller.silenced,
            neighbours=tuple(_neighbour(report, each, seats[each.validator], role.me) for each in report.validators),
        )

    # --- a node that follows ------------------------------------------------------------------------------------------

    def _of_follower(self, role: Following) -> Outlook:
        chain = self._parts.chain
        epoch, view = chain.position
        seats, claims = self._seats(epoch), role.receiver.claims
        return Outlook(
            now_ms=now_ms(),
            role="peer",
            epoch=epoch,
            view=view,
            final_view=view,
            height=chain.tip.facts.height,
            committed_height=chain.committed_height,
            leader=(epoch + view + 1) % len(seats),
            quorum=quorum_of(len(seats)),
            busy=self._follower_busy(role),
            waits_for=role.waits_for,
            since_ms=self._moved_ms,
            last_timeout=None,
            silent_ms=self._silent_ms,
            began_ms=self._began_ms,
            silenced=self._parts.teller.silenced,
            neighbours=tuple(_claimant(chain.tip.facts.height, seat, claims.get(seat.member.node_key)) for seat in seats),
        )

    # --- both ---------------------------------------------------------------------------------------------------------

    def _seats(self, epoch: int) -> tuple[Seat, ...]:
        """Return the set of an epoch that has begun here, by index."""
        chain, link_by_key = self._parts.chain, self._parts.peers.link_by_key
        council = chain.council_of(epoch)
        if council is None:
            raise AssertionError(f"epoch {epoch} has not begun here, and this node is in it")
        # A validator that is about to leave its epoch reports of that one still: what was signed is known by the set in force.
        signed = chain.last_signed if epoch == chain.epoch_number else [0] * council.keys.size
        return tuple(
            Seat(index, name, member, signed[index], link_by_key(member.node_key) is not None)
            for index, (name, member) in enumerate(zip(names_of(council.members), council.members, strict=True))
        )

    def _follower_busy(self, role: Following) -> bool:
        """Whether validators claim blocks that are not here, or transactions wait that clients brought."""
        return role.receiver.behind > 0 or self._parts.pool.count > 0

    @property
    def _silent_ms(self) -> int:
        return STATUSES_MISSED * self._parts.config.timing.status_ms

    def _moved(self, blocks: tuple[FinalBlock, ...]) -> None:
        del blocks
        self._moved_ms = now_ms()


def _neighbour(report: Report, each: ValidatorReport, seat: Seat, me: ValidatorId) -> Neighbour:
    own, status, newest = each.validator == me, each.status, each.newest_vote
    height = report.committed_height if own else None if status is None else status.height
    return Neighbour(
        index=seat.index,
        name=seat.name,
        participant=seat.member.participant,
        own=own,
        connected=own or seat.connected,
        heard_at_ms=each.heard_at_ms,
        newest_vote=None if newest is None else (newest[0].name.lower(), newest[1]),
        voted=tuple(kind.name.lower() for kind in each.voted),
        view=report.view if own else None if status is None else status.view,
        final_view=report.final_view if own else None if status is None else status.final_view,
        height=height,
        lag_views=each.lag,
        lag_heights=None if height is None else max(0, report.committed_height - height),
        clock_ms=None if status is None else status.time_ms - status.heard_at_ms,
        last_signed_height=seat.last_signed,
    )


def _claimant(own_height: int, seat: Seat, claim: Claim | None) -> Neighbour:
    return Neighbour(
        index=seat.index,
        name=seat.name,
        participant=seat.member.participant,
        own=False,
        connected=seat.connected,
        heard_at_ms=None if claim is None else claim.heard_at_ms,
        newest_vote=None,
        voted=(),
        view=None,
        final_view=None,
        height=None if claim is None else claim.height,
        lag_views=None,
        lag_heights=None if claim is None else max(0, own_height - claim.height),
        clock_ms=None if claim is None else claim.time_ms - claim.heard_at_ms,
        last_signed_height=seat.last_signed,
    )
