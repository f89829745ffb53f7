"""The newest event of each key of a room: read once, then followed, and never ahead of what is delivered."""

import asyncio
import json
from typing import Any

import pytest
from tests.unit.replica import Replica

from queuecast_bus import Batch, Entry, Record
from queuecast_bus.keys import Keys
from queuecast_bus.latest import to_text
from queuecast_bus.record import Address
from queuecast_gateway.delivery.room_index import RoomIndex
from queuecast_gateway.recovery import latest_rooms
from queuecast_gateway.recovery.latest_rooms import LatestBounds, LatestRooms
from queuecast_gateway.wire.past import PastEvent, past_event

BOUNDS = LatestBounds(max_seconds=1, max_events=3, max_bytes=1_000, held_bytes=1 << 20)


def record(key: str | None, number: int, room: str = "a") -> Record:
    return Record("e", b"[%d]" % number, rooms=(room,), key=key)


class Bench:
    """A replica at the offset 100-0, and a room of which Redis has one key."""

    def __init__(self, bounds: LatestBounds = BOUNDS) -> None:
        self.bus = bus = Replica()
        parts: Any = bus
        parts.commands, parts.keys, parts.clock = self, Keys(), self
        self.tail = "100-0"
        self.kept = {"x": ("90-0", record("x", 90))}
        self.reads = 0
        self.texts: dict[str, PastEvent] = {}
        self.seconds = 0.1
        bus.history.add(Batch("100-0"))
        self.index = bus.history.index = RoomIndex(("/",), 1 << 20, "100-0")
        self.rooms = LatestRooms(parts, bounds, self.texts.get, self._count)

    def _count(self) -> None:
        self.reads += 1

    def register_script(self, text: str) -> Any:
        return self.run

    def now(self) -> float:
        return self.seconds

    async def run(self, keys: list[str], args: list[Any]) -> list[Any]:
        await asyncio.sleep(0)
        newest = sorted(self.kept.items(), key=lambda each: each[1][0], reverse=True)
        fields = [
            part
            for key, (offset, kept) in newest[: args[0]]
            for part in (key.encode(), f"{offset} ".encode() + to_text(kept))
        ]
        return [self.tail.encode(), int(len(newest) > args[0]), *fields]

    def publish(self, number: int, key: str | None, *, is_wanted: bool = True) -> None:
        """Have the replica read a record of the room; its text is in memory if somebody wanted it."""
        each, offset = record(key, number), f"{number}-0"
        if is_wanted:
            self.texts[offset] = past_event(each, offset, 1_000)
        if key is not None:
            self.kept[key] = offset, each
        self.bus.read(Entry(offset, Address("/", ("a",)), []))

    async def read(self, *rooms: str) -> tuple[list[int], bool]:
        run, is_complete = await self.rooms.read(self.index, "/", rooms or ("a",))
        return [event["args"][0] for event in json.loads(f"[{run.text}]")], is_complete


async def test_a_room_is_read_once_and_then_followed() -> None:
    """Records without a key change nothing."""
    bench = Bench()
    assert await bench.read() == ([90], True)
    bench.publish(101, "y")
    bench.publish(102, None)
    assert await bench.read() == ([90, 101], True)
    bench.publish(103, "x")
    assert await bench.read() == ([101, 103], True)
    assert bench.reads == 1


async def test_nothing_is_given_that_is_still_to_be_delivered() -> None:
    """Redis is ahead: what pages would get after the answer must not be in it, for whoever asks."""
    bench = Bench()
    bench.kept["x"] = "105-0", record("x", 105)
    bench.tail = "105-0"
    first = asyncio.create_task(bench.read())
    await asyncio.sleep(0.03)
    second = asyncio.create_task(bench.read())
    await asyncio.sleep(0.03)
    assert not first.done()
    assert not second.done()
    bench.publish(105, "x")
    assert await first == await second == ([105], True)
    assert bench.reads == 1


async def test_what_is_not_in_memory_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody was in the room, or it had more events than it pays to follow."""
    bench = Bench()
    await bench.read()
    bench.publish(101, "x", is_wanted=False)
    bench.tail = "101-0"
    assert await bench.read() == ([101], True)
    assert bench.reads == 2
    monkeypatch.setattr(latest_rooms, "MOST_NEW", 2)
    for number in (102, 103, 104):
        bench.publish(number, "x")
    bench.tail = "104-0"
    assert await bench.read() == ([104], True)
    assert bench.reads == 3


async def test_after_a_gap_a_room_is_read_again() -> None:
    """Records between are missing in memory, and the hash may have gone back."""
    bench = Bench()
    await bench.read()
    bench.bus.history.begin("200-0")
    bench.tail = "200-0"
    bench.kept["x"] = "150-0", record("x", 150)
    assert await bench.read() == ([150], True)
    assert bench.reads == 2


async def test_of_many_keys_the_newest_are_given() -> None:
    """And the page is told, at the first answer and at those after it."""
    bench = Bench()
    for number in range(91, 95):
        bench.kept[f"k{number}"] = f"{number}-0", record(f"k{number}", number)
    assert await bench.read() == ([92, 93, 94], False)
    bench.publish(101, "new")
    assert await bench.read() == ([93, 94, 101], False)


async def test_what_is_too_old_is_left_out() -> None:
    """A hash lives as long as any of its keys is written."""
    bench = Bench()
    assert await bench.read() == ([90], True)
    bench.publish(101, "y")
    bench.seconds = 1.095
    assert await bench.read() == ([101], True)


async def test_several_rooms_are_one_answer() -> None:
    """In the order of the stream; a record that is for two of them is there once."""
    bench = Bench()
    bench.kept["y"] = "95-0", record("y", 95)
    assert await bench.read("a", "b") == ([90, 95], True)
    assert bench.reads == 2


async def test_rooms_take_no_more_memory_than_they_may() -> None:
    """Those that were read first are forgotten, and read again when somebody asks."""
    bench = Bench(BOUNDS._replace(held_bytes=2_000))
    for number in range(10):
        assert await bench.read(f"room-{number}") == ([90], True)
        assert bench.rooms.size <= 2_000
    assert bench.rooms.size > 0
    assert bench.reads == 10
