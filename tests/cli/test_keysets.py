"""Keys that were lost or stolen, and a bank that fails, from the command line against real execution (L24, L29)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_nouns import outcome

if TYPE_CHECKING:
    from tests.cli.network import Network

MINUTE_MS = 60_000


@pytest.fixture
def guarded(network: Network) -> Network:
    """Return a network in which `ops` of bank-b may be recovered by `recovery` of bank-b within a minute."""
    network.good("param", "set", "recovery_delay_ms_min", str(MINUTE_MS))
    network.good("keys", "new", "rescue", "--for", "bank-b/recovery")
    network.good("keyset", "put", "bank-b", "recovery", "--key", "rescue", "--as", "operator")
    network.good("keyset", "put", "bank-b", "ops", "--key", "bank-b-ops", "--recovery", "recovery", "--delay", "1m", "--as", "bank-b")
    network.good("keys", "new", "fresh", "--for", "bank-b/ops")
    return network


def recover(network: Network, *more: str) -> dict[str, object]:
    """Begin the recovery of `ops` of bank-b, sent by the operator."""
    return network.good("keyset", "recover", "bank-b", "ops", "--key", "fresh", "--as", "operator", *more)


def pass_time(network: Network) -> None:
    """Let more than the delay pass."""
    network.world.behind_ms -= MINUTE_MS + 5_000
    network.world.execute()


def keyset_of(network: Network) -> dict[str, object]:
    """Return `ops` of bank-b as the node shows it."""
    shown = network.good("participant", "show", "bank-b")["keysets"]
    assert isinstance(shown, list)
    return next(each for each in shown if each["name"] == "ops")


def test_lost_keys_are_recovered(guarded: Network) -> None:
    """Goal: `som keyset recover` and what it says. Method: begin and withdraw; begin, look, wait; the new key pays, the terms stay."""
    network = guarded
    recover(network)
    assert outcome(network.good("keyset", "recover", "bank-b", "ops", "--withdraw", "--as", "operator")) == 0
    assert keyset_of(network)["waiting"] is None
    assert "bank-b/ops" not in network.som("keyset", "list", "--waiting")[1]
    assert outcome(recover(network)) == 0
    assert "bank-b/ops" in network.som("keyset", "list", "--waiting")[1]
    assert "in force" in network.som("keyset", "list")[1]
    code, out, _ = network.som("keyset", "show", "bank-b")
    assert code == 0
    assert "bank-b/ops may be recovered by recovery, which takes 0.0166667 hours" in out
    assert "bank-b/ops is being recovered: what waits holds from" in out
    assert outcome(network.good("pay", "bank-b/main", "bank-a/main", "1", "KGS")) == 0
    pass_time(network)
    assert outcome(network.good("pay", "bank-b/main", "bank-a/main", "1", "KGS")) == 0
    (signature,) = network.world.blocks[-1].transactions[0].signatures
    assert signature.public_key.hex() == network.good("keys", "show", "fresh")["public_key"]
    now = keyset_of(network)
    assert (now["recovery"], now["delay_ms"], now["waiting"]) == ("recovery", MINUTE_MS, None)


@pytest.mark.parametrize("for_", ["current", "recovery", "a third one"])
def test_an_objection_locks_and_the_registrar_decides(guarded: Network, for_: str) -> None:
    """Goal: `som keyset object` and `decide`. Method: object; nobody pays, whatever time it is; decide; who was decided for pays."""
    network = guarded
    recover(network)
    assert outcome(network.good("keyset", "object", "bank-b", "ops")) == 0
    pass_time(network)
    assert "to be decided" in network.som("keyset", "list", "--waiting")[1]
    assert "objected to its recovery" in network.som("keyset", "show", "bank-b")[1]
    assert network.som("pay", "bank-b/main", "bank-a/main", "1", "KGS")[0] == 1
    code, _, err = network.som("keyset", "object", "bank-b", "ops")
    assert (code, "no recovery of bank-b/ops waits" in err) == (1, True)
    if for_ == "a third one":
        network.good("keys", "new", "third", "--for", "bank-b/ops")
        decision = network.good("keyset", "put", "bank-b", "ops", "--key", "third", "--as", "operator")
    else:
        decision = network.good("keyset", "decide", "bank-b", "ops", "--for", for_, "--as", "operator")
    assert outcome(decision) == 0
    assert outcome(network.good("pay", "bank-b/main", "bank-a/main", "1", "KGS")) == 0
    (signature,) = network.world.blocks[-1].transactions[0].signatures
    name = {"recovery": "fresh", "current": "bank-b-ops"}.get(for_, "third")
    assert signature.public_key.hex() == network.good("keys", "show", name)["public_key"]


def test_a_wallet_is_recovered_by_its_bank(network: Network) -> None:
    """Goal: a lost telephone. Method: `ops` of the bank may recover; the account's keyset is shown over the API and by command."""
    network.good("param", "set", "recovery_delay_ms_min", str(MINUTE_MS))
    network.good("keys", "new", "anna", "--for", "bank-a/anna/main")
    network.good("account", "open", "bank-a/anna", "--keyset", "main", "--key", "anna")
    own = ("keyset", "put", "bank-a/anna", "main", "--key", "anna", "--recovery", "ops", "--delay", "1m")
    assert outcome(network.good(*own, "--as", "bank-a/anna")) == 0
    network.good("pay", "bank-a/main", "bank-a/anna", "20", "KGS")
    network.good("keys", "new", "anna-2", "--for", "bank-a/anna/main")
    (network.world.made.folder / "keystore" / "anna.json").unlink()
    assert outcome(network.good("keyset", "recover", "bank-a/anna", "main", "--key", "anna-2")) == 0
    code, out, _ = network.som("keyset", "show", "bank-a/anna")
    assert (code, "is being recovered" in out) == (0, True)
    pass_time(network)
    assert outcome(network.good("pay", "bank-a/anna", "bank-b/main", "5", "KGS")) == 0


