"""`python -m devnet.bench [--short] [--seconds N]`: run every scenario, print the table, write `bench.json`."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from devnet.bench.limit import signature_limit
from devnet.bench.people import wallet_payments
from devnet.bench.report import Figure, show, write
from devnet.bench.scenarios import batches, paced, payments, prepare
from devnet.bench.trees import leaf_costs
from devnet.network import Network, Plan

SCENARIOS = ("paced", "payments", "batches", "wallets", "trees")


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m devnet.bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a form for CI: must finish, its figures mean little")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the saturated run (60)")
    parser.add_argument("--out", type=Path, default=Path("bench.json"), help="where the figures go (bench.json)")
    parser.add_argument("--port-base", type=int, default=9800, help="lowest port of the network (9800)")
    parser.add_argument("--only", choices=SCENARIOS, nargs="+", default=SCENARIOS, help="some scenarios")
    return parser.parse_args()


async def measure(options: argparse.Namespace) -> list[Figure]:
    """Run the scenarios on a fresh devnet of four validators."""
    seconds = 6.0 if options.short else options.seconds
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="som-bench-") as folder:
        async with Network(Plan(data=Path(folder) / "net", validators=4, peers=0, port_base=options.port_base)) as network:
            accounts = await prepare(network)
            if "paced" in options.only:
                figures += await paced(network, accounts, 3.0 if options.short else 20.0, 100)
            if "payments" in options.only:
                figures += await payments(network, accounts, seconds)
            if "batches" in options.only:
                figures += await batches(network, accounts, 4.0 if options.short else 20.0)
            if "wallets" in options.only:
                figures += await wallet_payments(network, seconds)
    return figures


def main() -> None:
    """Measure, show, write."""
    options = arguments()
    limit = signature_limit(4)
    figures = [] if options.only == ["trees"] else asyncio.run(measure(options))
    if "trees" in options.only:
        figures += leaf_costs((10_000, 100_000) if options.short else (10_000, 1_000_000))
    show(figures, limit.transactions_per_s, limit.verify_us)
    write(options.out, figures, limit.transactions_per_s, limit.verify_us)


if __name__ == "__main__":
    main()
