"""Subscribing with past events: rights, limits, and a room that is open only with its answer."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import Figures
from tests.unit.gateway.fakes import FakeServer
from tests.unit.gateway.server.handler_bench import assert_refused, make_server

from queuecast_bus import BusUnavailable
from queuecast_gateway.access.grant import Identity, patterns
from queuecast_gateway.wire.past import PastAck, PastEvent, PastEvents, Wanted, joined

EVENT = PastEvent('{"event":"e","args":[1],"offset":"1-0"}', 40)


class FakePast:
    """Past events from a list; `meanwhile` is what happens while they are read."""

    most_events = 5
    keeps_latest = True

    def __init__(self) -> None:
        self.events: Sequence[PastEvent] = [EVENT]
        self.asked: list[tuple[Any, ...]] = []
        self.meanwhile: Callable[[], Any] = lambda: None
        self.failure: Exception | None = None

    async def read(self, namespace: str, rooms: Sequence[str], wanted: Wanted, sid: str) -> PastEvents:
        self.asked.append((namespace, list(rooms), wanted, sid))
        self.meanwhile()
        if self.failure is not None:
            raise self.failure
        return PastEvents(joined(self.events), True, "9-0")


@pytest.fixture
def past() -> FakePast:
    return FakePast()


@pytest.fixture
def server(registry: CollectorRegistry, past: FakePast) -> FakeServer:
    return make_server(registry, past=past)


async def test_the_answer_has_past_events(server: FakeServer, past: FakePast) -> None:
    """`rooms` as ever; the events wait in it, made once for all browsers."""
    ack = await server.receive("subscribe", "me", ["a", "b", "a"], {"last": 2})
    assert isinstance(ack, PastAck)
    assert ack == {"ok": True, "rooms": ["a", "b"], "complete": True, "offset": "9-0"}
    assert ack.past.run == joined([EVENT])
    assert past.asked == [("/", ["a", "b", "a"], Wanted(last=2), "me")]
    assert server.opened == [("me", "a"), ("me", "b")]


async def test_a_room_is_saved_first_and_opened_last(server: FakeServer, past: FakePast) -> None:
    """An event that came between the answer and the room would be missing; one before the answer, twice."""
    past.meanwhile = lambda: seen.append((list(server.remembered), list(server.opened)))
    seen: list[Any] = []
    await server.receive("subscribe", "me", "a", {"since": "1-0"})
    assert seen == [([["me", "a"]], [])]
    assert server.opened == [("me", "a")]


async def test_a_session_that_is_there_already_gets_past_events_too(
    server: FakeServer, past: FakePast
) -> None:
    """A page that lost the answer asks again; nothing has to be saved for it."""
    await server.receive("subscribe", "me", "a")
    server.remembered.clear()
    ack = await server.receive("subscribe", "me", "a", {"last": 1})
    assert ack["rooms"] == []
    assert ack.past.run == joined([EVENT])
    assert server.remembered == server.opened == []


async def test_without_options_nothing_is_read(server: FakeServer, past: FakePast) -> None:
    """Also for a client that sends null for what it leaves out."""
    assert await server.receive("subscribe", "me", "a", None) == {"ok": True, "rooms": ["a"]}
    assert past.asked == []


@pytest.mark.parametrize(
    "options",
    [
        *({}, [], "last", 1, True, {"last": 0}, {"last": 6}, {"last": -1}, {"last": "2"}, {"last": True}),
        *({"last": 1.5}, {"last": None}, {"since": ""}, {"since": "1"}, {"since": "1-0 "}, {"since": 1}),
        *({"latest": False}, {"latest": 1}, {"latest": True, "last": 1}),
        *({"since": "1-0", "last": 1}, {"first": 2}, {"since": "٣-0"}, {"last": float("inf")}),
    ],
)
async def test_options_that_are_none_are_refused(server: FakeServer, past: FakePast, options: Any) -> None:
    """A misspelling must not pass for an empty past; the message says what is right."""
    ack = await server.receive("subscribe", "me", "a", options)
    assert_refused(ack, "bad_options")
    assert "last: 1 to 5" in ack["error"]["message"]
    assert server.rooms("me", "/") == ["me"]
    assert past.asked == []


async def test_the_latest_of_each_key_is_asked_for(server: FakeServer, past: FakePast) -> None:
    """Where it is kept; elsewhere the page is told that it is not."""
    assert (await server.receive("subscribe", "me", "a", {"latest": True}))["ok"]
    assert past.asked[0][2] == Wanted(latest=True)
    past.keeps_latest = False
    assert_refused(await server.receive("subscribe", "me", "b", {"latest": True}), "bad_options")


async def test_a_whole_number_may_come_as_a_fraction(server: FakeServer, past: FakePast) -> None:
    """Some languages have no other numbers."""
    assert (await server.receive("subscribe", "me", "a", {"last": 2.0}))["ok"]
    assert past.asked[0][2] == Wanted(last=2)


async def test_a_gateway_may_give_no_past_events(registry: CollectorRegistry) -> None:
    """The page is told, instead of an empty past."""
    server = make_server(registry)
    ack = await server.receive("subscribe", "me", "a", {"last": 1})
    assert_refused(ack, "bad_options")
    assert "no past events" in ack["error"]["message"]


async def test_who_may_not_join_may_not_read(server: FakeServer, past: FakePast, figure: Figures) -> None:
    """A room's past is as private as its future; one forbidden room refuses all."""
    server.anyone = Identity("ann", patterns(["sku:*"]))
    assert_refused(await server.receive("subscribe", "me", ["sku:1", "b"], {"last": 1}), "forbidden")
    assert past.asked == server.opened == []
    assert server.rooms("me", "/") == ["me"]
    assert figure("acks_refused_total", code="forbidden") == 1


