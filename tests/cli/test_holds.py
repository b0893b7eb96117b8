"""`som hold` with conditions, and `som purse`, against a served world (L8)."""

from __future__ import annotations

import stat
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from cli.purses import read_receipt
from ledger.canonical import encode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.network import Network

PLACE = ("hold", "place", "bank-a/main", "bank-b/main", "100", "KGS")


def code_of(result: dict[str, object]) -> object:
    """Code of the receipt of a command."""
    receipt = result["receipt"]
    return receipt["code"] if isinstance(receipt, dict) else receipt


def place(network: Network, *options: str) -> str:
    """Place a hold of 100.00; return its id."""
    return str(network.good(*PLACE, *options)["tx_id"])


def test_a_lock_is_opened_by_its_secret(network: Network, tmp_path: Path) -> None:
    """Goal: both sides of an exchange. Method: a secret is made and locked by; the other side locks by the hash; one file opens both."""
    secret = tmp_path / "secret"
    first = place(network, "--secret", str(secret), "--until", "2d")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    digest = sha256(bytes.fromhex(secret.read_text().strip())).hexdigest()
    second = place(network, "--hash", digest, "--until", "1d")
    shown = network.good("hold", "show", second)
    assert (shown["condition"], shown["hash"], shown["settle_by"], shown["void_by"]) == ("sha256", digest, "", "bank-b")
    assert digest in network.som("hold", "show", first)[1]
    assert "172 CONDITION" in network.som("hold", "settle", second, "--witness", "00")[2]
    assert "173 HOLD_AMOUNT" in network.som("hold", "settle", second, "50", "--secret", str(secret))[2]
    assert code_of(network.good("hold", "settle", second, "--secret", str(secret))) == 0
    assert code_of(network.good("hold", "settle", first, "--witness", secret.read_text().strip(), "--as", "operator")) == 0
    assert "1200.00 KGS" in network.som("account", "show", "bank-b/main")[1]


def test_an_arbiter_signs(network: Network) -> None:
    """Goal: escrow. Method: the operator decides; it settles a part and gives the rest back."""
    hold = place(network, "--arbiter", "operator")
    shown = network.good("hold", "show", hold)
    assert (shown["condition"], shown["arbiter"], shown["kind"], shown["void_by"]) == ("arbiter", "operator", "escrow", "operator")
    assert code_of(network.good("hold", "settle", hold, "30")) == 0
    assert code_of(network.good("hold", "void", hold)) == 0


def test_one_of_a_class_is_named(network: Network) -> None:
    """Goal: a card authorisation for any shop of a kind. Method: two accounts, one of the class."""
    network.good("account", "open", "bank-b/shop", "--class", "school")
    hold = str(network.good("hold", "place", "bank-a/main", "school", "20", "KGS")["tx_id"])
    assert "172 CONDITION" in network.som("hold", "settle", hold, "--payee", "bank-b/main")[2]
    assert code_of(network.good("hold", "settle", hold, "5", "--payee", "bank-b/shop")) == 0
    assert network.good("hold", "show", hold)["left"] == "1500"


def purse(network: Network, name: str = "card") -> str:
    """Make and load a purse of 50.00 for everybody; return its hold."""
    network.good("purse", "new", name)
    hold = str(network.good("hold", "place", "bank-a/main", "*", "50", "KGS", "--device", name)["tx_id"])
    assert network.good("purse", "load", name, hold)["left"] == "5000"
    return hold


def test_a_purse_pays_without_a_network(network: Network, tmp_path: Path) -> None:
    """Goal: issue 4, an offline purse. Method: load; then no node answers: pay twice, check; then bring in, in the other order."""
    hold = purse(network)
    url, network.served.url = network.served.url, "http://127.0.0.1:1"
    one, two = tmp_path / "one", tmp_path / "two"
    assert network.good("purse", "pay", "card", "bank-b/main", "12.50", "--output", str(one))["counter"] == 0
    assert network.good("purse", "pay", "card", "bank-b/main", "7.50", "--output", str(two))["counter"] == 1
    assert "has 30.00 KGS left" in network.som("purse", "pay", "card", "bank-b/main", "30.01", "--output", str(tmp_path / "x"))[2]
    assert "exists already" in network.som("purse", "pay", "card", "bank-b/main", "1", "--output", str(one))[2]
    assert network.good("purse", "show", "card")["left"] == "3000"
    assert network.good("purse", "check", str(one))["hold_seen"] is False
    network.served.url = url
    assert network.good("purse", "check", str(one))["hold_seen"] is True
    for file in (two, one):
        assert code_of(network.good("hold", "settle", "--receipt", str(file))) == 0
    assert "172 CONDITION" in network.som("hold", "settle", "--receipt", str(one))[2]
    assert "was settled already" in network.som("purse", "check", str(one))[2]
    shown = network.good("hold", "show", hold)
    assert shown["purse"] is not None
    assert "0, 1" in network.som("hold", "show", hold)[1]
    assert network.good("purse", "load", "card", hold)["left"] == "3000"
    assert "1020.00 KGS" in network.som("account", "show", "bank-b/main")[1]


