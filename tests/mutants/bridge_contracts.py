"""The Python beside the contracts, broken on purpose: digests, recipients, deployment and its check (B3, B9, B13).

The contracts' own planted bugs are byte code: bridge/contracts/mutants.json, caught by tests/bridge/contracts/test_histories.py.
"""

from __future__ import annotations

from tests.mutants.mutant import Mutant

DIGESTS = "bridge/digests.py"
IDENTIFIERS = "bridge/identifiers.py"
ABI = "bridge/abi.py"
ARTIFACTS = "bridge/contracts/__init__.py"

SIGNED = "tests/bridge/test_digests.py"
BUILT = "tests/bridge/contracts/test_artifacts.py"
FUZZED = "tests/ledger/test_fuzz_decoders.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant("B3", "the_chain_is_not_signed", DIGESTS, '_uint("chain_id", domain.chain_id, 256)', '_uint("chain_id", 1, 256)', (SIGNED,)),
    Mutant("B3", "the_deadline_is_not_signed", DIGESTS, '_uint("deadline", message.deadline, 64)', '_uint("deadline", 0, 64)', (SIGNED,)),
    Mutant(
        "B3",
        "immediate_is_not_signed",
        DIGESTS,
        '_uint("immediate", int(message.immediate), 1)',
        '_uint("immediate", 0, 1)',
        (SIGNED,),
    ),
    Mutant("B3", "attestors_are_packed_to_twenty_bytes", DIGESTS, 'return value.rjust(WORD_BYTES, b"\\x00")', "return value", (SIGNED,)),
    Mutant("B9", "a_field_too_wide_is_cut", DIGESTS, "if not 0 <= value < 1 << bits:", "if value < 0:", (SIGNED,)),
    Mutant("B9", "a_hash_of_any_length_is_signed", DIGESTS, "if len(value) != WORD_BYTES:", "if len(value) > 64:", (SIGNED,)),
    Mutant(
        "B13",
        "the_checksum_is_of_sha256",
        IDENTIFIERS,
        "return body + keccak256(body)[:",
        "return body + sha256(body).digest()[:",
        (SIGNED,),
    ),
    Mutant("B13", "any_recipient_will_do", IDENTIFIERS, "keccak256(body)[:4] == value[RECIPIENT_BODY_BYTES:]", "True", (SIGNED,)),
    Mutant("B9", "a_new_contract_has_the_old_route", IDENTIFIERS, 'index.to_bytes(4, "big"))', "bytes(4))", (SIGNED,)),
    Mutant("B6", "a_hostile_text_stops_the_bridge", ABI, "(DecodingError, OverflowError, ValueError)", "DecodingError", (FUZZED,)),
    Mutant(
        "B11",
        "any_code_is_ours",
        ARTIFACTS,
        "return self._masked(found) ==",
        "return found is not None or self._masked(found) ==",
        (BUILT,),
    ),
)
