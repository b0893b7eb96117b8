"""K8 certifying, K9 after nullifying too, K11 commit, and what stops a replica."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consensus.effects import (
    Alarm,
    Append,
    BodyRecord,
    Build,
    Cast,
    CertificateRecord,
    CertifiedRecord,
    FetchBlock,
    Finalize,
    Halt,
    Judge,
)
from consensus.events import TimerKind, Verdict
from consensus.types import Kind
from tests.consensus.scene import (
    GENESIS,
    Scene,
    arrive,
    at_view_two,
    block,
    certificate,
    fetched,
    judged,
    kinds,
    nullify_of,
    only,
    recorded,
    vote_for,
)

if TYPE_CHECKING:
    from consensus.types import BlockFacts


def test_k8_valid_is_journaled_body_first() -> None:
    """Goal: K8. Method: a block that comes with its notarization: body, then certified, both before our finalize."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    effects = scene.notarized(facts, 0)
    (fetch,) = only(effects, FetchBlock)
    assert (fetch.block_id, set(fetch.ask)) == (facts.block_id, {0, 2, 3})
    assert judged(arrive(scene, facts)) == [facts.block_id]
    (cast,) = only(scene.judge(facts), Cast)
    assert cast.votes == (vote_for(Kind.FINALIZE, facts, 0),)
    assert cast.records == (BodyRecord(facts), CertifiedRecord(facts))


def test_k8_the_notarization_is_journaled_before_our_finalize() -> None:
    """Goal: section 4. Method: verdict first, then the notarization: its record is in the Cast of our finalize."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    scene.accept(facts, 0)
    (cast,) = only(scene.notarized(facts, 0), Cast)
    assert cast.votes == (vote_for(Kind.FINALIZE, facts, 0),)
    assert cast.records == (CertificateRecord(certificate(vote_for(Kind.NOTARIZE, facts, 0))),)


@pytest.mark.parametrize("verdict", [Verdict.NONE, Verdict.INVALID])
def test_k8_only_valid_certifies(verdict: Verdict) -> None:
    """Goal: K8. Method: a notarized block without verdict, or invalid here: no finalize, the view is not left, nothing is journaled."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    scene.propose(facts, 0)
    scene.notarized(facts, 0)
    effects = scene.judge(facts, verdict)
    assert Kind.FINALIZE not in [kind for kind, _ in kinds(effects)]
    assert only(effects, Append) == ()
    assert len(only(effects, Alarm)) == 1
    assert scene.replica.view == 2


def test_k8_nothing_is_built_on_an_invalid_notarized_block() -> None:
    """Goal: K8. Method: view 2's block is notarized but invalid here; a proposal on it gets no vote, and we build on genesis."""
    scene = at_view_two()
    scene.work(1)
    bad = block(GENESIS, 2)
    scene.propose(bad, 0)
    scene.notarized(bad, 0)
    scene.judge(bad, Verdict.INVALID)
    scene.nullified(2)
    assert kinds(scene.accept(block(bad, 3), 2)) == ()
    scene.nullified(3)
    scene.now += 100
    assert [build.parent for build in only(scene.nullified(4), Build)] == [GENESIS]


def test_k8_after_an_upgrade_blocks_are_judged_anew() -> None:
    """Goal: K8. Method: certified by an earlier version in the journal, invalid now: alarm, and we build on its parent."""
    bad = block(GENESIS, 4)
    nullified = [CertificateRecord(certificate(nullify_of(number))) for number in (1, 2, 3, 4)]
    notarized = CertificateRecord(certificate(vote_for(Kind.NOTARIZE, bad, 0)))
    scene = Scene(journal=[*nullified, BodyRecord(bad), CertifiedRecord(bad), notarized])
    scene.work(1)
    assert judged(scene.start()) == [bad.block_id]
    scene.now += 100
    effects = scene.judge(bad, Verdict.INVALID)
    assert len(only(effects, Alarm)) == 1
    assert [build.parent for build in only(effects, Build)] == [GENESIS]


