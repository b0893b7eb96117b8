"""The life of each asset of section 8 on a live network, by commands alone: attested, issued, distributed, paid, restricted, redeemed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.devnet.readme_commands import follow

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.devnet.profile_desk import Desk

SOURCES = ("--role", "source=source-1", "--role", "source=source-2", "--role", "source=source-3")
GOLD = ("--issuer", "state-issuer", "--role", "ministry=ministry", "--role", "auditor=auditor", *SOURCES, "--role", "observer=observer")
NOWHERE = "http://127.0.0.1:1"
VOUCHERS = 5_000
"""Tyiyn that the treasury got for the vouchers which a court gave it, in `own_assets`."""
CANTEEN, LUNCH = "bank-b/canteen", "KGS.LUNCH"


def begin(desk: Desk) -> None:
    """Issue the soms that everything else is paid with."""
    began = time.perf_counter()
    for account in ("bank-a/main", "bank-b/main", "treasury/main"):
        desk.done("issue", account, "1000000", "KGS")
    desk.pace = (time.perf_counter() - began) / 3


def school_meals(desk: Desk) -> None:
    """Soms for school meals: only schools that the treasury vouches for get them, and as ordinary soms. `ended` sees the end.

    It comes after five times as long as these twelve commands take at the pace of this machine now.
    """
    end = max(20, round(60 * desk.pace))
    desk.apply("school-meals", "--issuer", "treasury", words=(('"200d"', f'"{end}s"'),))
    desk.done("account", "open", "bank-a/child")
    desk.done("account", "open", CANTEEN, "--class", "mcc:8211@treasury")
    desk.done("account", "open", "bank-b/shop", "--class", "mcc:8211@bank-b")
    desk.done("issue", "treasury/main", "1000", LUNCH, "--from", "treasury/main")
    desk.done("pay", "treasury/main", "bank-a/child", "100", LUNCH)
    desk.refused("132 NOT_ELIGIBLE", "pay", "bank-a/child", "bank-b/shop", "10", LUNCH)
    desk.done("pay", "bank-a/child", CANTEEN, "60", LUNCH)
    desk.equal("soms of the canteen", (desk.balance(CANTEEN, "KGS"), desk.balance(CANTEEN, LUNCH)), (6_000, 0))
    desk.equal("supply", desk.asset(LUNCH)["supply"], "94000")


def ended(desk: Desk) -> None:
    """See that what was not spent on school meals is back at the budget line."""
    desk.wait_until_expired(LUNCH)
    desk.equal("supply", desk.asset(LUNCH)["supply"], "0")
    desk.equal("rest of the child", desk.balance("bank-a/child", LUNCH), 0)
    desk.equal("budget line", desk.balance("treasury/main", "KGS"), 100_000_000 - 6_000 + VOUCHERS)


def kgst(desk: Desk) -> None:
    """KGST on locked soms: payer and issuer sign; an exchange tells deposits apart by their reference."""
    desk.apply("kgst", "--issuer", "state-issuer")
    desk.refused("164 VAULT", "issue", "bank-a/main", "1", "KGST")
    issue = ("issue", "bank-a/main", "70000", "KGST", "--from", "bank-a/main")
    lonely = str(desk.folder / "kgst.json")
    desk.good(*issue, "--export", lonely, "--keystore", desk.alone("state-issuer-ops"))
    desk.refused("has not signed", "tx", "submit", lonely)
    desk.done(*issue)
    desk.done("account", "open", "bank-b/exchange")
    paid = desk.good("pay", "bank-a/main", "bank-b/exchange", "250.50", "KGST", "--reference", "deposit-42", "--wait")
    desk.shows("deposit-42", "tx", "show", str(paid["tx_id"]))
    desk.done("redeem", "bank-b/exchange", "50.50", "KGST", "--to", "bank-b/main")
    found = desk.asset("KGST")
    desk.equal("supply and vault", (found["supply"], found["eligible"]), ("6994950", "6994950"))
    desk.refused("150 FUNDS", "redeem", "bank-b/exchange", "200.01", "KGST", "--to", "bank-b/main")


def usdkg(desk: Desk) -> None:
    """Gold: 45,269,999.00 and not a dollar more; with 50 M abroad not a cent, and not underbacked; a top-up is a new item."""
    desk.apply("usdkg", *GOLD)
    desk.refused("162 STALE_RESERVE", "issue", "bank-a/main", "0.01", "USDKG")
    desk.done("reserve", "attest", "USDKG", "gold", "gold-2026-1", "3760000000000", "--as", "auditor")
    for source, price, age in (("source-1", "4150", "30m"), ("source-2", "4160.917242", ""), ("source-3", "4175.5", "20m")):
        said = ("--as-of", desk.ago(age)) if age else ()
        desk.done("reserve", "price", "USDKG", "XAU-USD", price, *said, "--as", source)
    for route, supply in (("ethereum", "0"), ("tron", "50000000"), ("tron", "50000000"), ("tron", "50000000")):
        desk.done("reserve", "observe", "USDKG", route, supply, "--as", "observer")
        if supply != "0":
            desk.refused("161 BACKING", "issue", "bank-a/main", "0.01", "USDKG")
            desk.equal("state and coverage", (desk.asset("USDKG")["state"], desk.asset("USDKG")["coverage_bps"]), ("open", 10_059))
    desk.done("reserve", "observe", "USDKG", "tron", "0", "--as", "observer")
    desk.done("issue", "bank-a/main", "45269999.00", "USDKG")
    desk.refused("161 BACKING", "issue", "bank-a/main", "1.00", "USDKG")
    desk.refused("125 EXISTS", "reserve", "attest", "CRYPTORES", "btc-cold", "gold-2026-1", "1", "--as", "auditor")
    desk.done("reserve", "attest", "USDKG", "gold", "gold-2026-2", "10000000000", "--as", "auditor")
    desk.done("issue", "bank-a/main", "1.00", "USDKG")
    desk.done("pay", "bank-a/main", "bank-b/main", "1000000.25", "USDKG")
    stale_gold(desk)


def stale_gold(desk: Desk) -> None:
    """Let facts grow old: that stops the issue, never the redemption, and a source that falls silent never raises the price."""

    def price() -> object:
        return desk.som("reserve", "show", "USDKG")[1].partition("XAU-USD ")[2].split()[0]

    desk.equal("price", price(), "4160.917242")
    desk.apply("usdkg", *GOLD, words=(('"1h"', '"25m"'),))
    desk.equal("price without the lowest", price(), "4160.917242")
    desk.apply("usdkg", *GOLD, words=(('"1h"', '"15m"'),))
    desk.equal("price without the lowest and the highest", price(), "0.000000")
    desk.refused("163 STALE_PRICE", "issue", "bank-a/main", "0.01", "USDKG")
    desk.done("redeem", "bank-b/main", "100.25", "USDKG")
    desk.apply("usdkg", *GOLD, words=(('"31d"', '"1s"'),))
    desk.refused("162 STALE_RESERVE", "issue", "bank-a/main", "0.01", "USDKG")
    desk.done("redeem", "bank-b/main", "999900.00", "USDKG")
    desk.apply("usdkg", *GOLD)
    desk.equal("supply", desk.asset("USDKG")["supply"], str(44_269_999_750_000))
    desk.done("issue", "bank-b/main", "0.01", "USDKG")


def jpyc(desk: Desk) -> None:
    """Yen without decimals: bonds count for four fifths at most, a day's quota, what circulates abroad counts; redeemed at par."""
    desk.apply("jpyc", "--issuer", "company", "--role", "auditor=auditor", "--role", "observer=observer")
    desk.done("reserve", "attest", "JPYC", "deposit", "jpyc-deposit-1", "100000000", "--as", "auditor")
    desk.done("reserve", "attest", "JPYC", "bond", "jpyc-bond-1", "900000000", "--as", "auditor")
    desk.refused("162 STALE_RESERVE", "issue", "bank-a/main", "1", "JPYC")
    desk.done("reserve", "observe", "JPYC", "ethereum", "0", "--as", "observer")
    desk.equal("eligible", desk.asset("JPYC")["eligible"], "885600000")
    desk.done("issue", "bank-a/main", "300000000", "JPYC")
    desk.done("reserve", "observe", "JPYC", "ethereum", "585600000", "--as", "observer")
    desk.refused("161 BACKING", "issue", "bank-a/main", "1", "JPYC")
    desk.done("reserve", "observe", "JPYC", "ethereum", "0", "--as", "observer")
    desk.done("issue", "bank-a/main", "200000000", "JPYC")
    desk.refused("113 QUOTA", "issue", "bank-a/main", "1", "JPYC")
    desk.done("pay", "bank-a/main", "bank-b/main", "1500", "JPYC")
    desk.done("redeem", "bank-b/main", "1500", "JPYC", "--payout-ref", "transfer of 1500 yen")
    desk.equal("supply", desk.asset("JPYC")["supply"], "499998500")


