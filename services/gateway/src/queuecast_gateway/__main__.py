"""`python -m queuecast_gateway`: read the settings, run, and exit with a code that says how it ended.

0 after SIGTERM or SIGINT, 1 when a part failed, 2 when the settings or a port are wrong.
"""

import gc

import uvloop

from queuecast_edge.process import run_service
from queuecast_gateway.app import run
from queuecast_gateway.settings import Settings

YOUNG_OBJECTS = 10_000
"""How many new objects trigger a garbage collection, instead of 700. A record creates some, few are in
reference cycles, and collections took a tenth of the CPU per record and per connect; see bench/results.md."""


def main() -> None:
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    run_service("queuecast_gateway", Settings, run, loop_factory=uvloop.new_event_loop)


if __name__ == "__main__":
    main()
