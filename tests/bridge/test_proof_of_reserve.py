"""`som bridge proof` and `verify` once validators and attestors have changed: true as it is, false and named for whatever is altered (K23).

The network is in epoch 3, each of which had another set of validators; the route's attestors are the second set.
"""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec.structs import replace

from bridge.attest import Point, checkpoint_of, domain_of
from bridge.digests import digest
from cli.bridge_proof import Claims, Untrue, check
from ledger.attestations import Attestation
from ledger.blocks import header_bytes
from ledger.bridges import Attestor, BridgeRoute, Finality, RouteLimits, RouteTerms, Word, route_key
from ledger.codec import decode_transaction, make_envelope, sign_transaction
from ledger.epochs import Validator, epoch_of, set_hash
from ledger.grants import Need
from ledger.keys import public_key_of
from ledger.proofs import build_state_proof
from ledger.transactions.bodies import Attest, GrantPut, Issue
from ledger.transactions.bridge_bodies import BridgeOut, BridgeSet
from node.api.bridge_structs import RouteChange, RouteChanges
from node.epochchain import encode_link
from tests.bridge.keys import Key, keys
from tests.cli.network import Network
from tests.cli.server import serving
from tests.cli.test_trust import show_epoch
from tests.cli.world import QUORUM, World
from tests.ledger.world import DAY_MS, grant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ledger.proofs import Finality as FinalityProof
    from ledger.transactions.bodies import Body
    from tests.cli.server import Answer, Asked

ROUTE, SUBJECT = "kgs-bsc-1", "KGS:kgs-bsc-1"
WITNESSES = ("bank-a", "bank-b", "operator", "treasury")
BANKS = ("bank-a", "bank-b", "treasury")
"""One more of them validates in each epoch."""
ROOT = ("operator/ops", "treasury/ops")
LIMITS = RouteLimits(1, 50_000, 90_000, DAY_MS, 90_000, 90_000, 90_000, 80_000, 0)
OTHER: dict[type, object] = {int: 1, str: "0", tuple: ("00",)}


def attestors(of: tuple[Key, ...]) -> tuple[Attestor, ...]:
    """Set of the four participants with these keys."""
    return tuple(Attestor(key.address, name) for key, name in zip(of, WITNESSES, strict=True))


