"""Business days, closings and daily publication broken on purpose (L2, L9, L25)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

CLOSINGS = "tests/ledger/test_closings.py"
PUBLISH = "tests/ledger/test_publish.py"

DATES = "ledger/dates.py"
DAYS = "ledger/days.py"
RECORDS = "ledger/closings.py"
LEAVES = "ledger/leaves.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant("L2", "a_day_in_utc", DATES, "(day - _EPOCH) * _DAY_MS - BISHKEK_AHEAD_MS +", "(day - _EPOCH) * _DAY_MS +", (CLOSINGS,)),
    Mutant("L2", "weeks_begin_on_sunday", DATES, "(day - 1) % _WEEK", "day % _WEEK", (CLOSINGS,)),
    Mutant(
        "L2",
        "a_day_has_its_last_moment_twice",
        DAYS,
        "context.time_ms < before.ends_ms:",
        "context.time_ms <= before.ends_ms:",
        (CLOSINGS,),
    ),
    Mutant(
        "L2",
        "the_cutoff_is_not_heeded",
        DAYS,
        "context.time_ms >= end_of(day, cutoff):",
        "context.time_ms >= end_of(day, 1_440):",
        (CLOSINGS,),
    ),
    Mutant("L2", "dates_go_back", DAYS, "day = max(day, next_day(read_date(before.date)))", "day = max(day, 0)", (CLOSINGS,)),
    Mutant("L2", "weekends_are_open", DAYS, "closed_weekdays >> weekday_of(day) & 1 or is_holiday", "is_holiday", (CLOSINGS,)),
    Mutant("L2", "holidays_are_open", DAYS, " or is_holiday(state, day):", ":", (CLOSINGS,)),
    Mutant("L2", "holidays_are_kept_for_ever", DAYS, "            overlay.put(key, None)\n", "            return\n", (CLOSINGS,)),
    Mutant(
        "L2",
        "a_date_is_closed_twice",
        DAYS,
        "BusinessDay(text_of(day), context.height, context.time_ms, end_of(day, cutoff))",
        "BusinessDay(text_of(day), context.height, context.time_ms, context.time_ms)",
        (CLOSINGS,),
    ),
    Mutant(
        "L2",
        "the_closing_says_the_block_that_wrote_it",
        DAYS,
        "text_of(day), context.height - 1)",
        "text_of(day), context.height)",
        (CLOSINGS,),
    ),
    Mutant(
        "L2",
        "a_closing_names_no_next_date",
        DAYS,
        "closing = Closing(after, over.first",
        "closing = Closing(over.date, over.first",
        (CLOSINGS,),
    ),
    Mutant(
        "L2",
        "only_the_operator_is_closed",
        DAYS,
        "for participant in list(overlay.participants()):",
        'for participant in ("operator",):',
        (CLOSINGS,),
    ),
    Mutant(
        "L2",
        "what_is_held_is_not_closed",
        DAYS,
        "ClosedTotal(asset, total.posted, total.held)",
        "ClosedTotal(asset, total.posted, 0)",
        (CLOSINGS,),
    ),
    Mutant("L2", "issuers_do_not_say_their_supply", DAYS, "        if asset.supply:\n", "        if not asset.supply:\n", (CLOSINGS,)),
    Mutant(
        "L2",
        "today_becomes_a_holiday",
        "ledger/transactions/governance.py",
        "if not 0 < read_date(date)",
        "if not 0 <= read_date(date)",
        (CLOSINGS,),
    ),
    Mutant(
        "L2",
        "a_calendar_without_end",
        "ledger/parameters.py",
        "HOLIDAYS_AHEAD: Final = 800",
        "HOLIDAYS_AHEAD: Final = 800_000",
        (CLOSINGS,),
    ),
    Mutant("L2", "sums_of_closings_are_not_checked", RECORDS, "        if self._posted:\n", "        if not self:\n", (CLOSINGS,)),
    Mutant(
        "L2",
        "a_closing_begins_after_the_block",
        "ledger/transactions/__init__.py",
        "    open_day(overlay, context)\n    drop_past_refs(overlay, context.time_ms)\n    return sweep(overlay, context)\n",
        "    drop_past_refs(overlay, context.time_ms)\n    return sweep(overlay, context)\n",
        (CLOSINGS,),
    ),
    Mutant(
        "L25",
        "quotas_by_the_date_before",
        "ledger/grant_rules.py",
        "business_date(overlay, time_ms)",
        "business_date(overlay.base, time_ms)",
        (CLOSINGS,),
    ),
    Mutant(
        "L32", "a_daily_asset_is_shown_at_once", RECORDS, 'record.policy.publish == "day"', 'record.policy.publish == "never"', (PUBLISH,)
    ),
    Mutant(
        "L32",
        "a_daily_asset_has_a_blind_that_all_know",
        LEAVES,
        "(self._secret if is_published_daily(record)",
        '(b"som/blind/1" if is_published_daily(record)',
        (PUBLISH,),
    ),
    Mutant("L32", "any_form_of_a_leaf_proves", LEAVES, "return is_blinded(value) == (", "return value == value or (", (PUBLISH,)),
    Mutant("L9", "nothing_is_published", DAYS, "        if is_published_daily(asset):\n", "        if not asset:\n", (PUBLISH,)),
)
