"""`python -m tests.benchmarks.succession`: a bank with 10^5 accounts fails, and another one services them all in the same block (L29).

Measures the block of the succession, and blocks of payments out of the failed bank's accounts before and after it, with all roots. Prints
nothing unless the succession wrote one record beside its reference, and every leaf of the failed bank's tree stayed as it was.
"""

from __future__ import annotations

import argparse
import gc
import sys
from time import perf_counter
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.accounts import Account, Balance, Total
from ledger.codec import decode_transaction, make_envelope, sign_transaction
from ledger.execute import Execution, genesis_state
from ledger.participants import Participant
from ledger.transactions.bodies import Leg, ParticipantPut, Pay
from tests.ledger.chain import CHAIN, CONTRA, MemoryLedger, first_records, keep, seed_of

if TYPE_CHECKING:
    from ledger.execute import BlockResult
    from ledger.transactions.bodies import Body, Transaction

FAILED, SUCCESSOR = "bank-b", "bank-a"
EACH = 10**6


def account(number: int) -> str:
    """Return the id of an account of the bank that fails."""
    return f"{FAILED}/w{number}"


def ledger_of(accounts: int) -> MemoryLedger:
    """Ledger with so many accounts at one bank, which signs for them."""
    ledger, records = MemoryLedger(), first_records()
    for number in range(accounts):
        records[f"account/{account(number)}"] = Account(account(number), "settlement", b"", "", "open", (), 0)
        records[f"balance/{account(number)}/KGS"] = Balance(EACH, 0)
    records[f"balance/{CONTRA}/KGS"] = Balance(-EACH * accounts, 0)
    records[f"total/{FAILED}/KGS"] = Total(EACH * accounts, 0)
    records["total/operator/KGS"] = Total(-EACH * accounts, 0)
    ledger.state.take(records)
    first = genesis_state(records, ledger.view_key)
    keep(ledger.state.leaves, first.leaves.items())
    ledger.state.trees.update(first.trees)
    return ledger


def signed(ledger: MemoryLedger, body: Body, ref: str, sender: str) -> Transaction:
    """Transaction of a body by `ops` of its sender."""
    salt = ref.encode().rjust(16, b"\x00")[-16:]
    envelope = make_envelope(chain=CHAIN, sender=sender, ref=ref, valid_until=ledger.time_ms + 600_000, salt=salt, body=body)
    return decode_transaction(sign_transaction(envelope, [(sender, "ops", seed_of(sender))]))


def payments(ledger: MemoryLedger, sender: str, count: int, ref: str) -> list[Transaction]:
    """Payments from one account of the bank to the next."""
    pairs = ((account(number), account(number + 1)) for number in range(count))
    made = (Pay((Leg(debit, credit, "KGS", 7, 0, ""),), "atomic", "", None, "", None, None) for debit, credit in pairs)
    return [signed(ledger, body, f"{ref}-{number}", sender) for number, body in enumerate(made)]


def block(ledger: MemoryLedger, transactions: list[Transaction]) -> tuple[BlockResult, float]:
    """Execute a block with all roots; return it and its seconds."""
    gc.freeze()
    start = perf_counter()
    execution = Execution(ledger.state, ledger.context(), ledger.view_key, lambda _: True)
    codes = [execution.apply(tx).code for tx in transactions]
    result = execution.finish()
    seconds = perf_counter() - start
    if any(codes):
        raise AssertionError(f"refused with {sorted(set(codes))}")
    ledger.state.take(result.changes)
    keep(ledger.state.leaves, result.leaves.items())
    ledger.state.trees.update(result.trees)
    return result, seconds


def succession(ledger: MemoryLedger) -> float:
    """Let the bank fail and be succeeded; return the seconds of the block.

    Raises
    ------
    AssertionError
        Something else than the participant's record has changed.
    """
    record = ledger.state.get(f"participant/{FAILED}")
    if not isinstance(record, Participant):
        raise TypeError(FAILED)
    before = {key: leaf for key, leaf in ledger.state.leaves.items() if f"/{FAILED}/" in key}
    body = ParticipantPut(replace(record, status="suspended", successor=SUCCESSOR))
    result, seconds = block(ledger, [signed(ledger, body, "succession", "operator")])
    written = [key for key in result.leaves if not key.startswith(("refs/", "day/", "closing/"))]
    after = {key: leaf for key, leaf in ledger.state.leaves.items() if f"/{FAILED}/" in key and not key.startswith("closing/")}
    if written != [f"participant/{FAILED}"] or after != {key: leaf for key, leaf in before.items() if not key.startswith("closing/")}:
        raise AssertionError(f"the succession wrote {written[:5]}")
    return seconds


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.succession", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--payments", type=int, default=1_000)
    options = parser.parse_args()
    ledger = ledger_of(options.accounts)
    _, own = block(ledger, payments(ledger, FAILED, options.payments, "before"))
    seconds = succession(ledger)
    _, taken = block(ledger, payments(ledger, SUCCESSOR, options.payments, "after"))
    each = 1e6 / options.payments
    sys.stdout.write(
        f"{options.accounts} accounts: succession in one block of {seconds * 1e3:.2f} ms, one record; payments out of them with all roots: "
        f"{own * each:.1f} us each by the bank, {taken * each:.1f} us by its successor\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