class Council(World):
    """The network of the command line's tests, with a route, and its record's proof at each height at which it changed."""

    first, second = keys(4), keys(4, first=50)
    """Attestors' keys of both sets."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, {"epoch_length": 24, "attestor_rotation_ms_min": 60_000})
        self.proofs: dict[int, bytes] = {}
        self.do(GrantPut(grant("bridge", "bridge", "operator", asset="KGS", need=Need(2, ROOT))), "operator", *ROOT)
        for name in WITNESSES:
            self.do(GrantPut(grant(f"sign-{name}", "attest.bridge", name, asset="KGS")), "operator", *ROOT)
        self.do(Issue("KGS", "bank-a/main", 90_000, "test", None), "operator", *ROOT)
        terms = RouteTerms(
            asset="KGS",
            decimals=2,
            kind="EVM",
            mode="enforced",
            chain_id=56,
            route_id=sha256(b"route").digest(),
            bridge=b"\xb1" * 20,
            token=b"\x70" * 20,
            finality=Finality("finalized", 2),
            observe_step=100,
            lock_ttl_ms=0,
            limits=LIMITS,
            opening=0,
        )
        self.change(BridgeSet(ROUTE, terms, "active", attestors(self.first), immediate=False, source=None, reason=""), *ROOT)
        self.behind_ms = -90_000
        """A minute and a half later: sets of attestors follow each other no faster."""

    def do(self, body: Body, sender: str, *keysets: str) -> None:
        """As on the network, by the network's own clock."""
        envelope = make_envelope(
            chain=self.chain,
            sender=sender,
            ref=f"world-{self.height}",
            valid_until=time.time_ns() // 1_000_000 - self.behind_ms + 60_000,
            salt=self.height.to_bytes(16, "big"),
            body=body,
        )
        pairs = [tuple(name.rsplit("/", 1)) for name in keysets]
        signed = sign_transaction(envelope, [(owner, name, self.made.secrets.keysets[owner, name][0]) for owner, name in pairs])
        receipt = self.execute(decode_transaction(signed)).result.receipts[0]
        assert receipt.code == 0, (body, receipt)

    def change(self, body: BridgeSet | BridgeOut, *by: str) -> None:
        """Do what changes the route, and keep the proof of its record."""
        self.do(body, "operator" if isinstance(body, BridgeSet) else "bank-a", *by)
        self.proofs[self.height] = self.prove_route()

    def lock(self, amount: int) -> None:
        """Lock for somebody there."""
        self.change(BridgeOut("KGS", "bank-a/main", amount, ROUTE, b"\xaa" * 20), "bank-a/ops")

    def prove_route(self, finality: FinalityProof | None = None) -> bytes:
        """Proof of the route's leaf as of the newest block."""
        key = route_key(ROUTE)
        leaves = {key: self.state.leaves[key]}
        return build_state_proof(self.state, finality or self.finality(self.height), tree="A", leaves=leaves, slot=None)

    def route(self) -> BridgeRoute:
        """Record of the route."""
        record = self.state.get(route_key(ROUTE))
        assert isinstance(record, BridgeRoute)
        return record

    def attest(self, by: tuple[Key, ...]) -> None:
        """Let the attestors sign the checkpoint of the newest height at which the route changed."""
        height, route = max(self.proofs), self.route()
        block = self.blocks[height - 1]
        made = digest(domain_of(route.terms), checkpoint_of(route, Point(height, block.id, block.header.time_ms)))
        for key, name in zip(by, WITNESSES, strict=True):
            word = Word("checkpoint", route.epoch, height, made, key.sign(made))
            said = Attestation(SUBJECT, "bridge", SUBJECT, word, self.blocks[-1].header.time_ms, 0, bytes(32), "", name)
            self.do(Attest(said), name, f"{name}/ops")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Council:
    """Return the network in epoch 3: a lock in each epoch, a rotation in the second, everything signed in the last."""
    world = Council(tmp_path_factory.mktemp("proof") / "net")
    for bank in BANKS:
        world.lock(10_000)
        world.change_set(bank)
        world.pass_boundary()
        if bank == "bank-b":
            world.change(BridgeSet(ROUTE, None, "", attestors(world.second), immediate=False, source=None, reason=""), *ROOT)
    world.lock(5_000)
    assert (world.epoch, world.route().epoch) == (3, 2)
    world.attest(world.second)
    return world


@pytest.fixture
def network(world: Council, capsys: pytest.CaptureFixture[str]) -> Iterator[Network]:
    """Return the network behind an honest node that keeps the route's changes."""
    with serving() as served:
        found = Network(world, served, capsys)
        others = served.routes.pop("/v1/bridge/*")
        served.routes[f"/v1/bridge/routes/{ROUTE}/changes"] = lambda asked: changes(world, asked)
        served.routes["/v1/bridge/*"] = others
        served.routes["/v1/epochs/*"] = lambda asked: show_epoch(world, asked)
        yield found


def changes(world: Council, asked: Asked) -> Answer:
    """Answer as a node does."""
    after, count = int(asked.query["after"]), int(asked.query["count"])
    found = [RouteChange(height, b64encode(data).decode()) for height, data in sorted(world.proofs.items()) if height > after]
    return 200, RouteChanges(tuple(found[:count]), world.height)


@pytest.fixture
def proof(network: Network, tmp_path: Path) -> dict[str, object]:
    """Return the file that the command writes."""
    path = tmp_path / "proof.json"
    network.good("bridge", "proof", ROUTE, "--output", str(path))
    return msgspec.json.decode(path.read_bytes(), type=dict[str, object])


def refused(world: Council, whole: dict[str, object], field: str, **fields: object) -> None:
    """Insist that the file is untrue with these fields, and that this one is named."""
    with pytest.raises(Untrue) as found:
        check(msgspec.json.encode({**whole, **fields}), world.genesis)
    assert found.value.field == field, found.value.reason


def texts(whole: dict[str, object], name: str) -> list[str]:
    """Return a list of the file."""
    return msgspec.convert(whole[name], list[str])


