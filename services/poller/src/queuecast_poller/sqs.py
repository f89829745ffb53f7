"""Amazon SQS in four verbs: receive, delete, change the visibility, send a canary. Nobody else knows its API.

Semantics and traps: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/
"""

import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

from aiobotocore.config import AioConfig

from queuecast_poller.client import Client, Garbled, sdk_client
from queuecast_poller.concurrency import BATCH
from queuecast_poller.digest import attributes_digest
from queuecast_poller.failure import Call, Failed
from queuecast_poller.message import Message
from queuecast_poller.routing import CANARY

Kind = TypeVar("Kind", bound="SqsQueue")

DELETERS = 4
"""Most deletes under way per queue."""

ANSWER_SECONDS = 10.0
"""How long an answer may take that waits for nothing; a receive's may take its wait longer."""

EXTENSION_SECONDS = 5.0
"""How long a change of visibility may take: it must leave time for another before the old one is over."""


class Queue(Protocol):
    """A queue as the intake sees it. Every verb raises `failure.QueueUnavailable`."""

    visibility_seconds: int
    """For how long a received message is hidden."""
    fifo: bool
    max_receive_count: int | None
    """After how many receives a message is taken for dead; None if there is no dead-letter queue."""

    async def receive(self) -> list[Message]:
        """Wait for messages, up to ten; empty when none came in time."""

    async def delete(self, receipt_handles: Sequence[str]) -> list[Failed]:
        """Delete up to ten messages; return those that SQS refused to."""

    async def change_visibility(self, receipt_handles: Sequence[str], seconds: int) -> list[Failed]:
        """Keep up to ten messages from others for so long, from now; 0 returns them at once."""

    async def send_canary(self, body: str) -> None:
        """Send a message that comes out at every gateway, and at no browser."""


@asynccontextmanager
async def open_queue(
    name: str, wait_seconds: int, max_receives: int, kind: type[Kind]
) -> AsyncIterator[Kind]:
    """Find the queue (name, URL or ARN) and keep a client for it, in the running loop.

    Raises `QueueUnavailable` if it does not exist or may not be asked for.
    """
    config = AioConfig(
        connect_timeout=5,
        # The answer to a long poll comes after its wait: a shorter limit would strand what was handed out.
        read_timeout=wait_seconds + ANSWER_SECONDS,
        # Who calls tries again, with its own back-off and in plain sight.
        retries={"mode": "standard", "total_max_attempts": 1},
        # One connection per call that can be under way, or deletes would queue behind long polls.
        max_pool_connections=max_receives * 2 + DELETERS,
        tcp_keepalive=True,
    )
    region = name.split(":")[3] if name.startswith("arn:") else None
    async with _closing(Client(name, partial(sdk_client, region, config))) as client:
        async with client.calling(Call.OPEN, 2 * ANSWER_SECONDS) as sdk:
            url = await _url(sdk, name)
            answer = await sdk.get_queue_attributes(
                QueueUrl=url, AttributeNames=["VisibilityTimeout", "RedrivePolicy"]
            )
        queue = kind(client, url, wait_seconds, answer.get("Attributes", {}))
        yield queue


