"""`python -m queuecast_poller`: read the settings, run, and tell by the exit code how it ended.

0 after SIGTERM or SIGINT, 1 when a queue's loop died, 2 when the settings or a port are wrong.
"""

from queuecast_edge.process import main_of
from queuecast_poller.app import run
from queuecast_poller.settings import Settings


def main() -> None:
    main_of("queuecast_poller", Settings, run)


if __name__ == "__main__":
    main()
