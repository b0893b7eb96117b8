"""Assets as configuration at the keyboard: ready-made profiles by the real rules, the line of every error, carried out and repeated."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.profile_document import open_source, read_document, ready_made
from cli.toml_lines import lines_of_toml
from ledger.grants import GrantRecord, Need
from tests.cli.test_nouns import outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.network import Network

COLUMNS = {
    "crypto-reserve": "CRYPTORES",
    "digital-som": "KGS",
    "jpyc": "JPYC",
    "jpysb": "JPYSB",
    "kgst": "KGST",
    "qivalis-euro": "EURQ",
    "school-meals": "KGS.LUNCH",
    "usdkg": "USDKG",
}
"""Section 8 of the specification: profile -> code."""
GOLD = ("--issuer", "operator", "--role", "ministry=treasury", "--role", "auditor=bank-a", "--role", "source=bank-b", "--role")
USDKG = ("usdkg", *GOLD, "observer=bank-b")


class Step(msgspec.Struct):
    """One step, as `som profile apply --json` tells it."""

    step: str
    type: str = ""
    file: str = ""
    done: bool = False


class Listed(msgspec.Struct):
    """One line of `som profile list --json`."""

    name: str
    asset: str


def steps(network: Network, *arguments: str) -> list[Step]:
    """Apply a profile; return its steps."""
    return msgspec.convert(network.good("profile", "apply", *arguments)["steps"], list[Step])


def changed(folder: Path, profile: str, *pairs: tuple[str, str]) -> str:
    """Write a ready-made profile with some words changed; return its path."""
    text = ready_made()[profile]
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


def test_each_column_has_a_profile_and_each_profile_is_good(network: Network) -> None:
    """Goal: section 8 as configuration. Method: list, show and check them all; no node is asked."""
    listed = msgspec.convert(network.good("profile", "list")["profiles"], list[Listed])
    assert {each.name: each.asset for each in listed} == COLUMNS
    assert "school-meals" in network.som("profile", "list")[1]
    for name, code in COLUMNS.items():
        assert network.good("profile", "check", name) == {"good": True, "faults": []}
        assert network.som("profile", "show", name, "--json")[1].count(f'"code": "{code}"') == 1
        assert network.som("profile", "show", name)[1].strip() == ready_made()[name].strip()
    assert network.served.asked == []


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (
            [("decimals = 6\nreserve", "decimals = 9\nreserve"), ('max_age = "31d"', "max_age = 31")],
            ["line 15, asset.decimals", "line 49, terms[0].max_age"],
        ),
        (
            [("unit = 311034768", "unit = 0"), ("haircut_bps = 1000", "haircut = 1000")],
            ["line 40, feeds[0].unit", "line 48, terms[0].haircut: there is no such field"],
        ),
        (
            [('max_age = "31d"', 'max_age = "31"'), ('"@ministry/ops"', '"@nobody/ops"')],
            ["line 18, grants[0]: there is no role nobody", "line 45, terms[0]: '31' is not a length"],
        ),
        ([('"@ministry/ops"', '"@auditor/ops"')], ["line 23, grants[1]: the ledger would refuse", "115 CONFLICT_OF_DUTY"]),
        ([('"gold"\nquantity', '"silver"\nquantity')], ["line 52, items[0]: the ledger would refuse", "182 NOT_AUTHORITY"]),
        ([('code = "USDKG"', 'code = "usdkg"')], ["line 14, asset.code: ", "is no asset code"]),
        ([('reserve = "attested"', 'reserve = "vault"')], ["line 16, asset.reserve: ", "is no asset code"]),
        ([('reserve = "attested"', 'reserve = "vault"\nlocks = "USDKG"')], ["line 17, asset.locks: USDKG cannot be its own reserve"]),
        ([('reserve = "attested"', 'reserve = "sovereign"')], ["line 36, feeds[0]", "a sovereign asset stands on"]),
        ([('reserve = "attested"', 'reserve = "attested"\nreceive = ["mcc:8211", "MCC"]')], ["line 17, asset.receive[1]", "is no pattern"]),
        ([("[asset]", '[[limits]]\ntier = "Basic"\nbalance = "1.0000001"\n\n[asset]')], ["line 13, limits[0]", "7 digits after the point"]),
        ([('sources = ["@source"]', 'sources = ["@source", "@auditor"]')], ["line 36, feeds[0]", "an odd number has a middle one"]),
        ([('id = "tron"', 'id = "ethereum"')], ["line 64, routes[1]"]),
        ([("format = 1\n", "")], ["line 1: format is missing"]),
        ([('issuer = "the state issuer"\n', "")], ["there is no role issuer"]),
        ([("title = ", "titel = ")], ["line 4, titel: no profile has such a field", "title is missing"]),
        ([('[[grants]]\npermission = "issue"', '[[grants]]\npermission = "isue"')], ["line 19, grants[0].permission: Invalid enum value"]),
        (
            [('need = ["@issuer/ops", "@ministry/ops"]', 'need = ["@issuer/ops", "@ministry/ops"]\nneed_m = 3')],
            ["line 18, grants[0]", "needs 3 of 2"],
        ),
        ([('need = ["@issuer/ops", "@ministry/ops"]', 'quota = "5"\ncount = 3')], ["line 18, grants[0]", "one quota"]),
    ],
    ids=str,
)
def test_each_error_has_its_line(network: Network, tmp_path: Path, pairs: list[tuple[str, str]], said: list[str]) -> None:
    """Goal: who wrote a profile finds every error in it. Method: spoil the one of USDKG in some places at a time."""
    code, out, err = network.som("profile", "check", changed(tmp_path, "usdkg", *pairs))
    assert code == 1
    for words in said:
        assert words in out, out
    assert "mine.toml has" in err
    assert network.som("profile", "apply", str(tmp_path / "mine.toml"), *USDKG[1:])[0] == 1
    assert network.world.state.get("asset/USDKG") is None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("check", "nothing"), 2, "neither a file nor a profile that comes with the ledger: crypto-reserve"),
        (("show", "nothing"), 2, "neither a file"),
        (("check", "kgst", "--role", "auditor"), 2, "names nobody for a role"),
        (("check", "kgst", "--role", "auditor=bank-a"), 1, "there is no role auditor: issuer"),
        (("check", "kgst", "--issuer", "Bank A"), 1, "is no participant id"),
        (("apply", "usdkg", "--issuer", "operator"), 1, "nobody is named for the role ministry: say who with --role ministry="),
        (("apply", "kgst", "--issuer", "bank-c"), 1, "no participant bank-c"),
        (("apply", "kgst", "--issuer", "operator", "--ref", "x"), 2, "leave out --ref"),
        (("apply", "digital-som", "--issuer", "bank-a", "--role", "treasury=treasury", "--role", "bank=bank-a"), 1, "something else"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_mistakes_have_one_sentence(network: Network, arguments: tuple[str, ...], code: int, words: str) -> None:
    """Goal: a sentence and the right exit code. Method: one mistake at a time."""
    found, _, err = network.som("profile", *arguments)
    assert (found, words in err) == (code, True), err


def test_files_that_are_none(network: Network, tmp_path: Path) -> None:
    """Goal: hostile files end in one sentence. Method: no TOML, not text, too long, too deep."""
    path = tmp_path / "mine.toml"
    for data, words in (
        (b"format = 1\nname = [\n", "line 3"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"#" * 70_000, "longer than"),
        (b"x = " + b"[" * 30_000, "mine.toml"),
        (b"", "format is missing"),
    ):
        path.write_bytes(data)
        code, _, err = network.som("profile", "check", str(path))
        assert code in (1, 2)
        assert words in err, err


def test_lines_of_toml_are_those_of_the_text() -> None:
    """Goal: each value's line. Method: every way that TOML has of writing one."""
    text = (
        '# first\nplain = 1.5\n"quoted" = "a # b"\ndotted.key = \'x = [\'\nlong = """\n[no]\n"""\n'
        '[table]\nlist = [\n  "a", # b\n  [1, 2],\n]\ninline = { at = 2026-01-01 10:00:00, deep = { x = 1 } }\n'
        "[[many]]\na = 1\n[[many]]\na = 2\n[many.sub]\nb = 3\n[[many.more]]\nc = 4\n"
    )
    found = lines_of_toml(text)
    wanted = {
        "$.plain": 2,
        "$.quoted": 3,
        "$.dotted.key": 4,
        "$.long": 5,
        "$.table": 8,
        "$.table.list[0]": 10,
        "$.table.list[1][1]": 11,
        "$.table.inline.deep.x": 13,
        "$.many[0].a": 15,
        "$.many[1].a": 17,
        "$.many[1].sub.b": 19,
        "$.many[1].more[0].c": 21,
    }
    assert {path: found[path] for path in wanted} == wanted