class SqsQueue:
    """`Queue` on aiobotocore."""

    system_attributes: tuple[str, ...] = ("SentTimestamp", "ApproximateReceiveCount", "MessageGroupId")
    """What a receive asks for besides the message attributes."""

    def __init__(self, client: Client, url: str, wait_seconds: int, attributes: Mapping[str, str]) -> None:
        policy = json.loads(attributes.get("RedrivePolicy", "{}"))
        count = policy.get("maxReceiveCount")
        self.visibility_seconds = int(attributes.get("VisibilityTimeout", 30))
        self.max_receive_count = int(count) if count else None
        self.dead_letter_arn: str | None = policy.get("deadLetterTargetArn")
        self.fifo = url.endswith(".fifo")
        self._client = client
        self._url = url
        self._wait_seconds = wait_seconds

    async def receive(self) -> list[Message]:
        # A process that was frozen (SIGSTOP, a migrating host) learns by this limit that the answer which it
        # finds on waking up is an old one: its messages are on the queue again.
        limit = self._wait_seconds + ANSWER_SECONDS
        async with self._client.calling(Call.RECEIVE, limit) as sdk:
            answer = await sdk.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=self._wait_seconds,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=self.system_attributes,
            )
            try:
                return [self._message(raw) for raw in answer.get("Messages", ())]
            except (KeyError, ValueError) as exc:
                raise Garbled(f"a message: {type(exc).__name__}: {exc}") from exc

    async def delete(self, receipt_handles: Sequence[str]) -> list[Failed]:
        async with self._client.calling(Call.DELETE, ANSWER_SECONDS) as sdk:
            answer = await sdk.delete_message_batch(QueueUrl=self._url, Entries=_entries(receipt_handles))
        return _failed(answer, receipt_handles)

    async def change_visibility(self, receipt_handles: Sequence[str], seconds: int) -> list[Failed]:
        async with self._client.calling(Call.VISIBILITY, EXTENSION_SECONDS) as sdk:
            answer = await sdk.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[{**entry, "VisibilityTimeout": seconds} for entry in _entries(receipt_handles)],
            )
        return _failed(answer, receipt_handles)

    async def send_canary(self, body: str) -> None:
        groups = {"MessageGroupId": CANARY, "MessageDeduplicationId": uuid.uuid4().hex} if self.fifo else {}
        async with self._client.calling(Call.SEND, ANSWER_SECONDS) as sdk:
            await sdk.send_message(
                QueueUrl=self._url,
                MessageBody=body,
                MessageAttributes={CANARY: {"DataType": "String", "StringValue": "canary"}},
                **groups,
            )

    def _message(self, raw: dict[str, Any]) -> Message:
        system = raw.get("Attributes", {})
        attributes = raw.get("MessageAttributes", {})
        sent = system.get("SentTimestamp")
        return Message(
            id=raw["MessageId"],
            receipt_handle=raw["ReceiptHandle"],
            body=raw["Body"],
            body_md5=raw["MD5OfBody"],
            attributes={
                name: value["StringValue"] for name, value in attributes.items() if "StringValue" in value
            },
            unreadable=tuple(name for name, value in attributes.items() if "StringValue" not in value),
            attributes_altered=attributes_digest(attributes) != raw.get("MD5OfMessageAttributes"),
            sent_ms=int(sent) if sent else None,
            receives=int(system.get("ApproximateReceiveCount", 1)),
            # Standard queues have groups too, for fairness: those promise no order.
            group=system.get("MessageGroupId") if self.fifo else None,
        )


@asynccontextmanager
async def _closing(client: Client) -> AsyncIterator[Client]:
    try:
        yield client
    finally:
        await client.close()


async def _url(sdk: Any, name: str) -> str:
    if name.startswith(("https://", "http://")):
        return name
    if name.startswith("arn:"):
        _, _, _, _, account, queue = name.split(":", 5)
        answer = await sdk.get_queue_url(QueueName=queue, QueueOwnerAWSAccountId=account)
    else:
        answer = await sdk.get_queue_url(QueueName=name)
    url: str | None = answer.get("QueueUrl")
    if url is None:
        raise Garbled("no QueueUrl")
    return url


def _entries(receipt_handles: Sequence[str]) -> list[dict[str, Any]]:
    return [{"Id": str(index), "ReceiptHandle": handle} for index, handle in enumerate(receipt_handles)]


def _failed(answer: dict[str, Any], receipt_handles: Sequence[str]) -> list[Failed]:
    # HTTP 200 says nothing about the entries: done is what is in Successful, whatever else is missing.
    done = {int(entry["Id"]) for entry in answer.get("Successful", ())}
    refused = {int(entry["Id"]): entry for entry in answer.get("Failed", ())}
    unknown = {"Code": "NotInTheAnswer"}
    return [
        Failed(handle, entry["Code"], entry.get("SenderFault", False))
        for index, handle in enumerate(receipt_handles)
        for entry in [refused.get(index, unknown)]
        if index not in done
    ]
