"""Loads the routes file at the start, and again when it changes or on SIGHUP.

A new file with mistakes changes nothing: the old one stays in force, and the log, a metric and `/readyz` say
so.
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
from queuecast_poller.route.rules import Rules

log = logging.getLogger(__name__)

CHECK_SECONDS = 2.0
"""How often the file is checked for a change. When a mounted ConfigMap changes, a link (`..data`) leads to
another file. https://kubernetes.io/docs/concepts/configuration/configmap/"""


class RoutesInForce:
    """The rules of each queue: replaced by the main thread, read by the queues' threads.

    All rules are behind a single reference, which is replaced as a whole, so no lock is needed.
    """

    def __init__(
        self, path: str | None, queues: Collection[str], environment: Rules, metrics: RoutesMetrics
    ) -> None:
        self._path = path
        self._queues = queues
        self._environment = environment
        self._metrics = metrics
        self._rules: Mapping[str, Rules] = {}
        self._mistake = ""
        self._loaded_signature = self._signature()
        self._put_in_force(RoutesFile() if path is None else load_routes(path, queues))

    def rules_of(self, queue: str) -> Rules:
        """Return the rules of a queue, as `QUEUECAST_QUEUES` names it."""
        return self._rules[queue]

    def note(self) -> Health:
        """Return a note for operators if the file is wrong and an older one in force."""
        return (
            Health(notes=(f"the routes file is wrong, the one before is in force: {self._mistake}",))
            if self._mistake
            else Health()
        )

    async def watch(self, requested: asyncio.Event) -> None:
        """Reload the file when it has changed or `requested` is set, for ever."""
        while True:
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await requested.wait()
            except TimeoutError:
                pass
            if requested.is_set() or self._signature() != self._loaded_signature:
                requested.clear()
                await self.reload()

    async def reload(self) -> None:
        """Read the file; put it in force, or log what is wrong with it."""
        if self._path is None:
            log.info("there is no routes file to reload (QUEUECAST_ROUTES)")
            return
        # Taken before the file is read, so that a file which changes meanwhile is read again.
        self._loaded_signature = self._signature()
        try:
            file = await asyncio.to_thread(load_routes, self._path, self._queues)
        except ValueError as exc:
            self._mistake = str(exc).partition("\n")[0]
            self._metrics.refused()
            for mistake in str(exc).splitlines():
                log.error("the routes file is wrong, the one before stays in force: %s", mistake)
        else:
            self._put_in_force(file)

    def _put_in_force(self, file: RoutesFile) -> None:
        self._rules = {name: self._environment.with_file(file, name) for name in self._queues}
        self._mistake = ""
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