def test_gold_is_applied_repeated_and_issued(network: Network) -> None:
    """Goal: a profile makes an asset, once. Method: see what would be done, do it, do it again; the quorum of its grant signs an issue."""
    assert [each.done for each in steps(network, *USDKG, "--dry-run")] == [False] * 5
    assert network.world.state.get("asset/USDKG") is None
    assert [each.type for each in steps(network, *USDKG)] == ["asset.put", *["grant.put"] * 4]
    assert steps(network, *USDKG) == []
    assert network.som("profile", "apply", *USDKG)[1].count("there  ") == 5
    network.good("reserve", "attest", "USDKG", "gold", "gold-2026-1", "3760000000000", "--as", "bank-a")
    network.good("reserve", "price", "USDKG", "XAU-USD", "4160.917242", "--as", "bank-b")
    for route in ("tron", "ethereum"):
        network.good("reserve", "observe", "USDKG", route, "0", "--as", "bank-b")
    assert outcome(network.good("issue", "bank-a/main", "45269999", "USDKG")) == 0
    assert "161 BACKING" in network.som("issue", "bank-a/main", "1", "USDKG")[2]


def test_a_refused_step_is_tried_anew_and_what_was_done_stays(network: Network, tmp_path: Path) -> None:
    """Goal: repeat after a failure. Method: an issuer that may not open accounts; the grant is given; the same command goes on."""
    path = changed(tmp_path, "kgst", ("[[bridges]]", '[[accounts]]\nid = "@issuer/till"\n\n[[bridges]]'))
    network.good("grant", "end", "wallet:bank-a", "--as", "operator")
    code, _, err = network.som("profile", "apply", path, "--issuer", "bank-a")
    assert code == 1
    assert "112 NO_GRANT" in err, err
    assert network.world.state.get("asset/KGST") is None
    network.good("grant", "put", "wallet:bank-a", "--to", "bank-a", "--permission", "wallet", "--participant", "bank-a", "--as", "operator")
    assert [each.type for each in steps(network, path, "--issuer", "bank-a")] == ["account.open", "asset.put", "grant.put"]
    text = (tmp_path / "mine.toml").read_text()
    mended = changed(tmp_path, "kgst", ('need = ["@issuer/ops"]', 'need = ["operator/ops"]'))
    assert "says something else" in network.som("profile", "apply", mended, "--issuer", "bank-a")[2]
    (tmp_path / "mine.toml").write_text(text)
    assert [each.done for each in steps(network, path, "--issuer", "bank-a", "--dry-run")] == [True] * 3