def test_k8_no_verdict_is_tried_again() -> None:
    """Goal: K8. Method: no verdict, then each retry asks again, another validator first; a body that arrives is judged at once."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    scene.notarized(facts, 0)
    arrive(scene, facts)
    scene.judge(facts, Verdict.NONE)
    (first,) = only(scene.fire(TimerKind.RETRY, after_ms=1_000), Judge)
    scene.judge(facts, Verdict.NONE)
    (second,) = only(scene.fire(TimerKind.RETRY, after_ms=1_000), Judge)
    assert first.ask[0] != second.ask[0]
    scene.judge(facts, Verdict.NONE)
    assert judged(arrive(scene, facts)) == [facts.block_id]
    assert kinds(scene.judge(facts)) == ((Kind.FINALIZE, 2),)


def _doubted(scene: Scene, facts: BlockFacts) -> None:
    """Have a proposal that gets no verdict, and leave its view before the retry."""
    scene.propose(facts, 0)
    scene.judge(facts, Verdict.NONE)
    scene.nullified(facts.view)


def test_k8_notarized_after_a_retry_in_a_later_view_it_is_judged_again() -> None:
    """Goal: K8, K9 (seed 24670). Method: no verdict on a proposal; its view is left; a retry; only then its notarization comes."""
    scene = at_view_two()
    scene.work(1)
    facts = block(GENESIS, 2)
    _doubted(scene, facts)
    assert judged(scene.fire(TimerKind.RETRY, after_ms=1_000)) == []
    assert judged(scene.notarized(facts, 0)) == [facts.block_id]
    scene.judge(facts)
    scene.nullified(3)
    assert [build.parent for build in only(scene.nullified(4), Build)] == [facts]


def test_k8_without_verdict_after_its_view_was_left_it_is_judged_again() -> None:
    """Goal: K8, K9. Method: the view is left, a retry passes and the notarization comes while the first verdict is still out: none."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    scene.propose(facts, 0)
    scene.nullified(2)
    assert judged(scene.fire(TimerKind.RETRY, after_ms=1_000)) == []
    assert judged(scene.notarized(facts, 0)) == []
    scene.judge(facts, Verdict.NONE)
    assert judged(scene.fire(TimerKind.RETRY, after_ms=1_000)) == [facts.block_id]


def test_k8_a_fetch_that_fails_is_repeated() -> None:
    """Goal: K8. Method: nobody answers; the retry asks again, starting with another one."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    (first,) = only(scene.notarized(facts, 0), FetchBlock)
    (second,) = only(scene.fire(TimerKind.RETRY, after_ms=1_000), FetchBlock)
    assert second.ask == (*first.ask[1:], first.ask[0])


def test_k8_parents_are_judged_first() -> None:
    """Goal: a block is executed on its parent's state. Method: notarizations of 2 and 3 with neither block here."""
    scene = at_view_two()
    first = block(GENESIS, 2)
    second = block(first, 3)
    assert fetched(scene.notarized(second, 2)) == [second.block_id]
    effects = arrive(scene, second)
    assert (fetched(effects), judged(effects)) == ([first.block_id], [])
    scene.notarized(first, 0)
    assert judged(arrive(scene, first)) == [first.block_id]
    assert judged(scene.judge(first)) == [second.block_id]
    scene.judge(second)
    assert scene.replica.view == 4


def test_k9_certifies_after_nullifying() -> None:
    """Goal: K9. Method: nullify view 2, then its notarization: fetched, judged, view 3 entered, built on; finalize withheld."""
    scene = at_view_two()
    scene.work(1)
    assert kinds(scene.fire(TimerKind.ADVANCE, after_ms=60_000)) == ((Kind.NULLIFY, 2),)
    facts = block(GENESIS, 2)
    assert fetched(scene.notarized(facts, 0)) == [facts.block_id]
    assert judged(arrive(scene, facts)) == [facts.block_id]
    assert kinds(scene.judge(facts)) == ()
    assert scene.replica.view == 3
    scene.nullified(3)
    assert [build.parent for build in only(scene.nullified(4), Build)] == [facts]


