"""`python -m tests.fuzz --mutations 1000000`: mutations of valid messages through every decoder; nothing but typed errors may come out."""

from __future__ import annotations

import argparse
import sys

from tests.fuzz.run import all_targets, check_samples, run


def main() -> int:
    """Share the mutations out evenly and print a line for each decoder."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--mutations", type=int, default=100_000, help="in all, over every decoder")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same mutations")
    parser.add_argument("--target", default="", help="only decoders whose name contains this")
    options = parser.parse_args()
    targets = [target for target in all_targets() if options.target in target.name]
    if not targets:
        sys.stderr.write(f"no decoder is called {options.target!r}\n")
        return 2
    check_samples(targets)
    each = -(-options.mutations // len(targets))
    for target in targets:
        tally = run(target, each, options.seed)
        sys.stdout.write(f"{target.name:36} {tally.refused:8} refused {tally.accepted:8} accepted {tally.unchanged:6} unchanged\n")
        sys.stdout.flush()
    sys.stdout.write(f"{each * len(targets)} mutations through {len(targets)} decoders, seed {options.seed}: typed errors only\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
