"""What one node knows of its consensus at a moment, and what that says: who is missing, and what to do. Pure.

Nothing of it is proof of anything: messages may be late or lost, and claims are not facts. It is for people, for `GET /v1/consensus`, and
for the watchdog.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from node.api.structs import Role

STATUSES_MISSED: Final = 3
"""A validator tells its status every two seconds (K19): three of them missing is silence. (K17 skips a leader sooner: that costs less.)"""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One validator of the set in force, as seen from here; what was never heard is None."""

    index: int
    name: str
    participant: str
    own: bool
    """Whether it is this node."""
    connected: bool
    heard_at_ms: int | None
    """When any message of it last came, by our clock; None also for this node itself."""
    newest_vote: tuple[str, int] | None
    """Kind and view."""
    voted: tuple[str, ...]
    """Kinds of its votes in our current view."""
    view: int | None
    final_view: int | None
    height: int | None
    """That it claims: committed, where it told so to a validator; final, where it told so to a node that follows."""
    lag_views: int | None
    lag_heights: int | None
    clock_ms: int | None
    """Its clock less ours when its last status came, the way of that included."""
    last_signed_height: int
    """Newest final height whose certificate here bears its signature; 0: none."""


@dataclass(frozen=True, slots=True)
class LastTimeout:
    """A view that this node gave up (K6)."""

    view: int
    leader: int
    cause: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """One node's view of the network."""

    now_ms: int
    role: Role
    epoch: int
    view: int
    final_view: int
    height: int
    """Newest final block."""
    committed_height: int
    leader: int
    """Of the current view; of a node that follows: of the view after that of its newest final block."""
    quorum: int
    busy: bool
    """Whether there is anything to be done, as far as this node knows (K18)."""
    waits_for: str
    since_ms: int
    """Since when: the current view was entered, or, for a node that follows, the newest final block was taken."""
    last_timeout: LastTimeout | None
    silent_ms: int
    """How long a validator may say nothing before it counts as silent."""
    began_ms: int
    """When this node began to listen: whoever was never heard counts as heard then."""
    silenced: str
    """Why this node's key must not vote any more (K15); empty: it may."""
    neighbours: tuple[Neighbour, ...]
    """The whole set, by index."""

    @property
    def own_index(self) -> int | None:
        """Place of this node in the set; None where it does not vote."""
        return next((each.index for each in self.neighbours if each.own), None)


def silent(outlook: Outlook) -> tuple[Neighbour, ...]:
    """Return the validators that were not heard from lately; never this node."""
    return tuple(each for each in outlook.neighbours if not each.own and _is_silent(each, outlook))


def voteless(outlook: Outlook) -> tuple[Neighbour, ...]:
    """Return the validators that are heard, and of which no vote in the current view is here, where others have voted in it.

    A node that follows hears no votes.
    """
    if not any(each.voted for each in outlook.neighbours):
        return ()
    return tuple(each for each in outlook.neighbours if not each.voted and (each.own or not _is_silent(each, outlook)))


def advice(outlook: Outlook) -> str:
    """Say what to do about a chain that does not move, one sentence; what weighs most comes first."""
    gone, others = silent(outlook), [each for each in outlook.neighbours if not each.own]
    lacking = outlook.quorum - (len(outlook.neighbours) - len(gone))
    if outlook.silenced:
        return "this node's key must not vote any more: stop the node and run `som recover`"
    if not any(each.connected for each in others):
        return "this node reaches no validator: look at its own network, its firewall and the addresses in its configuration"
    if lacking > 0:
        return (
            f"fewer than the quorum of {outlook.quorum} validators are heard: start or reconnect {_named(gone)}; "
            f"the chain goes on by itself once {lacking} more {'is' if lacking == 1 else 'are'} back"
        )
    if outlook.role == "peer":
        return "a quorum is heard and no block comes: ask the validators' operators, whose nodes say what they wait for"
    mute = voteless(outlook)
    if mute:
        return f"a quorum is heard, but {_named(mute)} did not vote in this view: look at their logs, disks and clocks (`som doctor`)"
    return "a quorum is heard: look at what each validator waits for, at its clock and at its disk (`som doctor`)"


def _is_silent(neighbour: Neighbour, outlook: Outlook) -> bool:
    heard_at_ms = outlook.began_ms if neighbour.heard_at_ms is None else neighbour.heard_at_ms
    return outlook.now_ms - heard_at_ms > outlook.silent_ms


def _named(neighbours: tuple[Neighbour, ...]) -> str:
    return ", ".join(each.name for each in neighbours)