def test_k7_finalize_without_having_notarized() -> None:
    """Goal: K7. Method: the notarization overtakes the proposal."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    scene.notarized(facts, 0)
    scene.propose(facts, 0)
    assert kinds(scene.judge(facts)) == ((Kind.FINALIZE, 2),)


def test_k11_a_finalization_gives_out_the_block_and_its_ancestors() -> None:
    """Goal: K11. Method: three notarized blocks, then the finalization of the last; then one of the middle, which says nothing new."""
    scene = at_view_two()
    chain = [GENESIS]
    for number in (2, 3, 4):
        chain.append(block(chain[-1], number))
        scene.accept(chain[-1], chain[-2].view)
        scene.notarized(chain[-1], chain[-2].view)
    effects = scene.finalized(chain[3], 3)
    (final,) = only(effects, Finalize)
    assert final.blocks == tuple(chain[1:])
    assert final.certificate.subject == vote_for(Kind.FINALIZE, chain[3], 3)
    order = [type(effect) for effect in effects]
    assert order.index(Append) < order.index(Finalize), "the certificate is in the journal when clients are told"
    assert (scene.replica.final, scene.replica.final_view) == (chain[3], 4)
    assert only(scene.finalized(chain[2], 2), Finalize) == ()


def test_k11_finalize_votes_count_while_the_network_is_beyond() -> None:
    """Goal: K11. Method: in view 4, the finalize votes for view 2 come in."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    scene.accept(facts, 0)
    scene.notarized(facts, 0)
    scene.nullified(3)
    effects = scene.vote(vote_for(Kind.FINALIZE, facts, 0), 0, 2, 3)
    assert [final.blocks for final in only(effects, Finalize)] == [(facts,)]


def test_k11_a_final_block_that_is_not_here_is_fetched_and_its_parents_too() -> None:
    """Goal: K11. Method: finalization of view 3 with nothing here: fetch back, judge forward, then give out both."""
    scene = at_view_two()
    first = block(GENESIS, 2)
    second = block(first, 3)
    assert fetched(scene.finalized(second, 2)) == [second.block_id]
    assert fetched(arrive(scene, second)) == [first.block_id]
    assert judged(arrive(scene, first)) == [first.block_id]
    assert judged(scene.judge(first)) == [second.block_id]
    assert [final.blocks for final in only(scene.judge(second), Finalize)] == [(first, second)]


def test_k11_fork_halts() -> None:
    """Goal: the lemma is checked in production. Method: view 2 is final; a finalization of view 3 whose chain leaves it out."""
    scene = at_view_two()
    first = block(GENESIS, 2)
    scene.accept(first, 0)
    scene.notarized(first, 0)
    scene.finalized(first, 0)
    other = block(GENESIS, 3)
    scene.finalized(other, 2)
    (stop,) = only(arrive(scene, other), Halt) or only(arrive(scene, GENESIS), Halt)
    assert stop.certificates[0].subject.view == 3
    assert scene.replica.halted
    assert scene.work(1) == ()


def test_k8_final_but_invalid_here_halts() -> None:
    """Goal: K8. Method: a finalized block breaks a rule here."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    scene.propose(facts, 0)
    scene.finalized(facts, 0)
    assert len(only(scene.judge(facts, Verdict.INVALID), Halt)) == 1


def test_contradictions_halt_and_are_remembered() -> None:
    """Goal: section 2: never go on by choosing one. Method: each contradictory pair; both sides are shown, and a restart halts again."""
    one, other = block(GENESIS, 2, tag="a"), block(GENESIS, 2, tag="b")
    pairs = (
        (vote_for(Kind.NOTARIZE, one, 0), vote_for(Kind.NOTARIZE, other, 0)),
        (vote_for(Kind.FINALIZE, one, 0), vote_for(Kind.FINALIZE, other, 0)),
        (vote_for(Kind.NOTARIZE, one, 0), vote_for(Kind.FINALIZE, other, 0)),
        (vote_for(Kind.FINALIZE, one, 0), nullify_of(2)),
        (nullify_of(2), vote_for(Kind.FINALIZE, one, 0)),
    )
    for first, second in pairs:
        scene = at_view_two()
        journal = recorded(scene.certify(first))
        effects = scene.certify(second)
        (stop,) = only(effects, Halt)
        assert [side.subject for side in stop.certificates] == [first, second]
        journal += recorded(effects)
        again = Scene(journal=journal)
        assert len(only(again.start(), Halt)) == 1


def test_a_notarization_that_skips_a_final_view_halts() -> None:
    """Goal: the lemma behind K4. Method: in both orders."""
    final, skipping = block(GENESIS, 2), block(GENESIS, 3)
    scene = at_view_two()
    scene.finalized(final, 0)
    assert len(only(scene.notarized(skipping, 0), Halt)) == 1
    scene = at_view_two()
    scene.notarized(skipping, 0)
    assert len(only(scene.finalized(final, 0), Halt)) == 1