def test_a_proof_of_a_later_epoch_is_true_by_the_genesis_document_alone(network: Network, world: Council, tmp_path: Path) -> None:
    """Goal: acceptance 7 after validators and attestors changed. Method: an honest node's proof; verified when none answers any more."""
    path = tmp_path / "proof.json"
    said = network.good("bridge", "proof", ROUTE, "--output", str(path))
    assert len(texts(msgspec.json.decode(path.read_bytes(), type=dict[str, object]), "links")) == 3
    network.served.routes.clear()
    network.served.asked.clear()
    found = network.good("bridge", "verify", str(path), "--genesis", str(world.made.genesis))
    assert (found["true"], found["locked"], found["vault"], found["epoch"], found["height"]) == (
        True,
        "35000",
        "35000",
        2,
        max(world.proofs),
    )
    assert found == {name: value for name, value in said.items() if name != "file"}
    assert found["signers"] == [key.address.hex() for key in world.second]
    assert not network.served.asked


def test_a_lie_has_exit_code_one_and_names_the_field(network: Network, world: Council, proof: dict[str, object], tmp_path: Path) -> None:
    """Goal: what a stranger sees. Method: more in the vault than there is; another genesis document's chain."""
    path = tmp_path / "lie.json"
    path.write_bytes(msgspec.json.encode({**proof, "claims": {**msgspec.convert(proof["claims"], dict[str, object]), "vault": "36000"}}))
    code, out, err = network.som("bridge", "verify", str(path))
    assert (code, err) == (1, "")
    assert "claims.vault" in out
    with pytest.raises(Untrue, match="state"):
        check(msgspec.json.encode(proof), replace(world.genesis, name="another"))


def test_each_claim_is_proven(world: Council, proof: dict[str, object]) -> None:
    """Goal: no readable field is only said. Method: each otherwise, and each left out."""
    claims = msgspec.convert(proof["claims"], dict[str, object])
    assert set(claims) == set(Claims.__struct_fields__)
    for name, value in claims.items():
        lie = value + 1 if isinstance(value, int) else value[1:] if isinstance(value, list) else f"{value}0"
        refused(world, proof, f"claims.{name}", claims={**claims, name: lie})
        refused(world, proof, "file", claims={each: value for each, value in claims.items() if each != name})
    for name in proof:
        refused(world, {each: value for each, value in proof.items() if each != name}, "file")
    refused(world, proof, "format", format="som/bridge-proof/2")
    refused(world, proof, "file", more="fields")


