"""`python -m queuecast_gateway`: read the settings, run, and tell by the exit code how it ended.

0 after SIGTERM or SIGINT, 1 when something inside died, 2 when the settings or a port are wrong.
"""

import uvloop

from queuecast_edge.process import main_of
from queuecast_gateway.app import run
from queuecast_gateway.settings import Settings


def main() -> None:
    main_of("queuecast_gateway", Settings, run, loop_factory=uvloop.new_event_loop)


if __name__ == "__main__":
    main()
