"""What is left to honest people once every attestor is rogue. How much such a quorum takes: `tests/bridge/test_rogue_table.py`."""

from __future__ import annotations

import pytest

from tests.bridge.contracts.chain import Chain, Reverted
from tests.bridge.contracts.world import ADMIN, ALICE, GUARDIAN, LIMITS, NO_ONE, World
from tests.bridge.rogue import LIES, Abroad

PER_MINT = LIMITS[0]


def test_the_guardian_ends_it() -> None:
    """Goal: one honest key stops the loss. Method: pause after the first mint; burning stays open, attestors have no power."""
    rogue = Abroad()
    assert rogue.attempt(PER_MINT)
    rogue.world.bridge.send(GUARDIAN, "pauseMint")
    assert rogue.plunder(24) == PER_MINT
    rogue.world.burn(PER_MINT)
    for name in ("pauseMint", "unpauseMint", "unpauseBurn", "requireReserve", "scheduleReserveRelease", "cancelLimits"):
        for one in rogue.signers:
            with pytest.raises(Reverted):
                rogue.world.bridge.send("0x" + one.address.hex(), name)


def test_what_it_was_told_stays_so_the_bridge_is_replaced() -> None:
    """Goal: no way back is pretended. Method: honest totals fall after invented ones, and are refused; it retires, all burn."""
    rogue = Abroad()
    assert rogue.attempt(PER_MINT)
    with pytest.raises(Reverted) as caught:
        rogue.world.carry(rogue.world.checkpoint(ledger_height=10**9 + 1))
    assert caught.value.name == "TotalsFell"
    rogue.world.bridge.send(ADMIN, "retire", NO_ONE)
    assert not rogue.attempt(1)
    rogue.world.burn(PER_MINT)
    assert rogue.world.state()["cumulativeLocked"] == LIES
    assert rogue.world.token.number("totalSupply") == 0


@pytest.mark.parametrize("chain_id", [1, 56, 728_126_428])
def test_one_byte_code_serves_each_chain(chain_id: int) -> None:
    """Goal: Ethereum, BNB Chain and Tron's chain id; a leave for one is worthless at another. Method: the same code under each."""
    world = World(chain=Chain(chain_id))
    world.mint()
    assert world.balance(ALICE) == 1_000
    world.domain = type(world.domain)(chain_id + 1, world.domain.contract)
    with pytest.raises(Reverted):
        world.mint(nonce=2)
