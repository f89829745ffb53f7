"""`make fuzz`: wrong input for a while, from seeds that are kept; see `campaign`.

Ends with 0; with 1 if an input was found that fails, which is then kept among the seeds.
"""

import argparse
import secrets
import sys
from pathlib import Path

from tests.fuzz.campaign import Found, replay, run
from tests.fuzz.case import Case


def main() -> int:
    """Run the campaign; return the exit code."""
    options = _options()
    try:
        if options.replay is not None:
            replay(Case.from_text(options.replay.read_text("ascii")), options.replay.name)
            print(f"{options.replay.name} passes")
        else:
            print(f"{options.seconds:g} s with --seed {options.seed}", flush=True)
            print(run(options.seconds, options.seed))
    except Found as found:
        print(f"FAILED  {found}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz OPTIONS=…", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32), help="default: a random one")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run this kept input alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
