"""`python -m queuecast_gateway`: read the settings, run, and tell by the exit code how it ended.

0 after SIGTERM or SIGINT, 1 when something inside died, 2 when the settings or a port are wrong.
"""

import gc

import uvloop

from queuecast_edge.process import main_of
from queuecast_gateway.app import run
from queuecast_gateway.settings import Settings

YOUNG_OBJECTS = 10_000
"""So many new objects before the collector looks at them, instead of 700. A record brings some, few are in
circles, and a tenth of the CPU per record and per connect went into looking; see bench/results.md."""


def main() -> None:
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    main_of("queuecast_gateway", Settings, run, loop_factory=uvloop.new_event_loop)


if __name__ == "__main__":
    main()
