"""`som closing` and daily publication from the command line, against real execution; with --verify nothing of the node is believed."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import msgspec
import pytest

from ledger.closings import closing_key
from ledger.dates import local_date
from node.api.closings import closing_body

if TYPE_CHECKING:
    from tests.cli.network import Network
    from tests.cli.server import Answer, Asked

DAY_MS = 86_400_000


@pytest.fixture
def days(network: Network) -> tuple[Network, str]:
    """Return a network whose money was issued three days ago, and that date; today has a block."""
    world = network.world
    date = local_date(world.blocks[-1].header.time_ms)
    world.behind_ms -= 3 * DAY_MS
    world.execute()
    return network, date


def test_closings_are_listed_and_shown(days: tuple[Network, str]) -> None:
    """Goal: what was over, and what everybody had; also on a date without blocks. Method: three days without a block."""
    network, date = days
    listed = network.good("closing", "list")
    assert [each["date"] for each in listed["closings"]] == [date]  # type: ignore[attr-defined]
    code, out, _ = network.som("closing", "list")
    assert (code, "open: 20" in out) == (0, True)
    following = str(network.good("closing", "show", date)["next"])
    code, out, _ = network.som("closing", "show", date)
    assert code == 0
    assert "bank-a" in out
    assert "supply" in out
    between = local_date(network.world.blocks[0].header.time_ms + DAY_MS)
    code, out, _ = network.som("closing", "show", between)
    assert (code, f"{date}: no block has a date after it before {following}" in out) == (0, True)


def test_a_closing_is_verified_here(days: tuple[Network, str]) -> None:
    """Goal: --verify believes signatures only. Method: the truth; then other figures, dates and proofs."""
    network, date = days
    asked = ("closing", "show", date, "--participant", "bank-a", "--verify", "--at", str(network.world.height))
    assert network.good(*asked)["proven"] is True
    state, height = network.world.state, network.world.height
    truth = closing_body(state, date, "bank-a", height)
    proof = b64encode(network.world.prove_keys("bank-a", [closing_key("bank-a", date)])).decode()
    other = b64encode(network.world.prove_keys("bank-b", [closing_key("bank-b", date)])).decode()
    (mine,) = truth.participants
    richer = tuple(msgspec.structs.replace(each, posted=str(int(each.posted) + 1), own=str(int(each.own) + 1)) for each in mine.totals)
    lies = [
        (
            msgspec.structs.replace(truth, participants=(msgspec.structs.replace(mine, totals=richer),), proof=proof),
            "not what its proof shows",
        ),
        (msgspec.structs.replace(truth, date=truth.next, proof=proof), "is not the one that holds"),
        (msgspec.structs.replace(truth, next="2099-01-01", proof=proof), "not what its proof shows"),
        (msgspec.structs.replace(truth, proof=other), "do not believe this node"),
        (truth, "gave no proof"),
    ]
    for body, sentence in lies:

        def lie(_: Asked, body: object = body) -> Answer:
            return 200, body

        network.served.routes["/v1/closings/*"] = lie
        code, _, err = network.som(*asked)
        assert (code, sentence in err) == (1, True), err


def test_what_cannot_be_asked(days: tuple[Network, str]) -> None:
    """Goal: one sentence each. Method: no date, a date that is not over, a proof of everybody."""
    network, date = days
    assert network.som("closing", "show", "yesterday")[0] == 2
    assert network.som("closing", "show", date, "--verify")[0] == 2
    code, _, err = network.som("closing", "show", "2999-01-01")
    assert (code, "is not over" in err) == (1, True)


def test_an_asset_is_published_once_a_day(network: Network) -> None:
    """Goal: --publish, what `asset show` says, and that asset put keeps it. Method: hide, issue, look; a day later look again."""
    network.good("asset", "put", "KGS", "--publish", "day")
    assert "not published yet" in network.som("asset", "show", "KGS")[1]
    assert "not published yet" in network.som("asset", "list")[1]
    assert "not published yet" in network.som("reserve", "show", "KGS")[1]
    network.good("asset", "put", "KGS", "--travel-min", "70")
    supply = network.world.state.get("asset/KGS")
    network.world.behind_ms -= DAY_MS
    network.world.execute()
    out = network.som("asset", "show", "KGS")[1]
    assert "once a day; figures of 20" in out
    assert network.good("asset", "show", "KGS")["supply"] == str(getattr(supply, "supply", None))


def test_holidays_are_set_by_name(network: Network) -> None:
    """Goal: `som param set holiday:DATE 1`. Method: ahead, in the past, no date, and a value that is none."""
    ahead = local_date(network.world.blocks[-1].header.time_ms + 40 * DAY_MS)
    network.good("param", "set", f"holiday:{ahead}", "1")
    assert network.som("param", "set", "holiday:2020-01-01", "1")[0] == 1
    assert network.som("param", "set", "holiday:2020-13-01", "1")[0] == 2
    assert network.som("param", "set", f"holiday:{ahead}", "7")[0] == 2
