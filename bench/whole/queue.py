"""`python -m bench.whole.queue PORT ROOMS_ATTRIBUTE [ID_ATTRIBUTE]`: a stub of SQS for given loads.

`GET /send?first=…&count=…&rate=…&rooms=…` sends numbered messages, each for one room, at a rate or, with the
rate 0, all at once. `GET /` returns how many are waiting and how many were deleted. A call takes about as
long as one to SQS, and a receive waits for messages as in SQS's long polling. The stub checks no signature,
and delivers each message once: no visibility timeout ends.
"""

import asyncio
import hashlib
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import uvloop

from bench.addressed import Addressed
from bench.crowd import room_name
from bench.events import compact, tick
from bench.intake.endpoint import Endpoint
from bench.intake.stub import BATCH, confirmed, digest

CALL_SECONDS = 0.01
"""The least time that a call takes. SQS takes 5 to 20 ms and more; its documentation calculates with 20:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-throughput-horizontal-scaling-and-batching.html
With an endpoint that answers at once, a receive would bring one message, where SQS brings all that have come
during the last call."""

ANSWER_SECONDS = 0.005
"""How long after a message has come a waiting receive is answered, with what comes meanwhile."""

QUEUE = "/123456789012/orders"


class Queue:
    """The messages that are sent in time, and those who wait for them."""

    def __init__(self, rooms_attribute: str, id_attribute: str | None) -> None:
        self.deleted = 0
        self._rooms_attribute = rooms_attribute
        self._id_attribute = id_attribute
        self._next = self._end = 0
        self._rate = 0.0
        self._started_ns = 0
        self._first = 0
        self._books = Addressed(1, ordered=False)
        self._waiting: deque[Connection] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def send(self, first: int, count: int, rate: float, rooms: int) -> None:
        """Send messages from now on."""
        self._first = self._next = first
        self._end, self._rate = first + count, rate
        self._books = Addressed(rooms, ordered=False)
        self._started_ns = time.monotonic_ns()
        self.deleted = 0
        self._wake()

    @property
    def waiting(self) -> int:
        """How many messages have been sent and not been received."""
        return self._sent() - self._next

    def receive(self, connection: "Connection") -> None:
        """Answer with messages, once there are any."""
        if self.waiting > 0:
            connection.answer(self._messages())
            return
        self._waiting.append(connection)
        self._wake()

    def give_up(self, connection: "Connection") -> None:
        """Answer with nothing: the receive has waited for long enough."""
        if connection in self._waiting:
            self._waiting.remove(connection)
            connection.answer(b"{}")

    def _sent(self) -> int:
        if not self._rate:
            return self._end
        elapsed_ns = time.monotonic_ns() - self._started_ns
        return min(self._end, self._first + int(elapsed_ns * self._rate / 1e9))

    def _sent_ns(self, number: int) -> int:
        """Return when a message was sent, by the monotonic clock."""
        if not self._rate:
            return self._started_ns
        return self._started_ns + int((number - self._first + 1) * 1e9 / self._rate)

    def _wake(self) -> None:
        """Answer those who wait, or set a timer for the next message."""
        if self._timer is not None or not self._waiting or self._next >= self._end:
            return
        due_ns = self._sent_ns(self._next) - time.monotonic_ns()
        self._timer = asyncio.get_running_loop().call_later(
            max(0.0, due_ns / 1e9) + ANSWER_SECONDS, self._answer
        )

    def _answer(self) -> None:
        self._timer = None
        while self._waiting and self.waiting > 0:
            connection = self._waiting.popleft()
            if not connection.is_closed:
                connection.answer(self._messages())
        self._wake()

    def _messages(self) -> bytes:
        count = min(BATCH, self.waiting)
        numbers = range(self._next, self._next + count)
        self._next += count
        return json.dumps({"Messages": [self._message(number) for number in numbers]}).encode()

    def _message(self, number: int) -> dict[str, object]:
        sent_ns = self._sent_ns(number)
        sent_ms = (time.time_ns() - time.monotonic_ns() + sent_ns) // 1_000_000
        body = compact(tick(number, sent_ns).argument)
        attributes = {self._rooms_attribute: room_name(self._books.room_of(number))}
        if self._id_attribute is not None:
            attributes[self._id_attribute] = str(number)
        return {
            "MessageId": f"00000000-0000-4000-8000-{number:012d}",
            "ReceiptHandle": "AQEB" + "x" * 340 + str(number),
            "MD5OfBody": hashlib.md5(body, usedforsecurity=False).hexdigest(),
            "Body": body.decode(),
            "Attributes": {"SentTimestamp": str(sent_ms), "ApproximateReceiveCount": "1"},
            "MD5OfMessageAttributes": digest(attributes),
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        }


class Connection(Endpoint):
    """One connection to the queue."""

    def __init__(self, queue: Queue) -> None:
        super().__init__()
        self._queue = queue
        self._patience: asyncio.TimerHandle | None = None
        actions: dict[bytes, Callable[[bytes], None]] = {
            b"ReceiveMessage": self._receive,
            b"DeleteMessageBatch": self._delete,
            b"DeleteMessage": self._delete_one,
            b"ChangeMessageVisibilityBatch": lambda body: self.answer(confirmed(_ids(body))),
            b"GetQueueUrl": lambda _: self.answer(
                json.dumps({"QueueUrl": f"http://127.0.0.1{QUEUE}"}).encode()
            ),
            b"GetQueueAttributes": lambda _: self.answer(b'{"Attributes": {"VisibilityTimeout": "30"}}'),
        }
        self.actions = {name: _later(action) for name, action in actions.items()}

    def ask(self, path: bytes) -> bytes:
        parts = urlsplit(path.decode())
        if parts.path == "/send":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            first, count, rooms = (int(asked[name]) for name in ("first", "count", "rooms"))
            self._queue.send(first, count, float(asked["rate"]), rooms)
        return json.dumps([self._queue.waiting, self._queue.deleted]).encode()

    def _receive(self, body: bytes) -> None:
        if self._patience is not None:
            self._patience.cancel()  # the one of an earlier call
        seconds = json.loads(body).get("WaitTimeSeconds", 0)
        self._patience = asyncio.get_running_loop().call_later(seconds, self._queue.give_up, self)
        self._queue.receive(self)

    def _delete(self, body: bytes) -> None:
        ids = _ids(body)
        self._queue.deleted += len(ids)
        self.answer(confirmed(ids))

    def _delete_one(self, _: bytes) -> None:
        self._queue.deleted += 1
        self.answer(b"{}")


def _later(action: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Return the action, which begins once a call has taken its time."""

    def begin(body: bytes) -> None:
        asyncio.get_running_loop().call_later(CALL_SECONDS, action, body)

    return begin


def _ids(body: bytes) -> list[str]:
    return [entry["Id"] for entry in json.loads(body)["Entries"]]


async def serve(port: int, rooms_attribute: str, id_attribute: str | None) -> None:
    """Serve until the process is ended."""
    queue = Queue(rooms_attribute, id_attribute)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(queue), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
