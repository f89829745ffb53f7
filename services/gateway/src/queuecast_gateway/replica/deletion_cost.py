"""The deletion cost of our pod grows with its connections, so that a scale-in removes the emptiest gateway.

It only writes to Kubernetes, and a gateway works just as well while that fails.
https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost
"""

import asyncio
import logging
import random
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import aiohttp

from queuecast_edge.tls import client_context

log = logging.getLogger(__name__)

ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
COST_OF_EMPTY = -1_000_000
"""The cost of a gateway without connections. A pod without the annotation counts as 0, and so as fuller than
any that reports: a gateway that cannot report must not look empty."""

API_SERVER = "https://kubernetes.default.svc"
"""The address of the API server inside every cluster."""

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts the token of the pod's account, which it renews, and the API server's CA."""

INTERVAL_SECONDS = 30.0
"""The shortest time between two changes: each is a write to etcd, and an event for all who watch pods."""

ANSWER_SECONDS = 5.0

FAILURES = (aiohttp.ClientError, OSError, ValueError)
"""No token, no CA, no connection, no answer in time (a `TimeoutError` is an `OSError`), or no 2xx."""


def is_significant(reported: int | None, now: int) -> bool:
    """Say whether a change may affect which pod is removed first: a tenth, and at least ten connections."""
    if reported is None:
        return True
    return abs(now - reported) >= max(10, reported // 10) or (now == 0) != (reported == 0)


class DeletionCost:
    """Keeps a pod's annotation close to its number of connections; calls `on_failure` for each failure."""

    def __init__(
        self,
        pod: str,
        namespace: str,
        connections: Callable[[], int],
        *,
        on_failure: Callable[[], object] = lambda: None,
        server: str = API_SERVER,
        account: Path = ACCOUNT,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._url = f"{server}/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}"
        self._connections = connections
        self._on_failure = on_failure
        self._account = account
        self._interval_seconds = interval_seconds
        # The annotation is unknown at the start: the pod may be older than this process.
        self._reported: int | None = None
        self._failures = 0

    async def run(self) -> None:
        """Report, for ever."""
        while True:
            # Replicas that started together do not report together. Never sooner than the interval.
            await asyncio.sleep(self._interval_seconds * random.uniform(1, 1.5))
            await self.report()

    async def report(self) -> None:
        """Set the annotation if that makes a difference. After a failure the next call tries again."""
        connections = self._connections()
        if not is_significant(self._reported, connections):
            return
        try:
            await self._patch(connections)
        except FAILURES as exc:
            self._on_failure()
            self._failures += 1
            if self._failures == 1:
                log.warning(
                    "a scale-in may remove a fuller gateway instead of this one: %s: %s",
                    type(exc).__name__,
                    exc,
                )
        else:
            if self._failures:
                log.info("the deletion cost is reported again, after %d failures", self._failures)
            self._failures = 0
            self._reported = connections

    async def _patch(self, connections: int) -> None:
        # The kubelet replaces both files from time to time, and they are small: read them each time.
        token = (self._account / "token").read_text("ascii").strip()
        tls = client_context(str(self._account / "ca.crt"))
        try:
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
                session.patch(
                    self._url,
                    json={"metadata": {"annotations": {ANNOTATION: str(COST_OF_EMPTY + connections)}}},
                    headers={"Content-Type": "application/merge-patch+json"},
                    ssl=tls,
                    allow_redirects=False,
                ) as response,
            ):
                if not response.ok or response.status >= 300:
                    raise ValueError(f"HTTP {response.status}")
        except TimeoutError:
            raise TimeoutError(f"no answer in {ANSWER_SECONDS:g} s") from None
