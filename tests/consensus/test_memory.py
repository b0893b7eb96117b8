"""K15: a key that forgot one of its votes votes no more: what shows it, that it lasts, and what is no sign of it."""

from __future__ import annotations

import pytest

from consensus.effects import Alarm, AlarmKind, Append, CertificateRecord, VoteRecord
from consensus.events import StatusReceived, TimerKind
from consensus.types import Epoch, Kind, ValidatorId, View, Vote
from tests.consensus.scene import GENESIS, Scene, block, certificate, kinds, nullify_of, only, signed, vote_for, votes
from tests.consensus.test_repair import status
from tests.consensus.test_votes import at_view_two


def test_k15_a_restarted_peer_still_shows_the_newest_vote() -> None:
    """Goal: certificates outlive a restart, votes of others do not. Method: a journal of certificates; the newest of each signer."""
    facts = block(GENESIS, 1)
    journal = [
        CertificateRecord(certificate(vote_for(Kind.NOTARIZE, facts, 0), (0, 2, 3))),
        CertificateRecord(certificate(vote_for(Kind.FINALIZE, facts, 0), (0, 1, 2))),
        CertificateRecord(certificate(nullify_of(3), (0, 1, 3))),
    ]
    scene = Scene(me=2, journal=journal)
    assert scene.replica.newest_vote_of(ValidatorId(3)) == signed(nullify_of(3), 3)
    assert scene.replica.newest_vote_of(ValidatorId(0)) == signed(nullify_of(3), 0)
    scene = Scene(me=3, journal=journal[:2])
    assert scene.replica.newest_vote_of(ValidatorId(2)) == signed(vote_for(Kind.FINALIZE, facts, 0), 2)
    assert scene.replica.newest_vote_of(ValidatorId(3)) == signed(vote_for(Kind.NOTARIZE, facts, 0), 3)


def test_k15_the_newer_of_a_vote_and_a_certificate_is_shown() -> None:
    """Goal: by view, then in the order of K21. Method: a vote above, beside and below what certificates hold."""
    scene = at_view_two()
    two = ValidatorId(2)
    assert scene.replica.newest_vote_of(two) == signed(nullify_of(1), 2)
    facts = block(GENESIS, 2)
    scene.vote(vote_for(Kind.NOTARIZE, facts, 0), 2)
    assert scene.replica.newest_vote_of(two) == signed(vote_for(Kind.NOTARIZE, facts, 0), 2)
    scene.nullified(2)
    assert scene.replica.newest_vote_of(two) == signed(nullify_of(2), 2)


def test_k15_our_signature_in_a_certificate_that_we_do_not_remember_silences_us() -> None:
    """Goal: a validator restored from an old disk notices by certificates, too. Method: a nullification of view 4 that we signed."""
    scene = at_view_two()
    effects = scene.certify(nullify_of(4), (0, 1, 3))
    assert [alarm.kind for alarm in only(effects, Alarm)] == [AlarmKind.FORGOTTEN_VOTE]
    assert scene.replica.silenced
    assert VoteRecord(signed(nullify_of(4), 1)) in only(effects, Append)[0].records, "it lasts: the mark is found behind the journal"
    assert scene.replica.view == 5, "it still follows"
    assert kinds(scene.fire(TimerKind.ADVANCE, after_ms=60_000)) == ()


def test_k15_a_certificate_in_the_store_that_we_do_not_remember_silences_us() -> None:
    """Goal: the same at the start. Method: the committed block's finalization bears our signature, and the journal is empty."""
    facts = block(GENESIS, 1)
    proof = certificate(vote_for(Kind.FINALIZE, facts, 0), (0, 1, 2))
    scene = Scene(floor=facts, floor_certificate=proof)
    assert AlarmKind.FORGOTTEN_VOTE in [alarm.kind for alarm in only(scene.start(), Alarm)]
    remembered = Scene(floor=facts, floor_certificate=proof, journal=[VoteRecord(signed(vote_for(Kind.FINALIZE, facts, 0), 1))])
    remembered.start()
    assert not remembered.replica.silenced
    higher = Scene(floor=facts, floor_certificate=proof, journal=[VoteRecord(signed(nullify_of(2), 1))])
    higher.start()
    assert not higher.replica.silenced, "a journal that was lost begins with the mark's votes, above all others"


@pytest.mark.parametrize("shown", [nullify_of(2), vote_for(Kind.NOTARIZE, block(GENESIS, 2, tag="other"), 0)])
def test_k15_a_vote_that_contradicts_ours_silences_us(shown: Vote) -> None:
    """Goal: another process signs with this key. Method: shown: a vote that conflicts with what we cast in the same view."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    scene.accept(facts, 0)
    scene.certify(vote_for(Kind.NOTARIZE, facts, 0))
    scene.feed(StatusReceived(ValidatorId(3), status(shows=signed(shown, 1)), scene.clock))
    assert scene.replica.silenced


def test_k15_a_certificate_below_our_newest_vote_that_contradicts_ours_silences_us() -> None:
    """Goal: another process signs with this key. Method: we notarized view 2 and are in view 3; a certificate bears our other vote."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    scene.durable(*votes(scene.accept(facts, 0)))
    scene.nullified(2)
    scene.durable(*votes(scene.fire(TimerKind.ADVANCE, after_ms=60_000)))
    effects = scene.certify(vote_for(Kind.NOTARIZE, block(GENESIS, 2, tag="other"), 0), (0, 1, 3))
    assert AlarmKind.FORGOTTEN_VOTE in [alarm.kind for alarm in only(effects, Alarm)]
    assert scene.replica.silenced


def test_k15_what_is_no_sign() -> None:
    """Goal: nobody is silenced for nothing. Method: our vote of another epoch; one below ours in a view we know nothing of; another's."""
    scene = at_view_two()
    scene.nullified(2)
    scene.nullified(3)
    scene.fire(TimerKind.ADVANCE, after_ms=60_000)
    shown = [signed(Vote.nullify(Epoch(1), View(9)), 1), signed(nullify_of(3), 1), signed(nullify_of(9), 3)]
    for vote in shown:
        scene.feed(StatusReceived(ValidatorId(3), status(shows=vote), scene.clock))
    scene.certify(nullify_of(4), (0, 1, 3))
    assert not scene.replica.silenced


def test_k15_silenced_it_says_so_once_and_proposes_nothing() -> None:
    """Goal: one alarm, no proposal, also of the end of an epoch. Method: silenced as leader of view 5, twice shown."""
    scene = at_view_two()
    for _ in range(2):
        effects = scene.feed(StatusReceived(ValidatorId(3), status(shows=signed(nullify_of(9), 1)), scene.clock))
    assert only(effects, Alarm) == ()
    for view in (2, 3, 4):
        effects = scene.nullified(view)
        assert votes(effects) == ()
    assert votes(scene.work(3)) == ()
    assert scene.replica.report().silenced
