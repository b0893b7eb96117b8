"""Curves out of the ledger, a signer's memory, and the stranger's check, broken on purpose (B9, B12, K23)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

RECORDS, MARKS, PROOF = "ledger/bridges.py", "bridge/marks.py", "cli/bridge_proof.py"
STRANGER = ("tests/bridge/test_proof_of_reserve.py",)
APART = ("tests/bridge/test_curves_apart.py",)
TORN = "tests/bridge/test_marks.py::test_b9_torn_marks_sign_nothing_any_more"
ANY_ORDER = ("tests/bridge/test_marks.py::test_b9_a_key_signs_what_the_rule_allows_in_any_order_and_across_restarts",)
"""The rule beside the marks; each of these is caught by `test_signer.py`, too, as an example."""

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "B12",
        "the_ledger_loads_a_curve",
        RECORDS,
        "from ledger.canonical import encode\n",
        "import coincurve\nfrom ledger.canonical import encode\n",
        APART,
    ),
    Mutant(
        "B12",
        "a_lock_has_an_id_of_the_other_chain_s_hash",
        RECORDS,
        'tagged(b"som/lock/1", route_id, numbers, recipient)',
        '__import__("hashlib").sha3_256(route_id + numbers + recipient).digest()',
        APART,
    ),
    Mutant(
        "B12",
        "signatures_of_the_other_chain_are_looked_at",
        "ledger/transactions/bridge_forms.py",
        "or not any(said.value.digest):",
        "or not any(said.value.digest) or len(said.value.signature) != 65:",
        APART,
    ),
    Mutant("B9", "marks_that_end_too_soon_are_read", MARKS, "if found < needed:", "if found < 0:", (f"{TORN}[_one_byte_less]",)),
    Mutant(
        "B9",
        "marks_that_cannot_be_read_are_no_marks",
        MARKS,
        "except lmdb.Error as problem:\n            raise MarksMissing(path=self._environment.path()",
        "except lmdb.BadTxnError as problem:\n            raise MarksMissing(path=self._environment.path()",
        (f"{TORN}[_zero_pages]",),
    ),
    Mutant("B9", "an_older_height_is_signed_after_all", MARKS, "if key <= mark:", "if key == mark:", ANY_ORDER),
    Mutant(
        "B9",
        "a_leave_forgets_its_deadline",
        MARKS,
        'message.amount.to_bytes(32, "big"), message.deadline.to_bytes(8, "big"))',
        'message.amount.to_bytes(32, "big"))',
        ANY_ORDER,
    ),
    Mutant(
        "B9",
        "marks_of_all_routes_are_one",
        MARKS,
        "place = _HIGHEST[type(message)] + message.route_id",
        "place = _HIGHEST[type(message)]",
        ANY_ORDER,
    ),
    Mutant("K23", "a_proof_is_written_in_many_ways", PROOF, "if b64encode(data).decode() != text:", "if not text:", STRANGER),
    Mutant("K23", "signatures_are_written_in_many_ways", PROOF, "if data.hex() != text:", "if not text:", STRANGER),
    Mutant("K23", "epochs_more_than_there_were", PROOF, "if links is not None and links != epoch:", "if False:", STRANGER),
    Mutant("K23", "a_stranger_signs_for_the_route", PROOF, "if each is not None and each in members)", "if each is not None)", STRANGER),
    Mutant("K23", "too_few_attestors_signed", PROOF, "or len(good) < needed:", "or not good:", STRANGER),
    Mutant("K23", "a_claim_is_believed", PROOF, "if said != true:", 'if said != true and name != "vault":', STRANGER),
    Mutant(
        "K23", "a_broken_way_is_called_the_state", PROOF, "            trusted.council(epoch)\n", "            trusted.chain\n", STRANGER
    ),
)