def jpysb(desk: Desk) -> None:
    """Let a trust bank issue; the distributor has the money and never the power to make it, nor does the auditor."""
    desk.apply_by_votes("jpysb", "--role", "distributor=bank-a", "--role", "auditor=auditor", issuer="trust-bank")
    desk.done("reserve", "attest", "JPYSB", "trust", "jpysb-trust-1", "500000000", "--as", "auditor")
    desk.done("issue", "bank-a/main", "1000000", "JPYSB")
    lonely = str(desk.folder / "jpysb.json")
    desk.good("issue", "bank-a/main", "1", "JPYSB", "--as", "bank-a", "--export", lonely, "--keystore", desk.alone("bank-a-ops"))
    desk.refused("has not signed", "tx", "submit", lonely)
    give = ("--permission", "issue", "--asset", "JPYSB", "--as", "operator")
    desk.refused("115 CONFLICT_OF_DUTY", "grant", "put", "issue:auditor", "--to", "auditor", *give)
    desk.done("pay", "bank-a/main", "bank-b/main", "250000", "JPYSB")
    desk.done("redeem", "bank-b/main", "250000", "JPYSB", "--payout-ref", "trust account")
    desk.equal("supply", desk.asset("JPYSB")["supply"], "750000")


def qivalis(desk: Desk) -> None:
    """Issue for a consortium: each receiving bank has a day's quota of its own, and a third bank has none."""
    receivers = ("--role", "receiver=bank-a", "--role", "receiver=bank-b")
    desk.apply("qivalis-euro", "--issuer", "consortium", *receivers, "--role", "auditor=auditor")
    desk.done("reserve", "attest", "EURQ", "deposit", "eurq-deposit-1", "1500000000", "--as", "auditor")
    desk.done("reserve", "attest", "EURQ", "bond", "eurq-bond-1", "2500000000", "--as", "auditor")
    desk.done("issue", "bank-a/main", "25000000", "EURQ")
    desk.refused("113 QUOTA", "issue", "bank-a/main", "0.01", "EURQ")
    desk.refused("112 NO_GRANT", "issue", "treasury/main", "1", "EURQ")
    desk.done("issue", "bank-b/main", "13775000", "EURQ")
    desk.refused("161 BACKING", "issue", "bank-b/main", "0.01", "EURQ")
    desk.done("pay", "bank-a/main", "bank-b/main", "12.34", "EURQ")
    desk.done("redeem", "bank-b/main", "12.34", "EURQ", "--payout-ref", "SEPA")
    desk.equal("supply", desk.asset("EURQ")["supply"], "3877498766")


