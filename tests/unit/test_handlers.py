import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeServer, Figures

from queuecast_bus import BadRecord, BusUnavailable
from queuecast_edge.schemas import Schemas
from queuecast_gateway.access.grant import EVERY_ROOM, Identity, patterns
from queuecast_gateway.access.guard import MESSAGES, KeysUnavailable, Unwelcome
from queuecast_gateway.handlers import Handlers
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.protocol import ACK_CODES

MAX_ROOMS = 3
MAX_ROOM_BYTES = 260


SID_OF_ANOTHER = "sid:AAAAAAAAAAAAAAAAAAAA"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def figure(registry: CollectorRegistry) -> Figures:
    return Figures(registry, "queuecast_gateway")


@pytest.fixture
def server(registry: CollectorRegistry) -> FakeServer:
    server = FakeServer()
    handlers = Handlers(
        server,
        Metrics(registry),
        relay_events=["item_removed"],
        max_rooms=MAX_ROOMS,
        max_room_bytes=MAX_ROOM_BYTES,
    )
    handlers.register("/")
    handlers.register("/shop")
    return server


def assert_refused(ack: Any, code: str) -> None:
    """The browser is told why, in the promised shape."""
    assert ack["ok"] is False
    assert ack["error"]["code"] == code
    assert ack["error"]["message"]


# Rooms


@pytest.mark.parametrize(("argument", "rooms"), [("a", ["a"]), (["b", "a"], ["b", "a"]), (["a", "a"], ["a"])])
async def test_a_browser_subscribes_to_rooms(server: FakeServer, argument: Any, rooms: list[str]) -> None:
    """One or several; the answer says which it has joined."""
    assert await server.receive("subscribe", "me", argument) == {"ok": True, "rooms": rooms}


async def test_a_browser_is_told_what_has_changed(server: FakeServer) -> None:
    """Not all its rooms: 6.4 kB of `unsubscribe` were answered with 59 MB of long names."""
    await server.receive("subscribe", "me", "a")
    assert await server.receive("subscribe", "me", ["b", "a"]) == {"ok": True, "rooms": ["b"]}
    assert await server.receive("unsubscribe", "me", ["b", "c"]) == {"ok": True, "rooms": ["b"]}


@pytest.mark.parametrize(("event", "room"), [("subscribe", "a"), ("unsubscribe", "b")])
async def test_what_changes_nothing_is_not_written_down_again(
    server: FakeServer, event: str, room: str
) -> None:
    """It would be Redis that a stranger keeps busy with few words."""
    await server.receive("subscribe", "me", "a")
    assert await server.receive(event, "me", room) == {"ok": True, "rooms": []}
    assert server.remembered == [["me", "a"]]


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


