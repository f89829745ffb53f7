"""`make fuzz`: wrong input for a while, from seeds that are kept; see `campaign`.

Ends with 0; with 1 if an input was found that fails, which is then kept among the seeds.
"""

import argparse
import secrets
import sys
from pathlib import Path

from tests.fuzz import records
from tests.fuzz.campaign import Found, replay, run
from tests.fuzz.case import Case

RECORDS_SHARE = 0.2
"""Of the time, for what leaves the gateway; the rest is for what reaches it."""


def main() -> int:
    """Run the campaign; return the exit code."""
    options = _options()
    try:
        if options.replay is not None:
            replay(Case.from_text(options.replay.read_text("ascii")), options.replay.name)
            print(f"{options.replay.name} passes")
        else:
            print(f"{options.seconds:g} s with --seed {options.seed}", flush=True)
            print(run(options.seconds * (1 - RECORDS_SHARE), options.seed))
            print(_records(options.seconds * RECORDS_SHARE, options.seed))
    except Found as found:
        print(f"FAILED  {found}", file=sys.stderr)
        return 1
    return 0


def _records(seconds: float, seed: int) -> str:
    """Have the stock clients read records; say how many they took, or why they could not be asked."""
    if why := records.missing():
        return f"no record was read by stock clients: {why}"
    with records.JavaScript() as javascript:
        counts = records.run(seconds, seed, javascript)
    return "records: " + ", ".join(f"{count:,} {what}" for what, count in sorted(counts.items()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz OPTIONS=…", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32), help="default: a random one")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run this kept input alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
