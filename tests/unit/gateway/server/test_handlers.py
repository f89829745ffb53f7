"""Events of browsers: rooms and tokens, and the acknowledgement of each."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import Figures
from tests.unit.gateway.fakes import FakeServer
from tests.unit.gateway.server.handler_bench import MAX_ROOM_BYTES, assert_refused, make_server

from queuecast_bus import BusUnavailable
from queuecast_gateway.access.authenticator import MESSAGES, ConnectRefused, KeysUnavailable
from queuecast_gateway.access.grant import Identity, patterns
from queuecast_gateway.wire.protocol import ACK_CODES

SID_OF_ANOTHER = "sid:AAAAAAAAAAAAAAAAAAAA"


@pytest.fixture
def server(registry: CollectorRegistry) -> FakeServer:
    return make_server(registry)


# Rooms


@pytest.mark.parametrize(("argument", "rooms"), [("a", ["a"]), (["b", "a"], ["b", "a"]), (["a", "a"], ["a"])])
async def test_a_browser_subscribes_to_rooms(server: FakeServer, argument: Any, rooms: list[str]) -> None:
    """One or several; the answer names those that it has joined."""
    assert await server.receive("subscribe", "me", argument) == {"ok": True, "rooms": rooms}


async def test_the_answer_names_only_what_has_changed(server: FakeServer) -> None:
    """Not all rooms: 6.4 kB of `unsubscribe` were once answered with 59 MB of long names."""
    await server.receive("subscribe", "me", "a")
    assert await server.receive("subscribe", "me", ["b", "a"]) == {"ok": True, "rooms": ["b"]}
    assert await server.receive("unsubscribe", "me", ["b", "c"]) == {"ok": True, "rooms": ["b"]}


@pytest.mark.parametrize(("event", "room"), [("subscribe", "a"), ("unsubscribe", "b")])
async def test_rooms_that_did_not_change_are_not_saved_again(
    server: FakeServer, event: str, room: str
) -> None:
    """Otherwise any client could keep Redis busy at little cost."""
    await server.receive("subscribe", "me", "a")
    assert await server.receive(event, "me", room) == {"ok": True, "rooms": []}
    assert server.remembered == [["me", "a"]]


async def test_rooms_belong_to_a_namespace(server: FakeServer) -> None:
    """The room `a` of `/shop` is not the room `a` of `/`."""
    await server.receive("subscribe", "me", "a", namespace="/shop")
    assert server.rooms("me", "/shop") == ["me", "a"]
    assert server.rooms("me", "/") == ["me"]


@pytest.mark.parametrize("arguments", [(), (None,), ("a", {}, "b"), ([],), (["a", ""],), ("a,b",), (1,)])
async def test_a_subscription_is_for_all_its_rooms_or_none(
    server: FakeServer, arguments: tuple[Any, ...]
) -> None:
    """After a refusal a browser knows that nothing has changed."""
    assert_refused(await server.receive("subscribe", "me", *arguments), "bad_room")
    assert server.rooms("me", "/") == ["me"]


async def test_the_rooms_of_a_session_are_limited(server: FakeServer) -> None:
    """Rooms cost memory, and browsers choose them."""
    assert (await server.receive("subscribe", "me", ["a", "b", "c"]))["ok"]
    assert_refused(await server.receive("subscribe", "me", "d"), "too_many_rooms")
    assert (await server.receive("subscribe", "me", ["a", "b"]))["ok"], "it is in these already"
    assert server.rooms("me", "/") == ["me", "a", "b", "c"]


async def test_too_many_rooms_at_once_are_all_refused(server: FakeServer) -> None:
    """All or none here too."""
    assert_refused(await server.receive("subscribe", "me", ["a", "b", "c", "d"]), "too_many_rooms")
    assert server.rooms("me", "/") == ["me"]


async def test_the_names_of_a_sessions_rooms_are_bounded_in_bytes(server: FakeServer) -> None:
    """Redis and the gateway keep the names: a character has up to four bytes, a name up to 256."""
    long = "ü" * (MAX_ROOM_BYTES // 2 - 2)
    assert (await server.receive("subscribe", "me", [long, "abc"]))["ok"]
    ack = await server.receive("subscribe", "me", "ab")
    assert_refused(ack, "too_many_rooms")
    assert f"{MAX_ROOM_BYTES} bytes" in ack["error"]["message"]
    assert (await server.receive("subscribe", "me", [long, "d"]))["ok"], "the last byte may be used"
    assert server.rooms("me", "/") == ["me", long, "abc", "d"]


async def test_the_room_of_another_session_cannot_be_joined(server: FakeServer) -> None:
    """Otherwise one browser would receive what is meant for another, whatever replica either is on."""
    assert_refused(await server.receive("subscribe", "me", SID_OF_ANOTHER), "bad_room")


async def test_a_list_with_the_room_of_a_session_is_refused_whole(server: FakeServer) -> None:
    """Otherwise a page that was refused would still get the events of the first room."""
    assert_refused(await server.receive("subscribe", "me", ["a", SID_OF_ANOTHER]), "bad_room")
    assert server.rooms("me", "/") == ["me"]


async def test_a_browser_leaves_rooms(server: FakeServer) -> None:
    """It may name rooms that it is not in: the result is what it wants."""
    await server.receive("subscribe", "me", ["a", "b"])
    ack = await server.receive("unsubscribe", "me", ["a", "never joined"])
    assert ack == {"ok": True, "rooms": ["a"]}
    assert server.rooms("me", "/") == ["me", "b"]


async def test_a_browser_cannot_leave_its_own_room(server: FakeServer) -> None:
    """It would miss what is meant for it alone."""
    await server.receive("unsubscribe", "me", "me")
    assert server.rooms("me", "/") == ["me"]


@pytest.mark.parametrize("arguments", [(), (None,), ("a", "b"), ([],)])
async def test_leaving_something_that_is_no_room_is_refused(
    server: FakeServer, arguments: tuple[Any, ...]
) -> None:
    """A mistake in a page's code should show in the page."""
    assert_refused(await server.receive("unsubscribe", "me", *arguments), "bad_room")


