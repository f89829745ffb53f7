"""The routes file: read at the start, and again when it changes or somebody says so.

A new file that is wrong changes nothing: what was in force stays, and the log, a metric and `/readyz` say so.
"""

import asyncio
import logging
import os
import time
from collections.abc import Collection, Mapping

from queuecast_edge.health import Health
from queuecast_poller.metrics import RoutesMetrics
from queuecast_poller.route.loading import load_routes
from queuecast_poller.route.model import RoutesFile
from queuecast_poller.rules import Rules

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often the file is looked at. A mounted ConfigMap changes by a link (`..data`) that leads elsewhere, so
that the file is another one then. https://kubernetes.io/docs/concepts/configuration/configmap/"""


class RoutesInForce:
    """The rules of each queue: changed in the main thread, read in the queues' own.

    All of them are one reference, replaced whole: no lock is needed.
    """

    def __init__(
        self, path: str | None, queues: Collection[str], environment: Rules, metrics: RoutesMetrics
    ) -> None:
        self._path = path
        self._queues = queues
        self._environment = environment
        self._metrics = metrics
        self._rules: Mapping[str, Rules] = {}
        self._trouble = ""
        self._seen = self._signature()
        self._take(RoutesFile() if path is None else load_routes(path, queues))

    def of(self, queue: str) -> Rules:
        """Return the rules of a queue, as `QUEUECAST_QUEUES` names it."""
        return self._rules[queue]

    def note(self) -> Health:
        """Say what an operator should know: that the file is not the one that is in force."""
        return (
            Health(notes=(f"the routes file is wrong, the one before is in force: {self._trouble}",))
            if self._trouble
            else Health()
        )

    async def watch(self, asked: asyncio.Event) -> None:
        """Read the file when it has changed or `asked` is set, for ever."""
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await asked.wait()
            except TimeoutError:
                pass
            if asked.is_set() or self._signature() != self._seen:
                asked.clear()
                await self.reload()

    async def reload(self) -> None:
        """Read the file; put it in force, or say what is wrong with it."""
        if self._path is None:
            log.info("there is no routes file to be read again (QUEUECAST_ROUTES)")
            return
        # Before it is read: one that changes meanwhile is read again.
        self._seen = self._signature()
        try:
            file = await asyncio.to_thread(load_routes, self._path, self._queues)
        except ValueError as exc:
            self._trouble = str(exc).partition("\n")[0]
            self._metrics.refused()
            log.error("the routes file is wrong, the one before stays in force:\n%s", exc)
        else:
            self._take(file)

    def _take(self, file: RoutesFile) -> None:
        self._rules = {name: self._environment.with_file(file, name) for name in self._queues}
        self._trouble = ""
        if self._path is not None:
            self._metrics.taken(time.time())
            count = sum(len(rules.routes) for rules in self._rules.values())
            log.info(
                "routes file %s is in force: %d routes over %d queues", self._path, count, len(self._rules)
            )

    def _signature(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self._path) if self._path is not None else None
        except OSError:
            found = None
        return None if found is None else (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
