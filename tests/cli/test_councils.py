"""Who votes from the next epoch on, by commands against real execution: README.md, "Change the validators" (K22, L26, L28)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from devnet.newcomer import make_newcomer
from ledger.epochs import epoch_of, plan_of, planned_view_key_of, view_key_of
from ledger.keys import public_key_of
from ledger.parameters import parameter_of
from ledger.participants import Participant
from ledger.proposals import Proposal
from ledger.transactions.bodies import ParticipantPut
from node.api.epoch_structs import ParameterBody, Parameters
from node.api.epochs import epoch_body, next_epoch_body
from node.api.parts import HeaderBody
from node.api.proposals import proposal_body
from node.api.structs import BlockBody, StatusBody
from node.config import load_config
from node.epochchain import encode_link
from node.keyfiles import box_public_of, read_seed
from node.viewkeys import KeyRing

if TYPE_CHECKING:
    from ledger.epochs import Validator
    from tests.cli.network import Network
    from tests.cli.server import Answer, Asked

SOON = ("--in", "11")
LEGS_MAX = ParameterBody("legs_max", value=1_000, default=1_000, low=2, high=1_000, at_boundary=False, planned=None)
REGISTRAR = ("operator", "operator/ops")


class Chamber:
    """A served network with what is asked about epochs, and one more node on this machine."""

    def __init__(self, network: Network) -> None:
        self.network, self.world = network, network.world
        self.folder = self.world.made.folder
        self.behind = 0
        """How often the newcomer still says that it is catching up."""
        self.newcomer = make_newcomer(self.folder, "validator-4", [])
        self._let_the_newcomer_be_asked()
        seed = read_seed(self.newcomer.parent / "consensus.key")
        self.world.by_key[public_key_of(seed)] = seed
        network.served.routes |= {
            "/v1/epochs/next": self._next,
            "/v1/epochs/*": self._epoch,
            "/v1/proposals/*": self._proposal,
            "/v1/parameters": lambda _: (200, Parameters((LEGS_MAX,), self.world.height)),
            "/v1/status": self._status,
        }

    def _let_the_newcomer_be_asked(self) -> None:
        config = load_config(self.newcomer)
        served = self.network.served.url.rpartition(":")[2]
        self.newcomer.write_text(self.newcomer.read_text().replace(f"port = {config.api.port}", f"port = {served}"))

    def _epoch(self, asked: Asked) -> Answer:
        text = asked.path.rpartition("/")[2]
        number = self.world.epoch if text == "latest" else int(text)
        if number > self.world.epoch:
            return 404, {"code": 404, "name": "NOT_FOUND", "message": "it has not begun", "iso": ""}
        proof = encode_link(self.world.link(number - 1)) if number else b""
        return 200, epoch_body(self.world.state, number, proof, self.world.height)

    def _next(self, _: Asked) -> Answer:
        time_ms = self.world.blocks[-1].header.time_ms
        return 200, next_epoch_body(self.world.state, self.world.epoch, time_ms, self.world.height)

    def _proposal(self, asked: Asked) -> Answer:
        found = self.world.state.get("proposal/" + asked.path.rpartition("/")[2])
        if not isinstance(found, Proposal):
            return 404, {"code": 404, "name": "NOT_FOUND", "message": "there is none", "iso": ""}
        return 200, proposal_body(found, self.world.height)

    def _status(self, asked: Asked) -> Answer:
        _, body = self.network.status(asked)
        if not isinstance(body, StatusBody):
            raise TypeError(type(body))
        self.behind = max(0, self.behind - 1)
        return 200, replace(body, syncing=self.behind > 0, peers=4)

    def node(self, index: int) -> Path:
        """Path of a node's configuration."""
        return self.folder / f"validator-{index}" / "node.toml"

    def box_file(self, index: int) -> str:
        """Box key file of a node."""
        return str(self.node(index).parent / "box.key")

    def box(self, index: int) -> bytes:
        """Public box key of a node."""
        return box_public_of(read_seed(Path(self.box_file(index))))

    def key(self, index: int) -> str:
        """Public consensus key of a node."""
        return public_key_of(read_seed(self.node(index).parent / "consensus.key")).hex()

    def node_key(self, index: int) -> bytes:
        """Public node key of a node."""
        return public_key_of(read_seed(self.node(index).parent / "node.key"))

    def add(self, *more: str) -> dict[str, object]:
        """Plan the newcomer."""
        return self.network.good(
            "validator", "add", "operator", "--node-config", str(self.newcomer), "--box-key-file", self.box_file(0), *more
        )

    def remove(self, *indexes: int) -> dict[str, object]:
        """Plan a set without these nodes."""
        return self.network.good("validator", "remove", *(part for index in indexes for part in ("--node-config", str(self.node(index)))))

    def refused(self, *arguments: str, code: int = 1) -> str:
        """Sentence of a command that does not end well."""
        found, out, err = self.network.som(*arguments)
        assert (found, out) == (code, ""), (found, out, err)
        return err

    def end(self) -> int:
        """End the epoch; return the number of the next."""
        self.network.good("epoch", "end", *SOON)
        return self.world.pass_boundary()

    @property
    def seats(self) -> tuple[Validator, ...]:
        """Validators in force."""
        return epoch_of(self.world.state, self.world.epoch).validators

    @property
    def operator(self) -> Participant:
        """The operator's record."""
        found = self.world.state.get("participant/operator")
        if not isinstance(found, Participant):
            raise TypeError(type(found))
        return found


