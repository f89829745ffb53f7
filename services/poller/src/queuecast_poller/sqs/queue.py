"""A queue of Amazon SQS in four operations: receive, delete, change visibility, send a canary.

Semantics and traps: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/
"""

import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from queuecast_poller.sqs.client import Client
from queuecast_poller.sqs.credentials import Access, find_access
from queuecast_poller.sqs.digest import attributes_digest
from queuecast_poller.sqs.failure import Call, Failed, Failure, QueueUnavailable
from queuecast_poller.sqs.message import BATCH, CANARY, Message
from queuecast_poller.sqs.queue_address import QueueAddress, parse_queue
from queuecast_poller.sqs.transport import Transport, open_transport

Kind = TypeVar("Kind", bound="SqsQueue")

ATTRIBUTES = ("VisibilityTimeout", "RedrivePolicy", "DelaySeconds")
"""The queue attributes that are read: those that its owner can change and that matter here."""

FIFO = ".fifo"
"""How the name of a FIFO queue ends."""

BACKLOG_ATTRIBUTES = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)

DELETERS = 8
"""Most deletes under way per queue: as many as receives by default, or deletes would fall behind on a full
queue."""

ANSWER_SECONDS = 10.0
"""How long an answer may take. A receive's may take longer by its wait."""

EXTENSION_SECONDS = 5.0
"""How long a change of visibility may take. It must leave time for another try before the timeout ends."""


class Backlog(NamedTuple):
    """About how many messages are on a queue: that can be received, that are hidden, and that are delayed."""

    waiting: int
    hidden: int
    delayed: int


class Queue(Protocol):
    """A queue as the intake sees it. Every method raises `failure.QueueUnavailable`."""

    visibility_seconds: int
    """For how long a received message is hidden."""
    fifo: bool
    max_receive_count: int | None
    """After how many receives a message becomes a dead letter; None without a dead-letter queue."""

    async def refresh(self) -> None:
        """Read the queue's attributes again."""

    async def backlog(self) -> Backlog:
        """Ask how many messages there are."""

    async def receive(self, most: int = BATCH) -> list[Message]:
        """Wait for messages and return up to `most`; an empty list if none came in time."""

    async def delete(self, receipt_handles: Sequence[str]) -> list[Failed]:
        """Delete up to ten messages; return those that SQS refused to delete."""

    async def change_visibility(self, receipt_handles: Sequence[str], seconds: int) -> list[Failed]:
        """Hide up to ten messages for so many seconds from now; 0 makes them visible at once."""

    async def send_canary(self, body: str) -> None:
        """Send a message that reaches every gateway and no browser."""

    async def send(self, body: str, attributes: Mapping[str, str], dedup_id: str) -> str:
        """Send a message to this queue; return its id."""

    async def forward(self, message: Message, target: str) -> None:
        """Send a copy of a message to another queue, with its attributes, as text."""


@asynccontextmanager
async def open_queue(
    name: str, wait_seconds: int, max_receives: int, make_queue: Callable[[Client, str, int], Kind]
) -> AsyncIterator[Kind]:
    """Find a queue by its name, URL or ARN, and yield it with a client in the running loop.

    Raises `QueueUnavailable` if it does not exist or access is denied.
    """
    address = parse_queue(name)

    async def transport(access: Access) -> Transport:
        return await open_transport(access.url, access.ca_bundle, max_receives * 2 + DELETERS)

    async with _closing(Client(name, partial(find_access, address), transport)) as client:
        queue = make_queue(client, await _url(client, address), wait_seconds)
        await queue.refresh()
        yield queue


