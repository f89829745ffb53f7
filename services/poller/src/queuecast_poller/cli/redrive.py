"""Reads dead-letter queues, and moves messages back to the queues that they came from.

It makes one call after the other, for a person who waits.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from queuecast_poller.sqs.client import Client
from queuecast_poller.sqs.failure import Call, Failure, QueueUnavailable
from queuecast_poller.sqs.message import BATCH, Message
from queuecast_poller.sqs.queue import ANSWER_SECONDS, SqsQueue

PEEK_SECONDS = 120
"""How long a message stays hidden while others are read. Afterwards it is given back at once."""

WAIT_SECONDS = 1
"""How long a receive waits. Without waiting it would ask only some of SQS's servers, and miss messages."""

POLL_SECONDS = 1.0
"""Pause between two checks of a move task."""

NO_TASK = (Failure.OTHER, Failure.SERVER_ERROR)
"""How emulators without move tasks fail: with an unknown action, an HTML page, an exception."""

SOURCE = "DeadLetterQueueSourceArn"


class MoveFailed(Exception):
    """Not all messages were moved back; the error's message says why."""


class RawQueue(SqsQueue):
    """A queue whose messages stay JSON, so that they can be sent again unchanged."""

    system_attributes = (*SqsQueue.system_attributes, SOURCE)

    def __init__(self, client: Client, url: str, wait_seconds: int) -> None:
        super().__init__(client, url, wait_seconds)
        self.is_aws = (urlsplit(url).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))

    async def attribute(self, name: str) -> str:
        """Return one of the queue's attributes."""
        request = {"QueueUrl": self._url, "AttributeNames": [name]}
        answer = await self._client.call(Call.OPEN, "GetQueueAttributes", request, ANSWER_SECONDS)
        with self._reading(Call.OPEN):
            value: str = answer["Attributes"][name]
        return value

    async def depth(self) -> int:
        """Return about how many messages can be received."""
        return int(await self.attribute("ApproximateNumberOfMessages"))

    async def receive_raw(self, most: int) -> list[dict[str, Any]]:
        """Receive up to `most` messages, ten at most, and hide them for `PEEK_SECONDS`."""
        request = {
            "QueueUrl": self._url,
            "MaxNumberOfMessages": min(BATCH, most),
            "WaitTimeSeconds": WAIT_SECONDS,
            "VisibilityTimeout": PEEK_SECONDS,
            "MessageAttributeNames": ["All"],
            "MessageSystemAttributeNames": self.system_attributes,
        }
        limit = WAIT_SECONDS + ANSWER_SECONDS
        answer = await self._client.call(Call.RECEIVE, "ReceiveMessage", request, limit)
        found: list[dict[str, Any]] = answer.get("Messages") or []
        return found

    def read(self, raw: dict[str, Any]) -> Message:
        """Parse a message, so that it can be judged."""
        with self._reading(Call.RECEIVE):
            return self._message(raw)

    async def give_back(self, raws: Sequence[Mapping[str, Any]]) -> None:
        """Make these messages visible at once."""
        handles = [raw["ReceiptHandle"] for raw in raws]
        for start in range(0, len(handles), BATCH):
            await self.change_visibility(handles[start : start + BATCH], 0)

    async def send_again(self, raw: Mapping[str, Any]) -> None:
        """Send a message that was received from another queue, with all of its attributes."""
        more: dict[str, Any] = {}
        if group := raw["Attributes"].get("MessageGroupId"):
            more["MessageGroupId"] = group
        if self.fifo:
            # SQS may still remember the original id, and would then drop the message and confirm it. With
            # this one it is accepted once, however often it is sent because the delete after it failed.
            more["MessageDeduplicationId"] = raw["MessageId"]
        request = {
            "QueueUrl": self._url,
            "MessageBody": raw["Body"],
            "MessageAttributes": raw.get("MessageAttributes") or {},
            **more,
        }
        await self._client.call(Call.SEND, "SendMessage", request, ANSWER_SECONDS)

    async def start_move(self, arn: str) -> None:
        """Make SQS move all messages of this queue, whose ARN is given, to the queues they came from."""
        await self._client.call(Call.MOVE, "StartMessageMoveTask", {"SourceArn": arn}, ANSWER_SECONDS)

    async def newest_move(self, arn: str) -> dict[str, Any]:
        """Return the newest move task of the queue with this ARN."""
        request = {"SourceArn": arn, "MaxResults": 1}
        answer = await self._client.call(Call.MOVE, "ListMessageMoveTasks", request, ANSWER_SECONDS)
        with self._reading(Call.MOVE):
            newest: dict[str, Any] = answer["Results"][0]
        return newest


async def peek(dead: RawQueue, most: int) -> list[Message]:
    """Return up to `most` dead letters, and give them back.

    Of each FIFO group that is the first ten at most: SQS delivers no more while they are in flight.
    """
    found: dict[str, dict[str, Any]] = {}
    try:
        while len(found) < most and (batch := await dead.receive_raw(most - len(found))):
            found.update((raw["MessageId"], raw) for raw in batch)
    finally:
        await dead.give_back(list(found.values()))
    return [dead.read(raw) for raw in found.values()]


async def move_back(dead: RawQueue, source: RawQueue) -> int:
    """Move all dead letters to the queues that they came from; return how many were moved.

    SQS does that itself. With an emulator that cannot, the dead letters of `source` are sent to it again and
    deleted. Raises `MoveFailed` and `QueueUnavailable`.
    """
    arn = await dead.attribute("QueueArn")
    try:
        await dead.start_move(arn)
    except QueueUnavailable as exc:
        if dead.is_aws or exc.reason not in NO_TASK:
            raise
        return await _send_back(dead, source)
    while True:
        task = await dead.newest_move(arn)
        moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
        if task["Status"] == "COMPLETED":
            return moved
        if task["Status"] != "RUNNING":
            why = task.get("FailureReason", task["Status"])
            raise MoveFailed(f"SQS moved {moved} messages and then stopped: {why}")
        await asyncio.sleep(POLL_SECONDS)


async def _send_back(dead: RawQueue, source: RawQueue) -> int:
    arn = await source.attribute("QueueArn")
    # No more than there are now: a message that fails again comes back here, and would go round for ever.
    remaining = await dead.depth()
    moved = 0
    staying: list[dict[str, Any]] = []
    batch: list[dict[str, Any]] = []
    try:
        while remaining > 0 and (batch := await dead.receive_raw(remaining)):
            remaining -= len(batch)
            while batch:
                raw = batch[0]
                if raw["Attributes"].get(SOURCE, arn) == arn:
                    await source.send_again(raw)
                    await _delete_sent(dead, raw)
                    moved += 1
                else:
                    staying.append(raw)
                del batch[0]
    finally:
        await dead.give_back([*staying, *batch])
    return moved


async def _delete_sent(dead: RawQueue, raw: Mapping[str, Any]) -> None:
    if failed := await dead.delete([raw["ReceiptHandle"]]):
        text = "was sent again, but is still in the dead-letter queue as well"
        raise MoveFailed(f"message {raw['MessageId']} {text}: {failed[0].code}")