@pytest.fixture
def chamber(network: Network) -> Chamber:
    """Return a network with a newcomer's folder."""
    return Chamber(network)


def block_at(between_ms: int, asked: Asked) -> Answer:
    """Block of a chain with this time between two blocks."""
    height = int(asked.path.rpartition("/")[2])
    zero = "00" * 32
    fields = HeaderBody(1, zero, 0, height, height, zero, height * between_ms, 0, zero, zero, zero, zero, zero, zero)
    return 200, BlockBody(height, zero, "", fields, "", (), ())


def steps(result: dict[str, object]) -> list[str]:
    """Tell what a command of several transactions did, by the first word of each."""
    done = result["steps"]
    assert isinstance(done, list)
    return [str(each["step"]).partition(" ")[0] for each in done]


def test_four_five_four_validators(chamber: Chamber) -> None:
    """Goal: the way of the README. Method: add, ready, end; remove, end; who is in force, listed and can read at each point."""
    world = chamber.world
    assert steps(chamber.add()) == ["register", "seal", "plan"]
    assert (len(chamber.seats), chamber.node_key(4) in chamber.operator.node_keys) == (4, True)
    assert "not ready" in chamber.network.som("validator", "list")[1]
    chamber.network.good("validator", "ready", str(chamber.newcomer))
    assert chamber.end() == 1
    assert [each.consensus_key.hex() for each in chamber.seats][4] == chamber.key(4)
    before = view_key_of(world.state, 0)
    assert steps(chamber.remove(4)) == ["plan", "plan", "strike"]
    assert len(chamber.seats) == 5
    assert chamber.end() == 2
    assert [each.consensus_key.hex() for each in chamber.seats] == [chamber.key(index) for index in range(4)]
    now = view_key_of(world.state, epoch_of(world.state, 2).view_key)
    assert now.hash != before.hash
    assert [box for box, _ in now.copies] == sorted(chamber.box(index) for index in range(4))
    assert chamber.node_key(4) not in chamber.operator.node_keys
    assert chamber.box(4) not in chamber.operator.box_keys


def test_l28_who_left_opens_no_new_view_key_and_who_stays_does(chamber: Chamber, tmp_path: Path) -> None:
    """Goal: som epoch keys. Method: after a boundary with a new key, with the box key of one who left and of one who stays."""
    chamber.add()
    chamber.network.good("validator", "ready", str(chamber.newcomer))
    chamber.end()
    chamber.remove(4)
    chamber.end()
    assert "no copy of view key 1 opens" in chamber.refused("epoch", "keys", str(tmp_path / "no"), "--box-key-file", chamber.box_file(4))
    assert not (tmp_path / "no").exists()
    chamber.network.good("epoch", "keys", str(tmp_path / "keys"), "--box-key-file", chamber.box_file(0))
    keys = [bytes.fromhex(line) for line in (tmp_path / "keys").read_text().splitlines()]
    state = chamber.world.state
    for number, key in enumerate(keys):
        record = view_key_of(state, number)
        assert KeyRing((key,)).find(record.hash) == key
    assert len(keys) == 2


