"""The light client (K23) against nodes that lie: whatever they alter, leave out, swap or hold back is caught, and what is true passes."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import msgspec
import pytest

from cli.faults import Distrust, Refusal
from cli.verify import AGE_MS_MAX, Moment, Newest, verify_state, verify_transaction
from ledger.proofs import StateProof, TransactionProof
from node.api.structs import AccountBody, TransactionBody
from tests.cli.world import trusting

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.trust import Trusted
    from tests.cli.network import Network
    from tests.cli.server import Answer, Asked
    from tests.cli.world import World

ACCOUNT = "bank-a/main"


def trust(world: World) -> Trusted:
    """Return what a client without any memory starts from."""
    return trusting(world, world.made.folder / "nowhere")


def now(world: World, *, newest: int = 0, at: int | None = None, later_ms: int = 0) -> Moment:
    """Moment a little after the newest block."""
    return Moment(world.blocks[-1].header.time_ms + 100 + later_ms, newest, at)


def lie_about_account(network: Network, lie: Callable[[AccountBody], AccountBody]) -> None:
    """Let the node answer for accounts with an altered body."""

    def answer(asked: Asked) -> Answer:
        status, body = network.account(asked)
        return (status, lie(body)) if isinstance(body, AccountBody) else (status, body)

    network.served.routes["/v1/accounts/*"] = answer


def test_an_honest_node_is_believed(network: Network) -> None:
    code, out, err = network.som("account", "show", ACCOUNT, "--verify")
    assert (code, err) == (0, "")
    assert "signed by the validators of epoch 0" in out
    assert "1000.00 KGS" in out
    assert "time" in out


def test_any_altered_byte_and_any_cut_is_caught(network: Network) -> None:
    """Goal: every byte of a proof counts. Method: flip one bit of each byte, then cut at each length, of both kinds of proof."""
    world = network.world
    trusted, moment = trust(world), now(world)
    state = world.prove_account(ACCOUNT)
    verify_state(state, trusted, moment)
    for data in altered(state):
        with pytest.raises(Distrust):
            verify_state(data, trusted, moment)
    transaction = world.prove_transaction(world.blocks[0].transactions[0].tx_id.hex())
    verify_transaction(transaction, trusted)
    for data in altered(transaction):
        with pytest.raises(Distrust):
            verify_transaction(data, trusted)


def altered(proof: bytes) -> list[bytes]:
    flipped = [proof[:place] + bytes([proof[place] ^ (1 << place % 8)]) + proof[place + 1 :] for place in range(len(proof))]
    return [*flipped, *(proof[:length] for length in range(len(proof))), proof + b"\x00"]


def test_a_wrong_balance_beside_a_true_proof_is_caught(network: Network) -> None:
    def lie(body: AccountBody) -> AccountBody:
        richer = tuple(msgspec.structs.replace(each, posted="99999999", available="99999999") for each in body.balances)
        return msgspec.structs.replace(body, balances=richer)

    lie_about_account(network, lie)
    code, out, err = network.som("account", "show", ACCOUNT, "--verify")
    assert (code, out) == (1, "")
    assert "what the node says" in err
    assert "do not believe this node" in err


def test_what_is_shown_comes_from_the_proof_alone(network: Network) -> None:
    """Goal: no way around the comparison. Method: the node lies about the balance and claims another height for it."""

    def lie(body: AccountBody) -> AccountBody:
        richer = tuple(msgspec.structs.replace(each, posted="99999999") for each in body.balances)
        return msgspec.structs.replace(body, balances=richer, as_of=body.as_of - 1)

    lie_about_account(network, lie)
    code, out, _ = network.som("account", "show", ACCOUNT, "--verify")
    assert code == 0
    assert "999999" not in out
    assert "1000.00 KGS" in out


def test_a_proof_of_another_account_is_caught(network: Network) -> None:
    def lie(body: AccountBody) -> AccountBody:
        return msgspec.structs.replace(body, proof=b64encode(network.world.prove_account("bank-b/main")).decode())

    lie_about_account(network, lie)
    code, _, err = network.som("account", "show", ACCOUNT, "--verify")
    assert code == 1
    assert "is not of bank-a/main" in err


def test_absence_in_another_participants_tree_is_caught(network: Network) -> None:
    """Goal: the tree of bank-b truly lacks every account of bank-a, and that proves nothing. Method: show just that."""
    world = network.world
    proof = world.prove_keys("bank-b", [f"account/{ACCOUNT}"])
    with pytest.raises(Distrust, match="belongs to tree bank-a"):
        verify_state(proof, trust(world), now(world))
    absent = world.prove_keys("bank-a", ["account/bank-a/none"])
    assert verify_state(absent, trust(world), now(world)).records == {"account/bank-a/none": None}


@pytest.mark.parametrize("proof", ["", "%%%", "AAAA", b64encode(bytes(2_000)).decode()])
def test_a_missing_or_senseless_proof_is_refused(network: Network, proof: str) -> None:
    lie_about_account(network, lambda body: msgspec.structs.replace(body, proof=proof))
    code, out, err = network.som("account", "show", ACCOUNT, "--verify")
    assert (code, out) == (1, "")
    assert "proof" in err


def test_a_certificate_needs_exactly_a_quorum_of_the_right_signers(network: Network) -> None:
    """Goal: K23 (4). Method: too few, too many, strangers, twice the same, falling order."""
    world = network.world
    stranger = bytes(32)
    good = world.seeds
    for seeds in ([], good[:2], good, [stranger, stranger, stranger], [good[1], good[0], good[2]], [good[0], good[0], good[2]]):
        proof = world.prove_account(ACCOUNT, world.finality(world.height, seeds=seeds))
        with pytest.raises(Distrust, match="is not signed by 3 of the 4 validators"):
            verify_state(proof, trust(world), now(world))
    decoded = msgspec.msgpack.decode(world.prove_account(ACCOUNT), type=StateProof)
    certificate = decoded.finality.certificate
    for signatures in (tuple(reversed(certificate.signatures)), (certificate.signatures[0],) * 3):
        finality = msgspec.structs.replace(decoded.finality, certificate=msgspec.structs.replace(certificate, signatures=signatures))
        with pytest.raises(Distrust, match="is not signed"):
            verify_state(msgspec.msgpack.encode(msgspec.structs.replace(decoded, finality=finality)), trust(world), now(world))


def test_a_certificate_of_a_descendant_serves_through_its_headers(network: Network) -> None:
    """Goal: K23 (4), links. Method: certificate three blocks later; then leave out one link, then turn two around."""
    world = network.world
    for _ in range(3):
        world.execute()
    tx_id = world.blocks[0].transactions[0].tx_id.hex()
    finality = world.finality(1, up_to=world.height)
    assert len(finality.links) == world.height - 1
    assert verify_transaction(world.prove_transaction(tx_id, finality), trust(world)).receipt.tx_id.hex() == tx_id
    first, second, *others = finality.links
    for links in ((first, *others), (second, first, *others), (first, second, *others[:-1])):
        broken = world.prove_transaction(tx_id, msgspec.structs.replace(finality, links=links))
        with pytest.raises(Distrust, match="does not hold"):
            verify_transaction(broken, trust(world))


def test_a_proof_of_another_chain_is_caught(network: Network, tmp_path: Path) -> None:
    from tests.cli.world import World  # noqa: PLC0415 - a second network, for this test only

    other = World(tmp_path / "other")
    other.execute()
    with pytest.raises(Distrust, match="another chain"):
        verify_state(other.prove_account(ACCOUNT), trust(network.world), now(other))
    mixed = trust(network.world)
    mixed.chain = other.chain
    with pytest.raises(Distrust, match="is not signed"):
        verify_state(other.prove_account(ACCOUNT), mixed, now(other))


def test_an_old_state_is_refused_unless_its_height_is_asked_for(network: Network) -> None:
    """Goal: K23 (6). Method: 30 s pass; then the height is named; then another height."""
    world = network.world
    proof, height = world.prove_account(ACCOUNT), world.height
    verify_state(proof, trust(world), now(world, later_ms=AGE_MS_MAX - 200))
    with pytest.raises(Distrust, match=f"older than 30 s.*--at {height}"):
        verify_state(proof, trust(world), now(world, later_ms=AGE_MS_MAX))
    verify_state(proof, trust(world), now(world, at=height, later_ms=10**9))
    with pytest.raises(Distrust, match="not of the height"):
        verify_state(proof, trust(world), now(world, at=height + 1))


def test_time_cannot_be_turned_back(network: Network) -> None:
    """Goal: K23 (6). Method: see a newer height, then let the node show the older proof, still fresh by the clock."""
    world = network.world
    stale = b64encode(world.prove_account(ACCOUNT)).decode()
    network.good("pay", ACCOUNT, "bank-b/main", "400", "KGS")
    assert network.som("account", "show", ACCOUNT, "--verify")[0] == 0
    lie_about_account(network, lambda body: msgspec.structs.replace(body, proof=stale, as_of=world.height - 1))
    code, out, err = network.som("account", "show", ACCOUNT, "--verify")
    assert (code, out) == (1, "")
    assert f"height {world.height} was seen already" in err


def test_a_wrong_clock_is_told(network: Network) -> None:
    world = network.world
    with pytest.raises(Distrust, match="set the clock first"):
        verify_state(world.prove_account(ACCOUNT), trust(world), now(world, later_ms=-60_000))


def test_a_forged_receipt_is_caught(network: Network) -> None:
    """Goal: the receipt shown is the one signed. Method: a failed payment is shown as good, with the true proof."""
    code, out, _ = network.som("pay", ACCOUNT, "bank-b/main", "5000", "KGS", "--ref", "too-much", "--json")
    tx_id = msgspec.json.decode(out)["tx_id"]
    assert code == 1

    def lie(asked: Asked) -> Answer:
        status, body = network.transaction(asked)
        if isinstance(body, TransactionBody) and body.receipt is not None:
            body = msgspec.structs.replace(body, receipt=msgspec.structs.replace(body.receipt, code=0, name="OK", failed_leg=None))
        return status, body

    assert network.som("tx", "show", tx_id, "--verify")[0] == 0
    network.served.routes["/v1/transactions/*"] = lie
    code, out, err = network.som("tx", "show", tx_id, "--verify")
    assert (code, out) == (1, "")
    assert "receipt" in err


def test_the_proof_of_another_transaction_is_caught(network: Network) -> None:
    world = network.world
    first, second = (block.transactions[0].tx_id.hex() for block in world.blocks[:2])

    def lie(asked: Asked) -> Answer:
        status, body = network.transaction(asked)
        if isinstance(body, TransactionBody):
            body = msgspec.structs.replace(body, proof=b64encode(world.prove_transaction(second)).decode())
        return status, body

    network.served.routes["/v1/transactions/*"] = lie
    code, _, err = network.som("tx", "show", first, "--verify")
    assert code == 1
    assert "not of the one asked for" in err


def test_a_leaf_moved_to_another_index_is_caught(network: Network) -> None:
    """Goal: order is proven too. Method: claim another index and count in the receipt's place."""
    world = network.world
    proof = msgspec.msgpack.decode(world.prove_transaction(world.blocks[0].transactions[0].tx_id.hex()), type=TransactionProof)
    for changed in (
        msgspec.structs.replace(proof, count=2),
        msgspec.structs.replace(proof, receipt=msgspec.structs.replace(proof.receipt, index=1)),
        msgspec.structs.replace(proof, receipt=msgspec.structs.replace(proof.receipt, height=2)),
    ):
        with pytest.raises(Distrust):
            verify_transaction(msgspec.msgpack.encode(changed), trust(world))


