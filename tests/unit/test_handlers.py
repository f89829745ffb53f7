from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeServer, Figures

from queuecast_bus import BusUnavailable
from queuecast_gateway.handlers import Handlers
from queuecast_gateway.metrics import Metrics

MAX_ROOMS = 3


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def figure(registry: CollectorRegistry) -> Figures:
    return Figures(registry, "queuecast_gateway")


@pytest.fixture
def server(registry: CollectorRegistry) -> FakeServer:
    server = FakeServer()
    handlers = Handlers(server, Metrics(registry), relay_events=["item_removed"], max_rooms=MAX_ROOMS)
    handlers.register("/")
    handlers.register("/shop")
    return server


def assert_refused(ack: Any, code: str) -> None:
    """The browser is told why, in the promised shape."""
    assert ack["ok"] is False
    assert ack["error"]["code"] == code
    assert ack["error"]["message"]


# Rooms


@pytest.mark.parametrize(("argument", "rooms"), [("a", ["a"]), (["b", "a"], ["a", "b"]), (["a", "a"], ["a"])])
async def test_a_browser_subscribes_to_rooms(server: FakeServer, argument: Any, rooms: list[str]) -> None:
    """One or several; the answer says where it is now."""
    assert await server.receive("subscribe", "me", argument) == {"ok": True, "rooms": rooms}


async def test_a_browser_is_told_all_its_rooms_but_its_own(server: FakeServer) -> None:
    """The room of its session is an inner matter of Socket.IO."""
    await server.receive("subscribe", "me", "a")
    assert await server.receive("subscribe", "me", "b") == {"ok": True, "rooms": ["a", "b"]}


async def test_rooms_belong_to_a_namespace(server: FakeServer) -> None:
    """`/shop`'s `a` is another room than `/`'s."""
    await server.receive("subscribe", "me", "a", namespace="/shop")
    assert server.rooms("me", "/shop") == ["me", "a"]
    assert server.rooms("me", "/") == ["me"]


@pytest.mark.parametrize("arguments", [(), (None,), ("a", "b"), ([],), (["a", ""],), ("a,b",), (1,)])
async def test_a_subscription_is_for_all_its_rooms_or_none(
    server: FakeServer, arguments: tuple[Any, ...]
) -> None:
    """A browser that is refused knows that nothing has changed."""
    assert_refused(await server.receive("subscribe", "me", *arguments), "bad_room")
    assert server.rooms("me", "/") == ["me"]


async def test_a_session_may_be_in_so_many_rooms(server: FakeServer) -> None:
    """Rooms cost memory, and browsers choose them."""
    assert (await server.receive("subscribe", "me", ["a", "b", "c"]))["ok"]
    assert_refused(await server.receive("subscribe", "me", "d"), "too_many_rooms")
    assert (await server.receive("subscribe", "me", ["a", "b"]))["ok"], "it is in these already"
    assert server.rooms("me", "/") == ["me", "a", "b", "c"]


async def test_too_many_rooms_at_once_are_all_refused(server: FakeServer) -> None:
    """All or nothing here too."""
    assert_refused(await server.receive("subscribe", "me", ["a", "b", "c", "d"]), "too_many_rooms")
    assert server.rooms("me", "/") == ["me"]


async def test_nobody_joins_the_room_of_a_session(server: FakeServer) -> None:
    """What is meant for one browser would be heard by another; python-socketio refuses it."""
    assert_refused(await server.receive("subscribe", "me", "sid-of-another"), "bad_room")


async def test_a_list_with_the_room_of_a_session_is_refused_whole(server: FakeServer) -> None:
    """The page is told that it is in none of them, and yet gets events of the first."""
    assert_refused(await server.receive("subscribe", "me", ["a", "sid-of-another"]), "bad_room")
    assert server.rooms("me", "/") == ["me"]


async def test_a_browser_leaves_rooms(server: FakeServer) -> None:
    """Those it is in; others are no mistake, as the wish is fulfilled."""
    await server.receive("subscribe", "me", ["a", "b"])
    ack = await server.receive("unsubscribe", "me", ["a", "never joined"])
    assert ack == {"ok": True, "rooms": ["b"]}


