"""Keys of the bridge in tokens, broken on purpose: what leaves them, and what a wrong PIN costs (B9)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

HSM = "bridge/hsm.py"
TOKENS = ("tests/bridge/test_hsm.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant("B9", "a_high_s_leaves_the_token", HSM, "low = min(s, ORDER - s) if s < ORDER else s", "low = s", TOKENS),
    Mutant(
        "B9",
        "any_key_s_signature_leaves_the_token",
        HSM,
        "if recovered(digest, signature) == address:",
        "if recovered(digest, signature):",
        TOKENS,
    ),
    Mutant("B9", "a_refused_pin_is_tried_again_after_a_restart", HSM, "if _remembered(place) == given:", "if not given:", TOKENS),
    Mutant("B9", "a_refused_pin_is_tried_at_each_signature", HSM, "if self._refused:", "if not self.address:", TOKENS),
    Mutant(
        "B9",
        "the_last_try_of_a_pin_is_a_machine_s",
        HSM,
        "flags & (TokenFlag.USER_PIN_LOCKED | TokenFlag.USER_PIN_FINAL_TRY)",
        "flags & TokenFlag.USER_PIN_LOCKED",
        TOKENS,
    ),
    Mutant("B9", "another_key_of_that_label_will_do", HSM, "if found != self.address:", "if not found:", TOKENS),
    Mutant("B9", "any_of_two_keys_will_do", HSM, "(len(private), len(public)) != (1, 1)", "not (private and public)", TOKENS),
    Mutant("B9", "any_curve_will_do", HSM, "if parameters != SECP256K1:", "if not parameters:", TOKENS),
    Mutant("B9", "halves_that_differ_are_found_at_the_first_lock", HSM, "        self.sign(CHECK)\n", "", TOKENS),
    Mutant("B9", "a_token_hands_the_key_out", HSM, "Attribute.EXTRACTABLE: False}", "Attribute.EXTRACTABLE: True}", TOKENS),
    Mutant("B9", "a_key_is_made_beside_another", HSM, 'raise KeyFileExists(path=f"a key {place.shown}")', "place = place", TOKENS),
    Mutant("B9", "a_lost_session_stays_lost", HSM, "            self._find_again()\n", "", TOKENS),
    Mutant(
        "B9",
        "a_repetition_is_another_word",
        HSM,
        "if (known := self._made.get(digest)) is not None:",
        "if (known := self._made.get(b'')):",
        TOKENS,
    ),
    Mutant("B9", "signatures_are_kept_for_ever", HSM, "if len(self._made) > MADE_KEPT:", "if not self._made:", TOKENS),
)
