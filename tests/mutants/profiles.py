"""Deliberate bugs of assets as configuration: what a profile says, what of it is there already, and who signs an issue."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

PROFILES = "tests/cli/test_asset_profiles.py"
APPLY, TERMS = "cli/profile_apply.py", "cli/profile_terms.py"

MUTANTS = [
    Mutant(
        "L14",
        "a_refused_step_of_a_profile_is_never_tried_anew",
        APPLY,
        '    if found.status == "pending":',
        '    if found.status == "pending" or (found.receipt is not None and found.receipt.code):',
        (f"{PROFILES}::test_a_refused_step_is_tried_anew_and_what_was_done_stays",),
    ),
    Mutant(
        "L14",
        "a_profile_does_again_what_is_there",
        APPLY,
        "done=known == policy)",
        "done=False)",
        (f"{PROFILES}::test_gold_is_applied_repeated_and_issued",),
    ),
    Mutant(
        "L27",
        "a_profile_takes_powers_away",
        APPLY,
        "powers=tuple(sorted({*policy.powers, *known.powers})))",
        "powers=policy.powers)",
        (f"{PROFILES}::test_a_change_of_the_file_is_a_change_of_the_policy",),
    ),
    Mutant(
        "L19",
        "a_repeated_profile_moves_the_end",
        APPLY,
        "        policy = msgspec.structs.replace(policy, expires=known.expires)\n",
        "        policy = msgspec.structs.replace(policy, expires=policy.expires)\n",
        (f"{PROFILES}::test_an_end_counts_from_the_day_it_was_applied",),
    ),
    Mutant(
        "L25",
        "a_grant_that_says_something_else_is_taken_as_it_is",
        APPLY,
        "!= (grant.to, grant.permission) or terms != grant:",
        "!= (grant.to, grant.permission):",
        (f"{PROFILES}::test_a_refused_step_is_tried_anew_and_what_was_done_stays",),
    ),
    Mutant(
        "L10",
        "a_profile_is_not_tried_by_the_rules",
        "cli/asset_profile.py",
        "        faults += try_profile(source, profile)",
        "        faults += []",
        (f"{PROFILES}::test_each_error_has_its_line",),
    ),
    Mutant(
        "L25",
        "one_of_a_quorum_signs_an_issue",
        "cli/quorum.py",
        "[: grant.need.m]",
        "[:1]",
        (f"{PROFILES}::test_gold_is_applied_repeated_and_issued",),
    ),
    Mutant(
        "L20",
        "a_profile_loses_its_haircut",
        TERMS,
        "(part.type, part.feed, part.haircut_bps, part.share_max_bps,",
        "(part.type, part.feed, 0, part.share_max_bps,",
        (f"{PROFILES}::test_gold_is_applied_repeated_and_issued",),
    ),
    Mutant(
        "L25",
        "a_quorum_of_all_is_a_quorum_of_one",
        TERMS,
        "need=Need(part.need_m or len(need), need)",
        "need=Need(part.need_m or 1, need)",
        (f"{PROFILES}::test_a_quorum_of_a_profile_is_all_of_it",),
    ),
    Mutant(
        "L6",
        "errors_lose_their_line",
        "cli/toml_lines.py",
        '        line += text.count("\\n", read, found.start())',
        "        line += found.start() > read",
        (f"{PROFILES}::test_lines_of_toml_are_those_of_the_text", f"{PROFILES}::test_each_error_has_its_line"),
    ),
]
