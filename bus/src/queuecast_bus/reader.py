"""Follows the stream from a concrete offset, across restarts, failovers and trims of Redis.

It never asks for "new from now on" in its loop: records between two such requests would be lost.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis

from queuecast_bus.answers import (
    MAX_ANSWER_BYTES,
    AnswerTooLong,
    answer_bytes,
    bound_answers,
    extended_while_arriving,
)
from queuecast_bus.batch import START, Batch, gap_between, read_batch, split_entries
from queuecast_bus.connection import ANSWER_SECONDS, jittered, redis_call
from queuecast_bus.errors import BusUnavailable
from queuecast_bus.keys import Keys
from queuecast_bus.read_size import MOST_RECORDS, READ_BYTES, ReadSize
from queuecast_bus.read_source import LAG_SECONDS, ReadSource
from queuecast_bus.record import offset_key

log = logging.getLogger(__name__)

BLOCK_SECONDS = 1.0
"""How long one XREAD waits. It is short, so that a silent connection is noticed soon; an idle replica costs
Redis one command a second."""

RETRY_CAP_SECONDS = 1.0

_RECALL = files("queuecast_bus").joinpath("recall.lua").read_text("utf-8")


class Reader:
    """Follows one stream. `started` is set as soon as the offset is known from which it reads.

    `redis` is a client of the primary. The stream is followed at `replicas` if that client is given, and
    `leave` and `renew` then drop its connections; see `ReadSource`. What was read before is asked of the
    primary: a replica may not have all of it. Connections of both must have a `BoundedParser`, which measures
    answers.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        replicas: Redis | None = None,
        leave: Callable[[object], object] = lambda why: None,
        renew: Callable[[], object] = lambda: None,
    ) -> None:
        self.started = asyncio.Event()
        self.source = ReadSource(redis, replicas, leave, renew)
        self._redis = redis
        # Unconverted: pairs and dictionaries would cost as much as everything that is done with an answer.
        redis.set_response_callback("XRANGE", _unconverted)
        for each in (redis, replicas):
            if each is not None:
                each.set_response_callback("XREAD", _unconverted)
        self._recall = redis.register_script(_RECALL)
        self._keys = keys
        self._size = ReadSize()
        self._position = START
        self._linked = START
        self._gap_at = -math.inf

    async def follow(self) -> AsyncIterator[Batch]:
        """Yield everything that is stored after the record that is the newest now, for ever.

        The first batch is empty and has that record's offset. An answer larger than `READ_BYTES` is yielded
        in parts of about that size. Failures of Redis are waited out, never raised.
        """
        attempt = 0
        while True:
            try:
                if not self.started.is_set():
                    self._restart_after(await self._tail())
                    self.started.set()
                    yield Batch(self._position)
                elif attempt:
                    yield await self._resume()
                parts = await self._read()
                attempt = 0
                while parts:
                    # Nothing here keeps what was yielded: its memory is free for the next answer.
                    yield self._batch(parts.popleft())
            except BusUnavailable as exc:
                self.source.failed(exc)
                if attempt == 0:
                    log.warning("the bus cannot be read, trying again: %s", exc)
                await asyncio.sleep(jittered(attempt, cap_seconds=RETRY_CAP_SECONDS))
                attempt += 1

    async def between(self, after: str, until: str, most: int) -> Batch:
        """Return up to `most` records after one offset and until another, which must have been read before.

        Raises `BusUnavailable`.
        """
        answer = await self._request(
            "reading again",
            lambda count: self._redis.xrange(self._keys.stream, f"({after}", until, count),
            most=most,
        )
        if not answer:
            # The end of the range was read before, so it was trimmed unless the range is empty.
            is_trimmed = offset_key(after) < offset_key(until)
            return Batch(until, gap=gap_between(after=after, before=until) if is_trimmed else None)
        batch, _ = read_batch(answer, None)
        if batch.entries and batch.gap is None:
            # The first record's link counts: entries of other writers may come before it, without one.
            previous = batch.entries.fields[0][1].decode()
            if offset_key(previous) > offset_key(after):
                return replace(batch, gap=gap_between(after=after, before=previous))
        return batch

    async def recall(self, offsets: Sequence[str]) -> list[list[bytes]]:
        """Return the fields of the first few records at these offsets, at least of one.

        A record that no longer exists has no fields. Raises `BusUnavailable`.
        """
        found = await self._request(
            "recalling records",
            lambda count: self._recall(keys=[self._keys.stream], args=offsets[:count]),
            most=len(offsets),
        )
        return list(found)

    async def _tail(self) -> str:
        return await self._tail_at(self._redis, ANSWER_SECONDS)

    async def _tail_at(self, redis: Redis, seconds: float = LAG_SECONDS) -> str:
        async with redis_call("asking for the newest record", seconds):
            tail: Any = await redis.get(self._keys.tail)
        return tail.decode() if tail else START

    async def _resume(self) -> Batch:
        """Check, after a failure, whether Redis still has everything that was read."""
        tail = await self._tail()
        position = self._position
        log.warning("the bus is back, reading goes on after %s", position)
        if offset_key(tail) >= offset_key(self._linked) or (tail == START and await self._has(position)):
            return Batch(position, resumed=True)
        # Reading after `position` would wait until the new stream's clock has passed it.
        self._restart_after(tail)
        self._gap_at = time.monotonic()
        return Batch(tail, gap=gap_between(after=position, before=tail), resumed=True)

    async def _has(self, offset: str) -> bool:
        """Say whether the stream still has this entry: Redis may have removed the tail's key alone."""
        async with redis_call("asking for a record"):
            return bool(await self._redis.xrange(self._keys.stream, offset, offset, 1))

    def _batch(self, raw: Sequence[Any]) -> Batch:
        batch, self._linked = read_batch(raw, self._linked)
        self._position = batch.position
        return self._without_known_gap(batch)

    def _without_known_gap(self, batch: Batch) -> Batch:
        """Return the batch without a gap that only repeats the last one.

        When Redis has lost records, their writers tell of it, and this reader may have noticed by itself.
        """
        if batch.gap is not None:
            now = time.monotonic()
            if batch.gap.quiet_ms / 1000 > now - self._gap_at:
                return replace(batch, gap=None)
            self._gap_at = now
        return batch

    def _restart_after(self, offset: str) -> None:
        self._position = self._linked = offset

    async def _read(self) -> deque[Sequence[Any]]:
        await self.source.settle(self._position, self._tail_at)
        answer = await self._request(
            "reading",
            lambda count: self.source.client.xread(
                {self._keys.stream: self._position}, count=count, block=int(BLOCK_SECONDS * 1000)
            ),
            seconds=BLOCK_SECONDS + ANSWER_SECONDS,
            records=lambda answer: answer[0][1],
        )
        self.source.read(self._position, has_more=bool(answer))
        if answer and answer_bytes() > READ_BYTES:
            return deque(split_entries(answer))
        return deque([answer] if answer else ())

    async def _request(
        self,
        doing: str,
        send: Callable[[int], Awaitable[Any]],
        *,
        most: int = MOST_RECORDS,
        seconds: float = ANSWER_SECONDS,
        records: Callable[[Any], Sequence[Any]] = lambda answer: answer,
    ) -> Sequence[Any]:
        """Return the records in the answer to a request for up to `most` of them, or fewer if they are large.

        Raises `BusUnavailable`.
        """
        while True:
            count, began = min(self._size.count, most), time.monotonic()
            # A single record cannot be read in parts, and another writer's may be longer than any of ours.
            bound_answers(MAX_ANSWER_BYTES if count > 1 else math.inf)
            try:
                async with redis_call(doing, seconds) as limit:
                    with extended_while_arriving(limit):
                        answer = await send(count)
            except BusUnavailable:
                self._size.failed(count)
                raise
            except AnswerTooLong as exc:
                self._size.failed(count)
                log.info("%s %d records: %s; trying with fewer", doing, count, exc)
                continue
            found = records(answer) if answer else ()
            if found:
                self._size.observe(count, len(found), answer_bytes(), time.monotonic() - began)
            return found


def _unconverted(response: Any, **kwargs: Any) -> Any:
    return response
