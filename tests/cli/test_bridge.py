"""`som bridge`: a route, a transfer there and back by commands and attestors' words, and the sentences for what goes wrong."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from bridge.identifiers import ledger_recipient, route_id
from cli.addresses import address_text, parse_address
from cli.faults import Misuse
from ledger.attestations import Attestation
from ledger.bridges import BridgeRoute, Burn, Expiry, Lock, Mint, Word, lock_key, route_key
from ledger.transactions.bodies import Attest
from ledger.transactions.bridge_bodies import BridgeIn
from tests.cli.test_nouns import outcome

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.network import Network

AS = ("--as", "operator")
ROUTE = "kgs-bsc-1"
WITNESSES = ("bank-a", "bank-b", "operator", "treasury")
CONTRACT, TOKEN, ABROAD = "0x" + "b1" * 20, "0x" + "70" * 20, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
HASH = sha256(b"there").digest()
TERMS: dict[str, object] = {
    "asset": "KGS",
    "kind": "EVM",
    "mode": "enforced",
    "chain_id": 56,
    "index": 1,
    "bridge": CONTRACT,
    "token": TOKEN,
    "observe_step": 100,
    "limits": {
        "min": "1",
        "per_lock": "500",
        "bucket": "600",
        "bucket_time": "1d",
        "day_out": "800",
        "day_in": "700",
        "outstanding": "10000",
        "big_amount": "400",
        "big_delay": "2h",
    },
    "attestors": [{"participant": each, "address": "0x" + sha256(each.encode()).hexdigest()[:40]} for each in WITNESSES],
}


def described(folder: Path, **fields: object) -> str:
    """Write the file of a route."""
    path = folder / "route.json"
    path.write_text(json.dumps({**TERMS, **fields}))
    return str(path)


def opened(network: Network, folder: Path) -> None:
    """Let there be an active route."""
    need = ("--need", "operator/ops", "--need", "operator/board", "--need-m", "2")
    network.good("grant", "put", "bridge", "--to", "operator", "--permission", "bridge", "--asset", "KGS", *need, *AS)
    network.good("bridge", "put", ROUTE, described(folder), *AS)
    network.good("bridge", "set", ROUTE, "active", *AS)


def agree(network: Network, fact: Burn | Expiry | Mint) -> None:
    """Let three attestors say the same."""
    for by in WITNESSES[:3]:
        network.world.do(BridgeIn(ROUTE, by, fact), by, f"{by}/ops")


def lock_of(network: Network, nonce: int) -> Lock:
    """Lock as it is now."""
    record = network.world.state.get(lock_key(ROUTE, nonce))
    if not isinstance(record, Lock):
        raise TypeError(nonce)
    return record


def burn(network: Network, nonce: int, amount: int, cumulative: int, to: str) -> Burn:
    """Make a burn."""
    chain_route = route_id(network.world.chain, 56, "KGS", 1)
    spent = bytes.fromhex("b1" * 20)
    tx_hash = sha256(b"burn %d" % nonce).digest()
    return Burn(chain_route, 56, spent, nonce, 9_000 + nonce, HASH, tx_hash, 1, spent, ledger_recipient(to), amount, cumulative)


def test_a_transfer_there_and_back_by_commands(network: Network, tmp_path: Path) -> None:
    """Goal: quote, lock, one status by any hash, release. Method: lock, let attestors see mint and burn; look by each hash."""
    opened(network, tmp_path)
    assert "minted by" in network.som("bridge", "quote", ROUTE, "120.50")[1]
    sent = network.good("bridge", "lock", "bank-a/main", "120.50", ROUTE, ABROAD)
    assert outcome(sent) == 0
    lock = lock_of(network, 1)
    assert (lock.amount, lock.recipient.hex()) == (12_050, ABROAD[2:].lower())
    for given in (str(sent["tx_id"]), lock.lock_id.hex(), "0x" + lock.lock_id.hex()):
        assert "signed from" in network.som("bridge", "status", given)[1]
    mint = Mint(1, lock.lock_id, lock.recipient, lock.amount, 6_000, HASH, HASH, 0)
    agree(network, mint)
    shown = network.som("bridge", "status", HASH.hex())[1]
    assert "minted: minted by" in shown
    assert ABROAD in shown
    back = burn(network, 1, 2_000, 2_000, "bank-b/main")
    agree(network, back)
    assert "released: paid to bank-b/main" in network.som("bridge", "status", back.tx_hash.hex())[1]
    table = network.som("bridge", "routes")[1]
    assert "100.50 KGS" in table
    told = network.som("bridge", "show", ROUTE)[1]
    assert "120.50 KGS, 0.00 KGS, 20.00 KGS" in told
    assert "3 of 4 agree, epoch 1" in told
    assert network.good("bridge", "routes")["routes"]


def test_what_waits_is_claimed(network: Network, tmp_path: Path) -> None:
    """Goal: refund, suspense. Method: an account that is closing while its lock expires; a burn for nobody."""
    opened(network, tmp_path)
    network.good("bridge", "lock", "bank-a/main", "100", ROUTE, ABROAD)
    lock = lock_of(network, 1)
    network.good("account", "set", "bank-a/main", "--status", "closing")
    agree(network, Expiry(1, lock.lock_id, lock.deadline, 7_000, HASH, lock.deadline + 1))
    assert "som bridge claim refund" in network.som("bridge", "status", lock.lock_id.hex())[1]
    network.good("account", "set", "bank-a/main", "--status", "open")
    assert outcome(network.good("bridge", "claim", "refund", ROUTE, "1", "--as", "bank-b")) == 0
    assert "paid back to bank-a/main" in network.som("bridge", "status", lock.lock_id.hex())[1]
    network.good("bridge", "lock", "bank-a/main", "50", ROUTE, ABROAD)
    nobody = burn(network, 1, 1_000, 1_000, "bank-x/nobody")
    agree(network, nobody)
    assert "claim suspense" in network.som("bridge", "status", nobody.tx_hash.hex())[1]
    assert outcome(network.good("bridge", "claim", "suspense", ROUTE, "1", "--to", "bank-b/main", *AS)) == 0
    assert "paid to bank-b/main" in network.som("bridge", "status", nobody.tx_hash.hex())[1]


def test_what_attestors_signed_is_shown_to_whoever_carries_it(network: Network, tmp_path: Path) -> None:
    """Goal: permissionless relaying. Method: two attestors sign a checkpoint; an unsigned thing is a sentence."""
    opened(network, tmp_path)
    about = f"KGS:{ROUTE}"
    for by in WITNESSES[:2]:
        network.good("grant", "put", f"sign-{by}", "--to", by, "--permission", "attest.bridge", "--asset", "KGS", *AS)
        word = Word("checkpoint", 1, 1, HASH, b"\x51" * 65)
        as_of = network.world.blocks[-1].header.time_ms
        network.world.do(Attest(Attestation(about, "bridge", about, word, as_of, 0, bytes(32), "", by)), by, f"{by}/ops")
    shown = network.som("bridge", "attestation", ROUTE)[1]
    assert "checkpoint 1, epoch 1" in shown
    assert "3 are needed" in shown
    assert network.som("bridge", "attestation", ROUTE, "--what", "mint", "--number", "1")[0] == 1


def test_who_contradicts_is_shown(network: Network, tmp_path: Path) -> None:
    """Goal: an operator sees it at one glance. Method: an attestor signs two checkpoints of a height."""
    opened(network, tmp_path)
    assert "contradicts" not in network.som("bridge", "show", ROUTE)[1]
    about, by = f"KGS:{ROUTE}", WITNESSES[0]
    network.good("grant", "put", f"sign-{by}", "--to", by, "--permission", "attest.bridge", "--asset", "KGS", *AS)
    for signed in (HASH, bytes(31) + b"\1"):
        as_of = network.world.blocks[-1].header.time_ms
        word = Word("checkpoint", 1, 1, signed, b"\x51" * 65)
        network.world.do(Attest(Attestation(about, "bridge", about, word, as_of, 0, bytes(32), "", by)), by, f"{by}/ops")
    found = [line.split() for line in network.som("bridge", "show", ROUTE)[1].splitlines()]
    assert [by, "checkpoint", "1", "two", "things"] in found


def test_a_halt_and_other_limits_by_command(network: Network, tmp_path: Path) -> None:
    """Goal: operators of a route. Method: halt, open again, other limits; a file with other addresses is refused."""
    opened(network, tmp_path)
    network.good("bridge", "set", ROUTE, "halted", "--reason", "a block that was final is gone", *AS)
    assert "a block that was final is gone" in network.som("bridge", "show", ROUTE)[1]
    code, _, err = network.som("bridge", "lock", "bank-a/main", "5", ROUTE, ABROAD)
    assert code == 1
    assert "131 PAUSED" in err
    network.good("bridge", "set", ROUTE, "active", *AS)
    limits = {**TERMS["limits"], "day_out": "900"} if isinstance(TERMS["limits"], dict) else {}
    network.good("bridge", "put", ROUTE, described(tmp_path, limits=limits), "--only", "terms", *AS)
    record = network.world.state.get(route_key(ROUTE))
    assert isinstance(record, BridgeRoute)
    assert record.terms.limits.day_out == 90_000
    err = network.som("bridge", "put", ROUTE, described(tmp_path, token="0x" + "71" * 20), "--only", "terms", *AS)[2]
    assert "133 FIXED_FIELD" in err
    order = network.good("order", "put", "stop-1", "pause", "bridge", ROUTE, "--basis", "ab" * 32, "--until", "1h", *AS)
    assert "by order stop-1 of operator until" in network.som("bridge", "show", ROUTE)[1]
    assert outcome(order) == 0
    assert "131 PAUSED" in network.som("bridge", "lock", "bank-a/main", "5", ROUTE, ABROAD)[2]


MISTAKES: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (("bridge", "show", "other"), 1, "there is no route other"),
    (("bridge", "show", "Route"), 1, "is no route"),
    (("bridge", "quote", ROUTE, "501"), 1, "192"),
    (("bridge", "lock", "bank-a/main", "501", ROUTE, ABROAD), 1, "192 BRIDGE_CAP"),
    (("bridge", "lock", "bank-a/main", "5", ROUTE, ABROAD.replace("A", "a")), 2, "typing error"),
    (("bridge", "lock", "bank-a/main", "5", ROUTE, TRON), 2, "0x and 40 hex digits"),
    (("bridge", "status", "abc"), 2, "64 hex digits"),
    (("bridge", "status", "00" * 32), 1, "no bridge knows this hash"),
    (("bridge", "claim", "refund", ROUTE, "1", "--as", "bank-b"), 1, "191 BRIDGE_PROOF"),
    (("bridge", "claim", "suspense", ROUTE, "1"), 2, "--to says whose it is"),
)
FILES: tuple[tuple[dict[str, object], str], ...] = (
    ({"more": 1}, "unknown field"),
    ({"limits": {}}, "missing required field"),
    ({"kind": "XVM"}, "that is no route"),
    ({"token": "0x12"}, "no address"),
)


def test_what_goes_wrong_is_a_sentence(network: Network, tmp_path: Path) -> None:
    """Goal: no stack trace, the right exit code; a file is checked before anything is signed. Method: mistakes one by one."""
    opened(network, tmp_path)
    for arguments, code, sentence in MISTAKES:
        found, _, err = network.som(*arguments)
        assert (found, sentence in err) == (code, True), (arguments, err)
    for fields, sentence in FILES:
        found, _, err = network.som("bridge", "put", ROUTE, described(tmp_path, **fields), *AS)
        assert (found, sentence in err) == (2, True), (fields, err)


def test_addresses_are_read_as_their_chains_write_them() -> None:
    """Goal: EIP-55 and base58check. Method: the standard's example in three forms; a contract on Tron; one wrong letter each."""
    assert {parse_address(text, "EVM").hex() for text in (ABROAD, ABROAD.lower(), "0x" + ABROAD[2:].upper())} == {ABROAD[2:].lower()}
    assert parse_address(TRON, "TVM")[:1] == b"\x41"
    assert address_text(parse_address(TRON, "TVM"), "TVM") == TRON
    assert (address_text(parse_address(ABROAD, "EVM"), "EVM"), address_text(b"", "EVM")) == (ABROAD, "")
    with pytest.raises(Misuse):
        parse_address(TRON[:-1] + "u", "TVM")