def crypto_reserve(desk: Desk) -> None:
    """Keep a register of holdings: custodians have shares, sources a median; nothing can be issued, even with a grant."""
    desk.apply("crypto-reserve", "--issuer", "state-issuer", "--role", "auditor=auditor", *SOURCES)
    items = (("btc-cold", "10000000000"), ("btc-custodian", "5000000000"), ("eth-custodian", "1000000000000"))
    for type_, quantity in items:
        proof = ("--document", "c5" * 32, "--standard", "signed challenge")
        desk.done("reserve", "attest", "CRYPTORES", type_, f"{type_}-1", quantity, *proof, "--as", "auditor")
    for source, bitcoin, ether in (("source-1", "59000", "3000"), ("source-2", "60000", "2900"), ("source-3", "61000", "3100")):
        desk.done("reserve", "price", "CRYPTORES", "BTC-USD", bitcoin, "--as", source)
        desk.done("reserve", "price", "CRYPTORES", "ETH-USD", ether, "--as", source)
    found = desk.asset("CRYPTORES")
    desk.equal("eligible and market", (found["eligible"], found["market"]), ("756000000", "1140000000"))
    desk.refused("112 NO_GRANT", "issue", "bank-a/main", "1", "CRYPTORES")
    desk.done(
        "grant", "put", "issue:CRYPTORES", "--to", "state-issuer", "--permission", "issue", "--asset", "CRYPTORES", "--as", "operator"
    )
    desk.refused("160 CAP", "issue", "bank-a/main", "0.01", "CRYPTORES")


