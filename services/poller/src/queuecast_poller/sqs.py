"""Amazon SQS in four verbs: receive, delete, hide, extend. Knows the SDK so that nobody else has to.

Semantics and traps: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/
"""

import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aiohttp import ClientError as TransportError
from botocore.exceptions import BotoCoreError, ClientError

from queuecast_poller.concurrency import BATCH
from queuecast_poller.message import Message
from queuecast_poller.routing import ATTRIBUTES

log = logging.getLogger(__name__)

DELETERS = 4
"""Most deletes under way per queue."""


class QueueUnavailable(Exception):
    """SQS did not do what it was asked. `code` is its error code or the kind of failure."""

    def __init__(self, doing: str, code: str, detail: str) -> None:
        super().__init__(f"{doing}: {code}: {detail}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Failed:
    """One entry of a batch that SQS refused."""

    receipt_handle: str
    code: str


class Queue(Protocol):
    """A queue as the intake sees it. Every verb raises `QueueUnavailable`."""

    visibility_seconds: int

    async def receive(self) -> list[Message]:
        """Wait for messages, up to ten; empty when none came in time."""

    async def delete(self, receipt_handles: Sequence[str]) -> list[Failed]:
        """Delete up to ten messages; return those that SQS refused to."""

    async def change_visibility(self, receipt_handles: Sequence[str], seconds: int) -> list[Failed]:
        """Keep up to ten messages from others for so long, from now; 0 returns them at once."""


@asynccontextmanager
async def open_queue(name: str, wait_seconds: int, max_receives: int) -> AsyncIterator["SqsQueue"]:
    """Find the queue (name, URL or ARN) and keep one client for it, in the running loop.

    Raises `QueueUnavailable` if it does not exist or may not be asked for.
    """
    config = AioConfig(
        connect_timeout=5,
        # The answer to a long poll comes after its wait: a shorter limit would strand what was handed out.
        read_timeout=wait_seconds + 10,
        # Who calls tries again, with its own back-off and in plain sight.
        retries={"mode": "standard", "max_attempts": 1},
        # One connection per call that can be under way, or deletes would queue behind long polls.
        max_pool_connections=max_receives * 2 + DELETERS,
        tcp_keepalive=True,
    )
    async with AsyncExitStack() as stack:
        async with _translated("opening", name):
            client = await stack.enter_async_context(_client(name, config))
            url = await _url(client, name)
            answer = await client.get_queue_attributes(
                QueueUrl=url, AttributeNames=["VisibilityTimeout", "RedrivePolicy"]
            )
        attributes = answer.get("Attributes", {})
        if "RedrivePolicy" in attributes:
            policy = json.loads(attributes["RedrivePolicy"])
            log.info("queue %s: dead letters after %s receives", name, policy.get("maxReceiveCount"))
        else:
            log.warning("queue %s has no redrive policy: what is left comes back until it expires", name)
        yield SqsQueue(client, url, wait_seconds, int(attributes.get("VisibilityTimeout", 30)))


class SqsQueue:
    """`Queue` on aiobotocore."""

    def __init__(self, client: Any, url: str, wait_seconds: int, visibility_seconds: int) -> None:
        self.visibility_seconds = visibility_seconds
        self._client = client
        self._url = url
        self._fifo = url.endswith(".fifo")
        self._wait_seconds = wait_seconds

    async def receive(self) -> list[Message]:
        async with _translated("receiving", self._url):
            answer = await self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=self._wait_seconds,
                MessageAttributeNames=list(ATTRIBUTES),
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount", "MessageGroupId"],
            )
        return [self._message(raw) for raw in answer.get("Messages", ())]

    async def delete(self, receipt_handles: Sequence[str]) -> list[Failed]:
        async with _translated("deleting", self._url):
            answer = await self._client.delete_message_batch(
                QueueUrl=self._url, Entries=_entries(receipt_handles)
            )
        return _failed(answer, receipt_handles)

    async def change_visibility(self, receipt_handles: Sequence[str], seconds: int) -> list[Failed]:
        async with _translated("changing the visibility", self._url):
            answer = await self._client.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[{**entry, "VisibilityTimeout": seconds} for entry in _entries(receipt_handles)],
            )
        return _failed(answer, receipt_handles)

    def _message(self, raw: dict[str, Any]) -> Message:
        system = raw.get("Attributes", {})
        values = raw.get("MessageAttributes", {})
        sent = system.get("SentTimestamp")
        return Message(
            id=raw["MessageId"],
            receipt_handle=raw["ReceiptHandle"],
            body=raw["Body"],
            body_md5=raw["MD5OfBody"],
            attributes={
                name: value["StringValue"] for name, value in values.items() if "StringValue" in value
            },
            unreadable=tuple(name for name, value in values.items() if "StringValue" not in value),
            sent_ms=int(sent) if sent else None,
            receives=int(system.get("ApproximateReceiveCount", 1)),
            # Standard queues have groups too, for fairness: those promise no order.
            group=system.get("MessageGroupId") if self._fifo else None,
        )


def _client(name: str, config: AioConfig) -> Any:
    region = name.split(":")[3] if name.startswith("arn:") else None
    return get_session().create_client("sqs", config=config, region_name=region)


async def _url(client: Any, name: str) -> str:
    if name.startswith(("https://", "http://")):
        return name
    if name.startswith("arn:"):
        _, _, _, _, account, queue = name.split(":", 5)
        answer = await client.get_queue_url(QueueName=queue, QueueOwnerAWSAccountId=account)
    else:
        answer = await client.get_queue_url(QueueName=name)
    url: str = answer["QueueUrl"]
    return url


def _entries(receipt_handles: Sequence[str]) -> list[dict[str, Any]]:
    return [{"Id": str(index), "ReceiptHandle": handle} for index, handle in enumerate(receipt_handles)]


def _failed(answer: dict[str, Any], receipt_handles: Sequence[str]) -> list[Failed]:
    # HTTP 200 says nothing about the entries: each is in Successful or in Failed.
    return [Failed(receipt_handles[int(entry["Id"])], entry["Code"]) for entry in answer.get("Failed", ())]


@asynccontextmanager
async def _translated(doing: str, queue: str) -> AsyncIterator[None]:
    try:
        yield
    except ClientError as exc:
        error = exc.response.get("Error", {})
        raise QueueUnavailable(
            f"{doing} ({queue})", error.get("Code", "?"), error.get("Message", "")
        ) from exc
    except (BotoCoreError, TransportError, OSError, TimeoutError) as exc:
        raise QueueUnavailable(f"{doing} ({queue})", type(exc).__name__, str(exc)) from exc
