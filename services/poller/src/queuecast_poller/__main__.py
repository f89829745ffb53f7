"""`python -m queuecast_poller`: read the settings and run; the exit code says how it ended.

0 after SIGTERM or SIGINT, 1 when a queue's loop died, 2 when the settings or a port are wrong. With a command
it runs that instead, with the same settings, and ends; `--help` lists the commands.
"""

import argparse
from functools import partial

from queuecast_edge.process import run_service
from queuecast_poller.app import run
from queuecast_poller.cli import dead_letters, dry_run
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
    coroutine = run if command is None else partial(command, arguments=arguments)
    run_service("queuecast_poller", Settings, coroutine)


if __name__ == "__main__":
    main()
