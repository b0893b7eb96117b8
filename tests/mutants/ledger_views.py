"""Bugs in who is told what: the parts of views, and how they are written up."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

VIEWS = ("tests/ledger/test_views.py",)
EXECUTE = ("tests/ledger/test_execute.py",)

MUTANTS = [
    Mutant(
        "S6",
        "who_is_only_paid_sees_every_leg",
        "ledger/views.py",
        "if leg.credit.startswith(own) and codes[index] == 0",
        "if codes[index] == 0",
        VIEWS,
    ),
    Mutant(
        "S6",
        "a_bank_sees_what_is_paid_to_one_whose_name_begins_like_its_own",
        "ledger/views.py",
        'participant + "/"',
        "participant",
        VIEWS,
    ),
    Mutant(
        "S6",
        "who_is_only_paid_sees_legs_that_failed",
        "ledger/views.py",
        "if leg.credit.startswith(own) and codes[index] == 0",
        "if leg.credit.startswith(own)",
        VIEWS,
    ),
    Mutant(
        "S6",
        "who_is_only_paid_sees_the_whole_transaction",
        "ledger/transactions/__init__.py",
        'told = dict.fromkeys([name.partition("/")[0] for name in names])',
        'told = dict.fromkeys([name.partition("/")[0] for name in (*names, *of)])',
        VIEWS,
    ),
    Mutant(
        "S6",
        "who_is_debited_by_another_is_not_told",
        "ledger/transactions/__init__.py",
        "    names += _debtors(body, outcome)\n",
        "",
        (*VIEWS, "tests/ledger/test_debit_rules.py"),
    ),
    Mutant(
        "S6",
        "who_signs_is_not_told",
        "ledger/transactions/__init__.py",
        "names = [signature.participant for signature in tx.signatures]",
        "names: list[str] = []",
        VIEWS,
    ),
    Mutant(
        "L19",
        "a_hold_swept_in_passing_tells_all_to_who_is_only_paid",
        "ledger/transactions/__init__.py",
        "(released and entry.held < 0)",
        "entry.held < 0",
        VIEWS,
    ),
    Mutant(
        "S6",
        "who_has_a_hold_released_is_not_told",
        "ledger/transactions/__init__.py",
        "released = outcome.ballot is not None or isinstance(body, Void)",
        "released = False",
        VIEWS,
    ),
    Mutant(
        "S6",
        "a_page_is_written_up_from_its_second_transaction",
        "ledger/execute.py",
        "        start = len(self._leaves)\n",
        "        start = len(self._leaves) + bool(self._leaves)\n",
        EXECUTE,
    ),
    Mutant(
        "S6",
        "what_is_written_up_late_is_written_up_twice",
        "ledger/execute.py",
        "        self._outcomes = []\n",
        "",
        EXECUTE,
    ),
    Mutant(
        "S6",
        "a_view_shows_the_entries_of_others",
        "ledger/views.py",
        "encode((*head, part, entries, ()))",
        "encode((*head, part, outcome.entries, ()))",
        VIEWS,
    ),
    Mutant(
        "S6",
        "a_system_view_tells_how_much_others_did",
        "ledger/execute.py",
        "self._views.add_system(tree, entries=swept.get(tree, ()), writes=writes)",
        "self._views.add_system(tree, entries=swept.get(tree, ()), writes=[*writes, (f'~{len(done.leaves)}', None)])",
        VIEWS,
    ),
    Mutant(
        "L19",
        "a_sweep_is_no_entry_of_any_view",
        "ledger/execute.py",
        "entries=swept.get(tree, ())",
        "entries=()",
        VIEWS,
    ),
]