def test_what_was_done_is_not_done_again(chamber: Chamber) -> None:
    """Goal: a command that broke off is repeated. Method: each again, whole and where a part of it is lacking."""
    chamber.add()
    again = ("validator", "add", "operator", "--node-config", str(chamber.newcomer), "--box-key-file", chamber.box_file(0))
    assert "is planned or votes already" in chamber.refused(*again)
    chamber.network.good("validator", "ready", str(chamber.newcomer))
    chamber.end()
    chamber.remove(4)
    planned = planned_view_key_of(chamber.world.state)
    assert "they leave with epoch 1 already" in chamber.refused("validator", "remove", "--node-config", str(chamber.node(4)))
    known = tuple(sorted((*chamber.operator.node_keys, chamber.node_key(4))))
    chamber.world.do(ParticipantPut(replace(chamber.operator, node_keys=known)), *REGISTRAR)
    assert steps(chamber.remove(4)) == ["strike"]
    assert planned_view_key_of(chamber.world.state) == planned


def test_k15_a_new_key_takes_the_place_of_the_lost_one(chamber: Chamber) -> None:
    """Goal: som recover, then add --replaces. Method: an unknown lost key; then the third validator's; its place, and one node fewer."""
    lost = chamber.key(2)
    wrong = ("validator", "add", "operator", "--node-config", str(chamber.newcomer), "--box-key-file", chamber.box_file(0))
    assert "is no consensus key of the set" in chamber.refused(*wrong, "--replaces", "ab" * 32)
    chamber.add("--replaces", lost)
    chamber.network.good("validator", "ready", str(chamber.newcomer))
    chamber.end()
    assert [each.consensus_key.hex() for each in chamber.seats] == [chamber.key(index) for index in (0, 1, 4, 3)]


def test_a_newcomer_needs_the_view_key_from_somebody_who_has_it(chamber: Chamber) -> None:
    """Goal: sealing is done here, from a key file. Method: no file; the file of a node without a copy; keys one by one, and too few."""
    named = ("validator", "add", "operator", "--node-config", str(chamber.newcomer))
    assert "--box-key-file" in chamber.refused(*named, code=2)
    assert "no copy of view key 0 opens" in chamber.refused(*named, "--box-key-file", chamber.box_file(4))
    assert "name the newcomer's keys" in chamber.refused("validator", "add", "operator", "--consensus-key", "ab" * 32, code=2)
    assert "not both" in chamber.refused(*named, "--consensus-key", "ab" * 32, code=2)
    keys = ("--consensus-key", chamber.key(4), "--node-key", chamber.node_key(4).hex(), "--box-key", chamber.box(4).hex())
    chamber.network.good("validator", "add", "operator", *keys, "--endpoint", "http://10.0.0.9:8801", "--box-key-file", chamber.box_file(1))
    plan = plan_of(chamber.world.state)
    assert plan is not None
    assert (plan.validators[4].endpoint, plan.validators[4].consensus_key.hex()) == ("http://10.0.0.9:8801", chamber.key(4))


def test_who_leaves_has_to_be_named_with_its_box(chamber: Chamber) -> None:
    """Goal: nobody guesses which node of a participant leaves. Method: nobody named, a stranger, a key without its box, a strange box."""
    chamber.add()
    chamber.network.good("validator", "ready", str(chamber.newcomer))
    chamber.end()
    assert "say who leaves" in chamber.refused("validator", "remove", code=2)
    assert "is no validator of the set" in chamber.refused("validator", "remove", "bank-a")
    assert "say which of its box keys leave" in chamber.refused("validator", "remove", chamber.key(4), code=2)
    assert "no view key is sealed to the box key" in chamber.refused("validator", "remove", chamber.key(4), "--box-key", "ab" * 32)
    assert "nobody would be left" in chamber.refused("validator", "remove", "operator")
    done = chamber.network.good("validator", "remove", chamber.key(4), "--box-key", chamber.box(4).hex(), "--end-in", "11")
    assert steps(done) == ["plan", "plan", "strike", "end"]
    assert chamber.world.pass_boundary() == 2
    assert len(chamber.seats) == 4


