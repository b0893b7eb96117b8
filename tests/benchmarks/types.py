"""`python -m tests.benchmarks.types [--rounds N] [--into bench.json] [--only WORD]`: microseconds of CPU per transaction, type by type.

Each case of the tests' tables, every type among them, and payments in the situations that differ in cost. One node's execution of one
transaction without signature checks, sockets and disk: `decode` from bytes with form and ids, `apply` all checks, effect, invariants,
receipt and views, on a fresh block over a small state. What a block costs as a whole (leaves, trees, roots) is not in it.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from time import process_time_ns
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.assets import FeeRule
from ledger.codec import decode_transaction, signing_bytes
from ledger.execute import Execution
from ledger.fees import fee_of
from ledger.keys import public_key_of, sign, verify
from ledger.transactions.bodies import Leg, Pay
from tests.benchmarks.sorted_state import SortedState
from tests.ledger.cases import CASES
from tests.ledger.cast import BANK_A, MONEY, Case
from tests.ledger.order_cast import arrest, order, put
from tests.ledger.people import BASIC, CAROL_A, DAVE_B, FULL, LIMITS, alter, settle_in
from tests.ledger.people_cases import COMPLIANCE, TRAVEL
from tests.ledger.world import BOB, MAIN_A, MAIN_B, TILL, VIEW_KEY, World, pay

if TYPE_CHECKING:
    from collections.abc import Callable

LEGS = 1_000
WIDE = tuple(replace(each, balance_max=10**9, tx_max=10**9, day_out_max=10**9, month_out_max=10**9) for each in LIMITS)
FEE = FeeRule("pay", "wallet", "", 5, 100, 10, 1_000)


@dataclass(frozen=True)
class Cost:
    """Microseconds of CPU of one kind of transaction, or of one leg of it."""

    name: str
    decode_us: float
    apply_us: float
    p90_us: float


def plain(world: World) -> Pay:
    """Pay between settlement accounts of two banks."""
    del world
    return pay((MAIN_A, MAIN_B, 1))


def with_an_order_elsewhere(world: World) -> Pay:
    """Do the same while some order is active, on others."""
    put(world, order("debit", BOB))
    return pay((MAIN_A, MAIN_B, 1))


def with_an_arrest(world: World) -> Pay:
    """Do the same where a part of what the payer has is arrested."""
    put(world, arrest(MAIN_A, 5))
    return pay((MAIN_A, MAIN_B, 1))


def of_wallets(world: World) -> Pay:
    """Pay between two people at two banks, without limits."""
    settle_in(world)
    world.issue(CAROL_A, 1_000)
    return pay((CAROL_A, DAVE_B, 20))


def of_limited_wallets(world: World) -> Pay:
    """Do the same with limits."""
    made = of_wallets(world)
    alter(world, limits=WIDE)
    return made


def with_a_fee(world: World) -> Pay:
    """Do the same with limits and a fee."""
    of_limited_wallets(world)
    alter(world, fees=(FEE,))
    return Pay((Leg(CAROL_A, DAVE_B, "KGS", 20, fee_of(FEE, 20), ""),), "atomic", "", None, "", None, None)


def with_travel_data(world: World) -> Pay:
    """Do the same with limits and travel data that the other bank signs."""
    of_limited_wallets(world)
    alter(world, travel_min=20)
    return Pay((Leg(CAROL_A, DAVE_B, "KGS", 20, 0, ""),), "atomic", "", None, "", (TRAVEL,), None)


def batch(world: World) -> Pay:
    """Pay a thousand legs between settlement accounts."""
    del world
    return pay(*(((MAIN_A, MAIN_B, 1), (MAIN_A, TILL, 1))[number % 2] for number in range(LEGS)))


def batch_to_people(world: World) -> Pay:
    """Pay a thousand legs to two wallets with limits."""
    settle_in(world)
    alter(world, limits=(replace(BASIC, balance_max=10**9), FULL, WIDE[2]))
    return pay(*((MAIN_A, (CAROL_A, DAVE_B)[number % 2], 1) for number in range(LEGS)))


PAYMENTS = (
    Case("payment between settlement accounts", plain, BANK_A, (), "bank-a"),
    Case("payment, orders on others", with_an_order_elsewhere, BANK_A, (), "bank-a"),
    Case("payment, a part arrested", with_an_arrest, BANK_A, (), "bank-a"),
    Case("payment between wallets", of_wallets, BANK_A, (), "bank-a"),
    Case("payment between wallets with limits", of_limited_wallets, BANK_A, (), "bank-a"),
    Case("payment between wallets with limits and a fee", with_a_fee, BANK_A, (), "bank-a"),
    Case("payment between wallets with limits and travel data", with_travel_data, [*BANK_A, *COMPLIANCE], (), "bank-a"),
    Case("leg of a batch of 1,000", batch, BANK_A, (), "bank-a"),
    Case("leg of a batch of 1,000 to people with limits", batch_to_people, BANK_A, (), "bank-a"),
)


def measure(case: Case, rounds: int) -> Cost:
    """Execute one case so many times, each on a fresh block over the same state."""
    world = World(money=MONEY)
    body = case.make(world)
    tx = world.sign(body, by=case.by, sender=case.sender)
    state, context = SortedState(world.state.records), world.context()
    legs = LEGS if isinstance(body, Pay) and len(body.legs) == LEGS else 1
    rounds = max(5, rounds // legs * 10) if legs > 1 else rounds

    def once() -> None:
        if execution.apply(tx).code:
            raise AssertionError(f"{case.name} was refused")

    applying = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            execution = Execution(state, context, VIEW_KEY, lambda _: True)
            applying.append(_clocked(once))
        decoding = [_clocked(lambda: decode_transaction(tx.raw)) for _ in range(rounds)]
    finally:
        gc.enable()
    cuts = statistics.quantiles(applying, n=10)
    return Cost(case.name, statistics.median(decoding) / legs, statistics.median(applying) / legs, cuts[8] / legs)


def _clocked(work: Callable[[], object]) -> float:
    began = process_time_ns()
    work()
    return (process_time_ns() - began) / 1_000


def signature_check_us(rounds: int) -> float:
    """Measure what one signature costs to check: the floor of every transaction, and what makes figures of two machines comparable."""
    seed, message = bytes(range(32)), signing_bytes(bytes(32))
    key, signature = public_key_of(seed), sign(seed, message)
    return statistics.median(_clocked(lambda: verify(key, message, signature)) for _ in range(rounds))


def write(path: Path, costs: list[Cost], check_us: float) -> None:
    """Put the figures beside those that the file has."""
    document = json.loads(path.read_text()) if path.exists() else {}
    document["signature_check_us"] = round(check_us, 1)
    document["types"] = [
        {
            "name": each.name,
            "decode_us": round(each.decode_us, 1),
            "apply_us": round(each.apply_us, 1),
            "apply_p90_us": round(each.p90_us, 1),
        }
        for each in costs
    ]
    path.write_text(json.dumps(document, indent=2) + "\n")


def main() -> int:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.types", description=__doc__)
    parser.add_argument("--rounds", type=int, default=300, help="executions of each (300)")
    parser.add_argument("--into", type=Path, help="a bench.json that gets the figures, too")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    options = parser.parse_args()
    costs = [measure(case, options.rounds) for case in (*PAYMENTS, *CASES) if options.only in case.name]
    check_us = signature_check_us(options.rounds)
    sys.stdout.write(f"one signature check: {check_us:.1f} us; in no other figure\n")
    sys.stdout.write(f"{'microseconds of CPU, medians':52}{'decode':>8}{'apply':>8}{'p90':>8}\n")
    for each in costs:
        sys.stdout.write(f"{each.name:52}{each.decode_us:8.1f}{each.apply_us:8.1f}{each.p90_us:8.1f}\n")
    if options.into is not None:
        write(options.into, costs, check_us)
    return 0


if __name__ == "__main__":
    sys.exit(main())