def digital_som(desk: Desk) -> None:
    """Live with the som itself: nobody issues alone, one limit for a person at all banks, less for whoever stays nameless."""
    lonely = str(desk.folder / "kgs.json")
    desk.good("issue", "bank-a/main", "1", "KGS", "--export", lonely, "--keystore", desk.alone("operator-ops"))
    desk.refused("has not signed", "tx", "submit", lonely)
    desk.apply("digital-som", "--issuer", "operator", "--role", "treasury=treasury", "--role", "bank=bank-a", "--role", "bank=bank-b")
    holder = str(desk.good("holder", "new")["holder"])
    names = {bank: f"{place:032x}" for place, bank in enumerate(("bank-a", "bank-b"), 1)}
    known = [part for bank, name in names.items() for part in ("--pseudonym", f"{bank}:{name}")]
    desk.done("holder", "put", holder, "--tier", "basic", *known)
    for bank, name in names.items():
        desk.done("account", "open", f"{bank}/meerim", "--pseudonym", name)
    desk.done("account", "open", "bank-a/nameless", "--class", "anonymous")
    desk.done("pay", "bank-a/main", "bank-a/meerim", "150000", "KGS")
    desk.refused("154 LIMIT_BALANCE", "pay", "bank-b/main", "bank-b/meerim", "50000.01", "KGS")
    desk.refused("155 LIMIT_TRANSACTION", "pay", "bank-a/meerim", "bank-b/main", "50000.01", "KGS")
    desk.done("pay", "bank-a/meerim", "bank-b/main", "50000", "KGS")
    desk.refused("154 LIMIT_BALANCE", "pay", "bank-a/main", "bank-a/nameless", "15000.01", "KGS")
    desk.done("pay", "bank-a/main", "bank-a/nameless", "15000", "KGS")
    desk.refused("155 LIMIT_TRANSACTION", "pay", "bank-a/nameless", "bank-b/main", "5000.01", "KGS")
    desk.done("redeem", "bank-a/nameless", "15000", "KGS")
    offline(desk)


def offline(desk: Desk) -> None:
    """Load a purse, pay from it twice without a network, and bring the receipts in; a third that it has not the soms for is not signed."""
    desk.equal("published", desk.good("asset", "show", "KGS")["publish"], "day")
    desk.good("purse", "new", "card")
    purse = ("--device", "card", "--valid-to", "30d", "--grace", "7d")
    placed = desk.good("hold", "place", "bank-a/meerim", "*", "100", "KGS", *purse, "--wait")
    desk.good("purse", "load", "card", str(placed["tx_id"]))
    slips = [str(desk.folder / f"slip-{number}.json") for number in (1, 2, 3)]
    payee = "bank-b/meerim"
    before = desk.balance(payee, "KGS")
    for slip, amount in zip(slips, ("12.50", "80"), strict=False):
        desk.good("purse", "pay", "card", payee, amount, "--output", slip, "--node", NOWHERE)
    desk.refused("the purse has 7.50", "purse", "pay", "card", payee, "7.51", "--output", slips[2], "--node", NOWHERE)
    for slip in reversed(slips[:2]):
        desk.good("purse", "check", slip)
        desk.done("hold", "settle", "--receipt", slip)
    desk.equal("paid offline", desk.balance(payee, "KGS") - before, 9_250)
    desk.done("hold", "void", str(placed["tx_id"]))


def own_assets(desk: Desk) -> None:
    """Define assets of one's own by the two guides: every line of them, and what they promise."""
    assert follow(desk, "README.md", "Your own asset") > 15
    assert follow(desk, "ledger/profiles/README.md", "Define your own asset in ten minutes") > 10
    desk.equal("seized vouchers", (desk.balance("treasury/main", "VOUCHER"), desk.balance("bank-b/main", "VOUCHER")), (0, 4_990))


LIVES: tuple[Callable[[Desk], None], ...] = (
    begin,
    school_meals,
    kgst,
    crypto_reserve,
    usdkg,
    jpyc,
    jpysb,
    qivalis,
    own_assets,
    ended,
    digital_som,
)
"""In this order: the end of the school meals comes while the others live, and the som's own limits come last."""
