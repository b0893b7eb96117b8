"""Orders at the keyboard: freeze a part, seize it to a beneficiary, lift what is left; and the sentences for what goes wrong."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_nouns import outcome

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.network import Network

BASIS = "ab" * 32
AS = ("--as", "operator")


def test_an_arrest_is_put_seized_on_and_lifted(network: Network, tmp_path: Path) -> None:
    """Goal: the whole life of an order by commands. Method: arrest a part, see who is stopped, seize some of it, lift the rest."""
    decision = tmp_path / "decision.txt"
    decision.write_text("in the name of the republic\n")
    put = ("order", "put", "2026-117", "arrest", "account", "bank-a/main", "--asset", "KGS", "--amount", "400", "--basis", str(decision))
    network.good(*put, "--seize-to", "bank-b/main", "--until", "30d", *AS)
    code, _, err = network.som("pay", "bank-a/main", "bank-b/main", "700", "KGS")
    assert code == 1
    assert "151 ARRESTED" in err
    assert "som order list account" in err
    assert outcome(network.good("order", "seize", "2026-117", "bank-a/main", "150", "KGS", *AS)) == 0
    shown = network.som("order", "show", "2026-117")[1]
    assert "150.00 KGS" in shown
    assert sha256(decision.read_bytes()).hexdigest() in shown
    assert "2026-117" in network.som("order", "list", "account", "bank-a/main")[1]
    assert network.good("order", "list", "account", "bank-a/main")["orders"]
    assert outcome(network.good("order", "lift", "2026-117", "--basis", BASIS, *AS)) == 0
    assert "lifted, by operator" in network.som("order", "show", "2026-117")[1]
    assert network.good("order", "list", "account", "bank-a/main")["orders"] == []
    assert outcome(network.good("pay", "bank-a/main", "bank-b/main", "700", "KGS")) == 0


def test_a_pause_and_a_freeze(network: Network) -> None:
    """Goal: modes and scopes. Method: pause the ledger, freeze a participant in every asset; both are shown and lifted."""
    network.good("order", "put", "fire", "pause", "ledger", "--basis", BASIS, "--until", "1h", *AS)
    assert "131 PAUSED" in network.som("pay", "bank-a/main", "bank-b/main", "1", "KGS")[2]
    assert "holds, redeem" in network.som("order", "show", "fire")[1]
    network.good("redeem", "bank-a/main", "1", "KGS", "--payout-ref", "IBAN")
    network.good("order", "lift", "fire", "--basis", BASIS, *AS)
    network.good("order", "put", "freeze", "both", "participant", "bank-b", "--basis", BASIS, *AS)
    assert "153 BLOCKED_CREDIT" in network.som("pay", "bank-a/main", "bank-b/main", "1", "KGS")[2]
    found = network.som("order", "list", "participant", "bank-b")
    assert "every asset" in found[1], found
    assert "182 NOT_AUTHORITY" in network.som("order", "lift", "freeze", "--basis", BASIS, "--as", "bank-a")[2]
    network.good("order", "lift", "freeze", "--basis", BASIS, *AS)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("order", "show", "none"), 1, "no order none"),
        (("order", "put", "x", "arrest", "account", "bank-a/main", "--amount", "1", "--basis", BASIS, *AS), 2, "--asset"),
        (("order", "put", "x", "debit", "account", "bank-a/main", "--basis", "no-such-file", *AS), 2, "neither 64 hex"),
        (("order", "put", "x", "debit", "account", "bank-a/main", "--allow", "gifts", "--basis", BASIS, *AS), 2, "--allow takes"),
        (("order", "put", "x", "pause", "account", "bank-a/main", "--basis", BASIS, *AS), 1, "cannot be of mode pause"),
        (("order", "lift", "none", "--basis", BASIS, *AS), 1, "180 NO_ORDER"),
        (("asset", "put", "KGS", "--power", "everything", *AS), 2, "no policy of an asset"),
    ],
)
def test_mistakes_have_one_sentence(network: Network, arguments: tuple[str, ...], code: int, words: str) -> None:
    """Goal: a sentence and the right exit code. Method: one mistake at a time."""
    found, _, err = network.som(*arguments)
    assert (found, words in err) == (code, True), err


def test_an_asset_keeps_its_powers_and_a_grant_shows_who_lifts(network: Network) -> None:
    """Goal: no silent lifting by a change of policy. Method: alter the cap; give a grant with rank and lifters."""
    before = network.good("asset", "show", "KGS")["powers"]
    assert before == ["freeze", "pause", "seize"]
    network.good("asset", "put", "KGS", "--cap", "none")
    assert network.good("asset", "show", "KGS")["powers"] == before
    grant = ("grant", "put", "court", "--to", "bank-b", "--permission", "order.arrest", "--rank", "2", "--lifted-by", "operator")
    assert outcome(network.good(*grant, *AS)) == 0
