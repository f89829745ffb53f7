"""`python -m bench.pinned CORE COMMAND…`: become the command, on one core from its first instruction."""

import os
import sys


def main() -> None:
    """Become the command; never return."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  # the bench's own commands


if __name__ == "__main__":
    main()
