"""Records are stored in order, in steps of bounded size."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from redis.exceptions import OutOfMemoryError
from tests.unit.fakes import FakeClock

from queuecast_bus import BusUnavailable, Record
from queuecast_bus.keys import Keys
from queuecast_bus.names import CANARY_NAMESPACE, PROBE_NAMESPACE
from queuecast_bus.publisher import STUCK_SECONDS, WRITE_BYTES, Bounds, Publisher

MIB = 1 << 20


class FakeRedis:
    """It has one script, which stores what it is given. `steps` has the arguments of each record, by call.

    `known` is what each call said about this writer: its last confirmed step and record, and how long ago
    that was. A call raises the next of `failures`, or reports a rewind if that is None, with a new series.
    """

    def __init__(self) -> None:
        self.steps: list[list[bytes]] = []
        self.known: list[tuple[str, int, str, int]] = []
        self.series = b"s"
        self.failures: list[Exception | None] = []

    def register_script(self, text: str) -> Callable[..., Any]:
        async def append(keys: Sequence[str], args: Sequence[Any]) -> list[Any]:
            assert len(keys) > 4, "nothing is stored in an empty step"
            self.known.append(tuple(args[3:7]))
            is_rewound = bool(self.failures)
            if self.failures and (failure := self.failures.pop(0)) is not None:
                raise failure
            step = [args[place + 1] for place, each in enumerate(args) if each == b"d"]
            self.steps.append(step)
            first = sum(map(len, self.steps[:-1]))
            stored = [each for number in range(len(step)) for each in (b"1-%d" % (first + number), 0)]
            self.series += b"s" * is_rewound
            return [self.series, len(self.known), int(is_rewound), 1_000, *stored]

        return append


def records(*sizes: int) -> list[tuple[Record, None]]:
    return [(Record("e", b"[%b]" % (b"1" * (size - 2))), None) for size in sizes]


def made(redis: FakeRedis, clock: FakeClock, left: list[object] | None = None) -> Publisher:
    leave = [].append if left is None else left.append
    return Publisher(redis, Keys("c"), Bounds(1_000, 60, 60), "w", leave, 0, clock)  # type: ignore[arg-type]


async def steps(*sizes: int) -> list[list[int]]:
    """Return the sizes of the records stored in each step. There must be one answer for each record."""
    redis = FakeRedis()
    publisher = made(redis, FakeClock())
    stored = await publisher.publish(records(*sizes))
    assert [each.offset for each in stored] == [f"1-{number}" for number in range(len(sizes))]
    return [list(map(len, step)) for step in redis.steps]


async def test_what_is_small_is_stored_in_one_step() -> None:
    """Another step is another round trip to Redis."""
    assert await steps(*[10_000] * 10) == [[10_000] * 10]
    assert await steps(MIB, MIB) == [[MIB, MIB]]
    assert await steps() == []


async def test_what_is_large_is_stored_in_several() -> None:
    """In one step, ten of the largest messages took longer than an answer may, for ever on a slow link."""
    assert await steps(MIB, MIB, 2, MIB) == [[MIB, MIB], [2, MIB]]


async def test_what_is_larger_than_a_step_is_one() -> None:
    """Operators may allow larger events."""
    assert await steps(2, 2 * WRITE_BYTES, 2) == [[2], [2 * WRITE_BYTES], [2]]


async def test_each_step_says_what_redis_confirmed_last_and_how_long_ago() -> None:
    """So the script finds out whether this server still has it."""
    redis, clock = FakeRedis(), FakeClock()
    publisher = made(redis, clock)
    await publisher.publish(records(10, 10))
    clock.pass_by(1.5)
    await publisher.check()
    clock.pass_by(1)
    await publisher.publish(records(10))
    await publisher.check()
    assert redis.known == [
        ("", 0, "0-0", 0),
        ("s", 1, "1-1", 1500),
        ("s", 1, "1-1", 2500),
        ("s", 3, "1-2", 0),
    ]


async def test_what_was_not_confirmed_is_not_missed() -> None:
    """It is published again, to whichever server there is then."""
    redis = FakeRedis()
    publisher = made(redis, FakeClock())
    redis.failures = [OutOfMemoryError("full")]
    with pytest.raises(BusUnavailable):
        await publisher.publish(records(10))
    await publisher.publish(records(10))
    assert redis.known == [("", 0, "0-0", 0), ("", 0, "0-0", 0)]


@pytest.mark.parametrize("namespace", [PROBE_NAMESPACE, CANARY_NAMESPACE])
async def test_records_that_are_for_no_browser_are_not_missed(namespace: str) -> None:
    """Gateways store them all the time, so after every failover some would be."""
    redis = FakeRedis()
    publisher = made(redis, FakeClock())
    await publisher.publish([(Record("e", b"[]", namespace), None)])
    await publisher.check()
    assert redis.known[-1] == ("", 0, "0-0", 0)


async def test_a_rewind_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The publish that finds it out succeeds all the same."""
    redis, left = FakeRedis(), list[object]()
    publisher = made(redis, FakeClock(), left)
    await publisher.publish(records(10))
    redis.failures = [None]
    assert await publisher.publish(records(10))
    await publisher.check()
    assert publisher.rewinds == 1
    assert "Redis lost records that it had confirmed, up to 1-0" in caplog.text
    assert redis.known[-1][:3] == ("ss", 2, "1-1")
    assert left == ["records are missing at this server"]


