"""`make fuzz`: feeds wrong input for a while, based on kept seeds; see `campaign`.

Exits with 0, or with 1 if an input failed, which is then kept among the seeds.
"""

import argparse
import secrets
import sys
from pathlib import Path

from tests.fuzz import records
from tests.fuzz.campaign import Found, replay, run
from tests.fuzz.case import Case

RECORDS_SHARE = 0.2
"""The share of the time for what leaves the gateway; the rest is for what reaches it."""


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
    """Let the stock clients read records; return how many were made, or why the clients could not run."""
    if why := records.missing():
        return f"the stock clients read no record: {why}"
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
