"""Past events with the stock JavaScript client: in the acknowledgement, and then live."""

from typing import Any

import pytest
from tests.claims import eventually

from .conftest import Connect
from .rig import Rig

TRANSPORTS = pytest.mark.parametrize("transport", ["websocket", "polling"])


def ids(ack: dict[str, Any]) -> list[int]:
    assert ack["ok"], ack
    return [event["args"][0]["id"] for event in ack["events"]]


@pytest.mark.javascript
@TRANSPORTS
def test_a_page_that_opens_late_has_what_the_others_have(rig: Rig, connect: Connect, transport: str) -> None:
    """From the queue, over both gateways; `since` goes on where an answer ended."""
    room = f"sku:{transport}"
    first, second, late = connect(rig, count=3, transports=[transport])
    for client in (first, second):
        assert client.emit("subscribe", room)["ok"]
    rig.queue.put([{"id": number} for number in range(5)], rooms=room)
    eventually(lambda: all(len(client.events("item_added")) == 5 for client in (first, second)))
    order = [item["id"] for (item,) in first.events("item_added")]
    ack = late.emit("subscribe", room, {"last": 3})
    assert ids(ack) == order[-3:]
    assert {event["event"] for event in ack["events"]} == {"item_added"}
    assert ack["complete"]
    rig.queue.put([{"id": 5}], rooms=room)
    eventually(lambda: [item for (item,) in late.events("item_added")] == [{"id": 5}])
    assert late.emit("unsubscribe", room)["ok"]
    rig.queue.put([{"id": 6}], rooms=room)
    eventually(lambda: len(first.events("item_added")) == 7)
    ack = late.emit("subscribe", room, {"since": ack["offset"]})
    assert ids(ack) == [5, 6]
    assert ack["complete"]
    assert late.emit("subscribe", room, {"last": 0})["error"]["code"] == "bad_options"
