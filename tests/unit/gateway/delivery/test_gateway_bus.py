"""The control channel: what python-socketio's managers in other processes publish there, and noise."""

import asyncio
import base64
import json
import pickle
from typing import Any

import pytest
from tests.unit.gateway.delivery.emitter_replica import LARGEST, Replica


@pytest.fixture
def replica() -> Replica:
    return Replica()


def emit_message(**changes: Any) -> dict[str, Any]:
    """Return what a stock manager publishes for an emit."""
    message = {"method": "emit", "event": "e", "data": [1], "namespace": "/", "host_id": "elsewhere"}
    return {**message, **changes}


def binary(data: Any, *attachments: bytes) -> dict[str, Any]:
    return {"binary": True, "data": [data, *(base64.b64encode(each).decode() for each in attachments)]}


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"event": "connect"}, "event_name"),
        ({"data": [float("nan")]}, "json"),
        ({"data": [json.loads("[" * 65 + "]" * 65)]}, "nesting"),
        ({"data": ["x" * LARGEST]}, "too_large"),
        ({"data": ["x" * 4 * LARGEST]}, "too_large"),
        (
            binary([{"_placeholder": True, "num": number} for number in range(11)], *[b"x"] * 11),
            "attachments",
        ),
        (binary([{"_placeholder": True, "num": 0}, {"_placeholder": 1, "num": 7}], b"x"), "fields"),
        ({"event": 5}, "fields"),
        ({"event": None}, "fields"),
        ({"room": []}, "fields"),
        (binary([{"_placeholder": True, "num": 3}], b"x"), "fields"),
    ],
)
async def test_a_stock_managers_emit_is_bounded_too(
    replica: Replica, changes: dict[str, Any], flaw: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes to the browsers at once, without the bus; the listener goes on, without a traceback."""
    browser = await replica.browser()
    await replica.hears(emit_message(**changes))
    await replica.hears(emit_message())
    assert replica.counted("records_skipped_total", reason=flaw) == 1
    assert replica.outcomes() == {"malformed": 1, "delivered": 1}
    assert replica.texts(browser) == ['42["e",1,"0-0"]']
    assert "Traceback" not in caplog.text


async def test_a_stock_managers_emit_arrives_whole(replica: Replica) -> None:
    """With its attachments, each in its place."""
    browser = await replica.browser()
    await replica.hears(emit_message(**binary([{"a": {"_placeholder": True, "num": 0}}, 2], b"\xff")))
    assert replica.texts(browser) == ['451-["e",{"a":{"_placeholder":true,"num":0}},2,"0-0"]']


async def test_a_pickled_message_is_counted_and_its_sender_told_what_to_do(
    replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    """Managers before python-socketio 5.14 were ignored in silence; their messages looked delivered."""
    browser = await replica.browser()
    for _ in range(3):
        await replica.hears(pickle.dumps(emit_message()))
    assert replica.outcomes() == {"pickled": 3}
    assert replica.texts(browser) == []
    assert len(caplog.records) == 1
    assert "before 5.14" in caplog.text


@pytest.mark.parametrize("method", ["enter_room", "leave_room", "close_room", "disconnect"])
async def test_a_stock_managers_command_is_counted(replica: Replica, method: str) -> None:
    """Whether the session is here or elsewhere."""
    await replica.hears({"method": method, "sid": "a", "room": "b", "namespace": "/", "host_id": "elsewhere"})
    assert replica.outcomes() == {"command": 1}


@pytest.mark.parametrize(
    "more", [{"count": 1}, {"answer": []}, {"host_id": "self", "sid": [], "id": 1, "args": []}], ids=str
)
async def test_a_broken_callback_is_counted(replica: Replica, more: dict[str, Any]) -> None:
    """It is between replicas, but whoever may publish on the channel can send one."""
    if more.get("host_id"):
        more = {**more, "host_id": replica.bus.host_id}
    await replica.hears({"method": "callback", **more})
    assert replica.outcomes() == {"malformed": 1}


async def test_an_emit_with_a_callback_is_for_a_session_in_a_namespace_that_is_served(
    replica: Replica,
) -> None:
    """A server in Python sends it, which waits for the answer."""
    browser, board = await replica.browser("a"), await replica.browser(namespace="/board")
    for room, namespace in (("a", "/"), ("b", "/"), (None, "/board")):
        await replica.hears(emit_message(room=room, namespace=namespace, callback=["a", namespace, 1]))
    await browser.settle()
    assert replica.texts(browser) == ['421["e",1]']
    assert replica.texts(board) == []
    assert replica.outcomes() == {"delivered": 1, "nobody_here": 1, "unknown_namespace": 1}


async def test_without_python_its_emitters_are_counted_and_replicas_still_hear_each_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Replicas use the same channel to close connections of sessions that have moved."""
    replica = Replica(emitters=("node",))
    browser = await replica.browser()
    await replica.hears(emit_message())
    await replica.hears({"method": "close_room", "room": "a", "namespace": "/", "host_id": "elsewhere"})
    assert replica.outcomes() == {"switched_off": 2}
    assert replica.texts(browser) == []
    assert caplog.text.count("QUEUECAST_EMITTERS") == 1
    answered = replica.bus._close_requests["q"] = asyncio.Event()
    await replica.hears({"method": "callback", "answer": "q"})
    assert answered.is_set()
