"""The actions of the SQS API on queues in memory: a request in, an answer out, both as JSON.

Waiting for messages is in `long_polls`. Actions that the emulator lacks are refused, never ignored.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/
"""

from collections.abc import Callable, Collection
from typing import Any

from queuecast_local.sqs_emulator.answers import failure, received, sent_answer
from queuecast_local.sqs_emulator.digests import md5_of_body
from queuecast_local.sqs_emulator.directory import MAX_DELAY_SECONDS, MAX_WAIT_SECONDS, Directory
from queuecast_local.sqs_emulator.errors import Refused
from queuecast_local.sqs_emulator.moves import Moves
from queuecast_local.sqs_emulator.queues import MAX_HIDDEN_SECONDS, Queue
from queuecast_local.sqs_emulator.requests import (
    BATCH,
    MAX_BYTES,
    attributes_of,
    entries,
    number,
    required,
    size,
    trace_header_of,
)

Json = dict[str, Any]

MAX_HELD_BYTES = 256 * 1_048_576
"""Most memory for the messages of all queues together: about 200,000 small ones."""


class Actions:
    """All actions of one server. `clock` returns seconds since 1970 and never goes back."""

    def __init__(self, clock: Callable[[], float], max_held_bytes: int = MAX_HELD_BYTES) -> None:
        self._clock = clock
        self._max_held_bytes = max_held_bytes
        self._directory = directory = Directory(clock)
        moves = Moves(directory.by_arn, clock)
        self._actions: dict[str, Callable[[Json], Json]] = {
            "CreateQueue": directory.create,
            "DeleteQueue": directory.delete,
            "GetQueueUrl": directory.url,
            "ListQueues": directory.urls,
            "ListDeadLetterSourceQueues": directory.sources,
            "GetQueueAttributes": directory.attributes,
            "SetQueueAttributes": directory.set_attributes,
            "PurgeQueue": directory.purge,
            "ListQueueTags": directory.tags,
            "TagQueue": directory.tag,
            "UntagQueue": directory.untag,
            "SendMessage": lambda request: self._send(self.queue(request), request),
            "SendMessageBatch": self._send_batch,
            "ReceiveMessage": self.receive,
            "DeleteMessage": lambda request: self._delete(self.queue(request), request),
            "DeleteMessageBatch": lambda request: self._batch(request, self._delete),
            "ChangeMessageVisibility": lambda request: self._hide(self.queue(request), request),
            "ChangeMessageVisibilityBatch": lambda request: self._batch(request, self._hide),
            "StartMessageMoveTask": moves.start,
            "ListMessageMoveTasks": moves.listed,
        }

    def do(self, action: str, request: Json) -> Json:
        """Return the answer to a request. A queue's URL in it is only a path; the server adds the host.

        Raises `Refused`.
        """
        if action not in self._actions:
            known = ", ".join(sorted(self._actions))
            raise Refused(
                "UnsupportedOperation", f"{action} is not an action of this emulator, which has {known}."
            )
        return self._actions[action](request)

    @property
    def queues(self) -> Collection[Queue]:
        """All queues of the server."""
        return self._directory.queues

    def has_queue(self, arn: str) -> bool:
        """Say whether there is a queue with this ARN."""
        return any(queue.arn == arn for queue in self.queues)

    def queue(self, request: Json) -> Queue:
        """Return the queue that a request names by its URL."""
        return self._directory.queue(request)

    def wait_seconds(self, request: Json) -> int:
        """Return how long a receive may wait for its first message."""
        default = self._directory.wait_seconds(self.queue(request))
        return number(request, "WaitTimeSeconds", default, 0, MAX_WAIT_SECONDS)

    def receive(self, request: Json) -> Json:
        """Return the messages that are there now, without waiting; an empty answer if there are none."""
        queue = self.queue(request)
        limit = number(request, "MaxNumberOfMessages", 1, 1, BATCH)
        seconds = number(request, "VisibilityTimeout", queue.visibility_seconds, 0, MAX_HIDDEN_SECONDS)
        messages = queue.receive(limit, self._clock(), seconds)
        return {"Messages": [received(message, request) for message in messages]} if messages else {}

    def _send_batch(self, request: Json) -> Json:
        total = sum(size(entry) for entry in entries(request))
        if total > MAX_BYTES:
            raise Refused("BatchRequestTooLong", f"{total} bytes are more than {MAX_BYTES}.")
        return self._batch(request, self._send)

    def _batch(self, request: Json, verb: Callable[[Queue, Json], Json]) -> Json:
        """Apply the verb to each entry. The answer has status 200 even if entries fail."""
        queue = self.queue(request)
        done: list[Json] = []
        failed: list[Json] = []
        for entry in entries(request):
            try:
                done.append({"Id": entry["Id"], **verb(queue, entry)})
            except Refused as refused:
                failed.append(failure(entry["Id"], refused.code, refused.message, sender_fault=True))
        return {"Successful": done, "Failed": failed} if failed else {"Successful": done}

    def _send(self, queue: Queue, request: Json) -> Json:
        body = required(request, "MessageBody")
        attributes = attributes_of(request)
        trace_header = trace_header_of(request)
        delay_seconds = number(request, "DelaySeconds", queue.delay_seconds, 0, MAX_DELAY_SECONDS)
        if queue.fifo and delay_seconds != queue.delay_seconds:
            raise Refused("InvalidParameterValue", "A FIFO queue has one delay for all its messages.")
        if size(request) > queue.max_bytes:
            raise Refused("InvalidParameterValue", f"Message must be shorter than {queue.max_bytes} bytes.")
        now = self._clock()
        if sum(each.held_bytes(now) for each in self.queues) >= self._max_held_bytes:
            reason = "Delete messages, purge a queue, or use ElasticMQ or AWS."
            raise Refused("OverLimit", f"This emulator holds {self._max_held_bytes} bytes at most. {reason}")
        sent = queue.send(
            body,
            now,
            attributes=attributes,
            group_id=request.get("MessageGroupId"),
            deduplication_id=request.get("MessageDeduplicationId"),
            delay_seconds=delay_seconds,
            trace_header=trace_header,
        )
        return sent_answer(sent, md5_of_body(body), attributes, trace_header, fifo=queue.fifo)

    def _delete(self, queue: Queue, request: Json) -> Json:
        queue.delete(required(request, "ReceiptHandle"), self._clock())
        return {}

    def _hide(self, queue: Queue, request: Json) -> Json:
        seconds = number(request, "VisibilityTimeout", None, 0, MAX_HIDDEN_SECONDS)
        queue.change_visibility(required(request, "ReceiptHandle"), seconds, self._clock())
        return {}
