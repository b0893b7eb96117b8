"""Holders, limits, classes, returns and travel data from the command line, against real execution."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from node.audit import NAME, Look
from node.auditlog import AuditLog
from node.files import DiskFiles
from tests.cli.test_nouns import outcome

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.network import Network

AT_A, AT_B = "a" * 32, "b" * 32
"""Pseudonyms of one person."""
WHY = ("--reason", "a court asks")
LIMITS = ("--limit", "basic:500:100:150:", "--limit", "nameless:50:20:20:20:anonymous")


def registered(network: Network) -> str:
    """Register a person whom both banks know, with a wallet at each; limits come with it."""
    holder = str(network.good("holder", "new")["holder"])
    known = ("--pseudonym", f"bank-b:{AT_B}", "--pseudonym", f"bank-a:{AT_A}")
    assert outcome(network.good("holder", "put", holder, "--tier", "basic", *known)) == 0
    for bank, pseudonym in (("bank-a", AT_A), ("bank-b", AT_B)):
        assert outcome(network.good("account", "open", f"{bank}/meerim", "--pseudonym", pseudonym)) == 0
    assert outcome(network.good("asset", "put", "KGS", *LIMITS)) == 0
    return holder


def test_one_limit_over_two_banks(network: Network) -> None:
    """Goal: holder new, put, find; limits of an asset; the codes explained. Method: fill, spend and look the person up."""
    holder = registered(network)
    network.good("pay", "bank-a/main", "bank-a/meerim", "300", "KGS")
    code, _, err = network.som("pay", "bank-b/main", "bank-b/meerim", "200.01", "KGS")
    assert code == 1
    assert "more than its tier may" in err
    network.good("pay", "bank-b/main", "bank-b/meerim", "200", "KGS")
    assert "155 LIMIT_TRANSACTION" in network.som("pay", "bank-a/meerim", "bank-a/main", "100.01", "KGS")[2]
    network.good("pay", "bank-a/meerim", "bank-a/main", "100", "KGS")
    assert "156 LIMIT_WINDOW" in network.som("pay", "bank-b/meerim", "bank-b/main", "50.01", "KGS")[2]
    code, out, _ = network.som("holder", "find", holder, *WHY)
    assert code == 0
    assert "bank-a/meerim" in out
    assert "bank-b/meerim" in out
    assert "400.00 KGS" in out
    assert "100.00 KGS on 20" in out
    shown = network.good("holder", "find", holder, *WHY)
    assert shown["tier"] == "basic"
    out = network.som("asset", "show", "KGS")[1]
    assert "basic: balance 500.00, transaction 100.00, day 150.00, month no limit" in out
    assert "nameless, for wallets without holder" in out
    assert AT_A in network.som("account", "show", "bank-a/meerim")[1]
    network.good("asset", "put", "KGS", "--travel-min", "70")
    assert "basic: balance 500.00" in network.som("asset", "show", "KGS")[1], "what is not named stays"
    assert network.som("holder", "find", "0" * 32, *WHY)[0] == 1
    assert outcome(network.good("holder", "put", holder, "--tier", "legal", "--until", "30d")) == 0
    assert "legal person" in network.som("holder", "find", holder, *WHY)[1]


def test_anonymous_wallets_are_counted(network: Network) -> None:
    """Goal: --class, --count. Method: open without a counted grant, then with one, and once too often."""
    registered(network)
    assert "112 NO_GRANT" in network.som("account", "open", "bank-a/ghost", "--class", "anonymous")[2]
    grant = ("grant", "put", "wallet:bank-a:anonymous", "--to", "bank-a", "--permission", "wallet", "--participant", "bank-a")
    network.good(*grant, "--class", "anonymous", "--count", "1", "--per", "month", "--as", "operator")
    assert outcome(network.good("account", "open", "bank-a/ghost", "--class", "anonymous")) == 0
    assert "113 QUOTA" in network.som("account", "open", "bank-a/ghost.2", "--class", "anonymous")[2]
    out = network.som("grant", "show", "wallet:bank-a:anonymous")[1]
    assert "1 uses per month, 1 used" in out
    assert "classes anonymous" in out
    network.good("pay", "bank-a/main", "bank-a/ghost", "50", "KGS")
    assert "154 LIMIT_BALANCE" in network.som("pay", "bank-a/main", "bank-a/ghost", "0.01", "KGS")[2]


def test_a_merchant_is_vouched_for_by_the_issuer(network: Network) -> None:
    """Goal: classes of accounts, --receive. Method: a shop with the bank's own word, then with the issuer's."""
    network.good("account", "open", "bank-b/shop", "--class", "mcc:8211")
    network.good("asset", "put", "KGS", "--receive", "mcc:82*")
    assert "132 NOT_ELIGIBLE" in network.som("pay", "bank-a/main", "bank-b/shop", "1", "KGS")[2]
    assert outcome(network.good("account", "set", "bank-b/shop", "--class", "mcc:8211@operator")) == 0
    assert outcome(network.good("pay", "bank-a/main", "bank-b/shop", "1", "KGS")) == 0
    assert "mcc:8211@operator" in network.som("account", "show", "bank-b/shop")[1]
    assert "mcc:82*" in network.som("asset", "show", "KGS")[1]
    network.good("account", "set", "bank-b/shop", "--class", "none")
    assert "classes" not in network.good("account", "show", "bank-b/shop")
    assert "is no class of an account" in network.som("account", "open", "bank-b/bad", "--class", "Mcc")[2]
    network.good("asset", "put", "KGS", "--receive", "none")
    assert outcome(network.good("pay", "bank-a/main", "bank-b/shop", "1", "KGS")) == 0


def test_a_payment_is_returned(network: Network) -> None:
    """Goal: --uetr, --return-of. Method: pay with a UETR, return a part and too much; a payment without one cannot be returned."""
    paid = str(network.good("pay", "bank-a/main", "bank-b/main", "10", "KGS", "--uetr", "new")["tx_id"])
    assert outcome(network.good("pay", "bank-b/main", "bank-a/main", "4", "KGS", "--return-of", paid)) == 0
    assert "172 CONDITION" in network.som("pay", "bank-b/main", "bank-a/main", "6.01", "KGS", "--return-of", paid)[2]
    plain = str(network.good("pay", "bank-a/main", "bank-b/main", "10", "KGS")["tx_id"])
    assert "172 CONDITION" in network.som("pay", "bank-b/main", "bank-a/main", "1", "KGS", "--return-of", plain)[2]
    for wrong in (("--uetr", "1"), ("--return-of", "zz"), ("--travel", "bank-b:IVMS101:1"), ("--travel", "bank-b")):
        assert network.som("pay", "bank-a/main", "bank-b/main", "1", "KGS", *wrong)[0] == 2


def test_travel_data_is_signed_for_by_the_creditors_side(network: Network) -> None:
    """Goal: --travel. Method: a large payment between customers: refused, then with the data's hash and compliance."""
    for bank in ("bank-a", "bank-b"):
        network.good("account", "open", f"{bank}/nur")
    network.good("pay", "bank-a/main", "bank-a/nur", "200", "KGS")
    network.good("asset", "put", "KGS", "--travel-min", "100")
    assert "157 TRAVEL_REQUIRED" in network.som("pay", "bank-a/nur", "bank-b/nur", "100", "KGS")[2]
    network.good("keys", "new", "officer", "--for", "bank-b/compliance")
    network.good("keyset", "put", "bank-b", "compliance", "--key", "officer", "--sign", "operator/ops")
    data = ("--travel", f"bank-b:IVMS101:{'5' * 64}")
    assert outcome(network.good("pay", "bank-a/nur", "bank-b/nur", "100", "KGS", *data)) == 0
    assert "158 TRAVEL_INVALID" in network.som("pay", "bank-a/nur", "bank-b/nur", "99", "KGS", *data)[2]