async def test_a_browser_cannot_leave_its_own_room(server: FakeServer) -> None:
    """It would miss what is meant for it alone."""
    await server.receive("unsubscribe", "me", "me")
    assert server.rooms("me", "/") == ["me"]


@pytest.mark.parametrize("arguments", [(), (None,), ("a", "b"), ([],)])
async def test_leaving_what_is_no_room_is_refused(server: FakeServer, arguments: tuple[Any, ...]) -> None:
    """A mistake in somebody's code should show there."""
    assert_refused(await server.receive("unsubscribe", "me", *arguments), "bad_room")


async def test_rooms_are_written_down_before_they_are_acknowledged(server: FakeServer) -> None:
    """The replica may be killed right after: the browser comes back to what it was told."""
    await server.receive("subscribe", "me", ["a", "b"])
    await server.receive("unsubscribe", "me", "a")
    assert server.remembered == [["me", "a", "b"], ["me", "b"]]


@pytest.mark.parametrize(("event", "room"), [("subscribe", "b"), ("unsubscribe", "a"), ("subscribe", "a")])
async def test_rooms_that_cannot_be_written_down_stay_as_they_were(
    server: FakeServer, event: str, room: str
) -> None:
    """A browser that is refused knows that nothing has changed, here and after the next return."""
    await server.receive("subscribe", "me", ["a", "c"])
    server.forgetting = BusUnavailable("writing down sessions: redis.internal:6379 is away")
    ack = await server.receive(event, "me", [room])
    assert_refused(ack, "bus_unavailable")
    assert "redis" not in ack["error"]["message"], "host names stay in the log"
    assert sorted(server.rooms("me", "/")) == ["a", "c", "me"]
    server.forgetting = None
    assert (await server.receive(event, "me", [room]))["ok"], "it can be tried again"


# Events for everyone


@pytest.mark.parametrize("arguments", [(), ({"id": 1},), (1, "two", b"three"), ([1, 2],)])
async def test_a_relayed_event_goes_to_everyone_as_it_came(
    server: FakeServer, figure: Figures, arguments: tuple[Any, ...]
) -> None:
    """With as many arguments; through the bus, so that there is one order of events for all."""
    assert await server.receive("item_removed", "me", *arguments, namespace="/shop") == {"ok": True}
    assert server.emitted == [("item_removed", arguments, {"namespace": "/shop"})]
    assert figure("relays_total", outcome="published") == 1


async def test_a_relay_that_redis_did_not_confirm_is_refused(server: FakeServer, figure: Figures) -> None:
    """The browser can try again; an `ok` would be a lie."""
    server.refusing = BusUnavailable("publishing: away")
    assert_refused(await server.receive("item_removed", "me", 1), "bus_unavailable")
    assert figure("relays_total", outcome="failed") == 1
    assert figure("relays_total", outcome="published") == 0


@pytest.mark.parametrize("error", [ValueError("NaN"), RecursionError()])
async def test_data_that_is_not_json_is_refused(
    server: FakeServer, figure: Figures, error: Exception
) -> None:
    """Other browsers could not read it."""
    server.refusing = error
    assert_refused(await server.receive("item_removed", "me", 1), "bad_payload")
    assert figure("relays_total", outcome="refused") == 1


async def test_redis_is_no_concern_of_browsers(server: FakeServer) -> None:
    """Host names and error texts stay in the log."""
    server.refusing = BusUnavailable("publishing: ConnectionError: redis.internal:6379")
    ack = await server.receive("item_removed", "me", 1)
    assert "redis" not in ack["error"]["message"]


async def test_an_event_that_is_not_relayed_is_refused(server: FakeServer, figure: Figures) -> None:
    """Only what the operator named may reach everyone; the rest must not vanish without an answer."""
    assert_refused(await server.receive("item_added", "me", {"id": 1}), "unknown_event")
    assert server.emitted == []
    assert figure("relays_total", outcome="refused") == 1


async def test_a_long_event_name_is_not_echoed_in_full(server: FakeServer) -> None:
    """An answer must not be larger than its question."""
    ack = await server.receive("x" * 256, "me")
    assert len(ack["error"]["message"]) < 200
