"""Trust from epoch to epoch (K23, points 1 to 4) against nodes that lie: a forged set, certificate, header, gap or byte is caught."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from shutil import rmtree
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis.strategies import binary, data, integers
from msgspec.structs import replace

from cli.faults import Distrust, Misuse, Refusal
from cli.trust import Shelf, Trusted, checkpoint_of, parse_checkpoint
from cli.verify import Moment, verify_state, verify_transaction
from ledger.blocks import block_id_of, header_bytes
from ledger.epochs import Validator, epoch_of, set_hash
from ledger.keys import public_key_of
from node.api.epoch_structs import CopyBody, EpochBody, SeatBody, ViewKeyBody
from node.epochchain import decode_link, encode_link
from tests.cli.network import Network
from tests.cli.server import serving
from tests.cli.world import QUORUM, World, trusting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hypothesis.strategies import DataObject, SearchStrategy

    from ledger.proofs import Finality
    from node.epochchain import EpochLink
    from tests.cli.server import Answer, Asked

LENGTH = 12
BANKS = ("bank-a", "bank-b", "treasury")
"""One more of them validates in each epoch; so the set of the first shares no quorum with that of the last."""
ACCOUNT = "bank-a/main"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a network in epoch 3, whose set has one old validator of four left."""
    world = World(tmp_path_factory.mktemp("epochs") / "net", {"epoch_length": LENGTH})
    for bank in BANKS:
        world.change_set(bank)
        world.pass_boundary()
    world.execute()
    assert world.epoch == len(BANKS)
    assert len({*world.voters(0)} & {*world.voters(3)}) == 3
    return world


def client(world: World, folder: Path, shown: dict[int, bytes] | None = None) -> Trusted:
    """Light client whose node shows these links instead of the true ones."""
    found = trusting(world, folder)
    honest = found._show
    found._show = lambda epoch: shown[epoch] if shown and epoch in shown else honest(epoch)
    return found


def moment(world: World, *, at: int | None = None) -> Moment:
    return Moment(world.blocks[-1].header.time_ms + 100, 0, at)


def test_a_state_of_any_epoch_is_proven_from_genesis(world: World, tmp_path: Path) -> None:
    """Goal: K23 (2). Method: a proof of epoch 3 by a client that knows the genesis document only; then again without any node."""
    trusted = trusting(world, tmp_path)
    assert verify_state(world.prove_account(ACCOUNT), trusted, moment(world)).block.header.epoch == 3
    assert Shelf(tmp_path, world.chain).newest(10) == 3
    again = Trusted(world.chain, epoch_of(world.state, 0).validators, Shelf(tmp_path, world.chain), nobody)
    verify_state(world.prove_account(ACCOUNT), again, moment(world))


def nobody(epoch: int) -> bytes:
    raise AssertionError(f"epoch {epoch} was asked for again")


def test_a_certificate_by_another_epochs_set_is_caught(world: World, tmp_path: Path) -> None:
    """Goal: K23 (2) and (4). Method: the set of each other epoch signs the newest block."""
    newest = world.height
    for epoch in range(3):
        proof = world.prove_account(ACCOUNT, world.finality(newest, seeds=world.voters(epoch)[-QUORUM:]))
        with pytest.raises(Distrust, match="is not signed by 3 of the 4 validators of epoch 3"):
            verify_state(proof, trusting(world, tmp_path), moment(world))


def test_a_header_of_another_epoch_than_its_certificate_is_caught(world: World, tmp_path: Path) -> None:
    """Goal: K23 (3). Method: the certificate of a true block claims the epoch before, signed as such by that one's set."""
    true = world.finality(world.height)
    header = replace(world.blocks[-1].header, epoch=2)
    forged = world.finalization(header, world.blocks[-1].id, world.voters(2)[:QUORUM])
    with pytest.raises(Distrust, match="certificate"):
        verify_state(world.prove_account(ACCOUNT, replace(true, certificate=forged)), trusting(world, tmp_path), moment(world))