def test_a_change_of_the_file_is_a_change_of_the_policy(network: Network, tmp_path: Path) -> None:
    """Goal: the file is the truth, but powers only grow. Method: another cap and fewer powers, and back again."""
    people = ("--issuer", "operator", "--role", "distributor=bank-a", "--role", "auditor=bank-b")
    apply = (changed(tmp_path, "jpysb"), *people)
    assert len(steps(network, *apply)) == 3
    for cap in ("1000", "2000", "1000"):
        changed(tmp_path, "jpysb", ("decimals = 0", f'decimals = 0\ncap = "{cap}"\npowers = []'))
        assert len(steps(network, *apply)) == 1
        shown = network.good("asset", "show", "JPYSB")
        assert (shown["cap"], shown["powers"]) == (cap, ["freeze", "pause", "seize"])


def test_a_folder_of_transactions_for_several_machines(network: Network, tmp_path: Path) -> None:
    """Goal: sign elsewhere. Method: write the steps with one key missing here, sign them where it is, submit them in order."""
    keys, board = network.world.made.folder / "keystore", tmp_path / "board"
    board.mkdir()
    (keys / "operator-board.json").rename(board / "operator-board.json")
    out = tmp_path / "out"
    files = [each.file for each in steps(network, "kgst", "--issuer", "operator", "--export", str(out), "--valid-for", "30m")]
    names = ["01-define-KGST-issued-by-operator.json", "02-grant-issue-KGST-issue-to-operator.json"]
    assert [file.rpartition("/")[2] for file in files] == names
    for file in files:
        network.good("tx", "sign", file, "--keystore", str(board), "--yes")
        assert outcome(network.good("tx", "submit", file, "--wait")) == 0
    assert [each.done for each in steps(network, "kgst", "--issuer", "operator", "--dry-run")] == [True, True]


def test_the_text_of_a_profile_needs_no_more_than_its_asset() -> None:
    """Goal: a short profile is one. Method: the smallest file."""
    source = open_source("kgst")
    document, faults = read_document(source)
    assert document is not None
    assert (document.asset.locks, faults) == ("KGS", [])


def test_an_end_counts_from_the_day_it_was_applied(network: Network, tmp_path: Path) -> None:
    """Goal: a repeated command moves no end. Method: an hour from now, twice; then another budget line, which is another end."""
    path = changed(tmp_path, "school-meals", ('"200d"', '"1h"'))
    assert [each.type for each in steps(network, path, "--issuer", "treasury")] == ["asset.put", "grant.put"]
    assert steps(network, path, "--issuer", "treasury") == []
    path = changed(tmp_path, "school-meals", ('"200d"', '"1h"'), ("@issuer/main", "bank-a/main"))
    assert [each.type for each in steps(network, path, "--issuer", "treasury")] == ["asset.put"]
    spoiled = changed(tmp_path, "school-meals", ('"200d"', '"2020-01-01"'))
    assert "an end that is to come" in network.som("profile", "check", spoiled)[1]