async def test_rooms_are_saved_before_they_are_acknowledged(server: FakeServer) -> None:
    """The replica may be killed right after: the browser must recover the rooms that were acknowledged."""
    await server.receive("subscribe", "me", ["a", "b"])
    await server.receive("unsubscribe", "me", "a")
    assert server.remembered == [["me", "a", "b"], ["me", "b"]]


@pytest.mark.parametrize("wanted", [["vip"], ["sku:1", "vip"], ["vip", "sku:1"], "vip"])
async def test_rooms_that_a_session_may_not_join_are_refused(server: FakeServer, wanted: Any) -> None:
    """With all other rooms of the list: after a refusal a page knows that nothing has changed."""
    server.anyone = Identity("ann", patterns(["sku:*"]))
    await server.receive("subscribe", "me", "sku:7")
    ack = await server.receive("subscribe", "me", wanted)
    assert_refused(ack, "forbidden")
    assert "'vip'" in ack["error"]["message"]
    assert server.rooms("me", "/") == ["me", "sku:7"]
    assert server.remembered == [["me", "sku:7"]]


async def test_a_room_that_a_session_may_no_longer_join_can_be_left(server: FakeServer) -> None:
    """Leaving needs no right."""
    await server.receive("subscribe", "me", ["vip", "news"])
    server.anyone = Identity("ann", patterns(["news"]))
    assert await server.receive("unsubscribe", "me", "vip") == {"ok": True, "rooms": ["vip"]}


@pytest.mark.parametrize(
    ("event", "rooms"), [("subscribe", ["b"]), ("unsubscribe", ["a"]), ("subscribe", ["a", "b"])]
)
async def test_rooms_that_cannot_be_saved_stay_as_they_were(
    server: FakeServer, event: str, rooms: list[str]
) -> None:
    """After a refusal a browser knows that nothing has changed, neither here nor after a recovery."""
    await server.receive("subscribe", "me", ["a", "c"])
    server.forgetting = BusUnavailable("saving sessions: redis.internal:6379 is away")
    ack = await server.receive(event, "me", rooms)
    assert_refused(ack, "bus_unavailable")
    assert "redis" not in ack["error"]["message"], "host names stay in the log"
    assert sorted(server.rooms("me", "/")) == ["a", "c", "me"]
    server.forgetting = None
    assert (await server.receive(event, "me", rooms))["ok"], "it can be tried again"


# Another token


