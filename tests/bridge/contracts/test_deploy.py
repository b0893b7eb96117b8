"""The deployer on a real node, and the checker, which must name each parameter that is not as planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec.structs import replace

from bridge.contracts import artifact
from bridge.contracts.check import differences
from bridge.contracts.plan import Addresses, LimitsPlan, Plan, TokenPlan
from bridge.deploy import deploy, main
from bridge.errors import TransactionRefused, WrongChain
from tests.bridge.anvil import RICH, Anvil
from tests.bridge.contracts.chain import Contract
from tests.bridge.contracts.world import ADMIN, ALICE, BOB, CAROL, DELAY, FREEZER, GUARDIAN, ROUTE
from tests.bridge.keys import keys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ATTESTORS = tuple("0x" + one.address.hex() for one in keys(4))
RESERVE = tuple("0x" + one.address.hex() for one in keys(3, first=500))
PLAN = Plan(
    chain_id=56,
    route_id="0x" + ROUTE.hex(),
    token=TokenPlan(decimals=2, name="Kyrgyz Som", symbol="KGST", ceiling=10**9, opening_holder=ALICE, opening_supply=700),
    admin=ADMIN,
    delay=DELAY,
    guardian=GUARDIAN,
    limits=LimitsPlan(per_mint=1_000, per_day=5_000, bucket_capacity=2_000, bucket_refill=10),
    attestors=ATTESTORS,
    threshold=3,
    opening=700,
    predecessor=BOB,
    reserve_signers=RESERVE,
    reserve_threshold=2,
    reserve_required=True,
)


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    """One real node for all tests of this file; each deploys its own contracts."""
    with Anvil(56) as running:
        yield running


@pytest.fixture(scope="module")
def deployed(node: Anvil) -> Addresses:
    """Deploy the plan and do what only the admin may."""
    made = deploy(node.client, PLAN, RICH)
    token = Contract(node, made.token, artifact("SomToken").interface)
    bridge = Contract(node, made.bridge, artifact("SomBridge").interface)
    token.send(ADMIN, "setCeiling", made.bridge, PLAN.token.ceiling)
    assert any("pending ceiling" in one for one in differences(node.client, PLAN, Addresses(made.token, made.bridge)))
    node.wait(DELAY)
    token.send(CAROL, "applyCeiling", made.bridge)
    token.send(ADMIN, "adoptOpening", made.bridge, PLAN.opening)
    bridge.send(ADMIN, "requireReserve")
    return Addresses(made.token, made.bridge)


def test_a_deployment_is_as_planned(node: Anvil, deployed: Addresses) -> None:
    """Goal: item 2 of the issue. Method: deploy with a real key on a real node, read everything back."""
    assert differences(node.client, PLAN, deployed) == ()


OTHERWISE: dict[str, Plan] = {
    "chain id": replace(PLAN, chain_id=1),
    "bridge.routeId": replace(PLAN, route_id="00" * 32),
    "bridge.defaultAdmin is": replace(PLAN, admin=CAROL),
    "bridge.defaultAdminDelay": replace(PLAN, delay=DELAY + 1),
    "bridge.guardian": replace(PLAN, guardian=CAROL),
    "bridge.limits": replace(PLAN, limits=replace(PLAN.limits, bucket_refill=11)),
    f"bridge.attestor {CAROL}": replace(PLAN, attestors=(*ATTESTORS[:3], CAROL)),
    "bridge.attestorCount": replace(PLAN, attestors=ATTESTORS[:3]),
    "bridge.threshold": replace(PLAN, threshold=4),
    "bridge.opening": replace(PLAN, opening=0),
    "bridge.predecessor": replace(PLAN, predecessor=CAROL),
    f"bridge.reserveSigner {CAROL}": replace(PLAN, reserve_signers=(*RESERVE[:2], CAROL)),
    "bridge.reserveSet": replace(PLAN, reserve_threshold=3),
    "bridge.reserveRequired": replace(PLAN, reserve_required=False),
    "token.decimals": replace(PLAN, token=replace(PLAN.token, decimals=18)),
    "token.name": replace(PLAN, token=replace(PLAN.token, name="Som")),
    "token.symbol": replace(PLAN, token=replace(PLAN.token, symbol="SOM")),
    "token.ceiling of the bridge": replace(PLAN, token=replace(PLAN.token, ceiling=1)),
    "token.unassigned opening": replace(PLAN, token=replace(PLAN.token, opening_supply=701)),
    "token.minters": replace(PLAN, token=replace(PLAN.token, other_minters=(CAROL,))),
    "token.holders of PAUSER_ROLE": replace(PLAN, token=replace(PLAN.token, pausers=(CAROL,))),
    "token.PAUSER_ROLE": replace(PLAN, token=replace(PLAN.token, pausers=(CAROL,))),
    "token.FREEZER_ROLE": replace(PLAN, token=replace(PLAN.token, freezers=(FREEZER,))),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_the_checker_names_each_difference(node: Anvil, deployed: Addresses, name: str) -> None:
    """Goal: no parameter goes unread. Method: compare with a plan that differs in one."""
    found = differences(node.client, OTHERWISE[name], deployed)
    assert any(one.startswith(name) for one in found), found


def test_the_checker_notices_other_code_and_switches(node: Anvil, deployed: Addresses) -> None:
    """Goal: a look-alike is not taken for the contract. Method: swap the addresses; pause; name an empty address."""
    swapped = differences(node.client, PLAN, Addresses(token=deployed.bridge, bridge=deployed.token))
    assert {one.split(":")[0] for one in swapped} >= {"bridge", "token"}
    assert any("there is no contract" in one for one in differences(node.client, PLAN, Addresses(deployed.token, CAROL)))
    bridge = Contract(node, deployed.bridge, artifact("SomBridge").interface)
    bridge.send(GUARDIAN, "pauseMint")
    assert differences(node.client, PLAN, deployed) == ("bridge.mintPaused is True, planned is False",)
    bridge.send(ADMIN, "unpauseMint")


def test_a_wrong_plan_deploys_nothing(node: Anvil) -> None:
    """Goal: refused with a reason. Method: another chain, and a threshold that the constructor refuses."""
    with pytest.raises(WrongChain):
        deploy(node.client, replace(PLAN, chain_id=1), RICH)
    with pytest.raises(TransactionRefused) as caught:
        deploy(node.client, replace(PLAN, threshold=2), RICH)
    assert artifact("SomBridge").interface.refusal(caught.value.data).name == "ThresholdWrong"


def test_the_command_deploys_and_checks(
    node: Anvil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Goal: an operator needs one command. Method: its exit codes and what it prints."""
    plan = tmp_path / "plan.json"
    simple = replace(PLAN, token=replace(PLAN.token, ceiling=0, opening_supply=0), opening=0, reserve_required=False)
    plan.write_bytes(msgspec.json.encode(simple))
    monkeypatch.delenv("SOM_DEPLOY_KEY", raising=False)
    assert main(["deploy", str(plan), "--rpc", node.url]) == 2
    assert "SOM_DEPLOY_KEY" in capsys.readouterr().err
    monkeypatch.setenv("SOM_DEPLOY_KEY", RICH.hex())
    assert main(["deploy", str(plan), "--rpc", node.url]) == 1, "the admin has not made the bridge a minter yet"
    printed = capsys.readouterr().out
    made = msgspec.json.decode(printed[: printed.index("}") + 1], type=Addresses)
    assert printed[printed.index("}") + 1 :].startswith("\ntoken.minters is ()")
    token = Contract(node, made.token, artifact("SomToken").interface)
    token.send(ADMIN, "setCeiling", made.bridge, 0)
    command = ["check", str(plan), "--rpc", node.url, "--token", made.token, "--bridge"]
    assert main([*command, made.bridge]) == 0
    assert main([*command, made.token]) == 1
    assert main(["check", str(plan), "--rpc", "http://127.0.0.1:1"]) == 2
