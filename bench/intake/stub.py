"""`python -m bench.intake.stub PORT`: a cheap SQS endpoint with an endless queue.

Each receive brings ten messages at once, each with its own id and handle and correct MD5 sums; each delete is
confirmed. `GET /` returns the counts of requests. It checks no signature and forgets every message.
"""

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import uvloop

from bench.events import compact, tick
from bench.intake.endpoint import Endpoint

BATCH = 10
ROOM = "sku:7"


class Counts:
    """The calls of the stub's receives and deletes, and their messages."""

    calls = 0
    received = 0
    deleted = 0


def digest(attributes: Mapping[str, str]) -> str:
    """Return the MD5 of message attributes, all of the type String, in the order of their names.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
    """
    md5 = hashlib.md5(usedforsecurity=False)
    for name, value in sorted(attributes.items()):
        for part in (name, "String"):
            md5.update(len(part).to_bytes(4, "big") + part.encode())
        md5.update(b"\x01" + len(value).to_bytes(4, "big") + value.encode())
    return md5.hexdigest()


def _message() -> bytes:
    """Return a message as JSON, with two places for its number and one for its send time."""
    body = compact(tick(7, 0).argument)
    room = {"rooms": {"DataType": "String", "StringValue": ROOM}}
    message: dict[str, Any] = {
        "MessageId": "00000000-0000-4000-8000-@ID@",
        "ReceiptHandle": "AQEB" + "x" * 340 + "@ID@",
        "MD5OfBody": hashlib.md5(body, usedforsecurity=False).hexdigest(),
        "Body": body.decode(),
        "Attributes": {"SentTimestamp": "@SENT@", "ApproximateReceiveCount": "1"},
        "MD5OfMessageAttributes": digest({"rooms": ROOM}),
        "MessageAttributes": room,
    }
    text = json.dumps(message).replace("%", "%%").replace("@ID@", "%(id)012d").replace("@SENT@", "%(sent)d")
    return text.encode()


_TEMPLATE = _message()
_URL = b"/123456789012/orders"


class Stub(Endpoint):
    """One connection to the queue."""

    def __init__(self, counts: Counts) -> None:
        super().__init__()
        self._counts = counts
        self.actions = {
            b"ReceiveMessage": self._receive,
            b"DeleteMessageBatch": self._delete,
            b"GetQueueUrl": lambda _: b'{"QueueUrl": "http://127.0.0.1%b"}' % _URL,
            b"GetQueueAttributes": lambda _: b'{"Attributes": {"VisibilityTimeout": "30"}}',
        }

    def ask(self, path: bytes) -> bytes:
        counts = self._counts
        return json.dumps([counts.calls, counts.received, counts.deleted]).encode()

    def _receive(self, _: bytes) -> bytes:
        self._counts.calls += 1
        sent = time.time_ns() // 1_000_000
        first = self._counts.received
        self._counts.received += BATCH
        messages = [_TEMPLATE % {b"id": first + n, b"sent": sent} for n in range(BATCH)]
        return b'{"Messages": [%b]}' % b", ".join(messages)

    def _delete(self, body: bytes) -> bytes:
        self._counts.calls += 1
        ids = [entry["Id"] for entry in json.loads(body)["Entries"]]
        self._counts.deleted += len(ids)
        return confirmed(ids)


def confirmed(ids: Sequence[str]) -> bytes:
    """Return the answer to a batch whose entries all succeeded."""
    return json.dumps({"Successful": [{"Id": entry} for entry in ids]}).encode()


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    counts = Counts()
    server = await asyncio.get_running_loop().create_server(lambda: Stub(counts), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