def test_a_bank_fails_and_another_one_services_its_accounts(network: Network) -> None:
    """Goal: `som participant succeed`. Method: one command; the same payment as ever is signed by the successor; then the bank is back."""
    assert outcome(network.good("participant", "succeed", "bank-b", "--by", "bank-a", "--as", "operator")) == 0
    shown = network.good("participant", "show", "bank-b")
    assert (shown["status"], shown["successor"]) == ("suspended", "bank-a")
    assert "bank-a, which services its accounts" in network.som("participant", "show", "bank-b")[1]
    assert network.good("account", "show", "bank-b/main")["servicer"] == "bank-a"
    assert outcome(network.good("pay", "bank-b/main", "bank-a/main", "1", "KGS")) == 0
    tx = network.world.blocks[-1].transactions[0]
    assert (tx.sender, [each.participant for each in tx.signatures]) == ("bank-a", ["bank-a"])
    code, _, err = network.som("participant", "succeed", "treasury", "--by", "bank-b", "--as", "operator")
    assert (code, "another participant, and active" in err) == (1, True)
    assert outcome(network.good("participant", "put", "bank-b", "--status", "active", "--as", "operator")) == 0
    assert network.good("account", "show", "bank-b/main")["servicer"] == "bank-b"


WRONG = (
    (("recover", "bank-a", "ops", "--key", "bank-a-ops"), 1, "names no keyset that may recover it"),
    (("recover", "bank-a", "none"), 1, "bank-a has no keyset none"),
    (("decide", "bank-a", "ops", "--for", "current"), 1, "nothing is to be decided"),
    (("put", "bank-a", "ops", "--key", "bank-a-ops", "--delay", "3d"), 2, "name who may recover"),
    (("put", "bank-a", "ops", "--key", "bank-a-ops", "--recovery", "board"), 1, "128 BAD_KEYSET"),
    (("show", "bank-a/nobody"), 1, "there is no account bank-a/nobody"),
)


def test_what_goes_wrong_is_said(network: Network) -> None:
    """Goal: one sentence each. Method: each mistake, its exit code, what is said."""
    for arguments, code, said in WRONG:
        found, _, err = network.som("keyset", *arguments, *(() if arguments[0] == "show" else ("--as", "bank-a")))
        assert said in err
        assert found == code


def test_what_is_signed_is_said_in_words(guarded: Network) -> None:
    """Goal: nobody signs what he cannot read. Method: a recovery and a succession written to files, and shown."""
    network = guarded
    recovery, succession = (str(network.world.made.folder / name) for name in ("recovery.tx", "succession.tx"))
    network.good("keyset", "recover", "bank-b", "ops", "--key", "fresh", "--as", "operator", "--export", recovery)
    code, out, err = network.som("tx", "sign", recovery, "--yes")
    assert code == 0, err
    assert "bank-b/ops: what is put holds after the delay that is in force" in out + err
    assert "by recovery, after" in out + err
    network.good("participant", "succeed", "bank-b", "--by", "bank-a", "--as", "operator", "--export", succession)
    code, out, err = network.som("tx", "sign", succession, "--yes")
    assert code == 0, err
    assert "successor" in out + err
