"""What a board is told of events that came before it was opened."""

from collections.abc import Sequence
from typing import Any

import pytest

from queuecast_bus import Batch, Entries, Entry, Record
from queuecast_bus.record import Address
from queuecast_gateway.board import past as module
from queuecast_gateway.board.past import newest_events, rooms_of
from queuecast_gateway.delivery.history import History


def entry(number: int, *rooms: str, namespace: str = "/", arguments: bytes = b"[]") -> Entry:
    record = Record("e", arguments, namespace, rooms)
    return Entry(f"{number}-0", Address(namespace, rooms), [b"p", b"0-0", *record.to_fields()])


class FakeBus:
    """A history, and what Redis still has: `recall` and `between` return up to two at a time.

    The history is of a replica that was started after `older`, and has no texts of what is `unwanted`.
    """

    def __init__(self, *entries: Entry, older: Sequence[Entry] = (), unwanted: Sequence[Entry] = ()) -> None:
        self.history = History(1 << 20)
        self.asked: list[str] = []
        self.older = older
        self.pages = 0
        self.texts = {entry.offset: list(entry.fields) for entry in (*older, *entries)}
        self.history.add(Batch(older[-1].offset if older else "0-0"))
        for each in entries:
            self.history.add(Batch(each.offset, Entries.of(each)), () if each in unwanted else None)

    async def recall(self, offsets: Sequence[str]) -> list[list[bytes]]:
        self.asked += offsets
        return [self.texts.get(offset, []) for offset in offsets[:2]]

    async def between(self, after: str, until: str, most: int) -> Batch:
        self.pages += 1
        found = [each for each in self.older if after_ms(after) < after_ms(each.offset) <= after_ms(until)]
        page = tuple(found[:2])
        return Batch(page[-1].offset, Entries.of(*page)) if page else Batch(until)


def after_ms(offset: str) -> int:
    return int(offset.partition("-")[0])


async def numbers(bus: Any, most: int = 10, namespace: str = "/") -> list[int]:
    return [int(event["offset"][:-2]) for event in await newest_events(bus, namespace, most)]


async def test_the_newest_events_come_in_order_and_are_bounded() -> None:
    """A board shows them as if they had just arrived."""
    bus = FakeBus(*map(entry, range(1, 6)))
    assert await numbers(bus) == [1, 2, 3, 4, 5]
    assert await numbers(bus, 2) == [4, 5]


async def test_an_event_has_its_name_its_arguments_and_its_rooms() -> None:
    """All that a board shows of one that arrives."""
    bus = FakeBus(entry(1, "a", "b", arguments=b'[{"id":7}]'))
    assert await newest_events(bus, "/", 1) == [
        {"offset": "1-0", "event": "e", "arguments": [{"id": 7}], "rooms": ("a", "b")}
    ]


async def test_other_namespaces_are_left_out() -> None:
    """Boards show one; probes and canaries are in others."""
    bus = FakeBus(entry(1), entry(2, namespace="/orders"), entry(3, namespace="queuecast:probe"))
    assert await numbers(bus) == [1]


async def test_what_came_before_the_replica_started_is_read_from_the_stream() -> None:
    """A board says what is on the bus, not how long its gateway has been there."""
    older = [entry(1_000, namespace="/other"), *(entry(number) for number in (2_000, 3_000, 4_000))]
    bus = FakeBus(entry(5_000), older=older)
    assert await numbers(bus) == [2_000, 3_000, 4_000, 5_000]
    assert await numbers(bus, 2) == [4_000, 5_000]
    bus.pages = 0
    assert await numbers(bus, 1) == [5_000]
    assert bus.pages == 0, "the history had enough"


async def test_the_stream_is_not_looked_through_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a time with too many records the oldest would be found, which nobody wants to see."""
    monkeypatch.setattr(module, "PAGES", 3)
    older = [entry(1_000 * number) for number in range(1, 20)] + [entry(19_500)]
    bus = FakeBus(older=older)
    assert await numbers(bus) == [19_000, 19_500]
    assert bus.pages < 3 * len(module.OLDER_SECONDS)


async def test_texts_that_the_history_has_discarded_come_from_redis() -> None:
    """Of what nobody wanted it has the address alone. What Redis has trimmed is left out."""
    entries = [entry(1), entry(2), entry(3)]
    bus = FakeBus(*entries, unwanted=[entries[0], entries[2]])
    assert await numbers(bus) == [1, 2, 3]
    del bus.texts["3-0"]
    assert await numbers(bus) == [1, 2]


async def test_the_oldest_are_left_out_of_an_answer_that_gets_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer is one message to one browser."""
    bus = FakeBus(*map(entry, range(1, 6)))
    monkeypatch.setattr(module, "MAX_BYTES", 2 * sum(map(len, entry(1).fields)))
    assert await numbers(bus) == [4, 5]


async def test_a_time_with_too_many_bytes_is_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of large records a few hundred are more than a gateway should hold for one board."""
    older = [entry(1_000), *(entry(number) for number in range(99_990, 100_001))]
    bus = FakeBus(older=older)
    monkeypatch.setattr(module, "MAX_READ_BYTES", 2 * sum(map(len, older[1].fields)))
    assert await numbers(bus, 20) == []
    assert bus.asked == []


async def test_texts_that_an_answer_has_no_space_for_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be two hundred of the largest records."""
    entries = [entry(number) for number in range(1, 60)]
    bus = FakeBus(*entries, unwanted=entries)
    monkeypatch.setattr(module, "MAX_BYTES", 2 * sum(map(len, entry(10).fields)))
    assert await numbers(bus, 50) == [58, 59]
    assert bus.asked[-1] == "48-0"


async def test_a_record_that_nobody_could_be_sent_is_left_out() -> None:
    """It was not delivered either."""
    assert await numbers(FakeBus(entry(1), entry(2, arguments=b"["))) == [1]


def test_offsets_are_looked_up_for_their_rooms() -> None:
    """An event on the wire does not say which rooms it was for."""
    history = FakeBus(entry(1), entry(2, "a"), entry(3, "b")).history
    assert rooms_of(history, "/", ["1-0", "2-0", "9-9", "0-1"]) == {"1-0": (), "2-0": ("a",)}
    assert rooms_of(history, "/", []) == {}


def test_the_rooms_of_other_namespaces_are_left_out() -> None:
    """Offsets are easy to guess."""
    history = FakeBus(entry(1, "a"), entry(2, "b", namespace="/orders")).history
    assert rooms_of(history, "/", ["1-0", "2-0"]) == {"1-0": ("a",)}


def test_an_answer_with_rooms_does_not_get_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event can be for a hundred rooms, and a request can name a hundred events."""
    history = FakeBus(*[entry(number, "abc") for number in range(1, 6)]).history
    monkeypatch.setattr(module, "MAX_BYTES", 2 * len("1-0abc"))
    assert list(rooms_of(history, "/", ["1-0", "2-0", "3-0"])) == ["1-0", "2-0"]