def test_who_keeps_the_view_key_stays_listed(chamber: Chamber) -> None:
    """Goal: a validator becomes a node that follows. Method: remove with --keep-view-key; key and list are as before."""
    chamber.add()
    chamber.network.good("validator", "ready", str(chamber.newcomer))
    chamber.end()
    assert steps(chamber.network.good("validator", "remove", chamber.key(4), "--keep-view-key")) == ["plan"]
    chamber.end()
    record = epoch_of(chamber.world.state, 2)
    assert (len(record.validators), record.view_key) == (4, 0)
    assert chamber.node_key(4) in chamber.operator.node_keys


def test_ready_is_said_once_the_node_is_there(chamber: Chamber) -> None:
    """Goal: no word that is not true. Method: not planned; still catching up, without and with --wait; then it votes already."""
    ready = ("validator", "ready", str(chamber.newcomer))
    assert "is in no planned set" in chamber.refused(*ready)
    chamber.add()
    chamber.behind = 3
    assert "is still catching up" in chamber.refused(*ready)
    assert chamber.behind == 2
    assert chamber.network.som(*ready, "--wait")[0] == 0
    assert chamber.behind == 0
    chamber.end()
    assert "votes already" in chamber.refused(*ready)


def test_a_plan_is_taken_back_by_the_current_set(chamber: Chamber, tmp_path: Path) -> None:
    """Goal: som validator set. Method: the list as printed, back in; and what is no set."""
    file = tmp_path / "set.json"
    file.write_text(chamber.network.som("validator", "list", "--json")[1])
    chamber.add()
    chamber.network.good("validator", "set", str(file))
    assert plan_of(chamber.world.state) is None
    file.write_text("[]")
    assert "is not a set of validators" in chamber.refused("validator", "set", str(file), code=2)


def test_several_hands_end_an_epoch(chamber: Chamber) -> None:
    """Goal: --propose and votes (L26). Method: propose, show, a vote of each of two keysets; then it is gone."""
    network = chamber.network
    assert "votes take time" in chamber.refused("epoch", "end", "--propose", code=2)
    opened = str(network.good("epoch", "end", "--in", "50", "--propose")["tx_id"])
    code, out, _ = network.som("proposal", "show", opened)
    assert code == 0
    assert "epoch_end" in out
    network.good("proposal", "approve", opened, "--yes")
    assert epoch_of(chamber.world.state, 0).end == 10_000
    network.good("proposal", "approve", opened, "--yes", "--keyset", "operator/board")
    assert epoch_of(chamber.world.state, 0).end < chamber.world.height + 50
    assert "there is no open proposal" in chamber.refused("proposal", "show", opened)


def test_an_epoch_ends_soon_by_the_pace_of_its_blocks(chamber: Chamber) -> None:
    """Goal: the order is final before the end that it sets. Method: at a slow and at a fast pace; an end beyond the epoch's own."""
    world, network = chamber.world, chamber.network
    while world.height < 30:
        world.execute()
    ahead = {}
    for pace, between_ms in {"fast": 40, "slow": 5_000}.items():
        network.served.routes["/v1/blocks/*"] = partial(block_at, between_ms)
        height = world.height
        network.good("epoch", "end")
        ahead[pace] = epoch_of(world.state, 0).end - height
    assert ahead == {"slow": 16, "fast": 140}
    assert "ends at height" in chamber.refused("epoch", "end", "--in", "20000")


def test_waiting_for_an_epoch_ends_with_it_or_with_patience(chamber: Chamber) -> None:
    """Goal: scripts know when. Method: one that has begun, one that has not."""
    assert chamber.network.good("epoch", "wait", "0")["epoch"] == 0
    err = chamber.refused("epoch", "wait", "--seconds", "0")
    assert "epoch 1 has not begun after 0 s" in err
    chamber.end()
    assert chamber.network.som("epoch", "wait", "1")[1].startswith("epoch 1 began after height")


def test_parameters(chamber: Chamber) -> None:
    """Goal: som param. Method: list, set, a value out of range, a name that is none."""
    assert "legs_max" in chamber.network.som("param", "list")[1]
    chamber.network.good("param", "set", "legs_max", "500")
    assert parameter_of(chamber.world.state, "legs_max") == 500
    assert "must be within" in chamber.refused("param", "set", "legs_max", "0", code=2)
    assert "no parameter is called" in chamber.refused("param", "set", "leg_max", "5", code=2)
