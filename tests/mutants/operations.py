"""Deliberate bugs of what operators use: the list of denied nodes, cuts of a devnet, last words, and `som doctor`."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

DENIED = "node/denied.py"
PEERS = "node/peers.py"
CUTS = "devnet/cuts.py"
NODE = "cli/doctor_node.py"
MACHINE = "cli/doctor_machine.py"
LOOK = "cli/doctor_look.py"
DENIED_TESTS = ("tests/node/test_denied.py",)
CUTS_TESTS = ("tests/devnet/test_partition.py::test_cuts_add_up_and_are_the_same_on_both_sides",)
DOCTOR_TESTS = ("tests/cli/test_doctor.py",)
LOOK_TESTS = ("tests/cli/test_doctor_look.py",)
WORDS_TESTS = ("tests/node/test_lastwords.py",)

MUTANTS = [
    Mutant(
        "denied",
        "a_bad_line_is_passed_over",
        DENIED,
        "        if not word:\n",
        "        if _KEY.fullmatch(word) is None:\n",
        DENIED_TESTS,
    ),
    Mutant(
        "denied",
        "a_bad_list_empties_the_old_one",
        DENIED,
        "            self._complain(str(fault))\n",
        "            self.keys = frozenset()\n",
        DENIED_TESTS,
    ),
    Mutant(
        "denied",
        "a_change_is_not_seen",
        DENIED,
        "self.keys if data == self._seen else parse_denied",
        "self.keys if data else parse_denied",
        DENIED_TESTS,
    ),
    Mutant(
        "denied",
        "links_stay_open",
        PEERS,
        "            if link.node_key in keys:\n",
        "            if link.node_key in keys and link.idle:\n",
        DENIED_TESTS,
    ),
    Mutant(
        "denied",
        "callers_are_let_in",
        PEERS,
        '        if key in self._denied:\n            return "the operator',
        '        if key in self._denied and key in self._links:\n            return "the operator',
        DENIED_TESTS,
    ),
    Mutant(
        "denied",
        "calls_go_on",
        PEERS,
        "        if key in self._denied:\n            return None\n",
        "",
        DENIED_TESTS,
    ),
    Mutant("denied", "one_side_is_cut", CUTS, "in ((one, other), (other, one)):", "in ((one, other),):", CUTS_TESTS),
    Mutant(
        "denied",
        "a_cut_undoes_another",
        CUTS,
        "            found[key] = found[key].union(there)\n",
        "            found[key] = frozenset(there)\n",
        CUTS_TESTS,
    ),
    Mutant("denied", "healing_forgets_strangers", CUTS, "if each not in lists or (", "if (", CUTS_TESTS),
    Mutant("denied", "healing_one_heals_all", CUTS, "(each not in healed and key not in healed)", "not healed", CUTS_TESTS),
    Mutant(
        "last words",
        "those_of_the_node_that_runs_are_replaced",
        "node/main.py",
        "    except FolderInUse as fault:  # the folder's last words are those of the node that runs on it\n        return _say(fault)\n",
        "",
        WORDS_TESTS,
    ),
    Mutant(
        "K15",
        "looking_cuts_the_journal",
        "node/still.py",
        '        """Cut nothing."""\n',
        "        DiskFiles().truncate(path, length)\n",
        WORDS_TESTS,
    ),
    Mutant("K15", "a_running_memory_is_read", LOOK, "_memory(config) if not held.pid else", "_memory(config) if config else", LOOK_TESTS),
    Mutant("doctor", "another_kind_of_lock_is_taken", LOOK, 'words[1] == "FLOCK" and ', "", LOOK_TESTS),
    Mutant("doctor", "another_device_is_taken", LOOK, "{os.major(device):02x}:{os.minor(device):02x}:{inode}", "fe:01:{inode}", LOOK_TESTS),
    Mutant("doctor", "a_silent_validator_counts_as_heard", NODE, "and seen.heard_ms_ago <= SILENT_MS", "", DOCTOR_TESTS),
    Mutant("doctor", "a_closed_link_counts_as_heard", NODE, "seen.own or (seen.connected and", "seen.own or (", DOCTOR_TESTS),
    Mutant(
        "doctor",
        "the_reserve_is_one_too_large",
        NODE,
        "    elif heard == consensus.quorum:",
        "    elif heard == consensus.quorum + 1:",
        DOCTOR_TESTS,
    ),
    Mutant("section 6", "a_slow_clock_is_not_seen", NODE, "    if abs(skew) >= CLOCK_MS:", "    if skew >= CLOCK_MS:", DOCTOR_TESTS),
    Mutant("section 6", "the_skew_has_the_wrong_sign", NODE, "skew = -median_low(heard)", "skew = median_low(heard)", DOCTOR_TESTS),
    Mutant(
        "section 6",
        "the_answer_s_way_counts_as_skew",
        NODE,
        "max(consensus.time_ms - node.answered_ms, ",
        "max(consensus.time_ms - node.asked_ms, ",
        DOCTOR_TESTS,
    ),
    Mutant(
        "section 8",
        "old_evidence_is_an_alarm_for_ever",
        NODE,
        "if proof.public_key and proof.public_key not in now:",
        "if False:",
        DOCTOR_TESTS,
    ),
    Mutant(
        "doctor",
        "a_halted_node_is_started_again",
        MACHINE,
        "        if words.code in HALTED:\n",
        "        if words.code in ():\n",
        DOCTOR_TESTS,
    ),
    Mutant(
        "doctor",
        "a_fork_is_not_seen",
        "cli/doctor_network.py",
        "if first.status.final_block != node",
        "if first.status.height != node",
        DOCTOR_TESTS,
    ),
    Mutant(
        "doctor",
        "notes_make_it_ill",
        "cli/findings.py",
        '    return all(each.level == "note" for each in findings)\n',
        "    return not tuple(findings)\n",
        DOCTOR_TESTS,
    ),
]