def test_a_quorum_of_a_profile_is_all_of_it(network: Network) -> None:
    """Goal: need without a number means everybody. Method: the grant of USDKG, which names issuer and ministry."""
    steps(network, *USDKG)
    record = network.world.state.get("grant/issue:USDKG")
    assert isinstance(record, GrantRecord)
    assert record.grant.need == Need(2, ("operator/ops", "treasury/ops"))
    quota = network.world.state.get("grant/attest.price:USDKG:bank-b")
    assert isinstance(quota, GrantRecord)
    assert (quota.grant.to, quota.grant.scope.asset, quota.grant.quota) == ("bank-b", "USDKG", None)


WORDS = (
    "a",
    '"b c"',
    " = ",
    "[",
    "[[",
    "]",
    "]]",
    "{ x = 1 }",
    ",",
    ".",
    "\n",
    "1.5",
    '"s"',
    '"""y\n"""',
    "# c\n",
    "d = 1\n",
    "[t]\n",
    "[[u]]\n",
)


@given(st.lists(st.sampled_from(WORDS), max_size=24))
def test_any_text_is_read_and_every_value_has_a_line(words: list[str]) -> None:
    """Goal: hostile profiles do no harm. Method: any row of words is read to its end; what is TOML has a line for each value."""
    text = "".join(words)
    lines = lines_of_toml(text)
    assert max(lines.values()) <= text.count("\n") + 1
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(paths_of(found, "$")) <= set(lines)


def paths_of(value: object, path: str) -> Iterator[str]:
    """Yield the path of each plain value."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from paths_of(part, f"{path}.{name}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from paths_of(part, f"{path}[{index}]")
    else:
        yield path


def test_rank_and_lifters_of_a_grant_are_compared(network: Network, tmp_path: Path) -> None:
    """Goal: a grant that says something else is never taken for the same. Method: orders in the asset, then another rank."""
    order = '[[grants]]\npermission = "order.arrest"\nto = "@issuer"\nlifted_by = ["bank-a"]\nrank = 2\n\n[[bridges]]'
    path = changed(tmp_path, "kgst", ("[[bridges]]", order))
    assert len(steps(network, path, "--issuer", "operator")) == 3
    assert steps(network, path, "--issuer", "operator") == []
    assert network.good("grant", "show", "order.arrest:KGST")["lifted_by"] == ["bank-a"]
    assert "rank" in network.som("grant", "show", "order.arrest:KGST")[1]
    path = changed(tmp_path, "kgst", ("[[bridges]]", order.replace("rank = 2", "rank = 3")))
    assert "says something else" in network.som("profile", "apply", path, "--issuer", "operator")[2]


ABROAD = """format = 1
name = "wusd"
title = "dollars that are locked on two public chains"

[roles]
issuer = "who issues"
watcher = "who sees what is locked; an odd number"

[asset]
code = "WUSD"
decimals = 6
reserve = "foreign"

[[grants]]
permission = "issue"
to = "@issuer"

[[grants]]
permission = "attest.foreign"
to = "@watcher"

[[lockers]]
name = "tron-vault"
chain = "tron"
contract = "4122"
sources = ["@watcher"]
max_age = "1h"

[[lockers]]
name = "eth-vault"
chain = "ethereum"
contract = "0x33"
sources = ["@watcher"]
max_age = "1h"
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", ""),
        ('contract = "0x33"', 'contract = "street"', "line 29, lockers[1]: 'street' is no address"),
        ('contract = "4122"', 'contract = "street"', "line 22, lockers[0]: 'street' is no address"),
        ('sources = ["@watcher"]', 'sources = ["bank-a", "bank-b"]', "line 22, lockers[0]: locker tron-vault of WUSD has 2"),
        ('reserve = "foreign"', 'reserve = "attested"', "line 22, lockers[0]: WUSD is not locked on another chain"),
        ('to = "@watcher"', 'to = "@issuer"', "115 CONFLICT_OF_DUTY"),
        (ABROAD[ABROAD.index("[[lockers]]") :], "", "line 12, asset.reserve: WUSD is locked abroad: its reserve says where"),
    ],
    ids=range(7),
)
def test_a_profile_of_an_asset_that_is_locked_abroad(network: Network, tmp_path: Path, old: str, new: str, said: str) -> None:
    """Goal: lockers in a profile, their errors with their lines. Method: a good one, then one thing wrong at a time."""
    path = tmp_path / "wusd.toml"
    path.write_text(ABROAD.replace(old, new, 1) if old else ABROAD)
    code, out, err = network.som("profile", "check", str(path))
    assert (code == 0) == (not said), out + err
    assert said in out, out
