"""Every noun and verb once against real execution, and the sentences for what a new user gets wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.network import Network


def outcome(result: dict[str, object]) -> object:
    """Code of the receipt."""
    receipt = result["receipt"]
    return receipt["code"] if isinstance(receipt, dict) else None


def test_a_life_of_an_account(network: Network) -> None:
    """Goal: account open, set, show. Method: a wallet with a key of its own pays, gets another key, is emptied and closed."""
    network.good("keys", "new", "anna", "--for", "bank-a/anna/main")
    network.good("account", "open", "bank-a/anna", "--keyset", "main", "--key", "anna")
    network.good("pay", "bank-a/main", "bank-a/anna", "20", "KGS")
    assert outcome(network.good("pay", "bank-a/anna", "bank-b/main", "5", "KGS")) == 0
    assert network.world.blocks[-1].transactions[0].sender == "bank-a/anna"
    network.good("keys", "new", "anna-2", "--for", "bank-a/anna/main")
    network.good("account", "set", "bank-a/anna", "--keyset", "main", "--key", "anna-2")
    (network.world.made.folder / "keystore" / "anna.json").unlink()
    code, out, _ = network.som("account", "show", "bank-a/anna")
    assert code == 0
    assert "its own keyset main" in out
    assert "15.00 KGS" in out
    code, _, err = network.som("account", "set", "bank-a/anna", "--status", "closed")
    assert code == 1
    assert "126 NOT_EMPTY" in err
    network.good("pay", "bank-a/anna", "bank-a/main", "15", "KGS")
    assert outcome(network.good("account", "set", "bank-a/anna", "--status", "closed")) == 0
    assert network.good("account", "show", "bank-a/anna")["status"] == "closed"


def test_a_hold_is_placed_settled_in_part_and_let_go(network: Network) -> None:
    placed = network.good("hold", "place", "bank-a/main", "bank-b/main", "100", "KGS", "--until", "1h")
    hold = str(placed["tx_id"])
    assert outcome(network.good("hold", "settle", hold, "40")) == 0
    code, out, _ = network.som("hold", "show", hold)
    assert code == 0
    assert "60.00 KGS" in out
    assert outcome(network.good("hold", "void", hold)) == 0
    code, _, err = network.som("hold", "show", hold)
    assert code == 1
    assert "there is no open hold" in err
    whole = str(network.good("hold", "place", "bank-a/main", "bank-b/main", "1", "KGS")["tx_id"])
    assert outcome(network.good("hold", "settle", whole)) == 0
    assert network.som("account", "show", "bank-b/main")[1].count("1041.00 KGS") == 2


def test_an_asset_with_fee_and_cap(network: Network) -> None:
    """Goal: asset put, show, list; grant put, show, end; fees are quoted. Method: a second asset from its birth to the end of its grant."""
    network.good("asset", "put", "EURQ", "--issuer", "operator", "--decimals", "3", "--cap", "500", "--fee", "pay:::0.1:0:0:1")
    grant = ("grant", "put", "issue:EURQ", "--to", "operator", "--permission", "issue", "--asset", "EURQ", "--as", "operator")
    network.good(*grant, "--need", "operator/ops", "--need", "operator/board", "--need-m", "2", "--quota", "450", "--per", "day")
    network.good("issue", "bank-a/main", "400", "EURQ")
    network.good("pay", "bank-a/main", "bank-b/main", "1", "EURQ")
    assert "398.900 EURQ" in network.som("account", "show", "bank-a/main")[1]
    assert "113 QUOTA" in network.som("issue", "bank-a/main", "51", "EURQ")[2]
    assert "0.100 EURQ + 0 bps" in network.som("asset", "show", "EURQ")[1]
    assert "EURQ" in network.som("asset", "list")[1]
    code, out, _ = network.som("grant", "show", "issue:EURQ")
    assert code == 0
    assert "450.000 EURQ per day, 400.000 EURQ used" in out
    network.good("asset", "put", "EURQ", "--cap", "none", "--fee", "none")
    assert network.good("asset", "show", "EURQ")["cap"] is None
    network.good("redeem", "bank-b/main", "0.5", "EURQ", "--payout-ref", "IBAN")
    network.good("grant", "end", "issue:EURQ", "--as", "operator")
    assert "112 NO_GRANT" in network.som("issue", "bank-a/main", "1", "EURQ")[2]
    assert "no grant issue:EURQ in force" in network.som("grant", "show", "issue:EURQ")[2]


def test_a_participant_from_birth_to_suspension(network: Network) -> None:
    network.good("participant", "put", "bank-c", "--kind", "bank", "--name", "Bank C", "--as", "operator")
    network.good("keys", "new", "bank-c-ops", "--for", "bank-c/ops")
    network.good("keyset", "put", "bank-c", "ops", "--key", "bank-c-ops", "--as", "operator")
    network.good("participant", "put", "bank-c", "--bic", "BANKKG22", "--as", "operator")
    shown = network.good("participant", "show", "bank-c")
    assert (shown["name"], shown["bic"], shown["country"]) == ("Bank C", "BANKKG22", "KG")
    assert "bank-c/ops" in network.som("keyset", "show", "bank-c")[1]
    assert "bank-c" in network.som("participant", "list")[1]
    network.good("participant", "put", "bank-c", "--status", "suspended", "--as", "operator")
    assert "suspended" in network.som("participant", "list")[1]


def test_status_tells_whether_it_is_our_chain(network: Network) -> None:
    code, out, _ = network.som("status")
    assert code == 0
    assert "(as in the profile)" in out
    assert network.good("status")["status"]["chain"] == network.world.chain.hex()  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("pay", "bank-a/main", "bank-b/mian", "1", "KGS"), 1, "there is no account bank-b/mian: check the spelling"),
        (("pay", "bank-a/mian", "bank-b/main", "1", "KGS"), 1, "there is no account bank-a/mian: check the spelling"),
        (("pay", "Bank A", "bank-b/main", "1", "KGS"), 1, "'Bank A' is no account id"),
        (("pay", "bank-a/main", "bank-a/main", "1", "KGS"), 2, "cannot pay itself"),
        (("pay", "bank-a/main", "bank-b/main", "1", "KGX"), 1, "there is no asset KGX"),
        (("pay", "bank-a/main", "bank-b/main", "1,50", "KGS"), 2, "is not an amount"),
        (("pay", "bank-a/main", "bank-b/main", "1.505", "KGS"), 2, "nothing is rounded"),
        (("pay", "bank-a/main", "bank-b/main", "5000", "KGS"), 1, "150 FUNDS: the account has not enough available"),
        (("pay", "bank-a/main", "bank-b/main", "1", "KGS", "--ref", "r" * 36), 2, "reference"),
        (("pay", "bank-a/main", "bank-b/main", "1", "KGS", "--memo", "m" * 141), 2, "memo"),
        (("pay", "bank-a/main", "bank-b/main", "1", "KGS", "--fee", "0.5"), 1, "143 FEE_MISMATCH"),
        (("pay", "bank-a/main", "bank-b/main", "1", "KGS", "--valid-for", "soon"), 2, "is not a length of time"),
        (("pay", "bank-a/main", "bank-b/main", "1", "KGS", "--valid-for", "2d"), 1, "102 EXPIRED"),
        (("pay", "bank-a/main"), 2, "Missing argument"),
        (("account", "open", "bank-a/main"), 1, "125 EXISTS"),
        (("account", "set", "bank-a/main"), 2, "say what to change"),
        (("issue", "bank-a/nobody", "1", "KGS"), 1, "there is no account bank-a/nobody"),
        (("asset", "show", "KGX"), 1, "som asset list"),
        (("asset", "put", "NEW"), 2, "--issuer"),
        (("asset", "put", "KGS", "--fee", "pay:1"), 2, "is not a fee rule"),
        (("grant", "show", "none"), 1, "no grant none in force"),
        (
            ("participant", "put", "bank-d", "--kind", "bank", "--name", "D", "--as", "bank-a"),
            1,
            "the quorum of grant register has not signed",
        ),
        (("grant", "put", "g", "--to", "bank-a", "--permission", "issue", "--quota", "1"), 2, "--asset"),
        (("grant", "put", "g", "--to", "bank-a", "--permission", "everything"), 2, "everything"),
        (("grant", "end", "issue:KGS"), 2, "--as"),
        (("participant", "show", "nobody"), 1, "som participant list"),
        (("participant", "put", "bank-d", "--as", "operator"), 2, "--kind and --name"),
        (("keyset", "put", "bank-a", "ops", "--as", "bank-a"), 2, "--key"),
        (("keyset", "put", "bank-a", "ops", "--key", "nobody"), 1, "neither a key of the keystore"),
        (("keyset", "show", "nobody"), 1, "there is no participant nobody"),
        (("hold", "show", "12"), 2, "is not an id"),
        (("hold", "settle", "00" * 32), 1, "there is no open hold"),
        (("tx", "show"), 2, "name one transaction"),
        (("tx", "show", "00" * 32), 1, "knows no transaction"),
        (("tx", "show", "--ref", "none", "--as", "bank-a"), 1, "no transaction with reference none"),
        (("keys", "show", "nobody"), 1, "som keys list"),
        (("keys", "new", "bank-a-ops"), 1, "no key is ever replaced"),
        (("keys", "new", "x", "--for", "ops"), 2, "is not a keyset"),
        (("frobnicate",), 2, "No such command"),
        (("pay", "--frobnicate"), 2, "No such option"),
    ],
)
def test_what_goes_wrong_is_one_sentence(network: Network, arguments: tuple[str, ...], code: int, said: str) -> None:
    """Goal: acceptance 10. Method: the mistake, its exit code, one line on standard error that says what it is."""
    found, _, err = network.som(*arguments)
    assert said in err
    assert found == code
    assert err.startswith("som: ")
    assert err.count("\n") == 1


def test_a_stopped_node_is_named(network: Network) -> None:
    network.served.url = "http://127.0.0.1:1"
    for arguments in (("status",), ("account", "show", "bank-a/main"), ("pay", "bank-a/main", "bank-b/main", "1", "KGS")):
        code, out, err = network.som(*arguments)
        assert (code, out) == (3, "")
        assert re.fullmatch(r"som: cannot reach http://127\.0\.0\.1:1 \(.*\): is the node running.*\n", err)


def test_the_next_node_is_asked_where_one_does_not_run(network: Network) -> None:
    code, out, _ = network.som("--node", "http://127.0.0.1:1", "--node", network.served.url, "account", "show", "bank-a/main")
    assert code == 0
    assert "1000.00 KGS" in out


def test_a_stranger_at_the_port_is_noticed(network: Network) -> None:
    """Goal: no trace, one sentence. Method: answers that are no JSON, of another form, or an error without reason."""
    for answer in ((200, b"<html>"), (200, b'{"a": 1}'), (500, b"oops"), (404, b"")):
        network.served.routes["/v1/status"] = lambda _, answer=answer: answer  # type: ignore[misc]
        code, _, err = network.som("status")
        assert code == 1
        assert err.count("\n") == 1
        assert "node of this" in err
