"""`python -m queuecast_poller`: read the settings, run, and tell by the exit code how it ended.

0 after SIGTERM or SIGINT, 1 when a queue's loop died, 2 when the settings or a port are wrong. With a command
it does that instead, with the same settings, and ends: `--help` lists them.
"""

import argparse
from functools import partial

from queuecast_edge.process import main_of
from queuecast_poller import dead_letters
from queuecast_poller.app import run
from queuecast_poller.route import dry_run
from queuecast_poller.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m queuecast_poller",
        description="Without a command: poll the queues until SIGTERM. Settings come from the environment.",
    )
    commands = parser.add_subparsers(title="commands")
    dead_letters.add_to(commands)
    dry_run.add_to(commands)
    arguments = parser.parse_args()
    command = getattr(arguments, "run", None)
    main_of("queuecast_poller", Settings, run if command is None else partial(command, arguments=arguments))


if __name__ == "__main__":
    main()