class SqsQueue:
    """`Queue` on the real SQS."""

    system_attributes: tuple[str, ...] = ("SentTimestamp", "ApproximateReceiveCount", "MessageGroupId")
    """What a receive requests besides the message attributes."""

    def __init__(self, client: Client, url: str, wait_seconds: int, *, has_timers: bool = False) -> None:
        self.visibility_seconds = 30
        self.max_receive_count: int | None = None
        self.dead_letter_arn: str | None = None
        self.fifo = url.endswith(FIFO)
        self._client = client
        self._url = url
        self._wait_seconds = wait_seconds
        self._has_timers = has_timers
        self._delay_ms = 0
        self._requests: dict[int, bytes] = {}
        self._targets: dict[str, str] = {}

    async def refresh(self) -> None:
        request = {"QueueUrl": self._url, "AttributeNames": ATTRIBUTES}
        answer = await self._client.call(Call.OPEN, "GetQueueAttributes", request, ANSWER_SECONDS)
        with self._reading(Call.OPEN):
            self.apply_attributes(answer.get("Attributes") or {})

    async def backlog(self) -> Backlog:
        request = {"QueueUrl": self._url, "AttributeNames": BACKLOG_ATTRIBUTES}
        answer = await self._client.call(Call.OPEN, "GetQueueAttributes", request, ANSWER_SECONDS)
        with self._reading(Call.OPEN):
            return Backlog(*(int(answer["Attributes"].get(name, 0)) for name in BACKLOG_ATTRIBUTES))

    def apply_attributes(self, attributes: Mapping[str, str]) -> None:
        """Use these attributes from now on."""
        policy = json.loads(attributes.get("RedrivePolicy") or "{}")
        count = policy.get("maxReceiveCount")
        visibility_seconds = int(attributes.get("VisibilityTimeout", 30))
        self._delay_ms = 1000 * int(attributes.get("DelaySeconds", 0))
        self.max_receive_count = int(count) if count else None
        self.dead_letter_arn = policy.get("deadLetterTargetArn")
        self.visibility_seconds = visibility_seconds
        self._requests.clear()

    async def receive(self, most: int = BATCH) -> list[Message]:
        # After a freeze (SIGSTOP, a migrating host), this limit makes the process discard an old answer,
        # whose messages are on the queue again.
        limit = self._wait_seconds + ANSWER_SECONDS
        answer = await self._client.call(Call.RECEIVE, "ReceiveMessage", self._receive_request(most), limit)
        with self._reading(Call.RECEIVE):
            return [self._message(raw) for raw in answer.get("Messages") or ()]

    def _receive_request(self, most: int) -> bytes:
        """Return the request for so many messages, encoded once."""
        encoded = self._requests.get(most)
        if encoded is None:
            request = {
                "QueueUrl": self._url,
                "MaxNumberOfMessages": most,
                "WaitTimeSeconds": self._wait_seconds,
                # The leases rely on this value; the queue's own may be changed at any time.
                "VisibilityTimeout": max(1, self.visibility_seconds),
                "MessageAttributeNames": ["All"],
                "MessageSystemAttributeNames": self.system_attributes,
            }
            encoded = self._requests[most] = json.dumps(request).encode()
        return encoded

    async def delete(self, receipt_handles: Sequence[str]) -> list[Failed]:
        request = {"QueueUrl": self._url, "Entries": _entries(receipt_handles)}
        answer = await self._client.call(Call.DELETE, "DeleteMessageBatch", request, ANSWER_SECONDS)
        with self._reading(Call.DELETE):
            return _failed(answer, receipt_handles)

    async def change_visibility(self, receipt_handles: Sequence[str], seconds: int) -> list[Failed]:
        entries = [{**entry, "VisibilityTimeout": seconds} for entry in _entries(receipt_handles)]
        request = {"QueueUrl": self._url, "Entries": entries}
        answer = await self._client.call(
            Call.VISIBILITY, "ChangeMessageVisibilityBatch", request, EXTENSION_SECONDS
        )
        with self._reading(Call.VISIBILITY):
            return _failed(answer, receipt_handles)

    async def send_canary(self, body: str) -> None:
        await self._send(self._url, body, {CANARY: "canary"}, group=CANARY, dedup_id=uuid.uuid4().hex)

    async def send(self, body: str, attributes: Mapping[str, str], dedup_id: str) -> str:
        answer = await self._send(self._url, body, attributes, group=dedup_id, dedup_id=dedup_id)
        with self._reading(Call.SEND):
            return str(answer["MessageId"])

    async def forward(self, message: Message, target: str) -> None:
        url = self._targets.get(target)
        if url is None:
            url = self._targets[target] = await _url(self._client, parse_queue(target))
        # The same message, if its delete fails and it comes back, is taken once.
        group = message.group or message.id
        await self._send(url, message.body, message.attributes, group=group, dedup_id=message.id)

    async def _send(
        self, url: str, body: str, attributes: Mapping[str, str], *, group: str, dedup_id: str
    ) -> dict[str, Any]:
        """Send a message to a queue, with a group and an id if that is a FIFO queue; return the answer."""
        request: dict[str, Any] = {
            "QueueUrl": url,
            "MessageBody": body,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        }
        if url.endswith(FIFO):
            request |= {"MessageGroupId": group, "MessageDeduplicationId": dedup_id}
        return await self._client.call(Call.SEND, "SendMessage", request, ANSWER_SECONDS)

    @contextmanager
    def _reading(self, call: Call) -> Iterator[None]:
        """Read an answer; an answer without SQS's structure is garbled."""
        try:
            yield
        except (AttributeError, LookupError, TypeError, ValueError) as exc:
            detail = f"{type(exc).__name__}: {exc}"
            raise QueueUnavailable(call, self._url, Failure.GARBLED, detail) from exc

    def _message(self, raw: dict[str, Any]) -> Message:
        system = raw.get("Attributes") or {}
        attributes = raw.get("MessageAttributes") or {}
        texts = (raw["MessageId"], raw["ReceiptHandle"], raw["Body"], raw["MD5OfBody"])
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("a message whose id, receipt handle, body or MD5 is not text")
        message_id, receipt_handle, body, body_md5 = texts
        sent_ms = int(system["SentTimestamp"]) if "SentTimestamp" in system else None
        return Message(
            id=message_id,
            receipt_handle=receipt_handle,
            body=body,
            body_md5=body_md5,
            attributes={
                name: value["StringValue"] for name, value in attributes.items() if "StringValue" in value
            },
            unreadable=tuple(name for name, value in attributes.items() if "StringValue" not in value),
            attributes_altered=attributes_digest(attributes) != raw.get("MD5OfMessageAttributes"),
            sent_ms=sent_ms,
            delay_ms=self._delayed_ms(sent_ms),
            receives=int(system.get("ApproximateReceiveCount", 1)),
            # Standard queues have groups too, for fairness; those have no order.
            group=system.get("MessageGroupId") if self.fifo else None,
        )

    def _delayed_ms(self, sent_ms: int | None) -> int | None:
        """Return how long a message was hidden at first; None if its sender may have set a timer."""
        if self._has_timers:
            return None
        if not self._delay_ms or sent_ms is None:
            return 0
        # A message timer overrides the queue's delay, and may be shorter.
        return max(0, min(self._delay_ms, time.time_ns() // 1_000_000 - sent_ms))


@asynccontextmanager
async def _closing(client: Client) -> AsyncIterator[Client]:
    try:
        yield client
    finally:
        await client.close()


async def _url(client: Client, address: QueueAddress) -> str:
    if address.url is not None:
        return address.url
    request = {"QueueName": address.name}
    if address.account is not None:
        request["QueueOwnerAWSAccountId"] = address.account
    answer = await client.call(Call.OPEN, "GetQueueUrl", request, ANSWER_SECONDS)
    url = answer.get("QueueUrl")
    if not isinstance(url, str):
        raise QueueUnavailable(Call.OPEN, address.name, Failure.GARBLED, "an answer without QueueUrl")
    return url


def _entries(receipt_handles: Sequence[str]) -> list[dict[str, Any]]:
    return [{"Id": str(index), "ReceiptHandle": handle} for index, handle in enumerate(receipt_handles)]


def _failed(answer: dict[str, Any], receipt_handles: Sequence[str]) -> list[Failed]:
    # HTTP 200 says nothing about the entries: only those in Successful are done, whatever else is missing.
    done = {int(entry["Id"]) for entry in answer.get("Successful") or ()}
    refused = {int(entry["Id"]): entry for entry in answer.get("Failed") or ()}
    unknown = {"Code": "NotInTheAnswer"}
    return [
        Failed(handle, entry["Code"], entry.get("SenderFault", False))
        for index, handle in enumerate(receipt_handles)
        for entry in [refused.get(index, unknown)]
        if index not in done
    ]
