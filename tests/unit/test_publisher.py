"""Records are stored in steps of a bounded size, in their order."""

from collections.abc import Callable, Sequence
from typing import Any

from queuecast_bus import Record
from queuecast_bus.keys import Keys
from queuecast_bus.publisher import WRITE_BYTES, Bounds, Publisher

MIB = 1 << 20


class FakeRedis:
    """It has one script, which stores what it is given; `steps` has the arguments of each record, by call."""

    def __init__(self) -> None:
        self.steps: list[list[bytes]] = []

    def register_script(self, text: str) -> Callable[..., Any]:
        async def append(keys: Sequence[str], args: Sequence[Any]) -> list[Any]:
            assert len(keys) > 2, "nothing is stored in an empty step"
            self.steps.append([args[place + 1] for place, each in enumerate(args) if each == b"d"])
            first = sum(map(len, self.steps[:-1]))
            return [each for number in range(len(keys) - 2) for each in (b"1-%d" % (first + number), 0)]

        return append


def records(*sizes: int) -> list[tuple[Record, None]]:
    return [(Record("e", b"[%b]" % (b"1" * (size - 2))), None) for size in sizes]


async def steps(*sizes: int) -> list[list[int]]:
    """Return the sizes of what is stored in each step; what comes back is one answer for each record."""
    redis = FakeRedis()
    publisher = Publisher(redis, Keys("c"), Bounds(1_000, 60, 60))  # type: ignore[arg-type]  # all it needs
    stored = await publisher.publish(records(*sizes))
    assert [each.offset for each in stored] == [f"1-{number}" for number in range(len(sizes))]
    return [list(map(len, step)) for step in redis.steps]


async def test_what_is_small_is_stored_in_one_step() -> None:
    """A question more is a way to Redis and back more."""
    assert await steps(*[10_000] * 10) == [[10_000] * 10]
    assert await steps(MIB, MIB) == [[MIB, MIB]]
    assert await steps() == []


async def test_what_is_large_is_stored_in_several() -> None:
    """Ten of the largest messages of SQS in one took longer than an answer may, on a slow link for ever."""
    assert await steps(MIB, MIB, 2, MIB) == [[MIB, MIB], [2, MIB]]


async def test_what_is_larger_than_a_step_is_one() -> None:
    """An event may be larger, where the operator says so."""
    assert await steps(2, 2 * WRITE_BYTES, 2) == [[2], [2 * WRITE_BYTES], [2]]
