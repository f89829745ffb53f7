"""`python -m bench.intake.stub PORT`: a cheap SQS endpoint with an endless queue.

Each receive brings ten messages at once, each with its own id and handle and correct MD5 sums; each delete is
confirmed. `GET /` returns the counts of requests. It checks no signature and forgets every message.
"""

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import uvloop

from bench.events import compact, tick

BATCH = 10
ROOM = "sku:7"


class Counts:
    """The requests to the stub."""

    calls = 0
    received = 0
    deleted = 0


def _message() -> bytes:
    """Return a message as JSON, with two places for its number and one for its send time."""
    body = compact(tick(7, 0).argument)
    room = {"rooms": {"DataType": "String", "StringValue": ROOM}}
    digest = hashlib.md5(usedforsecurity=False)
    for part in ("rooms", "String"):
        digest.update(len(part).to_bytes(4, "big") + part.encode())
    digest.update(b"\x01" + len(ROOM).to_bytes(4, "big") + ROOM.encode())
    message: dict[str, Any] = {
        "MessageId": "00000000-0000-4000-8000-@ID@",
        "ReceiptHandle": "AQEB" + "x" * 340 + "@ID@",
        "MD5OfBody": hashlib.md5(body, usedforsecurity=False).hexdigest(),
        "Body": body.decode(),
        "Attributes": {"SentTimestamp": "@SENT@", "ApproximateReceiveCount": "1"},
        "MD5OfMessageAttributes": digest.hexdigest(),
        "MessageAttributes": room,
    }
    text = json.dumps(message).replace("%", "%%").replace("@ID@", "%(id)012d").replace("@SENT@", "%(sent)d")
    return text.encode()


_TEMPLATE = _message()
_URL = b"/123456789012/orders"


class Stub(asyncio.Protocol):
    """One connection. It answers requests one by one; pipelined ones wait in the buffer."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._actions: dict[bytes, Callable[[bytes], bytes]] = {
            b"ReceiveMessage": self._receive,
            b"DeleteMessageBatch": self._delete,
            b"GetQueueUrl": lambda _: b'{"QueueUrl": "http://127.0.0.1%b"}' % _URL,
            b"GetQueueAttributes": lambda _: b'{"Attributes": {"VisibilityTimeout": "30"}}',
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a TCP transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(_header(head, b"content-length") or 0)
            if len(self._buffer) < end + 4 + length:
                return
            original, body = self._buffer[:end], self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            self._answer(self._body(original, head, body))

    def _body(self, original: bytes, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"get"):
            counts = self._counts
            return json.dumps([counts.calls, counts.received, counts.deleted]).encode()
        self._counts.calls += 1
        start = head.find(b"amazonsqs.") + len(b"amazonsqs.")
        return self._actions[original[start:].split(b"\r\n", 1)[0]](body)

    def _receive(self, _: bytes) -> bytes:
        sent = time.time_ns() // 1_000_000
        first = self._counts.received
        self._counts.received += BATCH
        messages = [_TEMPLATE % {b"id": first + n, b"sent": sent} for n in range(BATCH)]
        return b'{"Messages": [%b]}' % b", ".join(messages)

    def _delete(self, body: bytes) -> bytes:
        ids = [entry["Id"] for entry in json.loads(body)["Entries"]]
        self._counts.deleted += len(ids)
        return json.dumps({"Successful": [{"Id": entry} for entry in ids]}).encode()

    def _answer(self, body: bytes) -> None:
        if self._transport is not None:
            head = (
                b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\n\r\n"
            )
            self._transport.write(head % len(body) + body)


def _header(head: bytes, name: bytes) -> bytes | None:
    start = head.find(b"\r\n%b:" % name)
    return None if start < 0 else head[start:].split(b":", 1)[1].split(b"\r\n", 1)[0].strip()


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    counts = Counts()
    server = await asyncio.get_running_loop().create_server(lambda: Stub(counts), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
