"""The network between the parts of a stack: a proxy before Redis, and one before the gateways that balances.

It runs on an event loop in a thread of its own, so that a fault may wait without holding it up.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.faults.balancer import Balancer
from tests.proxy import Proxy

Result = TypeVar("Result")

PATIENCE_SECONDS = 10.0


class Network:
    """A context: its connections end with it."""

    def __init__(self, redis: tuple[int, int], public: int, gateways: Mapping[int, int]) -> None:
        """Forward port `redis[0]` to `redis[1]`, and `public` to the `gateways` (see `Balancer`)."""
        self._redis_ports = redis
        self._public = public
        self._balancer = Balancer(gateways)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()

    @property
    def is_balanced(self) -> bool:
        """Say whether new connections go to all gateways in turn."""
        return self._balancer.is_whole

    def silence_redis(self) -> None:
        """Forward nothing between the services and Redis, and reset nothing."""
        self._do(self._redis.fall_silent)

    def heal_redis(self) -> None:
        """Forward again."""
        self._do(self._redis.flow)

    def vanish(self, count: int) -> None:
        """Let so many clients' connections fall silent in both directions, and never end."""
        self._do(lambda: self._front.fall_silent(self._front.links[:count]))

    async def _start(self) -> None:
        self._redis = Proxy(lambda: self._redis_ports[1])
        self._front = Proxy(self._balancer.choose)
        await self._redis.start(self._redis_ports[0])
        await self._front.start(self._public)
        self._watching = asyncio.create_task(self._balancer.watch())

    async def _stop(self) -> None:
        self._watching.cancel()
        await self._front.stop()
        await self._redis.stop()

    def _do(self, verb: Callable[[], None]) -> None:
        async def run() -> None:
            verb()

        self._wait(run())

    def _wait(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_SECONDS)