def test_a_bank_asks_for_a_pseudonym_and_the_operator_registers_it(network: Network) -> None:
    """Goal: holder pseudonym. Method: ask as a bank, register what it was given, ask again, open a wallet with it."""
    holder = str(network.good("holder", "new")["holder"])
    given = network.good("holder", "pseudonym", holder, "--as", "bank-a")
    assert given["registered"] is False
    code, out, _ = network.som("holder", "pseudonym", holder, "--as", "bank-a")
    assert (code, f"--pseudonym bank-a:{given['pseudonym']}" in out) == (0, True)
    network.good("holder", "put", holder, "--tier", "basic", "--pseudonym", f"bank-a:{given['pseudonym']}")
    again = network.good("holder", "pseudonym", holder, "--as", "bank-a")
    assert (again["pseudonym"], again["registered"]) == (given["pseudonym"], True)
    assert outcome(network.good("account", "open", "bank-a/aibek", "--pseudonym", str(given["pseudonym"]))) == 0


def test_who_may_not_look_people_up(network: Network) -> None:
    """Goal: a refusal by the node, and a keystore without the key. Method: a bank; a participant whose keys are elsewhere."""
    holder = registered(network)
    code, _, err = network.som("holder", "find", holder, *WHY, "--as", "bank-a")
    assert (code, "may not look people up" in err) == (1, True)
    code, _, err = network.som("holder", "find", holder, *WHY, "--keyset", "nobody")
    assert (code, "has no key for operator/nobody" in err) == (1, True)
    assert network.som("holder", "find", holder)[0] == 2, "a reason is needed"


def test_the_audit_log_is_read_and_checked(network: Network, tmp_path: Path) -> None:
    """Goal: audit list. Method: a log of two records, by file; filters; an altered byte; no log; neither file nor node."""
    looks = [
        Look("operator/ops", bytes(32), "find", AT_A, "case 17", found=True),
        Look("bank-a/ops", bytes(32), "pseudonym", AT_B, "", found=False),
    ]
    for number, look in enumerate(looks):
        asyncio.run(appended(tmp_path, look, 1_795_000_000_000 + number))
    path = tmp_path / NAME
    listed = network.good("audit", "list", "--file", str(path))
    assert (listed["count"], [each["by"] for each in listed["records"]]) == (2, ["operator/ops", "bank-a/ops"])  # type: ignore[attr-defined]
    code, out, _ = network.som("audit", "list", "--file", str(path), "--subject", AT_A)
    assert (code, "case 17" in out, "bank-a/ops" in out) == (0, True, False)
    assert network.good("audit", "list", "--file", str(path), "--by", "bank-a", "--last", "1")["count"] == 2
    assert network.good("audit", "list", "--file", str(tmp_path / "none"))["count"] == 0
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"case 17", b"case 18"))
    code, _, err = network.som("audit", "list", "--file", str(path))
    assert (code, "altered" in err) == (1, True)
    assert network.som("audit", "list")[0] == 2


async def appended(folder: Path, look: Look, now_ms: int) -> None:
    """Open a log, append, close."""
    opened = AuditLog(DiskFiles(), folder)
    await opened.append(look, now_ms)
    opened.close()
