"""The network between the parts of a stack: a proxy in front of Redis, and a load balancer for the gateways.

It runs on an event loop in its own thread, so that a fault may block without stopping it.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.faults.balancer import Balancer
from tests.proxy import Proxy

Result = TypeVar("Result")

PATIENCE_SECONDS = 10.0


class Network:
    """A context manager: its connections end with it."""

    def __init__(self, redis: Mapping[int, int], public: int, balancer: Balancer) -> None:
        """Forward each port in `redis` to another one, and `public` to the one that the balancer chooses."""
        self._redis_ports = dict(redis)
        self._public = public
        self._balancer = balancer
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
        """Say whether new connections go to all the gateways in turn."""
        return self._balancer.is_whole

    def silence_redis(self, *ports: int) -> None:
        """Stop forwarding between the services and Redis, without resets: of all or of some ports."""
        self._do(lambda: [self._redis[port].fall_silent() for port in ports or self._redis])

    def heal_redis(self) -> None:
        """Forward again."""
        self._do(lambda: [proxy.flow() for proxy in self._redis.values()])

    def slow_redis(self, bytes_per_second: float | None) -> None:
        """Let each connection to Redis carry this much in each direction."""
        self._do(
            lambda: [setattr(each, "bytes_per_second", bytes_per_second) for each in self._redis.values()]
        )

    def lead(self, port: int, to: int) -> None:
        """Forward new connections to another Redis, as a name does that moved."""
        self._redis_ports[port] = to

    def cut(self, port: int) -> None:
        """Reset the connections through this port."""
        self._do(self._redis[port].cut)

    def vanish(self, count: int) -> None:
        """Silence this many clients' connections in both directions, without ever ending them."""
        self._do(lambda: self._front.fall_silent(self._front.links[:count]))

    async def _start(self) -> None:
        self._redis = {port: Proxy(partial(self._redis_ports.get, port)) for port in self._redis_ports}
        self._front = Proxy(self._balancer.choose)
        for port, proxy in self._redis.items():
            await proxy.start(port)
        await self._front.start(self._public)
        self._watching = asyncio.create_task(self._balancer.watch())

    async def _stop(self) -> None:
        self._watching.cancel()
        await self._front.stop()
        for proxy in self._redis.values():
            await proxy.stop()

    def _do(self, verb: Callable[[], object]) -> None:
        async def run() -> None:
            verb()

        self._wait(run())

    def _wait(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_SECONDS)
