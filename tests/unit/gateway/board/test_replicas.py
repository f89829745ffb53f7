"""The figures of one replica, for all that ask for them."""

from types import SimpleNamespace

import pytest

from queuecast_gateway.board import replicas as module
from queuecast_gateway.board.replicas import OwnFigures
from queuecast_gateway.board.rooms_by_size import LargestRooms


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> list[LargestRooms]:
    made: list[LargestRooms] = []

    def count(*arguments: object) -> LargestRooms:
        made.append(LargestRooms(*arguments))  # type: ignore[arg-type]  # as they come
        return made[-1]

    monkeypatch.setattr(module, "LargestRooms", count)
    return made


async def test_rooms_are_counted_once_a_second_however_many_ask(counts: list[LargestRooms]) -> None:
    """Each replica with a board on it asks all others, and to count many rooms takes a tenth of a second."""
    rooms: dict[str | None, list[int]] = {None: [1, 2], "a": [1], "b": [1, 2]}
    eio = SimpleNamespace(sockets={1: 1, 2: 2}, draining=False)
    server = SimpleNamespace(eio=eio, manager=SimpleNamespace(rooms={"/": rooms}))
    now = [5.0]
    own = OwnFigures(server, ("/",), {"replica": "one"}, lambda: 0.0, lambda: 7.0, lambda: now[0])
    before = len(counts)
    first = await own([["/", "b"]])
    assert [room[1:] for room in first["rooms"]] == [("b", 2), ("a", 1)]
    assert (first["sessions"], first["rooms_count"]) == (2, 2)
    rooms["c"] = [1]
    now[0] = 5.9
    assert (await own([]))["rooms_count"] == 2
    now[0] = 6.0
    assert (await own([]))["rooms_count"] == 3
    assert len(counts) - before == 2