async def test_steps_that_are_under_way_together_name_one_series_that_would_follow() -> None:
    """By that name the script knows that another one has told of a rewind, even if its answer was lost."""
    named: list[str] = []

    class Unanswered(FakeRedis):
        def register_script(self, text: str) -> Callable[..., Any]:
            stores = super().register_script(text)

            async def append(keys: Sequence[str], args: Sequence[Any]) -> list[Any]:
                named.append(args[7])
                await asyncio.sleep(0)
                return await stores(keys, args)  # type: ignore[no-any-return]

            return append

    publisher = made(Unanswered(), FakeClock())
    for _ in range(2):
        await asyncio.gather(*(publisher.publish(records(10)) for _ in range(3)))
    assert [named.count(each) for each in named] == [3] * 6


Answer = tuple[bytes, int, int]
OLD: Answer = (b"old", 2, 0)
NEW: Answer = (b"new", 1, 1)


@pytest.mark.parametrize("order", [(OLD, NEW), (NEW, OLD)])
async def test_what_an_old_server_confirms_while_a_new_one_is_found_is_missed_too(
    order: tuple[Answer, Answer],
) -> None:
    """Two steps are under way at once, over connections to two servers. Whichever answers first, the next
    step says what the old one has confirmed, which the new one lacks.
    """
    known: list[tuple[str, int]] = []
    answers: dict[int, asyncio.Future[Answer]] = {}

    class TwoServers:
        def register_script(self, text: str) -> Callable[..., Any]:
            async def append(keys: Sequence[str], args: Sequence[Any]) -> list[Any]:
                known.append((args[3], args[4]))
                answers[len(known)] = asyncio.get_running_loop().create_future()
                return [*await answers[len(known)], 1_000, b"1-1", 0]

            return append

    def answered(number: int, answer: Answer) -> None:
        answers[number].set_result(answer)

    publisher = made(TwoServers(), FakeClock())  # type: ignore[arg-type]  # all it needs
    publishes = [asyncio.create_task(publisher.publish(records(10))) for _ in range(1)]
    await asyncio.sleep(0)
    answered(1, (b"old", 1, 0))
    await publishes[0]
    publishes = [asyncio.create_task(publisher.publish(records(10))) for _ in range(2)]
    await asyncio.sleep(0)
    for number, answer in enumerate(order, 2):
        answered(number, answer)
        await publishes[number - 2]
    last = asyncio.create_task(publisher.publish(records(10)))
    await asyncio.sleep(0)
    assert known == [("", 0), ("old", 1), ("old", 1), ("old", 2)]
    answered(4, (b"newer", 1, 1))
    await last
    assert publisher.rewinds == 2


async def test_connections_that_bring_no_success_for_a_minute_are_left() -> None:
    """Whatever the server says. A success in between starts the time anew."""
    left: list[object] = []
    redis, clock = FakeRedis(), FakeClock()
    publisher = made(redis, clock, left)

    async def fail(after_seconds: float) -> None:
        clock.pass_by(after_seconds)
        redis.failures = [OutOfMemoryError("full")]
        with pytest.raises(BusUnavailable):
            await publisher.check()

    await fail(0)
    await fail(STUCK_SECONDS - 1)
    await publisher.check()
    await fail(1)
    await fail(STUCK_SECONDS - 1)
    assert left == []
    await fail(1)
    assert left == [
        "no write succeeded for 60 s: checking whether records can be stored: OutOfMemoryError: full"
    ]
    await fail(STUCK_SECONDS - 1)
    assert len(left) == 1
