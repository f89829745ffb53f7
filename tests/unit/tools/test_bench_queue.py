"""The stub of SQS of the bench of the whole way: what it loses or doubles would be a system's fault."""

import asyncio
import json
from typing import Any, cast

from bench.events import FIRST
from bench.whole.queue import Connection, Queue


class Transport:
    """Keeps the bodies that were written."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self._more = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.bodies.append(json.loads(data.partition(b"\r\n\r\n")[2]))
        self._more.set()

    async def has(self, count: int) -> None:
        """Wait until so many were written."""
        async with asyncio.timeout(30):
            while len(self.bodies) < count:
                self._more.clear()
                await self._more.wait()


def connected(queue: Queue) -> tuple[Connection, Transport]:
    connection, transport = Connection(queue), Transport()
    connection.connection_made(cast(asyncio.BaseTransport, transport))
    return connection, transport


def request(action: str, body: dict[str, Any]) -> bytes:
    text = json.dumps(body).encode()
    head = f"POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.{action}\r\nContent-Length: {len(text)}\r\n\r\n"
    return head.encode() + text


async def test_each_message_comes_once_and_is_counted_when_it_is_deleted() -> None:
    """Ten at a time, until the queue is empty."""
    queue = Queue("rooms", "id")
    connection, transport = connected(queue)
    connection.data_received(b"GET /send?first=%d&count=25&rate=0&rooms=5 HTTP/1.1\r\n\r\n" % FIRST)
    assert transport.bodies.pop() == [25, 0]
    for _ in range(3):
        connection.data_received(request("ReceiveMessage", {"WaitTimeSeconds": 20}))
    await transport.has(3)
    messages = [message for body in transport.bodies for message in body["Messages"]]
    assert [len(body["Messages"]) for body in transport.bodies] == [10, 10, 5]
    assert [json.loads(message["Body"])["seq"] for message in messages] == list(range(FIRST, FIRST + 25))
    assert len({message["MessageAttributes"]["id"]["StringValue"] for message in messages}) == 25
    entries = [{"Id": str(place), "ReceiptHandle": "x"} for place in range(10)]
    connection.data_received(request("DeleteMessageBatch", {"Entries": entries}))
    await transport.has(4)
    assert len(transport.bodies.pop()["Successful"]) == 10
    assert (queue.waiting, queue.deleted) == (0, 10)


async def test_a_receive_waits_for_a_message() -> None:
    """Long polling: the answer comes with the message. A second request waits for the first answer."""
    queue = Queue("rooms", None)
    connection, transport = connected(queue)
    connection.data_received(request("ReceiveMessage", {"WaitTimeSeconds": 20}))
    connection.data_received(request("ReceiveMessage", {"WaitTimeSeconds": 0}))
    assert transport.bodies == []
    queue.send(FIRST, 1, 1_000, 1)
    await transport.has(2)
    assert len(transport.bodies[0]["Messages"]) == 1
    assert transport.bodies[1] == {}