async def test_a_session_goes_on_with_another_token(server: FakeServer) -> None:
    """The answer says when that token expires, so that the page knows when it needs the next one."""
    server.renewed = Identity("ann", patterns(["sku:*"]), expires=1_700_000_000)
    ack = await server.receive("refresh", "me", "a new token")
    assert ack == {"ok": True, "rooms": [], "expires": 1_700_000_000}
    assert server.tokens == ["a new token"]


async def test_a_new_token_changes_the_rooms(server: FakeServer) -> None:
    """The session leaves rooms that the token does not allow, and joins those that it names."""
    await server.receive("subscribe", "me", ["sku:7", "vip", "team:red"])
    server.renewed = Identity(
        "ann", patterns(["sku:*", "user:ann", "team:blue"]), joins=("user:ann", "team:blue", "sku:7")
    )
    ack = await server.receive("refresh", "me", "a new token")
    assert ack == {"ok": True, "rooms": ["sku:7", "team:blue", "user:ann"], "expires": None}
    assert sorted(server.remembered[-1]) == ["me", "sku:7", "team:blue", "user:ann"], "it comes back to these"


@pytest.mark.parametrize("arguments", [(), ("a", "b"), (None,)])
async def test_arguments_that_are_no_token_are_checked_as_none(
    server: FakeServer, arguments: tuple[Any, ...]
) -> None:
    """The authenticator decides what that means, as it does at CONNECT."""
    server.renewed = ConnectRefused("unauthorized", "missing")
    assert_refused(await server.receive("refresh", "me", *arguments), "unauthorized")
    assert server.tokens == [None]


@pytest.mark.parametrize(("code", "fault"), [("unauthorized", "signature"), ("unauthorized", "expired")])
async def test_a_bad_token_changes_nothing(
    server: FakeServer, figure: Figures, code: Any, fault: str
) -> None:
    """The page learns no more than at CONNECT; its session goes on until its own token ends."""
    await server.receive("subscribe", "me", "vip")
    server.renewed = ConnectRefused(code, fault)
    ack = await server.receive("refresh", "me", "stolen")
    assert_refused(ack, code)
    assert ack["error"]["message"] == MESSAGES[code]
    assert server.rooms("me", "/") == ["me", "vip"]
    assert figure("acks_refused_total", code=code) == 1


async def test_a_token_that_cannot_be_checked_now_is_not_called_bad(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The page tries again; after `unauthorized` it would ask its user to sign in."""
    await server.receive("subscribe", "me", "vip")
    server.renewed = KeysUnavailable("keys_unavailable: TimeoutError at issuer.internal")
    ack = await server.receive("refresh", "me", "a new token")
    assert_refused(ack, "bus_unavailable")
    assert "issuer" not in ack["error"]["message"], "host names stay in the log"
    assert "issuer.internal" in caplog.text
    assert server.rooms("me", "/") == ["me", "vip"]


async def test_rights_end_although_the_rooms_cannot_be_saved(server: FakeServer) -> None:
    """A room that is no longer allowed is left whether Redis answers or not; the page may try again."""
    await server.receive("subscribe", "me", ["vip", "sku:7"])
    server.renewed = Identity("ann", patterns(["sku:*"]))
    server.forgetting = BusUnavailable("saving sessions: away")
    assert_refused(await server.receive("refresh", "me", "a new token"), "bus_unavailable")
    assert server.rooms("me", "/") == ["me", "sku:7"]
    server.forgetting = None
    assert (await server.receive("refresh", "me", "a new token"))["ok"]


# Counting refusals


async def test_refusals_are_counted_by_their_code(server: FakeServer, figure: Figures) -> None:
    """A page with a mistake shows as a line in a graph, which also says what the mistake is."""
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
    """It fails for each event of each browser; the metric counts all of them."""
    server.refusing = server.forgetting = BusUnavailable("publishing: OOM command not allowed")
    server.renewed = KeysUnavailable("keys_unavailable: nobody answers")
    for number in range(100):
        assert_refused(await server.receive("item_removed", "me", {"id": number}), "bus_unavailable")
        assert_refused(await server.receive("subscribe", "me", f"room-{number}"), "bus_unavailable")
        assert_refused(await server.receive("refresh", "me", "a new token"), "bus_unavailable")
    assert 0 < len(caplog.records) < 100
    assert figure("acks_refused_total", code="bus_unavailable") == 300
