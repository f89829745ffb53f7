"""A service's life from its settings to its exit code."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from queuecast_edge import logs
from queuecast_edge.environment import SettingsError, read
from queuecast_edge.listener import PortTaken
from queuecast_edge.settings import EdgeSettings

Settings = TypeVar("Settings", bound=EdgeSettings)

DIED = 1
MISCONFIGURED = 2


def run_service(
    package: str,
    model: type[Settings],
    run: Callable[[Settings], Coroutine[Any, Any, None]],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> None:
    """Run a service and exit: 0 if it was stopped, 1 if it died, 2 if its settings or a port are wrong.

    If it dies, the process ends at once, whatever threads are left: a process that does no work must not look
    alive.
    """
    log = logging.getLogger(package)
    try:
        settings = read(model, os.environ)
    except SettingsError as exc:
        sys.stderr.write(f"{package}: the environment is wrong\n{exc}\n")
        sys.exit(MISCONFIGURED)
    logs.configure(settings.log_level, settings.log_format)
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(run(settings))
    except (PortTaken, SettingsError) as exc:
        for line in str(exc).splitlines():
            log.error("%s", line)
        sys.exit(MISCONFIGURED)
    except Exception:
        log.critical("died", exc_info=True)
        _exit_at_once(DIED)


def stop_signal() -> asyncio.Event:
    """Return an event of the running loop that SIGTERM and SIGINT set."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)
    return event


def reload_signal() -> asyncio.Event:
    """Return an event of the running loop that SIGHUP sets."""
    event = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, event.set)
    return event


def _exit_at_once(code: int) -> None:
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)