async def test_a_room_that_was_left_meanwhile_is_not_opened(server: FakeServer, past: FakePast) -> None:
    """A command, or another token, may have taken it away."""
    past.meanwhile = lambda: server._rooms["me", "/"].remove("b")
    assert_refused(await server.receive("subscribe", "me", ["a", "b"], {"last": 1}), "forbidden")
    assert server.opened == []
    assert server.rooms("me", "/") == ["me"]


async def test_nobody_joins_if_the_past_cannot_be_read(server: FakeServer, past: FakePast) -> None:
    """All or nothing: a page that is in the room would think that it knows what came before."""
    past.failure = BusUnavailable("recalling records: nobody there")
    assert_refused(await server.receive("subscribe", "me", "a", {"last": 1}), "bus_unavailable")
    assert server.opened == []
    assert server.rooms("me", "/") == ["me"]


async def test_nobody_joins_if_the_room_cannot_be_saved(server: FakeServer, past: FakePast) -> None:
    """As without options: what is acknowledged is recovered."""
    server.forgetting = BusUnavailable("saving sessions: nobody there")
    assert_refused(await server.receive("subscribe", "me", "a", {"last": 1}), "bus_unavailable")
    assert past.asked == server.opened == []
    assert server.rooms("me", "/") == ["me"]


async def test_an_address_is_sent_so_many_bytes_of_past_events(server: FakeServer, past: FakePast) -> None:
    """A request of 40 bytes may bring 256 KiB: without a limit that is a way to fill any link."""
    past.events = [EVENT._replace(size=600)]
    assert (await server.receive("subscribe", "me", "a", {"last": 1}))["ok"]
    assert (await server.receive("subscribe", "you", "a", {"last": 1}))["ok"]
    ack = await server.receive("subscribe", "me", "b", {"last": 1})
    assert_refused(ack, "rate_limited")
    assert server.rooms("me", "/") == ["me", "a"]
    assert (await server.receive("subscribe", "me", "b"))["ok"], "the future costs nothing"
