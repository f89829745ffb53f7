"""The deletion cost of our pod at Kubernetes: its connections, so that a scale-in takes the emptiest gateway.

It tells Kubernetes, and asks nothing of it: a gateway serves as well while nobody listens.
https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import aiohttp

log = logging.getLogger(__name__)

ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
API_SERVER = "https://kubernetes.default.svc"
"""Where every cluster has its API server, as a pod sees it."""

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts the token of the pod's account, which it renews, and the API server's CA."""

INTERVAL_SECONDS = 30.0
"""At least so long from one change to the next: each is a write to etcd, and news to all who watch pods."""

ANSWER_SECONDS = 5.0

FAILURES = (aiohttp.ClientError, OSError, ValueError)
"""No token, no CA, nobody there, not in time (a `TimeoutError` is an `OSError`), or no 2xx."""


def notable(told: int | None, now: int) -> bool:
    """Say whether the cost would change the order in which pods are chosen: by a tenth, at least by ten."""
    if told is None:
        return True
    return abs(now - told) >= max(10, told // 10) or (now == 0) != (told == 0)


class DeletionCost:
    """Keeps a pod's annotation near the number of its connections; calls `on_failure` for each failure."""

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
        # What the annotation says is not known at the start: the pod may be older than this process.
        self._told: int | None = None
        self._failures = 0

    async def run(self) -> None:
        """Tell, for ever."""
        while True:
            # Replicas that were started together do not tell together; never sooner than the interval.
            await asyncio.sleep(self._interval_seconds * random.uniform(1, 1.5))
            await self.tell()

    async def tell(self) -> None:
        """Set the annotation if that makes a difference. What fails is tried again with the next turn."""
        connections = self._connections()
        if not notable(self._told, connections):
            return
        try:
            await self._patch(connections)
        except FAILURES as exc:
            self._on_failure()
            self._failures += 1
            if self._failures == 1:
                log.warning(
                    "a scale-in may take this gateway before an emptier one: %s: %s", type(exc).__name__, exc
                )
        else:
            if self._failures:
                log.info("the deletion cost is told again, after %d failures", self._failures)
            self._failures = 0
            self._told = connections

    async def _patch(self, connections: int) -> None:
        # Both are small files that the kubelet exchanges from time to time, so they are read each time.
        token = (self._account / "token").read_text("ascii").strip()
        tls = ssl.create_default_context(cafile=str(self._account / "ca.crt"))
        try:
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
                session.patch(
                    self._url,
                    json={"metadata": {"annotations": {ANNOTATION: str(connections)}}},
                    headers={"Content-Type": "application/merge-patch+json"},
                    ssl=tls,
                    allow_redirects=False,
                ) as response,
            ):
                if not response.ok or response.status >= 300:
                    raise ValueError(f"HTTP {response.status}")
        except TimeoutError:
            raise TimeoutError(f"no answer in {ANSWER_SECONDS:g} s") from None
