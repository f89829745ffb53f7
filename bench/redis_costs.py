"""`python -m bench.redis_costs`: Redis's CPU time for us, by the kernel's accounting; for docs/capacity.md.

It runs a Redis of its own on one core and everything else on another.
"""

import os
import sys
from collections.abc import Awaitable, Callable
from functools import partial

import uvloop

from bench.accounting import cpu_ns
from bench.bus_load import bus_settings, reading, store
from queuecast_bus import BusManager, BusSettings
from queuecast_gateway.recovery.session_state import State, Verb
from queuecast_gateway.recovery.session_store import BATCH, SessionStore
from queuecast_local import redis_server
from queuecast_local.processes import Process

PORT = 16_999
RECORDS = 20_000
PUBLISH = 10
RATE = 1_000
"""Records a second, so that each publish is read alone or with few others."""

READERS = 10
SESSIONS = 20_000


class Costs:
    """The CPU time that one Redis spends on each kind of work."""

    def __init__(self, settings: BusSettings, redis: Process) -> None:
        self._settings = settings
        self._redis = redis
        self._bus = BusManager(settings, write_only=True)
        self._sessions = SessionStore(self._bus, ttl_seconds=240, away_seconds=120)
        self._states = [
            (f"pid{n}", State(f"sid{n}", "/", {f"user:{n}": "1764428400000-0"}, "1764428400000-0", f"{n}"))
            for n in range(SESSIONS)
        ]

    async def measure(self) -> list[str]:
        """Return a line for each figure."""
        empty = await self._memory()
        await self._say("save")
        bytes_each = (await self._memory() - empty) / SESSIONS
        kept = await self._spent(partial(self._say, "here"))
        claimed = await self._spent(self._claim)
        stored = await self._spent(self._store)
        async with reading(self._settings, [None] * READERS):
            heard = await self._spent(self._store)
        await self._bus.aclose()
        return [
            f"a session: {bytes_each:.0f} bytes",
            f"a session kept, {BATCH} in a write: {kept / SESSIONS:.1f} µs",
            f"a session claimed: {claimed / SESSIONS:.1f} µs",
            f"a record stored, {PUBLISH} in a publish: {stored / RECORDS:.1f} µs",
            f"a record read by one replica: {(heard - stored) / RECORDS / READERS:.1f} µs",
        ]

    async def _memory(self) -> int:
        info = await self._bus.commands.info("memory")
        return int(info["used_memory"])

    async def _spent(self, work: Callable[[], Awaitable[None]]) -> float:
        before = cpu_ns(self._redis.pid)
        await work()
        return (cpu_ns(self._redis.pid) - before) / 1000

    async def _say(self, verb: Verb) -> None:
        for pid, state in self._states:
            self._sessions.note(pid, verb, state)
        await self._sessions.flush()

    async def _claim(self) -> None:
        for pid, state in self._states:
            await self._sessions.claim(pid, "/", state.subject)

    async def _store(self) -> None:
        await store([self._bus], RECORDS, publish=PUBLISH, rate=RATE)


def main() -> None:
    """Print one line per figure."""
    cores = sorted(os.sched_getaffinity(0))
    server = redis_server.find()
    if len(cores) < 2 or not server.real:
        sys.exit("two cores are needed, and a redis-server or valkey-server in PATH")
    os.sched_setaffinity(0, {cores[0]})
    redis = Process("redis", server.on(PORT))
    try:
        os.sched_setaffinity(redis.pid, {cores[1]})
        lines = uvloop.run(Costs(bus_settings(PORT), redis).measure())
    finally:
        redis.stop(grace_seconds=5)
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