def test_a_lost_purse_is_reported_and_not_taken_any_more(network: Network, tmp_path: Path) -> None:
    """Goal: who has a network sees the loss; who was paid before is paid. Method: pay, report, check, settle."""
    hold = purse(network)
    slip = tmp_path / "slip"
    network.good("purse", "pay", "card", "bank-b/main", "10", "--output", str(slip))
    assert code_of(network.good("hold", "void", hold)) == 0
    assert "the loss of this purse was reported" in network.som("purse", "check", str(slip))[2]
    assert code_of(network.good("hold", "settle", "--receipt", str(slip))) == 0
    assert "reported lost" in network.som("hold", "show", hold)[1]


def test_receipts_that_are_none(network: Network, tmp_path: Path) -> None:
    """Goal: an altered file is found before goods change hands. Method: other bytes, another device, no file."""
    hold = purse(network)
    slip, altered = tmp_path / "slip", tmp_path / "altered"
    network.good("purse", "pay", "card", "bank-b/main", "10", "--output", str(slip))
    altered.write_text("{}")
    assert "is not a receipt" in network.som("purse", "check", str(altered))[2]
    file = msgspec.json.decode(slip.read_bytes(), type=dict[str, object])
    honest = read_receipt(slip)
    forged = b64encode(encode(msgspec.structs.replace(honest, amount=honest.amount + 1))).decode()
    altered.write_bytes(msgspec.json.encode({**file, "receipt": forged}))
    assert "was not signed by the device" in network.som("purse", "check", str(altered))[2]
    assert "cannot be read" in network.som("purse", "check", str(tmp_path / "none"))[2]
    network.good("purse", "new", "other")
    assert "is not one that the device other draws on" in network.som("purse", "load", "other", hold)[2]
    assert "is not loaded" in network.som("purse", "show", "other")[2]


WRONG = (
    (("--hash", "00", "--arbiter", "operator"), "one condition"),
    (("--hash", "00"), "is not an id"),
    (("--device", "bank-a-ops"), "a key of its own"),
    (("--device", "aa" * 32, "--until", "1d"), "leave --until out"),
    (("--device", "aa" * 32, "--settle-by", "bank-b"), "settle_by stays empty"),
)


def test_conditions_that_cannot_be(network: Network) -> None:
    """Goal: a mistake costs nothing. Method: one sentence each."""
    for options, said in WRONG:
        assert said in network.som(*PLACE, *options)[2]


def test_what_a_settle_shows_is_one_thing(network: Network, tmp_path: Path) -> None:
    """Goal: as above. Method: two things, nothing, no hex, an amount beside a receipt."""
    purse(network)
    slip = tmp_path / "slip"
    network.good("purse", "pay", "card", "bank-b/main", "10", "--output", str(slip))
    assert "shows one thing" in network.som("hold", "settle", "00" * 32, "--witness", "00", "--payee", "bank-b/main")[2]
    assert "which hold?" in network.som("hold", "settle")[2]
    assert "in hex" in network.som("hold", "settle", "00" * 32, "--witness", "xyz")[2]
    assert "draws on hold" in network.som("hold", "settle", "00" * 32, "--receipt", str(slip))[2]


def test_whoever_is_asked_to_sign_reads_the_condition(network: Network, tmp_path: Path) -> None:
    """Goal: nobody signs a blank cheque unread. Method: export a purse, read what it would do."""
    file = tmp_path / "tx.json"
    network.good("purse", "new", "card")
    network.good("hold", "place", "bank-a/main", "*", "50", "KGS", "--device", "card", "--export", str(file))
    shown = network.som("tx", "sign", str(file), "--yes")[1]
    assert "any account of *" in shown
    assert "signed by the device" in shown


def test_a_bank_debits_under_a_standing_authority(network: Network) -> None:
    """Goal: rent by direct debit. Method: bank-a lets bank-b take 100.00 a month; bank-b pays itself and reserves under it."""
    grant = ("grant", "put", "rent", "--to", "bank-b", "--permission", "debit", "--account", "bank-a/main", "--asset", "KGS")
    network.good(*grant, "--quota", "100", "--per", "month", "--as", "bank-a")
    debit = ("bank-a/main", "bank-b/main", "60", "KGS", "--under", "rent")
    paid = network.good("pay", *debit)
    assert paid["from"] == "bank-b"
    assert "113 QUOTA" in network.som("hold", "place", *debit)[2]
    assert "100.00 KGS per month, 60.00 KGS used" in network.som("grant", "show", "rent")[1]
    assert "does not let anybody debit" in network.som("pay", "bank-b/main", "bank-a/main", "1", "KGS", "--under", "rent")[2]
