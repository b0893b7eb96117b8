"""What is done about liars, stalled chains and providers that differ, broken on purpose (B6, B7, B9)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ATTESTOR, INSPECTOR, FAULTS, HEADERS = (
    "bridge/attestor.py",
    "bridge/inspector.py",
    "node/api/bridge_faults.py",
    "bridge/headers.py",
)
FAULTY = ("tests/bridge/test_faulty_attestors.py",)
SHOWN = ("tests/node/test_api_bridges.py",)
KEPT = ("tests/bridge/test_header_keys.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "B6",
        "whose_providers_differ_signs_on",
        ATTESTOR,
        "            except ProvidersDiffer:\n                raise  # nothing more",
        "            except ProvidersDiffer as problem:\n                problems.append(problem)  # nothing more",
        FAULTY,
    ),
    Mutant("B6", "a_stall_pauses_nothing", INSPECTOR, "if still and self._paused != final.number:", "if False:", FAULTY),
    Mutant("B6", "a_pause_outlives_its_stall", INSPECTOR, "elif not still and self._order:", "elif False:", FAULTY),
    Mutant("B7", "a_quote_forgets_orders", "node/api/bridges.py", "if not quote.code and order is not None:", "if False:", SHOWN),
    Mutant("B5", "a_late_lock_is_tried_for_ever", "bridge/relayer.py", "and final.time <= line.deadline and", "and", FAULTY),
    Mutant("B6", "slow_finality_holds_a_relayer_up", "bridge/relayer.py", 'not in ("few", "done")', 'not in ("few",)', FAULTY),
    Mutant("B9", "who_says_two_things_is_not_named", FAULTS, "if len(digests) > 1 or (agreed", "if (agreed", SHOWN),
    Mutant("B9", "who_says_another_thing_is_not_named", FAULTS, "or (agreed and agreed not in digests)", "", SHOWN),
    Mutant("B6", "every_provider_gets_every_key", HEADERS, "for each in headers if each.url == url}", "for each in headers}", KEPT),
    Mutant("B6", "a_key_is_sent_for_all_to_read", HEADERS, "if not _is_private(each.url):", "if False:", KEPT),
)
