"""How long Redis's answers are, and a bound on that: a longer one is not read to its end.

Redis cannot be asked for so many bytes of a stream, only for so many records.
"""

from contextvars import ContextVar
from typing import Any

from redis._parsers import _AsyncHiredisParser
from redis.exceptions import ConnectionError as ConnectionLost

MAX_ANSWER_BYTES = 32 << 20
"""Sixteen times what a reader wants in one answer: who asks for records of a kind that has just grown gets
more than that once."""

_most_bytes: ContextVar[float] = ContextVar("most_bytes", default=MAX_ANSWER_BYTES)
_answer_bytes: ContextVar[int] = ContextVar("answer_bytes", default=0)


class AnswerTooLong(Exception):
    """An answer has more bytes than its bound. The connection is closed; the question may be put again."""


def bound_answers(most_bytes: float) -> None:
    """Say how long the next answers may be that this task has over a connection with a `BoundedParser`."""
    _most_bytes.set(most_bytes)


def answer_bytes() -> int:
    """Return how long the answer was that this task has had last over a connection with a `BoundedParser`."""
    return _answer_bytes.get()


class BoundedParser(_AsyncHiredisParser):
    """redis-py's parser, which also counts: over the whole answer, at no cost for a record."""

    __slots__ = ("_size",)

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Return the next answer. Raises `AnswerTooLong`, and what redis-py raises."""
        self._size = 0
        answer = await super().read_response(*args, **kwargs)
        _answer_bytes.set(self._size)
        return answer

    async def read_from_socket(self) -> bool:
        # One question is under way on a connection, so all that comes is its answer's.
        stream: Any = self._stream
        reader: Any = self._reader
        piece = await stream.read(self._read_size)
        if not piece:
            raise ConnectionLost("the connection was closed by the server")
        self._size += len(piece)
        if self._size > _most_bytes.get():
            raise AnswerTooLong(f"an answer of more than {_most_bytes.get()} bytes")
        reader.feed(piece)
        return True
