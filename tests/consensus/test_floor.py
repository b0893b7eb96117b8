"""K14 the floor, K20 ranges of final blocks, and who a replica can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consensus.effects import (
    Append,
    BodyRecord,
    CatchUp,
    CertificateRecord,
    CertifiedRecord,
    FetchBlock,
    Finalize,
    Judge,
)
from consensus.events import Committed, Started, Synced, TimerKind
from consensus.replica import Replica
from consensus.types import Height, Kind, Timing, ValidatorId
from tests.consensus.scene import (
    CHAIN,
    GENESIS,
    Scene,
    at_view_two,
    block,
    certificate,
    fetched,
    judged,
    keys,
    nullify_of,
    only,
    vote_for,
)

if TYPE_CHECKING:
    from consensus.effects import Effects, Replayed
    from consensus.types import BlockFacts


def test_k14_the_floor_never_moves_back() -> None:
    """Goal: K14. Method: committed heights out of order; a restart on the floor ignores what is at or below it."""
    scene = at_view_two()
    scene.feed(Committed(Height(7), scene.clock))
    scene.feed(Committed(Height(5), scene.clock))
    assert scene.replica.committed_height == 7
    first = block(GENESIS, 2)
    second = block(first, 3)
    proof = certificate(vote_for(Kind.FINALIZE, second, 2))
    journal: list[Replayed] = [BodyRecord(first), CertifiedRecord(first), CertificateRecord(certificate(vote_for(Kind.FINALIZE, first, 0)))]
    again = Scene(floor=second, floor_certificate=proof, journal=journal)
    effects = again.start()
    assert (only(effects, Judge), only(effects, Finalize)) == ((), ())
    assert (again.replica.final, again.replica.final_view, again.replica.view) == (second, 3, 4)


def test_k14_what_is_final_but_not_committed_is_judged_and_given_out_again() -> None:
    """Goal: K14 and section 4: the database follows the journal. Method: restart with two final blocks above the floor."""
    first = block(GENESIS, 2)
    second = block(first, 3)
    journal: list[Replayed] = [
        BodyRecord(first),
        CertifiedRecord(first),
        CertificateRecord(certificate(vote_for(Kind.NOTARIZE, first, 0))),
        BodyRecord(second),
        CertifiedRecord(second),
        CertificateRecord(certificate(vote_for(Kind.FINALIZE, second, 2))),
    ]
    scene = Scene(journal=journal)
    assert judged(scene.start()) == [first.block_id]
    assert scene.replica.view == 4
    assert judged(scene.judge(first)) == [second.block_id]
    effects = scene.judge(second)
    assert [final.blocks for final in only(effects, Finalize)] == [(first, second)]
    assert only(effects, Append) == (), "what the journal holds is not written again"


def test_k14_a_long_unflushed_chain_is_replayed_from_the_journal() -> None:
    """Goal: bodies that are here are not fetched. Method: 300 final blocks above the floor in the journal, no peer."""
    chain = [GENESIS]
    for number in range(1, 301):
        chain.append(block(chain[-1], number))
    journal: list[Replayed] = [record for facts in chain[1:] for record in (BodyRecord(facts), CertifiedRecord(facts))]
    scene = Scene(journal=[*journal, CertificateRecord(certificate(vote_for(Kind.FINALIZE, chain[-1], 299)))])
    effects = scene.start()
    for facts in chain[1:]:
        assert judged(effects) == [facts.block_id]
        effects = scene.judge(facts)
        assert (only(effects, CatchUp), only(effects, FetchBlock)) == ((), ())
    assert [len(final.blocks) for final in only(effects, Finalize)] == [300]


def far_ahead(scene: Scene) -> tuple[BlockFacts, Effects]:
    """Have a finalization arrive that is hundreds of views ahead."""
    facts = block(block(GENESIS, 499, height=499), 500)
    return facts, scene.finalized(facts, 499)


def test_k20_far_behind_asks_for_ranges() -> None:
    """Goal: K20. Method: a finalization 500 views ahead: one question, another validator at each retry, no walk back block by block."""
    scene = at_view_two()
    _, effects = far_ahead(scene)
    (first,) = only(effects, CatchUp)
    assert first.final_view == 500
    assert fetched(effects) == []
    assert scene.replica.view == 501
    assert only(scene.work(1), CatchUp) == ()
    (second,) = only(scene.fire(TimerKind.RETRY, after_ms=1_000), CatchUp)
    assert second.peer != first.peer


def test_k20_synced_moves_the_floor() -> None:
    """Goal: K20. Method: ranges reach view 500's block; the proposal that waited on it is judged."""
    scene = at_view_two()
    facts, _ = far_ahead(scene)
    child = block(facts, 501)
    scene.propose(child, 500)
    effects = scene.feed(Synced(facts, certificate(vote_for(Kind.FINALIZE, facts, 499)), scene.clock))
    assert scene.replica.final == facts
    assert only(effects, Finalize) == ()
    if keys(4).leader(facts.epoch, child.view) != scene.me:
        assert judged(effects) == [child.block_id]
    assert only(scene.feed(Synced(GENESIS, certificate(nullify_of(1)), scene.clock)), Finalize) == ()
    assert scene.replica.final == facts


def test_k20_turns_to_ranges_when_nothing_moves() -> None:
    """Goal: K20. Method: the final block is near, but nobody answers two retries."""
    scene = at_view_two()
    assert only(scene.finalized(block(GENESIS, 3), 0), CatchUp) == ()
    assert only(scene.fire(TimerKind.RETRY, after_ms=1_000), CatchUp) == ()
    assert len(only(scene.fire(TimerKind.RETRY, after_ms=1_000), CatchUp)) == 1


def test_k20_asks_for_ranges_where_the_chain_may_grow_faster_than_blocks_are_judged() -> None:
    """Goal: K20: who has all headers and gets bodies one by one is not late for ever. Method: judge a block before each retry."""
    chain = [GENESIS]
    for number in range(1, 70):
        chain.append(block(chain[-1], number))
    journal: list[Replayed] = [record for facts in chain[1:] for record in (BodyRecord(facts), CertifiedRecord(facts))]
    scene = Scene(journal=[*journal, CertificateRecord(certificate(vote_for(Kind.FINALIZE, chain[-1], 68)))])
    assert only(scene.start(), CatchUp) == ()
    asked = []
    for facts in chain[1:4]:
        assert only(scene.judge(facts), CatchUp) == ()
        asked += [ask.peer for ask in only(scene.fire(TimerKind.RETRY, after_ms=1_000), CatchUp)]
    assert len(set(asked)) == 3, "another one at each retry"
    facts = chain[5]
    scene.feed(Synced(facts, certificate(vote_for(Kind.FINALIZE, facts, 4)), scene.clock))
    assert only(scene.fire(TimerKind.RETRY, after_ms=1_000), CatchUp) == (), "64 views are near"


def test_a_key_that_is_not_in_the_set_is_refused() -> None:
    """Goal: bad input. Method: validator 4 of 4."""
    with pytest.raises(ValueError, match="validator 4"):
        Replica(CHAIN, keys(4), ValidatorId(4), Timing(), GENESIS, None)
    replica = Replica(CHAIN, keys(4), ValidatorId(0), Timing(), GENESIS, None)
    assert replica.handle(Started(GENESIS.time_ms))