def forged_links(world: World) -> Iterator[tuple[int, EpochLink]]:
    """Every way in which a node may lie about how epoch 1 ended, and about the others in its place."""
    true = world.link(1)
    header = world.blocks[epoch_of(world.state, 1).end - 1].header
    thieves = [sha256(bytes((index,))).digest() for index in range(4)]
    crowd = tuple(Validator("bank-a", public_key_of(seed), sha256(seed).digest(), "") for seed in thieves)
    yield 2, replace(true, validators=crowd)
    yield 2, replace(true, validators=tuple(reversed(true.validators)))
    yield 2, replace(true, validators=true.validators[:3])
    named = replace(header, next=set_hash(2, crowd))
    yield 2, replace(world.link(1, header=named, seeds=thieves[:QUORUM]), validators=crowd)
    yield 2, replace(world.link(1, header=named, seeds=world.voters(0)[:2]), validators=crowd)
    yield 2, replace(true, header=header_bytes(named), validators=crowd)
    wrong_epoch = replace(header, next=set_hash(1, true.validators))
    yield 2, world.link(1, header=wrong_epoch)
    yield 2, world.link(1, header=replace(header, next=bytes(32)))
    yield 2, world.link(1, header=replace(header, epoch=2))
    yield 2, world.link(1, header=replace(header, height=epoch_of(world.state, 1).base))
    yield 2, world.link(1, seeds=world.voters(3)[-QUORUM:])
    yield 2, world.link(1, seeds=world.voters(1))
    yield 2, world.link(1, seeds=world.voters(1)[:2])
    yield 2, replace(true, certificate=replace(true.certificate, kind=1))
    yield 2, world.link(0)
    yield 2, world.link(2)
    yield 3, world.link(1)


def test_every_forged_end_of_an_epoch_is_caught(world: World, tmp_path: Path) -> None:
    """Goal: no step is believed. Method: each lie in place of the true link; nothing false is kept."""
    proof = world.prove_account(ACCOUNT)
    lies = list(forged_links(world))
    for place, (epoch, link) in enumerate(lies):
        folder = tmp_path / str(place)
        with pytest.raises(Distrust, match="is not proven"):
            verify_state(proof, client(world, folder, {epoch: encode_link(link)}), moment(world))
        assert Shelf(folder, world.chain).newest(10) == epoch - 1


@settings(max_examples=300, deadline=None)
@given(draw=data())
def test_any_altered_byte_of_a_link_is_caught(world: World, tmp_path_factory: pytest.TempPathFactory, draw: DataObject) -> None:
    """Goal: every byte of a link counts. Method: other bytes at a place, a cut, something appended."""
    true = encode_link(world.link(0))
    cut = draw.draw(binary(min_size=1, max_size=4))
    place = draw.draw(integers_below(len(true)))
    for altered in (true[:place] + cut + true[place + len(cut) :], true[:place], true + cut):
        if altered != true:
            with pytest.raises(Distrust):
                client(world, tmp_path_factory.getbasetemp() / "flipped", {1: altered}).council(1)


def integers_below(end: int) -> SearchStrategy[int]:
    return integers(0, end - 1)


def test_former_validators_sign_nothing_above_the_end_of_their_epoch(world: World, tmp_path: Path) -> None:
    """Goal: stolen keys of an old set show no fresh state. Method: they go on with epoch 0 above its end; the client knows epoch 1."""
    trusted = trusting(world, tmp_path)
    end = epoch_of(world.state, 0).end
    assert trusted.keys_at(0, end + 1) is not None
    trusted.council(1)
    assert trusted.keys_at(0, end) is not None
    for epoch, height in ((0, end + 1), (1, end), (0, 0)):
        with pytest.raises(Distrust, match="has no block of height"):
            trusted.keys_at(epoch, height)


