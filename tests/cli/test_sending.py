"""Sending (L14): kept before it is sent, the same bytes again, asked by reference first, never renewed silently; and signing together."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import msgspec
import pytest

from cli.outbox import OUTBOX_FILES_MAX, Outbox, read_transaction, write_transaction
from cli.times import now_ms
from ledger.codec import decode_transaction, make_envelope, ref_id_of, sign_transaction
from ledger.transactions.bodies import Void
from node.api.structs import Submission, Submissions, Submitted, TransactionBody

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.transactions.bodies import Transaction
    from tests.cli.network import Network
    from tests.cli.server import Answer, Asked

PAY = ("pay", "bank-a/main", "bank-b/main", "12.50", "KGS")


def posted(network: Network) -> list[str]:
    """Transactions sent so far, as they were sent."""
    return [msgspec.json.decode(each.body, type=Submission).transaction for each in network.served.asked if each.method == "POST"]


def expired_in_outbox(network: Network, ref: str) -> Transaction:
    """Payment of twelve and a half som, kept by an earlier run and too late now."""
    network.served.routes["/v1/transactions"] = lambda asked: (503, b"") if asked.method == "POST" else network.transactions(asked)
    network.som(*PAY, "--ref", ref, "--valid-for", "1ms")
    network.served.routes["/v1/transactions"] = network.transactions
    kept = Outbox(network.world.made.folder / "client" / "outbox" / network.world.chain.hex()[:16]).by_ref(ref_id_of("bank-a", ref))
    if kept is None:
        raise AssertionError("nothing was kept")
    return kept


def test_a_payment_ends_with_its_receipt(network: Network) -> None:
    code, out, err = network.som(*PAY, "--wait", "--memo", "rent")
    assert (code, err) == (0, "")
    assert "final" in out
    assert "bank-a/main  -12.50 KGS" in out
    assert "bank-b/main  +12.50 KGS" in out


def test_a_retry_sends_the_same_bytes(network: Network) -> None:
    """Goal: no second payment after a lost answer. Method: the node takes the payment, its answer is lost, the command is repeated."""
    lost = True

    def deaf(asked: Asked) -> Answer:
        if asked.method == "POST" and lost:
            network.submit(asked)
            return 502, b"the gateway lost the answer"
        return network.transactions(asked)

    network.served.routes["/v1/transactions"] = deaf
    assert network.som(*PAY, "--ref", "invoice-1")[0] == 1
    lost = False
    code, out, _ = network.som(*PAY, "--ref", "invoice-1", "--wait", "--json")
    assert code == 0
    first, second = posted(network)
    assert first == second
    assert msgspec.json.decode(out)["tx_id"] == decode_transaction(bytes.fromhex(first)).tx_id.hex()
    assert len([block for block in network.world.blocks if block.transactions[0].ref == "invoice-1"]) == 1


def test_a_retry_after_no_answer_at_all_sends_the_same_bytes(network: Network) -> None:
    """Goal: exit code 3 loses nothing. Method: no node; the message says how to go on; then one is there, and gets the kept bytes."""
    served, network.served.url = network.served.url, "http://127.0.0.1:1"
    code, _, err = network.som(*PAY, "--ref", "invoice-2")
    assert code == 3
    assert "cannot reach http://127.0.0.1:1" in err
    network.served.url = served
    network.good(*PAY, "--ref", "invoice-2")
    network.good(*PAY, "--ref", "invoice-2")
    first, second = posted(network)
    assert first == second


def test_a_broken_off_answer_names_the_reference(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: the message of code 3 can be acted upon. Method: the connection breaks after the payment went out."""
    import cli.client  # noqa: PLC0415 - its time-out is shortened here only

    monkeypatch.setattr(cli.client, "ANSWER_SECONDS", 0.2)

    def never(asked: Asked) -> Answer:
        if asked.method == "POST":
            network.submit(asked)
            network.released.wait(5)
        return network.transactions(asked)

    network.served.routes["/v1/transactions"] = never
    code, _, err = network.som(*PAY)
    network.released.set()
    assert code == 3
    assert "repeat it with --ref som-" in err
    ref = err.split("--ref ")[1].split(" ")[0]
    network.served.routes["/v1/transactions"] = network.transactions
    assert network.good(*PAY, "--ref", ref)["status"] == "final"
    assert len({*posted(network)}) == 1


