"""`python -m tests.benchmarks.execution`: microseconds per payment of executing blocks of 1,000 one-leg payments, without signatures."""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import random
import sys
from time import perf_counter
from typing import TYPE_CHECKING

from ledger.accounts import Account, Balance, Total
from ledger.codec import decode_transaction, make_envelope, sign_transaction
from ledger.execute import Execution
from tests.ledger.chain import CHAIN, CONTRA, MemoryLedger, seed_of

if TYPE_CHECKING:
    from ledger.transactions.bodies import Transaction

from ledger.execute import genesis_state
from ledger.transactions.bodies import Leg, Pay
from tests.ledger.chain import first_records

BANKS = ("bank-a", "bank-b", "bank-c")
EACH = 10**6


def ledger_of(accounts: int) -> MemoryLedger:
    """Ledger with so many settlement accounts, a million minor units on each."""
    ledger = MemoryLedger()
    records = first_records()
    for number in range(accounts):
        name = account(number)
        records[f"account/{name}"] = Account(name, "settlement", b"", "", "open", (), 0)
        records[f"balance/{name}/KGS"] = Balance(EACH, 0)
    for index, bank in enumerate(BANKS):
        records[f"total/{bank}/KGS"] = Total(EACH * len(range(index, accounts, 3)), 0)
    records[f"balance/{CONTRA}/KGS"] = Balance(-EACH * accounts, 0)
    records["total/operator/KGS"] = Total(-EACH * accounts, 0)
    ledger.state.take(records)
    first = genesis_state(records, ledger.view_key)
    ledger.state.trees.update(first.trees)
    return ledger


def account(number: int) -> str:
    """Return the id of an account."""
    return f"{BANKS[number % 3]}/s{number}"


def payments(accounts: int, count: int, valid_until: int) -> list[Transaction]:
    """Payments between accounts at random, as decoded."""
    choose = random.Random(1)  # noqa: S311
    made = []
    for number in range(count):
        debit, credit = account(choose.randrange(accounts)), account(choose.randrange(accounts))
        if debit == credit:
            credit = "operator/settlement"
        bank = debit.partition("/")[0]
        body = Pay((Leg(debit, credit, "KGS", 1 + number % 50, 0, "invoice 7"),), "atomic", "", None, "", None, None)
        envelope = make_envelope(
            chain=CHAIN, sender=bank, ref=f"ref-{number}", valid_until=valid_until, salt=number.to_bytes(16, "big"), body=body
        )
        made.append(decode_transaction(sign_transaction(envelope, [(bank, "ops", seed_of(bank))])))
    return made


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.execution", description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    ledger = ledger_of(options.accounts)
    transactions = payments(options.accounts, options.blocks * 1_000, ledger.time_ms + 60_000)
    start = perf_counter()
    for tx in transactions:
        decode_transaction(tx.raw)
    decoding = perf_counter() - start
    applying, finishing = [], []
    gc.freeze()
    profile = cProfile.Profile()
    for block in range(options.blocks):
        chunk = transactions[block * 1_000 : (block + 1) * 1_000]
        if options.profile:
            profile.enable()
        start = perf_counter()
        execution = Execution(ledger.state, ledger.context(), ledger.view_key, lambda _: True)
        codes = [execution.apply(tx).code for tx in chunk]
        applying.append(perf_counter() - start)
        start = perf_counter()
        result = execution.finish()
        finishing.append(perf_counter() - start)
        profile.disable()
        if any(codes):
            raise AssertionError("a payment was refused")
        ledger.state.take(result.changes)
        ledger.state.trees.update(result.trees)
    sys.stdout.write(f"{options.accounts} accounts, {options.blocks} blocks of 1,000: decode {decoding / len(transactions) * 1e6:.1f}, ")
    apply, finish = sorted(applying)[options.blocks // 2], sorted(finishing)[options.blocks // 2]
    sys.stdout.write(f"apply {apply * 1e3:.1f}, finish {finish * 1e3:.1f} us per payment (medians)\n")
    if options.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)
    return 0


if __name__ == "__main__":
    sys.exit(main())