def test_a_checkpoint_stands_for_what_came_before_it(world: World, tmp_path: Path) -> None:
    """Goal: a new client takes a recent checkpoint from the operator. Method: with it nothing older is asked for; then wrong ones."""
    named = checkpoint_of(world.link(1))
    assert named == parse_checkpoint(named.text)
    asked: list[int] = []

    def show(epoch: int) -> bytes:
        asked.append(epoch)
        return encode_link(world.link(epoch - 1))

    trusted = Trusted(world.chain, (), Shelf(tmp_path, world.chain), show)
    trusted.start_at(named)
    verify_state(world.prove_account(ACCOUNT), trusted, moment(world))
    assert asked == [2, 3]
    other = replace(named, block_id=sha256(b"other").digest())
    with pytest.raises(Distrust, match="one of both is forged"):
        trusted.start_at(other)
    with pytest.raises(Distrust, match="another beginning"):
        trusting(world, tmp_path / "new").start_at(other)
    swapped = replace(world.link(1), validators=world.link(2).validators)
    with pytest.raises(Distrust, match="another beginning"):
        client(world, tmp_path / "newer", {2: encode_link(swapped)}).start_at(named)
    for text in ("", "2", "0:" + "00" * 32, "2:abc", f"two:{'00' * 32}", f"2:{'AB' * 32}"):
        with pytest.raises(Misuse, match="is not a checkpoint"):
            parse_checkpoint(text)


def test_a_checkpoint_of_another_chain_is_refused(world: World, tmp_path: Path) -> None:
    """Goal: a checkpoint names one chain. Method: a header of another chain, under its own id."""
    header = replace(world.blocks[epoch_of(world.state, 0).end - 1].header, chain=bytes(32))
    link = world.link(0, header=header)
    with pytest.raises(Distrust, match="another beginning"):
        client(world, tmp_path, {1: encode_link(link)}).start_at(replace(checkpoint_of(link), block_id=block_id_of(link.header)))


def test_a_damaged_shelf_is_told(world: World, tmp_path: Path) -> None:
    """Goal: own memory is not a node. Method: cut a kept link."""
    trusting(world, tmp_path).council(2)
    kept = Shelf(tmp_path, world.chain).folder / "2"
    kept.write_bytes(kept.read_bytes()[:-3])
    with pytest.raises(Refusal, match="is damaged"):
        trusting(world, tmp_path).council(2)


def test_transactions_of_old_epochs_stay_proven(world: World, tmp_path: Path) -> None:
    """Goal: a receipt has no age. Method: one transaction of each epoch, by a certificate of its own epoch or of its boundary."""
    seen = set()
    for block in world.blocks:
        for tx in block.transactions:
            end = epoch_of(world.state, block.header.epoch).end
            for up_to in (block.header.height, min(end, world.height)):
                finality = world.finality(block.header.height, up_to=up_to)
                proven = verify_transaction(world.prove_transaction(tx.tx_id.hex(), finality), trusting(world, tmp_path))
                assert proven.receipt.tx_id == tx.tx_id
            seen.add(block.header.epoch)
    assert seen == {0, 1, 2}


def test_links_never_cross_the_end_of_an_epoch(world: World, tmp_path: Path) -> None:
    """Goal: K23 (4) within K22. Method: the header after the boundary, certified by its own set, as a link of a block before it."""
    end = epoch_of(world.state, 1).end
    tx_id = next(tx.tx_id.hex() for block in world.blocks[:end] if block.header.epoch == 1 for tx in block.transactions)
    height = next(block.header.height for block in world.blocks if any(tx.tx_id.hex() == tx_id for tx in block.transactions))
    with pytest.raises(Distrust, match="is no child"):
        verify_transaction(world.prove_transaction(tx_id, world.finality(height, up_to=end + 1)), trusting(world, tmp_path))


def test_a_boundary_may_be_final_in_a_later_view_than_its_headers(world: World, tmp_path: Path) -> None:
    """Goal: it is proposed again until it is final (K22). Method: certificates of a later view, on a boundary and on another block."""
    end = epoch_of(world.state, 1).end
    for height, good in ((end, True), (end - 1, False)):
        block = world.blocks[height - 1]
        later = world.finalization(replace(block.header, view=block.header.view + 3), block.id, world.voters(1)[:QUORUM])
        proof = prove_any(world, height, replace(world.finality(height), certificate=later))
        if good:
            verify_transaction(proof, trusting(world, tmp_path))
        else:
            with pytest.raises(Distrust, match="not for the last header"):
                verify_transaction(proof, trusting(world, tmp_path))
    link = world.link(1)
    block = world.blocks[end - 1]
    later = world.finalization(replace(block.header, view=block.header.view + 3), block.id, world.voters(1)[:QUORUM])
    certificate = replace(link.certificate, view=later.view, parent_view=later.parent_view, signatures=later.signatures)
    again = encode_link(replace(link, certificate=certificate))
    assert client(world, tmp_path / "again", {2: again}).council(2).base == end
    assert decode_link(again, 1).validators == link.validators


