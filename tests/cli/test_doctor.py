"""`som doctor`: every finding from given facts, and none where nothing is wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from cli.doctor import examine, exit_code
from cli.doctor_facts import Silent
from cli.findings import Finding, is_healthy, merged, two_parts
from tests.cli.clinic import CHAIN, NOW, URL, gave_up, healthy, machine, with_consensus, with_seen, with_status
from tests.cli.doctor_cases import NODES
from tests.cli.doctor_machine_cases import MACHINES, OFF

if TYPE_CHECKING:
    from cli.doctor_facts import Asked, MachineFacts

ROOT = Path(__file__).parents[2]


def the(code: str, findings: tuple[Finding, ...]) -> Finding:
    """Return the one finding of a kind."""
    found = [each for each in findings if each.code == code]
    assert len(found) == 1, findings
    return found[0]


def test_nothing_is_wrong_where_nothing_is_wrong() -> None:
    """Goal: no false alarm. Method: healthy nodes, alone and together, with and without the machine."""
    nodes = tuple(healthy(own) for own in range(4))
    for asked in (nodes, nodes[:1]):
        for there in (machine(), None):
            for chain in (CHAIN, ""):
                assert examine(asked, there, chain) == ()
    assert exit_code(nodes, ()) == 0


@pytest.mark.parametrize(("_name", "asked", "code", "level", "about", "says", "todo"), NODES, ids=[case[0] for case in NODES])
def test_every_finding_about_nodes(_name: str, asked: tuple[Asked, ...], code: str, level: str, about: str, says: str, todo: str) -> None:
    """Goal: each fault is found, named, and comes with what to do. Method: healthy facts with that fault."""
    findings = examine(asked, None, "")
    found = the(code, findings)
    assert (found.level, found.about) == (level, about)
    assert says in found.says
    assert todo in found.todo
    assert exit_code(asked, findings) == (0 if all(each.level == "note" for each in findings) else 1)
    assert is_healthy(findings) or level != "note" or len(findings) > 1


@pytest.mark.parametrize(("_name", "there", "asked", "code", "level", "says", "todo"), MACHINES, ids=[case[0] for case in MACHINES])
def test_every_finding_about_the_machine(
    _name: str, there: MachineFacts, asked: tuple[Asked, ...], code: str, level: str, says: str, todo: str
) -> None:
    """Goal: as above, for what only the node's machine shows, also while the node is down. Method: as above."""
    findings = examine(asked, there, "")
    found = the(code, findings)
    assert (found.level, found.about) == (level, there.name or there.config)
    assert says in found.says
    assert todo in found.todo
    assert exit_code(asked, findings) == (3 if asked == (OFF,) else 0 if level == "note" else 1)


def test_a_limit_itself_is_no_fault() -> None:
    """Goal: limits are where the specification has them. Method: facts that stand just at each limit."""
    node = with_seen(healthy(), 1, 2, 3, clock_ms=-99, heard_ms_ago=6_000, lag_views=256, lag_heights=1_000)
    node = with_consensus(with_status(node, time_ms=NOW + 505), last_timeout=gave_up(60_001))
    other = with_status(healthy(1), height=1_041)
    few = {'som_fsync_seconds_count{file="mark"}': 19.0, 'som_fsync_seconds_sum{file="mark"}': 9.0}
    there = replace(machine(), free_bytes=5 * 2**30, store_bytes=int(0.9 * 2**36))
    assert examine((node, other, replace(healthy(2), series=few)), there, CHAIN) == ()


def test_what_several_nodes_see_is_one_finding() -> None:
    """Goal: an operator reads each thing once. Method: three nodes miss the fourth, which does not answer; the worst comes first."""
    asked: tuple[Asked, ...] = (*(with_seen(healthy(own), 3, connected=False) for own in range(3)), Silent(f"{URL}3", "Connection refused"))
    findings = examine(asked, None, CHAIN)
    assert [each.code for each in findings] == ["node-unreachable", "validator-missing", "no-reserve"]
    assert findings[1].seen_by == findings[2].seen_by == ("validator-0", "validator-1", "validator-2")
    assert exit_code(asked, findings) == 1
    assert exit_code(asked[3:], findings[:1]) == 3


def test_names_are_those_of_the_nodes_where_they_are_known() -> None:
    """Goal: people read the names they gave. Method: by the node's own answer, by the configuration on this machine, by neither."""
    node = with_seen(healthy(), 1, 2, 3, connected=False)
    abouts = [each.about for each in examine((node, healthy(1)), machine(), "") if each.code == "validator-missing"]
    assert abouts == ["validator-1", "operator/2", "validator-3"]


def test_findings_of_one_kind_about_one_thing_become_the_worst_of_them() -> None:
    """Goal: merging loses no alarm. Method: a note and a warning about one thing, another thing beside them."""
    note, warning = Finding("c", "note", "x", "a", "b", ("n1",)), Finding("c", "warning", "x", "d", "e", ("n2",))
    other = Finding("c", "wrong", "y", "f", "g")
    assert merged((note, warning, other)) == (other, msgspec.structs.replace(warning, seen_by=("n1", "n2")))


def test_a_sentence_is_what_is_wrong_and_what_to_do() -> None:
    """Goal: sentences of the node are used as they are. Method: with two semicolons, with one, with none."""
    assert two_parts("a; b; c") == ("a; b", "c")
    assert two_parts("a; c") == ("a", "c")
    assert two_parts("a")[0] == "a"


def test_every_kind_of_finding_is_tested_and_in_the_manual() -> None:
    """Goal: the list in cli/README.md is whole. Method: codes in the source, in the cases here, and in the table."""
    source = "".join(path.read_text() for path in (ROOT / "cli").glob("doctor_*.py"))
    codes = set(re.findall(r'(?:Finding|_found)\(\s*(?:node,\s*)?"([a-z-]+)"', source))
    codes |= {"genesis-document", "view-key", *(case[2] for case in NODES if case[2].startswith("alarm-"))}
    assert codes == {case[2] for case in NODES} | {case[3] for case in MACHINES}
    table = (ROOT / "cli" / "README.md").read_text().split("## som doctor")[1].split("\n## ")[0]
    assert codes == set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))))
