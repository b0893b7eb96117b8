"""What a validator of four knows of the others, made by hand, for tests of the diagnosis and of the API that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.outlook import Neighbour, Outlook

if TYPE_CHECKING:
    from node.api.backend import KeptEvidence

NOW_MS = 1_795_000_000_000


def neighbour(index: int, heard_at_ms: int | None, voted: tuple[str, ...] = ()) -> Neighbour:
    """Make a validator of a set of four, the second of which is this node."""
    own, heard = index == 1, heard_at_ms is not None
    return Neighbour(
        index=index,
        name=f"operator/{index}",
        participant="operator",
        own=own,
        connected=own or heard,
        heard_at_ms=heard_at_ms,
        newest_vote=("notarize", 7) if voted else None,
        voted=voted,
        view=7 if own or heard else None,
        final_view=6 if own or heard else None,
        height=3 if own or heard else None,
        lag_views=0 if own or heard else None,
        lag_heights=0 if own or heard else None,
        clock_ms=-2 if heard else None,
        last_signed_height=3,
    )


def outlook_of_a_validator() -> Outlook:
    """Make one of four, of which the last is silent."""
    return Outlook(
        now_ms=NOW_MS,
        role="validator",
        epoch=0,
        view=7,
        final_view=6,
        height=3,
        committed_height=3,
        leader=3,
        quorum=3,
        busy=True,
        waits_for="the proposal of validator 3 for view 7",
        since_ms=NOW_MS - 400,
        last_timeout=None,
        silent_ms=6_000,
        began_ms=NOW_MS - 60_000,
        silenced="",
        neighbours=(
            neighbour(0, NOW_MS - 100, ("notarize",)),
            neighbour(1, None, ("notarize",)),
            neighbour(2, NOW_MS - 200),
            neighbour(3, None),
        ),
    )


class FakeDiagnosis:
    """A validator whose chain moves."""

    def __init__(self) -> None:
        self.seen = outlook_of_a_validator()
        self.stalled_ms = 0
        self.silenced = ""
        self.halts = 0
        self.proofs: list[KeptEvidence] = []

    def outlook(self) -> Outlook:
        """Do as the protocol says."""
        return self.seen

    def evidence(self, after: str, limit: int) -> list[KeptEvidence]:
        """Do as the protocol says."""
        return [each for each in self.proofs if each.id > after][:limit]

    @property
    def evidence_count(self) -> int:
        """Do as the protocol says."""
        return len(self.proofs)