def prove_any(world: World, height: int, finality: Finality) -> bytes:
    """Proof of some transaction of an epoch's start whose finality ends at `height`."""
    epoch = world.blocks[height - 1].header.epoch
    block = next(block for block in world.blocks if block.header.epoch == epoch and block.transactions)
    whole = world.finality(block.header.height, up_to=height)
    return world.prove_transaction(block.transactions[0].tx_id.hex(), replace(whole, certificate=finality.certificate))


@pytest.fixture
def network(world: World, capsys: pytest.CaptureFixture[str]) -> Iterator[Network]:
    """Return the network, served, with an honest route for epochs."""
    with serving() as served:
        found = Network(world, served, capsys)
        served.routes["/v1/epochs/*"] = lambda asked: show_epoch(world, asked)
        yield found


def show_epoch(world: World, asked: Asked, alter: Callable[[bytes], bytes] = bytes) -> Answer:
    """Answer as a node does, with an altered proof if the test likes."""
    number = int(asked.path.rpartition("/")[2])
    if number > world.epoch:
        return 404, {"code": 404, "name": "NOT_FOUND", "message": "not begun", "iso": ""}
    record = epoch_of(world.state, number)
    seats = tuple(
        SeatBody(index, each.participant, each.consensus_key.hex(), each.node_key.hex(), each.endpoint)
        for index, each in enumerate(record.validators)
    )
    proof = b64encode(alter(encode_link(world.link(number - 1)))).decode() if number else ""
    key = ViewKeyBody(record.view_key, "00" * 32, (CopyBody("00" * 32, "00" * 80),))
    body = EpochBody(number, record.base, record.end, QUORUM, seats, set_hash(number, record.validators).hex(), key, proof, world.height)
    return 200, body


def test_verify_on_the_command_line_works_in_any_epoch(network: Network, tmp_path: Path) -> None:
    """Goal: account, transaction and file. Method: run each; the file again without any node; then with a lying one and no memory."""
    world, kept = network.world, tmp_path / "kept"
    tx_id = world.blocks[LENGTH].transactions[0].tx_id.hex()
    code, out, err = network.som("account", "show", ACCOUNT, "--verify", "--at", str(world.height), "--save", str(kept))
    assert (code, err) == (0, "")
    assert "signed by the validators of epoch 3" in out
    assert network.good("tx", "show", tx_id, "--verify")["epoch"] == 1
    network.served.routes.clear()
    assert network.good("proof", "check", str(kept), "--at", str(world.height))["epoch"] == 3
    shelf = Shelf(world.made.folder / "client", world.chain)
    rmtree(shelf.folder)
    network.served.routes["/v1/epochs/*"] = lambda asked: show_epoch(world, asked, lambda proof: proof[:-1] + b"!")
    code, out, err = network.som("proof", "check", str(kept), "--at", str(world.height))
    assert (code, out) == (1, "")
    assert "do not believe this node" in err
    network.served.routes["/v1/epochs/*"] = lambda _: (404, {"code": 404, "name": "NOT_FOUND", "message": "no", "iso": ""})
    code, _, err = network.som("proof", "check", str(kept), "--at", str(world.height))
    assert code == 1
    assert "does not show how epoch 0 ended" in err


def test_a_checkpoint_on_the_command_line(network: Network, tmp_path: Path) -> None:
    """Goal: text or file. Method: a right one as both, a wrong one, a senseless one."""
    world = network.world
    right = checkpoint_of(world.link(2)).text
    file = tmp_path / "checkpoint"
    file.write_text(right + "\n")
    arguments = ("account", "show", ACCOUNT, "--at", str(world.height), "--checkpoint")
    for text in (right, str(file)):
        assert network.som(*arguments, text)[0] == 0
    code, _, err = network.som(*arguments, "3:" + "00" * 32)
    assert code == 1
    assert "forged" in err
    assert network.som(*arguments, "none")[0] == 2
