"""Asking who is there, with `subscribe`: a watch room is entered, saved and left with its room."""

from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.gateway.fakes import FakeServer
from tests.unit.gateway.server.handler_bench import MAX_ROOMS, assert_refused, make_server

from queuecast_bus import BusUnavailable
from queuecast_gateway.access.grant import Identity, patterns
from queuecast_gateway.wire.presence import watch_room
from queuecast_gateway.wire.protocol import Refusal

WATCHING = {"presence": True}


class FakePresence:
    """Tells who is in any room but `secret`; notes whom it is to tell."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def check(self, namespace: str, rooms: Sequence[str]) -> None:
        if "secret" in rooms:
            raise Refusal("bad_options", "presence: this gateway tells nobody who is in the room 'secret'")

    def tell(self, sid: str, namespace: str, room: str) -> None:
        self.told.append((sid, room))


@pytest.fixture
def presence() -> FakePresence:
    return FakePresence()


@pytest.fixture
def server(registry: CollectorRegistry, presence: FakePresence) -> FakeServer:
    return make_server(registry, presence=presence)


async def test_a_page_watches_the_rooms_that_it_names(server: FakeServer, presence: FakePresence) -> None:
    """The answer and the limits are those of the rooms; asking again tells it again."""
    rooms = [f"{number}" for number in range(MAX_ROOMS)]
    assert await server.receive("subscribe", "me", rooms, WATCHING) == {"ok": True, "rooms": rooms}
    assert set(server.joined("me", "/")) == {*rooms, *map(watch_room, rooms)}
    assert len(server.remembered) == 1
    assert await server.receive("subscribe", "me", "0", WATCHING) == {"ok": True, "rooms": []}
    assert presence.told[-1] == ("me", "0")


async def test_a_page_stops_watching(server: FakeServer) -> None:
    """By saying so, or by leaving the room; and the namespace by naming no room."""
    await server.receive("subscribe", "me", ["a", "b"], WATCHING)
    await server.receive("subscribe", "me", [], WATCHING)
    assert (await server.receive("subscribe", "me", "a", {"presence": False}))["ok"]
    assert set(server.joined("me", "/")) == {"a", "b", watch_room("b"), watch_room("")}
    assert await server.receive("unsubscribe", "me", "b") == {"ok": True, "rooms": ["b"]}
    assert await server.receive("unsubscribe", "me", []) == {"ok": True, "rooms": []}
    assert set(server.joined("me", "/")) == {"a"}
    assert_refused(await server.receive("unsubscribe", "me", []), "bad_room")


async def test_nothing_is_left_of_what_was_refused(server: FakeServer) -> None:
    """Of the gateway, of the token, or because Redis did not confirm."""
    assert_refused(await server.receive("subscribe", "me", ["a", "secret"], WATCHING), "bad_options")
    server.anyone = Identity("ann", patterns(["b"]))
    assert_refused(await server.receive("subscribe", "me", "a", WATCHING), "forbidden")
    server.forgetting = BusUnavailable("no answer")
    assert_refused(await server.receive("subscribe", "me", "b", WATCHING), "bus_unavailable")
    assert list(server.joined("me", "/")) == []


async def test_a_room_that_cannot_be_left_is_watched_on(server: FakeServer) -> None:
    """Nothing is half done."""
    await server.receive("subscribe", "me", "a", WATCHING)
    server.forgetting = BusUnavailable("no answer")
    assert_refused(await server.receive("unsubscribe", "me", "a"), "bus_unavailable")
    assert set(server.joined("me", "/")) == {"a", watch_room("a")}
