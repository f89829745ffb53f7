"""`python -m bench.api_costs`: a gateway's CPU time for what back ends publish by HTTP; for docs/capacity.md.

It runs a Redis and a gateway of its own, the gateway and the client on one core each. Nobody is connected, so
the figures are those of the API, Redis's answers and the gateway's own reading of what was stored.
"""

import asyncio
import os
import secrets
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from bench.accounting import cpu_ns
from queuecast_local import redis_server
from queuecast_local.ports import HOST
from queuecast_local.processes import Process

REDIS_PORT, PORT, ADMIN_PORT, API_PORT = 16_990, 16_991, 16_992, 16_993
REQUESTS = 3_000
BATCHES, BATCH = 100, 100
AT_ONCE = 8
START_SECONDS = 60.0


class Costs:
    """The CPU time of a gateway with this token for each kind of request."""

    def __init__(self, gateway: Process, token: str) -> None:
        self._gateway = gateway
        self._headers = {"Authorization": f"Bearer {token}"}

    async def measure(self) -> list[str]:
        """Return a line for each figure."""
        async with aiohttp.ClientSession(f"http://{HOST}:{API_PORT}", headers=self._headers) as session:

            async def ask(path: str, body: Any, key: str) -> None:
                async with session.post(path, json=body, headers={"Idempotency-Key": key}) as answer:
                    answer.raise_for_status()
                    await answer.read()

            async def one(number: int) -> None:
                await ask("/v1/publish", _event(number), f"one-{number}")

            async def many(number: int) -> None:
                messages = [_event(each) for each in range(BATCH)]
                await ask("/v1/publish-batch", {"messages": messages}, f"batch-{number}")

            await self._spent(one, AT_ONCE, -REQUESTS)  # connections are open then, and caches filled
            single = await self._spent(one, REQUESTS)
            batched = await self._spent(many, BATCHES)
            waits = await _waits(one)
        return [
            f"an event alone: {single / REQUESTS:.0f} µs",
            f"an event in a batch of {BATCH}: {batched / BATCHES / BATCH:.0f} µs",
            f"an answer, one request after the other: {waits[len(waits) // 2]:.1f} ms, "
            f"99th percentile {waits[len(waits) * 99 // 100]:.1f} ms",
        ]

    async def _spent(self, work: Callable[[int], Awaitable[None]], times: int, first: int = 0) -> float:
        """Do something so many times, a few at once; return the gateway's CPU time in microseconds."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def in_turn(number: int) -> None:
            async with turns:
                await work(number)

        before = cpu_ns(self._gateway.pid)
        await asyncio.gather(*(in_turn(number) for number in range(first, first + times)))
        return (cpu_ns(self._gateway.pid) - before) / 1000


async def _waits(work: Callable[[int], Awaitable[None]]) -> list[float]:
    """Return how long each of some requests took, in milliseconds, sorted."""
    found = []
    for number in range(300):
        began = time.perf_counter()
        await work(REQUESTS + number)
        found.append((time.perf_counter() - began) * 1000)
    return sorted(found)


def _event(number: int) -> dict[str, Any]:
    data = {"sku": "lamp", "eur": number, "title": "x" * 80}
    return {"event": "price", "rooms": ["sku:7"], "data": data}


def main() -> None:
    """Print one line per figure."""
    cores = sorted(os.sched_getaffinity(0))
    server = redis_server.find()
    if len(cores) < 2 or not server.real:
        sys.exit("two cores are needed, and a redis-server or valkey-server in PATH")
    os.sched_setaffinity(0, {cores[0]})
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as folder:
        tokens = Path(folder) / "tokens"
        tokens.write_text(f"bench publish {token}\n", "ascii")
        redis = Process("redis", server.on(REDIS_PORT))
        gateway = Process("gateway", (sys.executable, "-m", "queuecast_gateway"), _settings(tokens))
        try:
            os.sched_setaffinity(gateway.pid, {cores[1]})
            _await_ready(gateway)
            lines = asyncio.run(Costs(gateway, token).measure())
        finally:
            gateway.stop(grace_seconds=5)
            redis.stop(grace_seconds=5)
    sys.stdout.write("\n".join([*lines, ""]))


def _settings(tokens: Path) -> dict[str, str]:
    return {
        "QUEUECAST_REDIS_URL": f"redis://{HOST}:{REDIS_PORT}/0",
        "QUEUECAST_HOST": HOST,
        "QUEUECAST_PORT": str(PORT),
        "QUEUECAST_ADMIN_PORT": str(ADMIN_PORT),
        "QUEUECAST_API_PORT": str(API_PORT),
        "QUEUECAST_API_TOKEN_FILE": str(tokens),
        "QUEUECAST_API_MAX_EVENTS_PER_SECOND": "0",
    }


def _await_ready(gateway: Process) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{ADMIN_PORT}/readyz", timeout=2):  # our own
                return
        except OSError as exc:
            if gateway.exit_code is not None or time.monotonic() > deadline:
                sys.exit("\n".join([f"the gateway does not start: {exc}", *gateway.tail]))
            time.sleep(0.1)


if __name__ == "__main__":
    main()
