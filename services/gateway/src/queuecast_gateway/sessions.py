"""Sessions as Redis has them: what any replica needs to know about a browser that comes back to it.

They are written down at once, not when a connection ends: a replica that is killed says nothing. It knows no
connections and no rooms; `recovery` does.
"""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import islice
from typing import Literal, NamedTuple

from queuecast_bus import BusManager, BusUnavailable
from queuecast_bus.connection import asking, jittered
from queuecast_bus.record import offset_key

log = logging.getLogger(__name__)

BATCH = 200
PAUSE_SECONDS = 0.02
"""So long between two writes that nobody waits for: in a storm of connects, many share one."""

CLAIMS = 16
"""So many sessions are claimed at a time: each takes a connection to Redis, and a replica that died sends
thousands."""

MAX_WAITING = 50_000
"""Words on sessions that may wait for Redis to come back; those beyond are said again with the next ping."""

Verb = Literal["save", "left", "drop"]


class State(NamedTuple):
    """A session at one moment; `offset` is where it began, `subject` whose it is ("" for nobody's)."""

    sid: str
    namespace: str
    rooms: Sequence[str]
    offset: str
    subject: str = ""


class Claimed(NamedTuple):
    """A session that was taken over, who had it (or ""), and how far the stream goes.

    Records up to `lost_up_to` may have been lost by Redis. `number` counts the claims of this session: of two
    at once the later one counts.
    """

    state: State
    owner: str
    tail: str
    lost_up_to: str
    number: int = 0


class Sessions:
    """Writes sessions down, many at a time, and takes them over, one at a time."""

    def __init__(self, bus: BusManager, ttl_seconds: float) -> None:
        load = files("queuecast_gateway").joinpath
        self._bus = bus
        self._ttl_ms = round(ttl_seconds * 1000)
        self._write = bus.commands.register_script(load("sessions.lua").read_text("utf-8"))
        self._claim = bus.commands.register_script(load("claim.lua").read_text("utf-8"))
        self._lose = bus.commands.register_script(load("lost.lua").read_text("utf-8"))
        self._lost: str | None = None
        self._waiting: dict[str, tuple[Verb, State]] = {}
        self._wake = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._claiming = asyncio.Semaphore(CLAIMS)

    def note(self, pid: str, verb: Verb, state: State) -> None:
        """Have the newest word on a session written down soon."""
        if pid in self._waiting or len(self._waiting) < MAX_WAITING:
            self._waiting[pid] = verb, state
            self._wake.set()

    def lost(self, up_to: str) -> None:
        """Have it known to every replica that records up to this offset may have been lost."""
        self._lost = up_to
        self._wake.set()

    async def save(self, pid: str, state: State) -> None:
        """Write a session down now. Raises `BusUnavailable`."""
        # In turn with all else: on another connection an older word might come after it, and undo it.
        self._waiting[pid] = "save", state
        await self.flush()

    async def claim(self, pid: str, namespace: str, subject: str) -> Claimed | None:
        """Take a session over, if there is one of this subject with this private id there.

        Raises `BusUnavailable`.
        """
        if self._waiting or self._flushing.locked():
            # It may have ended for good just now.
            await self.flush()
        keys = self._bus.keys
        async with self._claiming, asking("claiming a session"):
            answer = await self._claim(
                keys=[keys.session(pid), keys.tail, keys.rewound],
                args=[self._bus.host_id, self._ttl_ms, namespace, subject],
            )
        if not answer:
            return None
        *texts, number = answer
        sid, where, rooms, offset, owner, tail, lost_up_to = (part.decode() for part in texts)
        state = State(sid, where, json.loads(rooms), offset, subject)
        return Claimed(state, owner, tail, lost_up_to, number)

    async def run(self) -> None:
        """Write down what is noted, for ever."""
        attempt = 0
        while True:
            await self._wake.wait()
            try:
                await self.flush()
                attempt = 0
                await asyncio.sleep(PAUSE_SECONDS)
            except BusUnavailable as exc:
                if attempt == 0:
                    log.warning("sessions are not written down, trying again: %s", exc)
                await asyncio.sleep(jittered(attempt))
                attempt += 1

    async def flush(self) -> None:
        """Write down what was noted. Raises `BusUnavailable`; what was not written is kept."""
        async with self._flushing:
            if self._lost is not None:
                await self._put_lost(self._lost)
                self._lost = None
            while self._waiting:
                batch = dict(islice(self._waiting.items(), BATCH))
                for pid in batch:
                    del self._waiting[pid]
                try:
                    await self._put(batch)
                except BusUnavailable:
                    # A newer word that came meanwhile counts.
                    self._waiting = {**batch, **self._waiting}
                    raise
            self._wake.clear()

    async def _put(self, batch: Mapping[str, tuple[Verb, State]]) -> None:
        # One argument for all: redis-py takes 2 µs for each.
        words = json.dumps(
            [
                (verb, state.sid, state.namespace, json.dumps(state.rooms), state.offset, state.subject)
                for verb, state in batch.values()
            ]
        )
        async with asking("writing down sessions"):
            await self._write(
                keys=[self._bus.keys.session(pid) for pid in batch],
                args=[self._bus.host_id, self._ttl_ms, words],
            )

    async def _put_lost(self, up_to: str) -> None:
        async with asking("writing down what was lost"):
            # As long as any session that began before it.
            await self._lose(keys=[self._bus.keys.rewound], args=[up_to, *offset_key(up_to), self._ttl_ms])