async def test_the_names_of_a_sessions_rooms_are_bounded_in_bytes(server: FakeServer) -> None:
    """Redis and the gateway keep the names: a character has up to four bytes, a room up to 256."""
    long = "ü" * (MAX_ROOM_BYTES // 2 - 2)
    assert (await server.receive("subscribe", "me", [long, "abc"]))["ok"]
    ack = await server.receive("subscribe", "me", "ab")
    assert_refused(ack, "too_many_rooms")
    assert f"{MAX_ROOM_BYTES} bytes" in ack["error"]["message"]
    assert (await server.receive("subscribe", "me", [long, "d"]))["ok"], "the last byte may be used"
    assert server.rooms("me", "/") == ["me", long, "abc", "d"]


async def test_nobody_joins_the_room_of_a_session(server: FakeServer) -> None:
    """What is meant for one browser would be heard by another, whichever replica either is at."""
    assert_refused(await server.receive("subscribe", "me", SID_OF_ANOTHER), "bad_room")


async def test_a_list_with_the_room_of_a_session_is_refused_whole(server: FakeServer) -> None:
    """The page is told that it is in none of them, and yet gets events of the first."""
    assert_refused(await server.receive("subscribe", "me", ["a", SID_OF_ANOTHER]), "bad_room")
    assert server.rooms("me", "/") == ["me"]


async def test_a_browser_leaves_rooms(server: FakeServer) -> None:
    """Those it is in; others are no mistake, as the wish is fulfilled."""
    await server.receive("subscribe", "me", ["a", "b"])
    ack = await server.receive("unsubscribe", "me", ["a", "never joined"])
    assert ack == {"ok": True, "rooms": ["a"]}
    assert server.rooms("me", "/") == ["me", "b"]


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


@pytest.mark.parametrize("wanted", [["vip"], ["sku:1", "vip"], ["vip", "sku:1"], "vip"])
async def test_rooms_that_a_session_may_not_join_are_refused(server: FakeServer, wanted: Any) -> None:
    """With all others of the same list: a page that is refused knows that nothing has changed."""
    server.anyone = Identity("ann", patterns(["sku:*"]))
    await server.receive("subscribe", "me", "sku:7")
    ack = await server.receive("subscribe", "me", wanted)
    assert_refused(ack, "forbidden")
    assert "'vip'" in ack["error"]["message"]
    assert server.rooms("me", "/") == ["me", "sku:7"]
    assert server.remembered == [["me", "sku:7"]]


async def test_a_room_that_a_session_may_not_join_can_be_left(server: FakeServer) -> None:
    """It was allowed once; to leave needs no right."""
    await server.receive("subscribe", "me", ["vip", "news"])
    server.anyone = Identity("ann", patterns(["news"]))
    assert await server.receive("unsubscribe", "me", "vip") == {"ok": True, "rooms": ["vip"]}


@pytest.mark.parametrize(
    ("event", "rooms"), [("subscribe", ["b"]), ("unsubscribe", ["a"]), ("subscribe", ["a", "b"])]
)
async def test_rooms_that_cannot_be_written_down_stay_as_they_were(
    server: FakeServer, event: str, rooms: list[str]
) -> None:
    """A browser that is refused knows that nothing has changed, here and after the next return."""
    await server.receive("subscribe", "me", ["a", "c"])
    server.forgetting = BusUnavailable("writing down sessions: redis.internal:6379 is away")
    ack = await server.receive(event, "me", rooms)
    assert_refused(ack, "bus_unavailable")
    assert "redis" not in ack["error"]["message"], "host names stay in the log"
    assert sorted(server.rooms("me", "/")) == ["a", "c", "me"]
    server.forgetting = None
    assert (await server.receive(event, "me", rooms))["ok"], "it can be tried again"


# Another token


async def test_a_session_goes_on_with_another_token(server: FakeServer) -> None:
    """And is told until when, so that its page knows when to come with the next one."""
    server.renewed = Identity("ann", patterns(["sku:*"]), expires=1_700_000_000)
    ack = await server.receive("refresh", "me", "a new token")
    assert ack == {"ok": True, "rooms": [], "expires": 1_700_000_000}
    assert server.tokens == ["a new token"]


async def test_a_new_token_changes_the_rooms(server: FakeServer) -> None:
    """Those that it does not allow are left at once, those that it puts a session in are entered."""
    await server.receive("subscribe", "me", ["sku:7", "vip", "team:red"])
    server.renewed = Identity(
        "ann", patterns(["sku:*", "user:ann", "team:blue"]), joins=("user:ann", "team:blue", "sku:7")
    )
    ack = await server.receive("refresh", "me", "a new token")
    assert ack == {"ok": True, "rooms": ["sku:7", "team:blue", "user:ann"], "expires": None}
    assert sorted(server.remembered[-1]) == ["me", "sku:7", "team:blue", "user:ann"], "it comes back to these"


@pytest.mark.parametrize("arguments", [(), ("a", "b"), (None,)])
async def test_what_is_no_token_is_checked_as_none(server: FakeServer, arguments: tuple[Any, ...]) -> None:
    """The guard says what that means, as it does at the entrance."""
    server.renewed = Unwelcome("unauthorized", "missing")
    assert_refused(await server.receive("refresh", "me", *arguments), "unauthorized")
    assert server.tokens == [None]


@pytest.mark.parametrize(("code", "fault"), [("unauthorized", "signature"), ("unauthorized", "expired")])
async def test_a_bad_token_changes_nothing(
    server: FakeServer, figure: Figures, code: Any, fault: str
) -> None:
    """The page is told no more than at the entrance; its session goes on until its own token ends."""
    await server.receive("subscribe", "me", "vip")
    server.renewed = Unwelcome(code, fault)
    ack = await server.receive("refresh", "me", "stolen")
    assert_refused(ack, code)
    assert ack["error"]["message"] == MESSAGES[code]
    assert server.rooms("me", "/") == ["me", "vip"]
    assert figure("acks_refused_total", code=code) == 1


async def test_a_token_that_cannot_be_checked_now_is_no_bad_one(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The page tries again; a page that is told `unauthorized` would have its user sign in."""
    await server.receive("subscribe", "me", "vip")
    server.renewed = KeysUnavailable("keys_unavailable: TimeoutError at issuer.internal")
    ack = await server.receive("refresh", "me", "a new token")
    assert_refused(ack, "bus_unavailable")
    assert "issuer" not in ack["error"]["message"], "host names stay in the log"
    assert "issuer.internal" in caplog.text
    assert server.rooms("me", "/") == ["me", "vip"]


async def test_rights_that_cannot_be_written_down_are_taken_all_the_same(server: FakeServer) -> None:
    """What is no longer allowed is not heard, whether Redis is there or not; the page may try again."""
    await server.receive("subscribe", "me", ["vip", "sku:7"])
    server.renewed = Identity("ann", patterns(["sku:*"]))
    server.forgetting = BusUnavailable("writing down sessions: away")
    assert_refused(await server.receive("refresh", "me", "a new token"), "bus_unavailable")
    assert server.rooms("me", "/") == ["me", "sku:7"]
    server.forgetting = None
    assert (await server.receive("refresh", "me", "a new token"))["ok"]


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


async def test_what_other_clients_could_not_take_is_refused(server: FakeServer, figure: Figures) -> None:
    """Who sends it learns why, and nobody else hears of it."""
    server.refusing = BadRecord("nested deeper than 64", "nesting")
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


async def test_a_session_sends_on_what_its_token_allows(server: FakeServer, figure: Figures) -> None:
    """Everybody would believe it."""
    server.anyone = Identity("ann", EVERY_ROOM, relays=frozenset({"item_added"}))
    ack = await server.receive("item_removed", "me", {"id": 1})
    assert_refused(ack, "forbidden")
    assert "'item_removed'" in ack["error"]["message"]
    assert server.emitted == []
    assert figure("relays_total", outcome="refused") == 1
    server.anyone = Identity("ann", EVERY_ROOM, relays=frozenset({"item_removed"}))
    assert await server.receive("item_removed", "me", {"id": 1}) == {"ok": True}


async def test_a_token_allows_no_event_that_the_gateway_does_not_relay(server: FakeServer) -> None:
    """What may reach everyone is the operator's decision first."""
    server.anyone = Identity("ann", EVERY_ROOM, relays=frozenset({"item_added"}))
    assert_refused(await server.receive("item_added", "me", {"id": 1}), "unknown_event")
    assert server.emitted == []


@pytest.fixture
def strict(registry: CollectorRegistry, tmp_path: Path) -> FakeServer:
    """A gateway where a removed item has a number and nothing else."""
    schema = {"type": "object", "properties": {"id": {"type": "integer"}}, "additionalProperties": False}
    path = tmp_path / "schemas.json"
    path.write_text(json.dumps({"item_removed": schema}))
    server = FakeServer()
    Handlers(
        server,
        Metrics(registry),
        relay_events=["item_removed", "item_moved"],
        max_rooms=MAX_ROOMS,
        max_room_bytes=MAX_ROOM_BYTES,
        schemas=Schemas.load(str(path), ["item_removed", "item_moved"]),
    ).register("/")
    return server


@pytest.mark.parametrize("data", [{"id": "one"}, {"id": 1, "note": "<script>"}, [], "1"])
async def test_data_that_does_not_fit_its_schema_is_refused(
    strict: FakeServer, figure: Figures, data: Any
) -> None:
    """With what is wrong with it, for the person who wrote the page; nobody else gets it."""
    assert_refused(await strict.receive("item_removed", "me", data), "bad_payload")
    assert strict.emitted == []
    assert figure("relays_total", outcome="refused") == 1


async def test_data_that_fits_its_schema_is_sent_on(strict: FakeServer) -> None:
    """As it came; an event without a schema takes anything."""
    assert await strict.receive("item_removed", "me", {"id": 1}) == {"ok": True}
    assert await strict.receive("item_moved", "me", "anything", 7) == {"ok": True}
    assert [(event, data) for event, data, _ in strict.emitted] == [
        ("item_removed", ({"id": 1},)),
        ("item_moved", ("anything", 7)),
    ]


async def test_a_right_comes_before_a_schema(strict: FakeServer) -> None:
    """Who may not send an event is not told what it should look like."""
    strict.anyone = Identity("ann", EVERY_ROOM, relays=frozenset())
    assert_refused(await strict.receive("item_removed", "me", {"id": "one"}), "forbidden")


# What is refused is counted


async def test_refusals_are_counted_by_their_code(server: FakeServer, figure: Figures) -> None:
    """A page with a mistake is a line of a graph, and which mistake it is can be read there."""
    server.anyone = Identity("ann", patterns(["sku:*"]), relays=frozenset())
    for event, data in (
        ("subscribe", "vip"),
        ("item_removed", 1),
        ("subscribe", []),
        ("unsubscribe", None),
        ("subscribe", ["sku:1", "sku:2", "sku:3", "sku:4"]),
        ("nonsense", 1),
    ):
        await server.receive(event, "me", data)
    await server.receive("subscribe", "me", "sku:1")
    counted = {code: count for code in ACK_CODES if (count := figure("acks_refused_total", code=code))}
    assert counted == {"forbidden": 2, "bad_room": 2, "too_many_rooms": 1, "unknown_event": 1}


# The log


async def test_a_redis_that_is_full_does_not_fill_the_log(
    server: FakeServer, caplog: pytest.LogCaptureFixture, figure: Figures
) -> None:
    """It fails for each event of each browser, and the metric counts them all."""
    server.refusing = server.forgetting = BusUnavailable("publishing: OOM command not allowed")
    server.renewed = KeysUnavailable("keys_unavailable: nobody answers")
    for number in range(100):
        assert_refused(await server.receive("item_removed", "me", {"id": number}), "bus_unavailable")
        assert_refused(await server.receive("subscribe", "me", f"room-{number}"), "bus_unavailable")
        assert_refused(await server.receive("refresh", "me", "a new token"), "bus_unavailable")
    assert 0 < len(caplog.records) < 100
    assert figure("acks_refused_total", code="bus_unavailable") == 300