def test_a_reference_of_something_else_is_refused(network: Network) -> None:
    network.good(*PAY, "--ref", "invoice-3")
    code, _, err = network.som("pay", "bank-a/main", "bank-b/main", "13", "KGS", "--ref", "invoice-3")
    assert code == 1
    assert "is that of another transaction" in err
    assert len(posted(network)) == 1


def test_nothing_is_renewed_silently(network: Network) -> None:
    """Goal: what expired is signed anew only on demand. Method: an expired payment in the outbox; repeat; then with --renew."""
    old = expired_in_outbox(network, "invoice-4")
    network.served.asked.clear()
    code, _, err = network.som(*PAY, "--ref", "invoice-4")
    assert code == 1
    assert "--renew" in err
    assert posted(network) == []
    renewed = network.good(*PAY, "--ref", "invoice-4", "--renew")
    assert renewed["status"] == "final"
    assert renewed["tx_id"] != old.tx_id.hex()


def test_a_node_that_answers_with_another_reference_is_not_believed(network: Network) -> None:
    other = network.world.blocks[0].transactions[0]
    body = TransactionBody(other.tx_id.hex(), "final", raw=other.raw.hex())
    network.served.routes["/v1/transactions"] = lambda _: (200, body)
    code, _, err = network.som(*PAY, "--ref", "invoice-5")
    assert code == 1
    assert "ask another node" in err


def test_waiting_ends_when_it_can_never_take_effect(network: Network) -> None:
    """Goal: --wait says what became of it, also where that is nothing. Method: a node that takes it and lets it expire."""

    def keep(asked: Asked) -> Answer:
        tx = decode_transaction(bytes.fromhex(msgspec.json.decode(asked.body, type=Submission).transaction))
        return 202, Submissions((Submitted(tx.tx_id.hex(), "pending"),))

    def late(asked: Asked) -> Answer:
        return 200, TransactionBody(asked.path.rpartition("/")[2], "expired")

    network.served.routes["/v1/transactions"] = keep
    network.served.routes["/v1/transactions/*"] = late
    code, out, err = network.som(*PAY, "--wait")
    assert code == 1
    assert "expired" in out
    assert "can never take effect" in err
    code, out, _ = network.som(*PAY)
    assert code == 0
    assert "no promise yet" in out


def test_two_people_sign_one_envelope_on_two_machines(network: Network, tmp_path: Path) -> None:
    """Goal: a quorum without a shared keystore. Method: one exports with own key, the other signs the file, anybody submits."""
    file, keys = tmp_path / "issue.json", network.world.made.folder / "keystore"
    board = tmp_path / "board"
    board.mkdir()
    (keys / "operator-board.json").rename(board / "operator-board.json")
    code, out, _ = network.som("issue", "bank-a/main", "5", "KGS", "--export", str(file), "--valid-for", "30m")
    assert code == 0
    assert "operator/ops" in out
    assert posted(network) == []
    code, _, err = network.som("tx", "submit", str(file))
    assert code == 1
    assert "111 QUORUM" in err
    code, out, _ = network.som("--keystore", str(board), "tx", "sign", str(file), "--sign", "operator/board", "--yes")
    assert code == 0
    assert "5.00 KGS to bank-a/main" in out
    result = network.good("tx", "submit", str(file), "--wait")
    assert result["status"] == "final"
    assert network.good("tx", "submit", str(file))["tx_id"] == result["tx_id"]
    copy = tmp_path / "copy.json"
    network.good("tx", "export", str(result["tx_id"]), str(copy))
    assert read_transaction(copy).raw == read_transaction(file).raw


