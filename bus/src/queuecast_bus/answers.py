"""Measures Redis's answers and bounds their length: a longer answer is not read to its end.

Redis can limit an answer to a number of records, but not to a number of bytes. An answer of which parts keep
arriving may take longer than others: over a slow link it would be asked for again and again otherwise.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from redis.exceptions import ConnectionError as ConnectionLost

from queuecast_bus.parser import Parser

MAX_ANSWER_BYTES = 32 << 20
"""Sixteen times what a reader wants in one answer. When records have just grown, one answer is larger than
wanted."""

ARRIVING_SECONDS = 3.0
"""For how long nothing of an answer may arrive once its first part has."""

MAX_ANSWER_SECONDS = 60.0
"""How long an answer may arrive in all: 4 MB, the largest record of ours, over a link of 70 kB/s."""

_max_bytes: ContextVar[float] = ContextVar("max_bytes", default=MAX_ANSWER_BYTES)
_limit: ContextVar[tuple[asyncio.Timeout, float] | None] = ContextVar("limit", default=None)
_answer_bytes: ContextVar[int] = ContextVar("answer_bytes", default=0)


class AnswerTooLong(Exception):
    """An answer has more bytes than allowed. The connection is closed; the request may be sent again."""


def bound_answers(max_bytes: float) -> None:
    """Limit the length of this task's next answers over connections with a `BoundedParser`."""
    _max_bytes.set(max_bytes)


@contextmanager
def extended_while_arriving(limit: asyncio.Timeout) -> Iterator[None]:
    """Extend this limit with each part that arrives of this task's answers."""
    token = _limit.set((limit, asyncio.get_running_loop().time() + MAX_ANSWER_SECONDS))
    try:
        yield
    finally:
        _limit.reset(token)


def _extend() -> None:
    if (found := _limit.get()) is not None and not found[0].expired():
        limit, latest = found
        limit.reschedule(min(asyncio.get_running_loop().time() + ARRIVING_SECONDS, latest))


def answer_bytes() -> int:
    """Return the length of this task's last answer over a connection with a `BoundedParser`."""
    return _answer_bytes.get()


class BoundedParser(Parser):
    """A parser that also counts the bytes of an answer, at no cost for each record."""

    __slots__ = ("_size",)

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Return the next answer. Raises `AnswerTooLong`, and what redis-py raises."""
        self._size = 0
        answer = await super().read_response(*args, **kwargs)
        _answer_bytes.set(self._size)
        return answer

    async def read_from_socket(self) -> bool:
        # Only one request is under way on a connection, so everything that arrives belongs to its answer.
        stream: Any = self._stream
        reader: Any = self._reader
        chunk = await stream.read(self._read_size)
        if not chunk:
            raise ConnectionLost("the connection was closed by the server")
        self._size += len(chunk)
        if self._size > _max_bytes.get():
            raise AnswerTooLong(f"an answer of more than {_max_bytes.get()} bytes")
        _extend()
        reader.feed(chunk)
        return True
