"""From plan to document: made, signed by its parties in turn, checked, and never started with a memory that may have voted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from cli.main import main
from ledger.genesis import chain_id, parse_genesis
from node.config import load_config
from node.init import init_node
from node.plan import Plan, parse_plan, trial_plan, usual_grants, with_ports
from node.provision import fill

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.network import Network

NODE = """
role = "{role}"
name = "{name}"
data = "data"
genesis = "../genesis.json"
node_key = "node.key"
box_key = "box.key"
"""


def make_node(folder: Path, role: str) -> Path:
    """Write the configuration of a node into a folder of its own."""
    folder.mkdir()
    text = NODE.format(role=role, name=folder.name) + ('consensus_key = "consensus.key"\n' if role == "validator" else "")
    (folder / "node.toml").write_text(text)
    return folder / "node.toml"


def test_a_ceremony_on_several_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: no private key travels. Method: four nodes and three people make keys apart, one plan, each signs the document in turn."""
    (tmp_path / "passphrase").write_text("correct horse\n")
    monkeypatch.setenv("SOM_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))

    def som(*arguments: str, code: int = 0) -> dict[str, object]:
        capsys.readouterr()
        assert main([*arguments, "--json"]) == code
        return msgspec.json.decode(capsys.readouterr().out or b"{}", type=dict[str, object])

    lines = ['name = "som-test"', "devnet = false"]
    members = ("operator/ops", "operator/board", "treasury/ops")
    public = {
        each: som("--keystore", str(tmp_path / each.replace("/", "-")), "keys", "new", "mine", "--for", each)["public_key"]
        for each in members
    }
    lines += ["[[participants]]", 'id = "operator"', 'kind = "operator"']
    lines += ["[[participants.keysets]]", 'name = "ops"', f'keys = ["{public["operator/ops"]}"]']
    lines += ["[[participants.keysets]]", 'name = "board"', f'keys = ["{public["operator/board"]}"]']
    lines += ["[[participants]]", 'id = "treasury"', 'kind = "treasury"']
    lines += ["[[participants.keysets]]", 'name = "ops"', f'keys = ["{public["treasury/ops"]}"]']
    lines += ["[[assets]]", 'code = "KGS"', "decimals = 2", 'issuer = "operator"']
    configs = [make_node(tmp_path / f"node-{index}", "validator") for index in range(4)]
    for config in configs:
        keys = som("init", "--config", str(config))
        lines += ["[[nodes]]", f'name = "{config.parent.name}"', 'role = "validator"', 'participant = "operator"']
        lines += [f'{name} = "{key}"' for name, key in keys.items()]
    plan, document = tmp_path / "plan.toml", tmp_path / "genesis.json"
    plan.write_text("\n".join(lines))
    made = som("genesis", "new", str(plan), "--output", str(document))
    assert made["unsigned"] == ["keyset operator/board", "keyset operator/ops", "keyset treasury/ops"] + [
        f"validator {index} of operator" for index in range(4)
    ]
    som("genesis", "check", str(document), code=1)
    for member in members:
        som("--keystore", str(tmp_path / member.replace("/", "-")), "genesis", "sign", str(document), "--sign", member, "--yes")
    for config in configs:
        signed = som("genesis", "sign", str(document), "--node-config", str(config), "--yes")
    assert signed["unsigned"] == []
    assert signed["chain"] == made["chain"]
    assert som("genesis", "check", str(document)) == {"chain": made["chain"], "good": True}
    assert som("genesis", "show", str(document))["name"] == "som-test"


def test_an_altered_document_is_refused_with_its_line(network: Network) -> None:
    document = network.world.made.genesis
    good = document.read_text()
    code, out, _ = network.som("genesis", "check", str(document))
    assert code == 0
    assert network.world.chain.hex() in out
    for old, new, said in (
        ('"decimals": 2', '"decimals": 9', "line"),
        ('"name": "som-devnet"', '"name": "som-devnot"', "signature"),
        ('"protocol": 1', '"protocol": 1, "extra": 2', "extra"),
        ('"kind": "bank"', '"kind": "bench"', "line"),
    ):
        document.write_text(good.replace(old, new, 1))
        code, _, err = network.som("genesis", "check", str(document))
        assert code == 1
        assert said in err
        assert err.count("\n") == 1
        assert network.som("account", "show", "bank-a/main", "--verify")[0] == 1


def test_a_plan_without_keys_is_for_trials_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Goal: no key is made and lost. Method: the trial plan without a folder for its keys, then with one, then into the same again."""
    assert main(["genesis", "new", "--output", str(tmp_path / "genesis.json")]) == 2
    assert "--with-keys" in capsys.readouterr().err
    assert not (tmp_path / "genesis.json").exists()
    assert main(["genesis", "new", "--with-keys", str(tmp_path / "net"), "--json"]) == 0
    made = msgspec.json.decode(capsys.readouterr().out)
    document = (tmp_path / "net" / "genesis.json").read_text()
    assert chain_id(parse_genesis(document)).hex() == made["chain"]
    assert load_config(tmp_path / "net" / "peer-1" / "node.toml").role == "peer"
    assert main(["genesis", "new", "--with-keys", str(tmp_path / "net")]) == 1
    assert "exists and is not replaced" in capsys.readouterr().err
    assert (tmp_path / "net" / "genesis.json").read_text() == document


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "name"),
        ("name = 1", "name"),
        ('name = "som"\nsurprise = 1', "surprise"),
        ("name =", "not usable"),
    ],
)
def test_a_plan_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    (tmp_path / "plan.toml").write_text(text)
    assert main(["genesis", "new", str(tmp_path / "plan.toml")]) == 1
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_init_makes_a_memory_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Goal: K15. Method: init twice, also with the data folder gone: a key that may have voted gets no fresh memory."""
    config = load_config(make_node(tmp_path / "node-0", "validator"))
    keys = init_node(config)
    assert len(keys.consensus_key) == 64
    assert (config.data_folder / "signer.mark").is_file()
    (config.data_folder / "signer.mark").unlink()
    assert main(["init", "--config", str(tmp_path / "node-0" / "node.toml")]) != 0
    assert "never gets a fresh memory" in capsys.readouterr().err
    assert not (config.data_folder / "signer.mark").exists()
    peer = load_config(make_node(tmp_path / "peer-0", "peer"))
    assert init_node(peer).consensus_key == ""
    assert init_node(peer).node_key == init_node(peer).node_key


def test_a_plan_is_filled_by_what_is_drawn() -> None:
    """Goal: provisioning is a function of plan and randomness. Method: the same draws twice, then others."""

    def drawing(start: int) -> list[int]:
        return [start]

    def draw(state: list[int], size: int) -> bytes:
        state[0] += 1
        return state[0].to_bytes(size, "big")

    first, second, third = drawing(1), drawing(1), drawing(1_000)
    plan = with_ports(trial_plan(4, 2), 9_000)
    assert fill(plan, lambda size: draw(first, size)) == fill(plan, lambda size: draw(second, size))
    assert fill(plan, lambda size: draw(third, size))[0] != fill(plan, lambda size: draw(second, size))[0]
    assert [node.api_port for node in plan.nodes] == list(range(9_000, 9_006))
    assert isinstance(
        parse_plan('name = "som"\nparticipants=[{id="a", kind="bank"}]\nnodes=[{name="n", role="peer", participant="a"}]', where="x"), Plan
    )
    assert {grant.id for grant in usual_grants(plan)} >= {"root", "register", "issue:KGS", "wallet:bank-a"}