def test_what_is_not_confirmed_is_not_signed(network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "issue.json"
    network.good("issue", "bank-a/main", "5", "KGS", "--export", str(file))
    before = file.read_bytes()
    for answer, code in (("n\n", 1), ("", 130)):
        monkeypatch.setattr("sys.stdin", StringIO(answer))
        assert network.som("tx", "sign", str(file), "--sign", "treasury/ops")[0] == code
        assert file.read_bytes() == before
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))
    assert network.som("tx", "sign", str(file), "--sign", "treasury/ops")[0] == 0
    assert file.read_bytes() != before


def test_a_missing_key_is_told_with_the_way_on(network: Network) -> None:
    (network.world.made.folder / "keystore" / "bank-a-ops.json").unlink()
    code, _, err = network.som(*PAY)
    assert code == 1
    assert "no key for bank-a/ops" in err
    assert "--export" in err


def test_a_second_key_of_a_keyset_does_not_spoil_signatures(network: Network) -> None:
    """Goal: a key made for a rotation may wait in the keystore. Method: make it, pay, rotate to both, pay again, rotate it away, pay."""
    network.good("keys", "new", "bank-a-next", "--for", "bank-a/ops")
    network.good(*PAY)
    network.good("keyset", "put", "bank-a", "ops", "--m", "2", "--key", "bank-a-ops", "--key", "bank-a-next")
    paid = network.good(*PAY)
    assert paid["status"] == "final"
    assert len(network.world.blocks[-1].transactions[0].signatures) == 2
    network.good("keyset", "put", "bank-a", "ops", "--key", "bank-a-next")
    network.good(*PAY)
    assert len(network.world.blocks[-1].transactions[0].signatures) == 1


@pytest.mark.parametrize("text", [b"", b"{}", b"[" * 5_000, b'{"format": "som/transaction/2"}', b"\xff\xfe"])
def test_a_file_that_is_none_is_refused(network: Network, tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(text)
    code, _, err = network.som("tx", "submit", str(file))
    assert code == 2
    assert "is not a transaction file" in err


def test_only_the_bytes_of_a_file_count(network: Network, tmp_path: Path) -> None:
    """Goal: a file's clear fields cannot mislead. Method: claim another reference and type; what is shown comes from the bytes."""
    file = tmp_path / "issue.json"
    network.good("issue", "bank-a/main", "5", "KGS", "--export", str(file))
    fields = msgspec.json.decode(file.read_bytes())
    file.write_bytes(msgspec.json.encode({**fields, "type": "pay", "ref": "harmless"}))
    code, out, _ = network.som("tx", "sign", str(file), "--yes", "--sign", "operator/board")
    assert code == 0
    assert "issues" in out
    assert "harmless" not in out


def test_a_transaction_of_another_chain_is_not_signed(network: Network, tmp_path: Path) -> None:
    envelope = make_envelope(
        chain=bytes(32), sender="bank-a", ref="r", valid_until=now_ms() + 60_000, salt=bytes(16), body=Void(hold=bytes(32))
    )
    write_transaction(tmp_path / "x.json", decode_transaction(sign_transaction(envelope, [])))
    code, _, err = network.som("tx", "sign", str(tmp_path / "x.json"), "--yes")
    assert code == 1
    assert "is for chain 0000" in err


def test_the_outbox_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: it never fills a disk. Method: a small limit, more transactions than that."""
    monkeypatch.setattr("cli.outbox.OUTBOX_FILES_MAX", 20)
    assert OUTBOX_FILES_MAX == 10_000
    outbox = Outbox(tmp_path)
    for number in range(50):
        envelope = make_envelope(
            chain=bytes(32), sender="bank-a", ref=f"r{number}", valid_until=number, salt=bytes(16), body=Void(hold=bytes(32))
        )
        outbox.keep(decode_transaction(sign_transaction(envelope, [])))
    assert len(list(tmp_path.iterdir())) <= 20
    assert outbox.by_ref(ref_id_of("bank-a", "r49")) is not None
