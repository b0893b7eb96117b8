"""Kurultai broken on purpose: how blocks become certified and final (K8 to K11, K14)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

CERTIFYING = "tests/consensus/test_certifying.py"
FLOOR = "tests/consensus/test_floor.py"
PROPOSALS = "tests/consensus/test_proposals.py"
VIEWS = "tests/consensus/test_views.py"

BLOCKS = "consensus/blocks.py"
REPLICA = "consensus/replica.py"
RULES = "consensus/rules.py"
STATE = "consensus/state.py"
UPKEEP = "consensus/upkeep.py"
VOTING = "consensus/voting.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "K8",
        "no_verdict_counts_as_valid",
        BLOCKS,
        "if event.verdict is Verdict.VALID:",
        "if event.verdict is not Verdict.INVALID:",
        (CERTIFYING, PROPOSALS),
    ),
    Mutant(
        "K8",
        "no_verdict_counts_as_invalid",
        BLOCKS,
        "elif event.verdict is Verdict.INVALID:",
        "elif event.verdict is not Verdict.VALID:",
        (CERTIFYING, PROPOSALS),
    ),
    Mutant(
        "K8",
        "no_verdict_is_never_tried_again",
        BLOCKS,
        "if block.stage in (Stage.FETCHING, Stage.DOUBTED):",
        "if block.stage in (Stage.FETCHING,):",
        (CERTIFYING,),
    ),
    Mutant(
        "K8",
        "what_nobody_needs_now_is_left_without_verdict_for_ever",
        BLOCKS,
        """        if block.stage in (Stage.FETCHING, Stage.DOUBTED):
            block.stage = Stage.IDLE
        if block.needed or block_id == current:
            want(state, block)
        else:
            del state.unsettled[block_id]
""",
        """        if not block.needed and block_id != current:
            del state.unsettled[block_id]
            continue
        if block.stage in (Stage.FETCHING, Stage.DOUBTED):
            block.stage = Stage.IDLE
        want(state, block)
""",
        (CERTIFYING,),
    ),
    Mutant(
        "K8",
        "no_verdict_on_what_was_let_go_is_forgotten",
        BLOCKS,
        "        state.unsettled[block.block_id] = None\n        block.doubts += 1\n",
        "        block.doubts += 1\n",
        (CERTIFYING,),
    ),
    Mutant(
        "K8",
        "judges_at_once_again_without_verdict",
        BLOCKS,
        "        block.stage = Stage.DOUBTED\n",
        "        block.stage = Stage.IDLE\n",
        (CERTIFYING, PROPOSALS),
    ),
    Mutant(
        "K8",
        "body_is_not_journaled",
        BLOCKS,
        "state.record(BodyRecord(facts), CertifiedRecord(facts))",
        "state.record(CertifiedRecord(facts))",
        (CERTIFYING, PROPOSALS),
    ),
    Mutant(
        "K8",
        "certified_is_not_journaled",
        BLOCKS,
        "state.record(BodyRecord(facts), CertifiedRecord(facts))",
        "state.record(BodyRecord(facts))",
        (CERTIFYING, PROPOSALS),
    ),
    Mutant(
        "K8",
        "records_come_after_the_votes",
        STATE,
        ("            effect = Cast(effect.votes, (*self.records, *effect.records), effect.proposal)\n            self.records.clear()\n"),
        "            pass\n",
        (CERTIFYING, PROPOSALS),
    ),
    Mutant(
        "K8",
        "builds_on_an_invalid_block",
        BLOCKS,
        "    if block.block_id == state.best_block:\n        _fall_back(state)\n",
        "",
        (CERTIFYING,),
    ),
    Mutant(
        "K8",
        "final_but_invalid_goes_on",
        BLOCKS,
        "        if block.stage is Stage.INVALID:\n            halt(",
        "        if block.stage is Stage.INVALID:\n            (lambda *_: None)(",
        (CERTIFYING,),
    ),
    Mutant(
        "K8",
        "judges_children_before_parents",
        BLOCKS,
        "if here is not None and here.stage is Stage.EXECUTED and here.facts is not None:",
        "if here is not None and here.facts is not None:",
        (CERTIFYING,),
    ),
    Mutant(
        "K9",
        "stops_certifying_after_nullify",
        VOTING,
        "        state.work.setdefault(block.block_id, subject.view)\n    want(state, block)",
        (
            "        state.work.setdefault(block.block_id, subject.view)\n"
            "    if state.at(subject.view).own[Kind.NULLIFY] is None:\n"
            "        want(state, block)"
        ),
        (CERTIFYING,),
    ),
    Mutant("K10", "certificates_are_not_relayed", VOTING, "    state.emit(SendCertificates((certificate,), None))\n", "", (VIEWS,)),
    Mutant(
        "K10",
        "certificates_are_relayed_each_time",
        VOTING,
        "not accepts_certificate(state, subject) or holds(state, subject):\n        return",
        "not accepts_certificate(state, subject):\n        return",
        (VIEWS,),
    ),
    Mutant(
        "K10",
        "certificates_are_not_journaled",
        VOTING,
        "    state.record(CertificateRecord(certificate))\n    state.emit(Send",
        "    state.emit(Send",
        (VIEWS, CERTIFYING),
    ),
    Mutant(
        "K11",
        "only_the_block_itself_becomes_final",
        BLOCKS,
        "state.emit(Finalize(path.rising, certificate))",
        "state.emit(Finalize(path.rising[-1:], certificate))",
        (CERTIFYING,),
    ),
    Mutant(
        "K11",
        "late_finalize_votes_do_not_count",
        VOTING,
        "oldest < vote.view <= state.view + 1",
        "state.view <= vote.view <= state.view + 1",
        (CERTIFYING,),
    ),
    Mutant(
        "K11",
        "told_before_the_certificate_is_journaled",
        STATE,
        "        elif isinstance(effect, Finalize):\n            self.flush_records()\n",
        "",
        (CERTIFYING,),
    ),
    Mutant(
        "K11",
        "a_fork_goes_unnoticed",
        BLOCKS,
        '            halt(state, f"finalized chains fork at height {facts.height}", certificate)\n',
        "",
        (CERTIFYING,),
    ),
    Mutant(
        "K11",
        "a_notarization_that_skips_a_final_view_is_taken",
        RULES,
        "return notarized.view > state.final_view > notarized.parent_view",
        "return False",
        (CERTIFYING,),
    ),
    Mutant(
        "K14",
        "the_floor_moves_back",
        REPLICA,
        "state.committed_height = max(state.committed_height, height)",
        "state.committed_height = height",
        (FLOOR,),
    ),
    Mutant(
        "K14",
        "blocks_below_the_floor_are_restored",
        UPKEEP,
        "if facts.height > state.final.height and facts.epoch == state.epoch:",
        "if facts.epoch == state.epoch:\n        state.final = facts",
        (FLOOR,),
    ),
    Mutant(
        "K14",
        "a_long_journal_needs_its_peers",
        BLOCKS,
        "    path = state.path\n    if path is None:\n        return\n",
        "    path = state.path\n    if path is None or far_behind(state):\n        return\n",
        (FLOOR,),
    ),
)