def test_a_way_of_epochs_that_is_cut_reordered_or_another_s_is_named(world: Council, proof: dict[str, object]) -> None:
    """Goal: K23 (2) in a file. Method: links missing, in each other order, twice, one more; and of thieves."""
    links = texts(proof, "links")
    first, second, third = links
    thieves = [sha256(bytes((index,))).digest() for index in range(4)]
    crowd = tuple(Validator("bank-a", public_key_of(seed), sha256(seed).digest(), "") for seed in thieves)
    header = replace(world.blocks[epoch_of(world.state, 1).end - 1].header, next=set_hash(2, crowd))
    forged = b64encode(encode_link(replace(world.link(1, header=header, seeds=thieves[:QUORUM]), validators=crowd))).decode()
    few = b64encode(encode_link(world.link(1, seeds=world.voters(1)[: QUORUM - 1]))).decode()
    former = b64encode(encode_link(world.link(2, seeds=world.voters(0)[1:]))).decode()
    other_header = replace(world.link(1), header=header_bytes(header))
    for lie in (
        links[1:],
        links[:-1],
        [first, third],
        [],
        [second, first, third],
        [first, third, second],
        [third, second, first],
        [first, first, third],
        [first, second, second],
        [*links, third],
        [first, forged, third],
        [first, few, third],
        [first, second, former],
        [first, b64encode(encode_link(other_header)).decode(), third],
        [first, "", third],
        [first, "no base64", third],
    ):
        refused(world, proof, "links", links=lie)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_byte_of_the_way_counts(world: Council, proof: dict[str, object], number: int) -> None:
    """Goal: a link is what was signed, no byte else. Method: bytes all over each link turned, text that is not its own base64."""
    links = texts(proof, "links")
    data = bytearray(b64decode(links[number]))
    for place in range(0, len(data), max(1, len(data) // 24)):
        data[place] ^= 1
        refused(world, proof, "links", links=[*links[:number], b64encode(data).decode(), *links[number + 1 :]])
        data[place] ^= 1
    for text in rewritten(links[number]):
        refused(world, proof, "links", links=[*links[:number], text, *links[number + 1 :]])


def test_every_byte_of_the_state_counts(world: Council, proof: dict[str, object]) -> None:
    """Goal: a record is what was signed. Method: bytes all over it turned; its text written otherwise."""
    text = str(proof["state"])
    data = bytearray(b64decode(text))
    for place in range(0, len(data), max(1, len(data) // 60)):
        data[place] ^= 1
        refused(world, proof, "state", state=b64encode(data).decode())
        data[place] ^= 1
    for other in rewritten(text):
        refused(world, proof, "state", state=other)


def rewritten(text: str) -> list[str]:
    """Return texts that a careless reader takes for the same bytes."""
    found = [text[:10] + "\n" + text[10:], text + "\n", text + "===="]
    pad = len(text) - len(text.rstrip("="))
    if pad:  # bits that no byte has
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        at = len(text) - pad - 1
        found.append(text[:at] + letters[letters.index(text[at]) ^ 1] + text[at + 1 :])
    return found


def test_another_true_state_is_not_this_one(world: Council, proof: dict[str, object]) -> None:
    """Goal: an older record proves no newer claim. Method: true proofs of other heights and epochs, with and without their own way."""
    links = texts(proof, "links")
    for height, data in world.proofs.items():
        state = b64encode(data).decode()
        epoch = world.blocks[height - 1].header.epoch
        if epoch < 3:
            refused(world, proof, "links", state=state)
        if height != max(world.proofs):  # nobody signed a checkpoint of it in this file
            refused(world, proof, "signatures", state=state, links=links[:epoch])


def test_former_validators_and_too_few_certify_nothing(world: Council, proof: dict[str, object]) -> None:
    """Goal: K22, K23 (3). Method: the very record, its block certified by former validators, by two, in another order, by nobody."""
    newest = world.proofs[max(world.proofs)]
    assert str(proof["state"]) == b64encode(newest).decode()
    for seeds in (world.voters(0)[1:], world.voters(3)[: QUORUM - 1], world.voters(3)[::-1][:QUORUM], []):
        lie = world.prove_route(world.finality(world.height, seeds=seeds))
        refused(world, proof, "state", state=b64encode(lie).decode())


def test_signatures_are_of_a_quorum_of_the_set_in_force(world: Council, proof: dict[str, object]) -> None:
    """Goal: section 3. Method: the set before, a stranger among them, too few, another order, twice, other writing, the high-s twin."""
    signatures = texts(proof, "signatures")
    made = bytes.fromhex(str(msgspec.convert(proof["claims"], dict[str, object])["digest"]))
    former = [key.sign(made).hex() for key in world.first]
    lies: list[list[str]] = [
        former,
        [*signatures[:2], former[0]],
        signatures[:2],
        [],
        signatures[::-1],
        [*signatures, signatures[-1]],
        [each.upper() for each in signatures],
        [f"{each[:10]} {each[10:]}" for each in signatures],
        [each[:-2] + "1d" for each in signatures],
        [each[:-2] for each in signatures],
        ["no hex", *signatures[1:]],
    ]
    for lie in lies:
        refused(world, proof, "signatures", signatures=lie)


def test_a_node_that_shows_another_way_gets_no_proof_written(network: Network, world: Council, tmp_path: Path) -> None:
    """Goal: the command believes no node. Method: a node that shows one epoch's end in place of another's; nothing is written."""

    def swapped(asked: Asked) -> Answer:
        number = int(asked.path.rpartition("/")[2])
        return show_epoch(world, replace(asked, path=f"/v1/epochs/{ {2: 3, 3: 2}.get(number, number) }"))

    shown: Callable[[Asked], Answer] = swapped
    network.served.routes["/v1/epochs/*"] = shown
    code, _, err = network.som("bridge", "proof", ROUTE, "--output", str(tmp_path / "none.json"))
    assert (code, "do not believe this node" in err) == (1, True), err
    assert not (tmp_path / "none.json").exists()


def test_a_proof_that_nobody_would_read_is_not_written(network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: after many epochs a sentence, not a file that every check refuses. Method: the limit below what this one has."""
    monkeypatch.setattr("cli.bridge_proof.FILE_BYTES_MAX", 5_000)
    code, _, err = network.som("bridge", "proof", ROUTE, "--output", str(tmp_path / "none.json"))
    assert (code, "there are 3 epochs behind it" in err) == (1, True), err
    assert not (tmp_path / "none.json").exists()
