"""Reserves at the keyboard: an asset on gold from definition to redemption, a wrapped som, and the sentences for what goes wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_nouns import outcome

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.network import Network

AS = ("--as", "operator")
QUORUM = ("--need", "operator/ops", "--need", "operator/board", "--need-m", "2")
GOLD: dict[str, object] = {
    "kind": "attested",
    "vault": "",
    "ratio_bps": 10_000,
    "terms": [{"type": "gold", "feed": "XAU-USD", "haircut_bps": 1_000, "share_max_bps": 10_000, "max_age_ms": 2_592_000_000}],
    "feeds": [
        {
            "name": "XAU-USD",
            "base": "XAU",
            "quote": "USD",
            "unit": 311_034_768,
            "decimals": 6,
            "sources": ["bank-b"],
            "max_age_ms": 3_600_000,
        }
    ],
    "routes": [{"id": "tron", "sources": ["bank-b"]}],
}


def written(folder: Path, **members: object) -> str:
    """Write a file of terms."""
    path = folder / "terms.json"
    path.write_text(json.dumps(members))
    return str(path)


def test_gold_is_attested_priced_observed_issued_and_redeemed(network: Network, tmp_path: Path) -> None:
    """Goal: the life of an attested asset by commands alone. Method: USDKG, its figures, a top-up, and its redemption."""
    terms = written(tmp_path, reserve=GOLD)
    network.good("asset", "put", "USDKG", "--issuer", "operator", "--decimals", "6", "--terms", terms)
    network.good("grant", "put", "issue:USDKG", "--to", "operator", "--permission", "issue", "--asset", "USDKG", *QUORUM, *AS)
    for permission, bank in (("attest.reserve", "bank-a"), ("attest.price", "bank-b"), ("attest.foreign", "bank-b")):
        network.good("grant", "put", permission, "--to", bank, "--permission", permission, "--asset", "USDKG", *AS)
    assert "162 STALE_RESERVE" in network.som("issue", "bank-a/main", "1", "USDKG")[2]
    network.good("reserve", "attest", "USDKG", "gold", "vault-7", "3760000000000", "--standard", "LBMA", "--as", "bank-a")
    network.good("reserve", "observe", "USDKG", "tron", "0", "--as", "bank-b")
    assert "163 STALE_PRICE" in network.som("issue", "bank-a/main", "1", "USDKG")[2]
    network.good("reserve", "price", "USDKG", "XAU-USD", "4160.917242", "--as", "bank-b")
    assert outcome(network.good("issue", "bank-a/main", "45269999", "USDKG")) == 0
    code, _, err = network.som("issue", "bank-a/main", "1", "USDKG")
    assert code == 1
    assert "161 BACKING" in err
    assert "som reserve show" in err
    shown = network.som("reserve", "show", "USDKG")[1]
    for words in ("45269999.998611 USDKG", "50299999.998456 USDKG, 111.11 %", "vault-7", "XAU-USD 4160.917242", "tron 0.000000 USDKG"):
        assert words in shown, shown
    network.good("reserve", "attest", "USDKG", "gold", "bars-8", "10000000000", "--as", "bank-a")
    assert outcome(network.good("issue", "bank-a/main", "1", "USDKG")) == 0
    network.good("redeem", "bank-a/main", "1", "USDKG", "--payout-ref", "IBAN")
    network.good("asset", "put", "USDKG", "--cap", "50000000")
    assert network.good("reserve", "show", "USDKG")["kind"] == "attested"


def test_soms_are_wrapped_and_unwrapped(network: Network, tmp_path: Path) -> None:
    """Goal: a vault by commands. Method: KGST, 700 in, 200 out to another account; without naming who pays it is refused."""
    vault = {"kind": "vault", "vault": "KGS", "ratio_bps": 10_000, "terms": [], "feeds": [], "routes": []}
    network.good("asset", "put", "KGST", "--issuer", "operator", "--decimals", "2", "--terms", written(tmp_path, reserve=vault))
    network.good("grant", "put", "issue:KGST", "--to", "operator", "--permission", "issue", "--asset", "KGST", *QUORUM, *AS)
    assert "164 VAULT" in network.som("issue", "bank-a/main", "700", "KGST")[2]
    network.good("issue", "bank-a/main", "700", "KGST", "--from", "bank-a/main")
    network.good("redeem", "bank-a/main", "200", "KGST", "--to", "bank-b/main")
    shown = network.good("reserve", "show", "KGST")
    assert (shown["supply"], shown["eligible"], shown["vault"]) == ("50000", "50000", "operator/vault:KGST")
    assert "of KGS" in network.som("reserve", "show", "KGST")[1]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"cap": 1}, "cap cannot be given here"),
        ({"reserve": {**GOLD, "more": 1}}, "reserve must be an object with kind, vault"),
        ({"reserve": {**GOLD, "terms": [1]}}, "terms must be an object with type"),
        ({"reserve": {**GOLD, "feeds": 1}}, "feeds is a list"),
        ({"reserve": {**GOLD, "ratio_bps": 9_999}}, "no policy of an asset"),
        ({"reserve": {**GOLD, "feeds": []}}, "name feed XAU-USD, which it does not have"),
        ({"expires": {"at": "1h"}}, "expiry must be an object with at, budget_line"),
    ],
    ids=str,
)
def test_wrong_terms_are_named(network: Network, tmp_path: Path, members: dict[str, object], words: str) -> None:
    """Goal: one sentence that names the fault. Method: one fault each."""
    terms = written(tmp_path, **members)
    code, _, err = network.som("asset", "put", "USDKG", "--issuer", "operator", "--decimals", "6", "--terms", terms)
    assert code != 0
    assert words in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("reserve", "show", "GOLD"), "there is no asset GOLD"),
        (("reserve", "price", "KGS", "XAU", "1"), "KGS has no feed XAU"),
        (("reserve", "attest", "KGS", "gold", "v", "1.5"), "is no quantity"),
        (("reserve", "attest", "KGS", "gold", "v", "1", "--document", "ab"), "is no SHA-256"),
        (("reserve", "observe", "KGS", "tron", "1.005"), "at most 2 digits after the point"),
        (("reserve", "observe", "KGS", "tron", "one"), "is no number"),
        (("reserve", "observe", "KGS", "tron", "1", "--as", "operator"), "124 WRONG_KIND"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_what_goes_wrong_is_one_sentence(network: Network, arguments: tuple[str, ...], words: str) -> None:
    """Goal: no stack of frames. Method: one fault each."""
    code, _, err = network.som(*arguments)
    assert code != 0
    assert words in err


def test_what_is_locked_abroad_is_watched_issued_and_redeemed(network: Network, tmp_path: Path) -> None:
    """Goal: the life of an asset that is locked on another chain by commands alone. Method: WUSD, a report, an issue, one unit more."""
    place: dict[str, object] = {"name": "eth", "chain": "ethereum", "contract": "0x" + "aa" * 20}
    locker = {**place, "sources": ["bank-b"], "max_age_ms": 3_600_000}
    abroad: dict[str, object] = {"kind": "foreign", "vault": "", "ratio_bps": 10_000, "terms": [], "feeds": [], "routes": []}
    terms = written(tmp_path, reserve={**abroad, "lockers": [locker]})
    network.good("asset", "put", "WUSD", "--issuer", "operator", "--decimals", "6", "--terms", terms)
    network.good("grant", "put", "issue:WUSD", "--to", "operator", "--permission", "issue", "--asset", "WUSD", *QUORUM, *AS)
    network.good("grant", "put", "watch", "--to", "bank-b", "--permission", "attest.foreign", "--asset", "WUSD", *AS)
    code, _, err = network.som("issue", "bank-a/main", "1", "WUSD")
    assert (code, "162 STALE_RESERVE" in err) == (1, True), err
    assert "eth on ethereum not seen lately" in network.som("reserve", "show", "WUSD")[1]
    network.good("reserve", "observe", "WUSD", "eth", "500.5", "--as", "bank-b")
    assert outcome(network.good("issue", "bank-a/main", "500.5", "WUSD")) == 0
    assert "161 BACKING" in network.som("issue", "bank-a/main", "0.000001", "WUSD")[2]
    assert "eth on ethereum 500.500000 WUSD" in network.som("reserve", "show", "WUSD")[1]
    network.good("redeem", "bank-a/main", "500.5", "WUSD", "--payout-ref", "0xabc on ethereum")
    bad = written(tmp_path, reserve={**abroad, "lockers": [{**locker, "contract": "main street"}]})
    assert (
        "is no address: write it in hex"
        in network.som("asset", "put", "WUSE", "--issuer", "operator", "--decimals", "6", "--terms", bad)[2]
    )


def test_a_queued_redemption_is_settled_by_who_approves(network: Network, tmp_path: Path) -> None:
    """Goal: redeem.approve by commands alone. Method: queue; the issuer settles a part; name two banks, who settle."""
    put = ("asset", "put", "QSOM", "--issuer", "operator", "--decimals", "2", "--terms", written(tmp_path, queued=86_400_000))
    network.good(*put)
    network.good("grant", "put", "issue:QSOM", "--to", "operator", "--permission", "issue", "--asset", "QSOM", *QUORUM, *AS)
    network.good("issue", "bank-a/main", "100", "QSOM")
    hold = str(network.good("redeem", "bank-a/main", "50", "QSOM", "--payout-ref", "IBAN")["tx_id"])
    assert outcome(network.good("hold", "settle", hold, "10")) == 0
    both = ("--need", "bank-a/ops", "--need", "bank-b/ops", "--need-m", "2")
    for name in ("redeem.approve:QSOM", "payouts"):
        network.good("grant", "put", name, "--to", "bank-b", "--permission", "redeem.approve", "--asset", "QSOM", *both, *AS)
    assert outcome(network.good("hold", "settle", hold, "15")) == 0
    assert outcome(network.good("hold", "settle", hold, "5", "--under", "payouts")) == 0
    assert "is issue over QSOM, not redeem.approve" in network.som("hold", "settle", hold, "5", "--under", "issue:QSOM")[2]
    assert network.good("hold", "show", hold)["left"] == "2000"
