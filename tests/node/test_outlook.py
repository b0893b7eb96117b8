"""What an outlook says: who is silent, who does not vote, and what to do. Pure."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ledger.epochs import Validator
from node.outlook import Outlook, advice, silent, voteless
from node.seats import names_of
from tests.node.diagnosis_world import NOW_MS, neighbour, outlook_of_a_validator

HEARD = NOW_MS - 100


def outlook(heard: dict[int, int | None], voters: tuple[int, ...] = ()) -> Outlook:
    """Outlook of validator 1 of four: when each other one was heard, and who voted in the current view."""
    seen = (neighbour(index, heard.get(index), ("nullify",) if index in voters else ()) for index in range(4))
    return replace(outlook_of_a_validator(), neighbours=tuple(seen))


def named(found: tuple[object, ...]) -> list[str]:
    return [str(getattr(each, "name", "")) for each in found]


def test_silence_is_three_statuses_and_never_our_own() -> None:
    """Goal: who is missing. Method: heard 6,000 ms ago, 6,001 ms ago, never; this node hears nothing of itself."""
    seen = outlook({0: NOW_MS - 6_000, 2: NOW_MS - 6_001})
    assert named(silent(seen)) == ["operator/2", "operator/3"]


def test_who_was_never_heard_counts_as_heard_at_the_start() -> None:
    """Goal: no false alarm right after a start. Method: nobody was heard; six seconds since the start, and a millisecond more."""
    young = replace(outlook({}), began_ms=NOW_MS - 6_000)
    assert silent(young) == ()
    assert named(silent(replace(young, began_ms=NOW_MS - 6_001))) == ["operator/0", "operator/2", "operator/3"]


def test_only_who_is_heard_can_owe_a_vote_and_only_where_others_voted() -> None:
    """Goal: tell a dead node from one that does not vote. Method: 0 voted, 2 is heard, 3 is silent; then nobody has voted yet."""
    assert named(voteless(outlook({0: HEARD, 2: HEARD}, (0, 1)))) == ["operator/2"]
    assert named(voteless(outlook({0: HEARD, 2: HEARD}, (0,)))) == ["operator/1", "operator/2"], "this node's own vote may be what lacks"
    assert voteless(outlook({0: HEARD, 2: HEARD})) == ()


def test_advice_names_whom_to_bring_back_and_how_many_are_needed() -> None:
    """Goal: a missing quorum is told as one. Method: two of four silent, then three, then one."""
    assert advice(outlook({0: HEARD})) == (
        "fewer than the quorum of 3 validators are heard: start or reconnect operator/2, operator/3; "
        "the chain goes on by itself once 1 more is back"
    )
    lonely = outlook({})
    alone = replace(lonely, neighbours=tuple(replace(each, connected=True) for each in lonely.neighbours))
    assert advice(alone).endswith("once 2 more are back")
    assert "quorum is heard" in advice(outlook({0: HEARD, 2: HEARD}, (0, 1, 2)))


def test_advice_begins_with_what_weighs_most() -> None:
    """Goal: one thing to do. Method: a silenced key, then no link at all, then a voter that does not vote, then nothing to see."""
    assert "som recover" in advice(replace(outlook({0: HEARD}), silenced="a vote of it was shown"))
    assert "reaches no validator" in advice(outlook({}))
    assert "operator/2 did not vote" in advice(outlook({0: HEARD, 2: HEARD}, (0, 1)))
    assert "what each validator waits for" in advice(outlook({0: HEARD, 2: HEARD}))
    assert "ask the validators' operators" in advice(replace(outlook({0: HEARD, 2: HEARD}), role="peer"))


@given(st.dictionaries(st.sampled_from([0, 2, 3]), st.integers(NOW_MS - 20_000, NOW_MS)), st.sets(st.integers(0, 3)))
def test_nobody_is_both_silent_and_voteless(heard: dict[int, int], voters: set[int]) -> None:
    """Goal: the two lists say different things. Method: any times and votes."""
    seen = outlook(dict(heard), tuple(voters))
    assert not {each.index for each in silent(seen)} & {each.index for each in voteless(seen)}
    assert advice(seen)


def test_names_are_participants_and_places_only_where_they_must_be() -> None:
    """Goal: one name in logs, metrics and answers. Method: one participant with two seats, one with one."""
    members = [Validator(participant, bytes([index]) * 32, bytes([9 + index]) * 32, "") for index, participant in enumerate("aba")]
    assert names_of(members) == ("a/0", "b", "a/2")
