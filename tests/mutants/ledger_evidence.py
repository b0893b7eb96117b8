"""Attestations of kind evidence, broken on purpose: who may, of which key, how many, and what is checked before anybody signs."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

EVIDENCE = "tests/ledger/test_evidence_records.py"
TYPES_OF_EVIDENCE = "tests/ledger/test_types.py"
ACCUSING = "ledger/transactions/accusing.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "K22",
        "anybody_accuses",
        ACCUSING,
        "if all(each.participant != said.by for",
        "if all(not each.participant for",
        (TYPES_OF_EVIDENCE,),
    ),
    Mutant("K22", "evidence_of_no_validator", ACCUSING, "owner.keyset != CONSENSUS_ROLE", "not owner.keyset", (TYPES_OF_EVIDENCE,)),
    Mutant("K22", "evidence_from_the_future", ACCUSING, "if said.as_of > work.time_ms:", "if said.as_of < 0:", (TYPES_OF_EVIDENCE,)),
    Mutant("K22", "a_file_is_shown_again", ACCUSING, "said.doc_hash)) is not None:", "said.doc_hash)) is False:", (EVIDENCE,)),
    Mutant("K22", "evidence_without_bound", ACCUSING, "if len(known) >= ACCUSATIONS_MAX:", "if len(known) > ACCUSATIONS_MAX:", (EVIDENCE,)),
    Mutant("K22", "the_newest_evidence_gives_way", ACCUSING, "known[0].rpartition", "known[-1].rpartition", (EVIDENCE,)),
    Mutant(
        "K22",
        "evidence_says_more",
        "ledger/transactions/governance_forms.py",
        "if said.value != 0 or said.valid_until",
        "if said.valid_until",
        (EVIDENCE,),
    ),
    Mutant(
        "L12",
        "evidence_changes",
        "ledger/invariants.py",
        "isinstance(before, Accusation) and after is not None:",
        "before is False:",
        (EVIDENCE,),
    ),
    Mutant(
        "K22",
        "evidence_is_not_checked_before_it_is_signed",
        "cli/evidence.py",
        "    if not proves(chain, proof):",
        "    if not proof.id:",
        ("tests/cli/test_evidence.py",),
    ),
)
