"""The channels of Node's emitters: each message has an outcome, and none ends the listener."""

from typing import Any

import msgpack
import pytest
from tests.unit.gateway.delivery.emitter_replica import LARGEST, Replica

from queuecast_bus.keys import Keys
from queuecast_gateway.delivery.node_emitters import NodeEmitters

NODE = b"socket.io#/#"


def packed(*data: Any, **options: Any) -> bytes:
    message: bytes = msgpack.packb(
        ["emitter", {"type": 2, "data": list(data), "nsp": "/"}, {"rooms": [], **options}]
    )
    return message


async def test_each_message_of_node_has_one_outcome(caplog: pytest.LogCaptureFixture) -> None:
    """None is raised, and none is silent."""
    replica = Replica()
    browser = await replica.browser("a")
    follow = NodeEmitters(replica.bus.clients, Keys(), replica.emitters, LARGEST).follow
    follow(NODE, packed("e", b"x", rooms=["a"]))
    follow(NODE, packed("e", rooms=["b"]))
    follow(NODE, b"noise")
    follow(NODE, packed("e", *[b"x"] * 11))
    follow(NODE, packed("e", {"_placeholder": True, "num": 0}, b"x"))
    follow(b"socket.io-request#/#", b'{"type":2,"opts":{"rooms":["a"]},"rooms":["b"]}')
    follow(b"socket.io-request#/#", b'{"type":6,"data":["hello"]}')
    follow(b"socket.io-request#/#", b'{"type":6,"data":["hello"]}')
    assert replica.texts(browser) == ['451-["e",{"_placeholder":true,"num":0},"0-0"]']
    assert replica.outcomes() == {
        "delivered": 1,
        "nobody_here": 1,
        "malformed": 3,
        "command": 1,
        "unsupported": 2,
    }
    assert replica.counted("records_skipped_total", reason="attachments") == 2
    assert caplog.text.count("requests SERVER_SIDE_EMIT") == 1
