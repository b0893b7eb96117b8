"""`python -m devnet.bench [--short] [--seconds N]`: run every scenario, print the table, write `bench.json`."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from devnet.bench.limit import signature_limit
from devnet.bench.report import Figure, show, write
from devnet.bench.scenarios import batches, paced, payments, prepare
from devnet.bench.trees import leaf_costs
from devnet.network import Network, Plan


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m devnet.bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a form for CI: must finish, its figures mean little")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the saturated run (60)")
    parser.add_argument("--out", type=Path, default=Path("bench.json"), help="where the figures go (bench.json)")
    parser.add_argument("--only", choices=("payments", "batches", "paced", "trees"), help="one scenario")
    return parser.parse_args()


async def measure(options: argparse.Namespace) -> list[Figure]:
    """Run the scenarios on a fresh devnet of four validators."""
    seconds = 6.0 if options.short else options.seconds
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="som-bench-") as folder:
        async with Network(Plan(data=Path(folder) / "net", validators=4, peers=0, port_base=9800)) as network:
            accounts = await prepare(network)
            if options.only in (None, "paced"):
                figures += await paced(network, accounts, 3.0 if options.short else 20.0, 100)
            if options.only in (None, "payments"):
                figures += await payments(network, accounts, seconds)
            if options.only in (None, "batches"):
                figures += await batches(network, accounts, 4.0 if options.short else 20.0)
    return figures


def main() -> None:
    """Measure, show, write."""
    options = arguments()
    limit = signature_limit(4)
    figures = [] if options.only == "trees" else asyncio.run(measure(options))
    if options.only in (None, "trees"):
        figures += leaf_costs((10_000, 100_000) if options.short else (10_000, 1_000_000))
    show(figures, limit.transactions_per_s, limit.verify_us)
    write(options.out, figures, limit.transactions_per_s, limit.verify_us)


if __name__ == "__main__":
    main()
