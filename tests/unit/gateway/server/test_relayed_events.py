"""Events that a browser sends to everyone: which are relayed, and why others are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import Figures
from tests.unit.gateway.fakes import FakeServer
from tests.unit.gateway.server.handler_bench import assert_refused, make_server

from queuecast_bus import BadRecord, BusUnavailable
from queuecast_edge.schemas import Schemas
from queuecast_gateway.access.grant import EVERY_ROOM, Identity


@pytest.fixture
def server(registry: CollectorRegistry) -> FakeServer:
    return make_server(registry)


@pytest.mark.parametrize("arguments", [(), ({"id": 1},), (1, "two", b"three"), ([1, 2],)])
async def test_a_relayed_event_keeps_its_arguments(
    server: FakeServer, figure: Figures, arguments: tuple[Any, ...]
) -> None:
    """It is published on the bus, so that all clients see one order of events."""
    assert await server.receive("item_removed", "me", *arguments, namespace="/shop") == {"ok": True}
    assert server.emitted == [("item_removed", arguments, {"namespace": "/shop"})]
    assert figure("relays_total", outcome="published") == 1


async def test_a_relay_that_redis_did_not_confirm_is_refused(server: FakeServer, figure: Figures) -> None:
    """The browser can try again; an `ok` would be wrong."""
    server.refusing = BusUnavailable("publishing: away")
    assert_refused(await server.receive("item_removed", "me", 1), "bus_unavailable")
    assert figure("relays_total", outcome="failed") == 1
    assert figure("relays_total", outcome="published") == 0


async def test_an_event_that_other_clients_could_not_take_is_refused(
    server: FakeServer, figure: Figures
) -> None:
    """The sender learns why, and nobody else receives it."""
    server.refusing = BadRecord("nested deeper than 64", "nesting")
    assert_refused(await server.receive("item_removed", "me", 1), "bad_payload")
    assert figure("relays_total", outcome="refused") == 1


async def test_a_refusal_says_nothing_of_redis(server: FakeServer) -> None:
    """Host names and error texts stay in the log."""
    server.refusing = BusUnavailable("publishing: ConnectionError: redis.internal:6379")
    ack = await server.receive("item_removed", "me", 1)
    assert "redis" not in ack["error"]["message"]


async def test_an_event_that_is_not_relayed_is_refused(server: FakeServer, figure: Figures) -> None:
    """Only events that the operator named may reach everyone; others must not vanish without an answer."""
    assert_refused(await server.receive("item_added", "me", {"id": 1}), "unknown_event")
    assert server.emitted == []
    assert figure("relays_total", outcome="refused") == 1


async def test_a_long_event_name_is_not_echoed_in_full(server: FakeServer) -> None:
    """An answer must not be larger than its request."""
    ack = await server.receive("x" * 256, "me")
    assert len(ack["error"]["message"]) < 200


async def test_a_session_relays_only_what_its_token_allows(server: FakeServer, figure: Figures) -> None:
    """Every client would trust the event."""
    server.anyone = Identity("ann", EVERY_ROOM, relays=frozenset({"item_added"}))
    ack = await server.receive("item_removed", "me", {"id": 1})
    assert_refused(ack, "forbidden")
    assert "'item_removed'" in ack["error"]["message"]
    assert server.emitted == []
    assert figure("relays_total", outcome="refused") == 1
    server.anyone = Identity("ann", EVERY_ROOM, relays=frozenset({"item_removed"}))
    assert await server.receive("item_removed", "me", {"id": 1}) == {"ok": True}


async def test_a_token_allows_no_event_that_the_gateway_does_not_relay(server: FakeServer) -> None:
    """The operator decides first which events may reach everyone."""
    server.anyone = Identity("ann", EVERY_ROOM, relays=frozenset({"item_added"}))
    assert_refused(await server.receive("item_added", "me", {"id": 1}), "unknown_event")
    assert server.emitted == []


@pytest.fixture
def strict(registry: CollectorRegistry, tmp_path: Path) -> FakeServer:
    """A gateway where a removed item has an integer id and nothing else."""
    schema = {"type": "object", "properties": {"id": {"type": "integer"}}, "additionalProperties": False}
    path = tmp_path / "schemas.json"
    path.write_text(json.dumps({"item_removed": schema}))
    events = ["item_removed", "item_moved"]
    return make_server(registry, events, Schemas.load(str(path), events))


@pytest.mark.parametrize("data", [{"id": "one"}, {"id": 1, "note": "<script>"}, [], "1"])
async def test_data_that_does_not_fit_its_schema_is_refused(
    strict: FakeServer, figure: Figures, data: Any
) -> None:
    """The answer says what is wrong, for the page's developer; nobody else receives it."""
    assert_refused(await strict.receive("item_removed", "me", data), "bad_payload")
    assert strict.emitted == []
    assert figure("relays_total", outcome="refused") == 1


async def test_data_that_fits_its_schema_is_relayed(strict: FakeServer) -> None:
    """Unchanged; an event without a schema may have any data."""
    assert await strict.receive("item_removed", "me", {"id": 1}) == {"ok": True}
    assert await strict.receive("item_moved", "me", "anything", 7) == {"ok": True}
    assert [(event, data) for event, data, _ in strict.emitted] == [
        ("item_removed", ({"id": 1},)),
        ("item_moved", ("anything", 7)),
    ]


async def test_the_right_is_checked_before_the_schema(strict: FakeServer) -> None:
    """A client that may not send an event does not learn its schema."""
    strict.anyone = Identity("ann", EVERY_ROOM, relays=frozenset())
    assert_refused(await strict.receive("item_removed", "me", {"id": "one"}), "forbidden")
