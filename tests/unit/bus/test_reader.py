"""What a reader requests from Redis, and what it makes of answers of any size."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from redis.exceptions import ConnectionError as ConnectionLost

from queuecast_bus import Batch, BusUnavailable
from queuecast_bus import answers as redis_answers
from queuecast_bus import reader as reader_module
from queuecast_bus.answers import AnswerTooLong
from queuecast_bus.keys import Keys
from queuecast_bus.read_size import READ_BYTES
from queuecast_bus.reader import Reader

MIB = 1 << 20
ALL = 1_000

Raw = tuple[bytes, list[bytes]]
"""An entry as Redis gives it."""


class FakeStream:
    """A Redis with a stream. It answers a request, or raises what `refuse` returns for its count."""

    def __init__(self, record_bytes: int, records: int) -> None:
        self.requested: list[int] = []
        self.refuse: Callable[[int], Exception | None] = lambda count: None
        self._entries: list[Raw] = []
        before = b"0-0"
        for number in range(1, records + 1):
            fields = [b"p", before, b"a", b'["/"]', b"e", b"e", b"d", b"[%s]" % (b"1" * record_bytes)]
            before = b"1-%d" % number
            self._entries.append((before, fields))

    async def get(self, key: str) -> None:
        return None

    async def xread(self, streams: dict[str, str], *, count: int, block: int) -> Any:
        (last,) = streams.values()
        return [[b"stream", self._answer(count, _after(last, self._entries)[:count])]]

    async def xrange(self, key: str, after: str, until: str, count: int) -> Any:
        return self._answer(count, _after(after[1:], self._entries)[:count])

    def set_response_callback(self, command: str, callback: object) -> None:
        pass

    def register_script(self, text: str) -> Callable[..., Any]:
        async def recall(keys: Sequence[str], args: Sequence[str]) -> list[list[bytes]]:
            known = {offset.decode(): (offset, fields) for offset, fields in self._entries}
            return [fields for _, fields in self._answer(len(args), [known[offset] for offset in args])]

        return recall

    def _answer(self, count: int, found: list[Raw]) -> list[Raw]:
        self.requested.append(count)
        if (error := self.refuse(count)) is not None:
            raise error
        redis_answers._answer_bytes.set(sum(sum(map(len, fields)) for _, fields in found))
        return found


def _after(offset: str, entries: list[Raw]) -> list[Raw]:
    return entries[int(offset.partition("-")[2]) :]


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "jittered", lambda attempt, **_: 0.0)


def made(redis: FakeStream) -> Reader:
    return Reader(redis, Keys("c"))  # type: ignore[arg-type]  # it has what is asked for


async def follow(reader: Reader, until: str) -> list[Batch]:
    """Return the batches up to an offset."""
    batches = []
    async for batch in reader.follow():
        batches.append(batch)
        if batch.position == until:
            break
    return batches


def offsets(batches: Sequence[Batch]) -> list[str]:
    return [entry.offset for batch in batches for entry in batch.entries]


async def test_many_large_records_are_yielded_in_pieces() -> None:
    """A whole answer in one write would disconnect a browser that can read each part as it comes."""
    batches = await follow(made(FakeStream(MIB, 10)), "1-10")
    assert offsets(batches) == [f"1-{number}" for number in range(1, 11)]
    assert max(len(batch.entries) for batch in batches) == 1
    assert [batch.gap for batch in batches if batch.gap] == [], "each piece follows the one before"
    assert [batch.position for batch in batches[1:]] == offsets(batches)


async def test_an_answer_within_the_budget_is_one_batch() -> None:
    """Another part is another write to each browser."""
    batches = await follow(made(FakeStream(5_000, 400)), "1-400")
    assert [len(batch.entries) for batch in batches] == [0, 400]


async def test_an_answer_that_is_too_long_is_asked_for_in_a_quarter_at_once() -> None:
    """Redis is there, so no failure is reported and there is no pause."""
    redis = FakeStream(READ_BYTES // 4, 100)
    redis.refuse = lambda count: AnswerTooLong("too long") if count > 50 else None
    batches = await follow(made(redis), "1-100")
    assert redis.requested[:4] == [400, 100, 25, 4 - 1]
    assert not any(batch.resumed for batch in batches)
    assert len(offsets(batches)) == 100


async def test_a_link_that_carries_little_is_read_in_small_answers() -> None:
    """Otherwise each answer would be requested whole and thrown away, and a reader that is behind would stay
    behind.
    """
    redis = FakeStream(75_000, 400)
    redis.refuse = lambda count: ConnectionLost("closed") if count > 30 else None
    batches = await follow(made(redis), "1-400")
    assert redis.requested[:3] == [400, 100, 25]
    assert offsets(batches) == [f"1-{number}" for number in range(1, 401)]


async def test_a_range_is_read_by_the_same_budget() -> None:
    """A recovery reads what was stored over hours, for everybody."""
    redis = FakeStream(MIB, 40)
    redis.refuse = lambda count: AnswerTooLong("too long") if count > 32 else None
    reader = made(redis)
    found, after = [], "1-0"
    while after != "1-40":
        found.append(await reader.between(after, "1-40", ALL))
        after = found[-1].position
    assert redis.requested[:5] == [400, 100, 25, 1, 1]
    assert offsets(found) == [f"1-{number}" for number in range(1, 41)]


async def test_records_are_recalled_by_the_same_budget() -> None:
    """Of a record that the history let go only the offset is known, and it may have any size."""
    redis = FakeStream(MIB, 40)
    reader = made(redis)
    wanted = [f"1-{number}" for number in range(1, 41)]
    first = await reader.recall(wanted)
    then = await reader.recall(wanted)
    assert (len(first), len(then)) == (40, 1)


async def test_a_range_that_cannot_be_had_is_asked_for_in_less_the_next_time() -> None:
    """The browser tries again, and then the request is small enough."""
    redis = FakeStream(10, 10)
    redis.refuse = lambda count: ConnectionLost("closed")
    reader = made(redis)
    for _ in range(2):
        with pytest.raises(BusUnavailable):
            await reader.between("1-0", "1-10", ALL)
    assert redis.requested == [400, 100]