def test_a_saved_proof_is_checked_without_any_node(network: Network, tmp_path: Path) -> None:
    """Goal: `som proof check` needs the genesis document only. Method: save both kinds, then let the server know nothing."""
    account, transaction = tmp_path / "account.proof", tmp_path / "tx.proof"
    tx_id = network.world.blocks[0].transactions[0].tx_id.hex()
    network.good("account", "show", ACCOUNT, "--save", str(account))
    network.good("tx", "show", tx_id, "--save", str(transaction))
    network.served.routes.clear()
    network.served.asked.clear()
    shown = network.good("proof", "check", str(account))
    assert shown["records"]["balance/bank-a/main/KGS"] == {"posted": "100000", "held": "0"}  # type: ignore[index]
    assert network.good("proof", "check", str(transaction))["receipt"]["tx_id"] == tx_id  # type: ignore[index]
    assert network.served.asked == []
    damaged = bytearray(account.read_bytes())
    damaged[-1] ^= 1
    account.write_bytes(damaged)
    code, _, err = network.som("proof", "check", str(account))
    assert code == 1
    assert err.startswith("som: the proof does not hold")
    assert network.som("proof", "check", str(tmp_path / "none"))[0] == 2


def test_a_genesis_of_another_chain_is_not_taken(network: Network, tmp_path: Path) -> None:
    """Goal: K23 (1). Method: the profile names the chain, somebody swaps the document."""
    from tests.cli.world import World  # noqa: PLC0415 - a second network, for this test only

    other = World(tmp_path / "other")
    network.world.made.genesis.write_text(other.made.genesis.read_text())
    code, _, err = network.som("account", "show", ACCOUNT, "--verify")
    assert code == 2
    assert "another chain" in err


def test_the_newest_height_survives_and_damage_is_told(tmp_path: Path) -> None:
    newest = Newest(tmp_path, bytes(32))
    assert newest.read() == 0
    newest.raise_to(7)
    newest.raise_to(3)
    assert Newest(tmp_path, bytes(32)).read() == 7
    newest.path.write_text("many")
    with pytest.raises(Refusal, match="is damaged"):
        newest.read()
