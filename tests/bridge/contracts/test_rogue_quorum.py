"""What a full rogue quorum can take: every attestor signs anything, and each bound is shown with its amount."""

from __future__ import annotations

import pytest

from tests.bridge.contracts.chain import Chain, Reverted
from tests.bridge.contracts.world import ADMIN, ALICE, LIMITS, World
from tests.bridge.keys import keys

PER_MINT, PER_DAY, BUCKET, REFILL = LIMITS
RESERVE = keys(3, first=500)
HOURS = 24


def plunder(world: World, hours: int) -> int:
    """Have every attestor sign mints of an invented lock, as large and as often as the contract takes them; return the sum."""
    taken, nonce = 0, 0
    for _ in range(hours):
        for amount in (PER_MINT, 100_000, 10_000, 1_000):
            while True:
                nonce += 1
                try:
                    world.mint(nonce=nonce, amount=amount, cumulative_locked=2**95, ledger_height=10**9)
                except Reverted:
                    break
                taken += amount
        world.chain.wait(3600)
    return taken


def test_the_bucket_and_the_day_bound_it() -> None:
    """Goal: acceptance 6. Method: at once one bucket, 2,000,000; over a day the day's limit, 5,000,000 of each calendar day."""
    world = World()
    world.chain.wait(86_400 - world.chain.now % 86_400)
    assert plunder(world, 1) == BUCKET == 2_000_000
    world = World()
    world.chain.wait(86_400 - world.chain.now % 86_400)
    assert plunder(world, HOURS) == PER_DAY == 5_000_000


def test_the_ceiling_bounds_it() -> None:
    """Goal: acceptance 6. Method: a ceiling of 300,000; neither time nor rotation lifts it, only the admin after the delay."""
    world = World()
    world.token.send(ADMIN, "setCeiling", world.bridge.address, 300_000)
    assert plunder(world, HOURS) == 300_000


def test_the_second_key_set_bounds_it() -> None:
    """Goal: acceptance 6. Method: treasury and auditor stated 40,000; then a rogue quorum takes 40,000."""
    world = World(reserve=RESERVE)
    world.bridge.send(ADMIN, "requireReserve")
    assert plunder(world, 2) == 0
    world.carry(world.statement(cumulative_locked=40_000, vault_balance=40_000))
    assert plunder(world, HOURS) == 40_000


def test_the_guardian_ends_it() -> None:
    """Goal: one honest key stops the loss. Method: pause after the first mint; burning stays open."""
    world = World()
    world.mint(amount=PER_MINT, cumulative_locked=2**95)
    world.bridge.send("0x" + "a2" * 20, "pauseMint")
    assert plunder(world, HOURS) == 0
    world.burn(PER_MINT)


@pytest.mark.parametrize("chain_id", [1, 56, 728_126_428])
def test_one_byte_code_serves_each_chain(chain_id: int) -> None:
    """Goal: Ethereum, BNB Chain and Tron's chain id; a leave for one is worthless at another. Method: the same code under each."""
    world = World(chain=Chain(chain_id))
    world.mint()
    assert world.balance(ALICE) == 1_000
    world.domain = type(world.domain)(chain_id + 1, world.domain.contract)
    with pytest.raises(Reverted):
        world.mint(nonce=2)
