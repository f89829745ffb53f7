"""The actions of the SQS API on queues in memory: a request in, an answer out, both as the JSON that travels.

Waiting for messages is not here but in `long_polls`. What of the API is not here is refused, never ignored.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/
"""

import json
import re
from collections.abc import Callable, Collection
from typing import Any

from queuecast_local.sqs_emulator.answers import confirmed, failure, selected, shown
from queuecast_local.sqs_emulator.digests import md5_of_body
from queuecast_local.sqs_emulator.errors import Refused
from queuecast_local.sqs_emulator.moves import Moves
from queuecast_local.sqs_emulator.queues import MAX_HIDDEN_SECONDS, Queue, Redrive
from queuecast_local.sqs_emulator.requests import (
    BATCH,
    MAX_BYTES,
    attributes_of,
    entries,
    number,
    required,
    size,
)

Json = dict[str, Any]

ACCOUNT = "123456789012"
ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:"
MAX_WAIT_SECONDS = 20
STANDARD = {"VisibilityTimeout": "30", "ReceiveMessageWaitTimeSeconds": "0", "RedrivePolicy": ""}
FIFO = {**STANDARD, "FifoQueue": "true", "ContentBasedDeduplication": "false"}
"""The attributes that a queue can be made with, and what they are unless said."""


class Actions:
    """All queues of one server. `clock` returns seconds since 1970, and never less than before."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._queues: dict[str, Queue] = {}
        self._attributes: dict[str, dict[str, str]] = {}
        moves = Moves(lambda arn: self._named(arn.removeprefix(ARN)), clock)
        self._actions: dict[str, Callable[[Json], Json]] = {
            "CreateQueue": self._create_queue,
            "GetQueueUrl": self._get_queue_url,
            "GetQueueAttributes": self._get_queue_attributes,
            "SendMessage": lambda request: self._send(self.queue(request), request),
            "SendMessageBatch": self._send_batch,
            "ReceiveMessage": self.receive,
            "DeleteMessage": lambda request: self._delete(self.queue(request), request),
            "DeleteMessageBatch": lambda request: self._batch(request, self._delete),
            "ChangeMessageVisibility": lambda request: self._hide(self.queue(request), request),
            "ChangeMessageVisibilityBatch": lambda request: self._batch(request, self._hide),
            "PurgeQueue": self._purge_queue,
            "StartMessageMoveTask": moves.start,
            "ListMessageMoveTasks": moves.shown,
        }

    def do(self, action: str, request: Json) -> Json:
        """Return the answer to a request. A queue's URL is a path in it, as its host is the shell's.

        Raises `Refused`.
        """
        if action not in self._actions:
            raise Refused("UnsupportedOperation", f"{action} is no action of this emulator.")
        return self._actions[action](request)

    @property
    def queues(self) -> Collection[Queue]:
        """All queues there are."""
        return self._queues.values()

    def queue(self, request: Json) -> Queue:
        """Return the queue that a request names by its URL."""
        return self._named(required(request, "QueueUrl").rpartition("/")[2])

    def wait_seconds(self, request: Json) -> int:
        """Return how long a receive may wait for its first message."""
        default = int(self._attributes[_name(self.queue(request))]["ReceiveMessageWaitTimeSeconds"])
        return number(request, "WaitTimeSeconds", default, 0, MAX_WAIT_SECONDS)

    def receive(self, request: Json) -> Json:
        """Return what there is now, without waiting; an empty answer when that is nothing."""
        queue = self.queue(request)
        limit = number(request, "MaxNumberOfMessages", 1, 1, BATCH)
        seconds = number(request, "VisibilityTimeout", queue.visibility_seconds, 0, MAX_HIDDEN_SECONDS)
        messages = queue.receive(limit, self._clock(), seconds)
        return {"Messages": [shown(message, request) for message in messages]} if messages else {}

    def _create_queue(self, request: Json) -> Json:
        name = required(request, "QueueName")
        if not re.fullmatch(r"[\w-]{1,80}|[\w-]{1,75}\.fifo", name, re.ASCII):
            raise Refused("InvalidParameterValue", f"{name} is no queue name.")
        given: dict[str, str] = request.get("Attributes") or {}
        fifo = given.get("FifoQueue") == "true"
        if fifo != name.endswith(".fifo"):
            raise Refused("InvalidParameterValue", "The name of a FIFO queue ends in .fifo, and no other.")
        defaults = FIFO if fifo else STANDARD
        for attribute in given:
            if attribute not in defaults:
                raise Refused("InvalidAttributeName", f"Unknown Attribute {attribute}.")
        if name in self._queues:
            if not given.items() <= self._attributes[name].items():
                raise Refused("QueueNameExists", "A queue of that name exists with another attribute.")
        else:
            self._queues[name] = self._made(name, {**defaults, **given})
            self._attributes[name] = {**defaults, **given}
        return {"QueueUrl": f"/{ACCOUNT}/{name}"}

    def _made(self, name: str, attributes: dict[str, str]) -> Queue:
        fifo = "FifoQueue" in attributes
        redrive = None
        if attributes["RedrivePolicy"]:
            policy = json.loads(attributes["RedrivePolicy"])
            dead = self._named(str(policy["deadLetterTargetArn"]).removeprefix(ARN))
            if dead.fifo != fifo:
                raise Refused("InvalidParameterValue", "A queue and its dead-letter queue are of one type.")
            redrive = Redrive(dead, int(policy["maxReceiveCount"]))
        return Queue(
            ARN + name,
            visibility_seconds=number(attributes, "VisibilityTimeout", None, 0, MAX_HIDDEN_SECONDS),
            fifo=fifo,
            content_based=attributes.get("ContentBasedDeduplication") == "true",
            redrive=redrive,
        )

    def _get_queue_url(self, request: Json) -> Json:
        return {"QueueUrl": f"/{ACCOUNT}/{_name(self._named(required(request, 'QueueName')))}"}

    def _get_queue_attributes(self, request: Json) -> Json:
        queue = self.queue(request)
        kept = {name: value for name, value in self._attributes[_name(queue)].items() if value}
        counts = {
            "ApproximateNumberOfMessages": str(queue.waiting(self._clock())),
            "ApproximateNumberOfMessagesNotVisible": str(queue.in_flight),
        }
        known = {"QueueArn": queue.arn, **kept, **counts}
        return {"Attributes": selected(known, request.get("AttributeNames") or ())}

    def _purge_queue(self, request: Json) -> Json:
        self.queue(request).purge()
        return {}

    def _send_batch(self, request: Json) -> Json:
        total = sum(size(entry) for entry in entries(request))
        if total > MAX_BYTES:
            raise Refused("BatchRequestTooLong", f"{total} bytes are more than {MAX_BYTES}.")
        return self._batch(request, self._send)

    def _batch(self, request: Json, verb: Callable[[Queue, Json], Json]) -> Json:
        """Do the verb to each entry: the answer has status 200 whatever becomes of them."""
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
        if request.get("DelaySeconds"):
            raise Refused("UnsupportedOperation", "This emulator delays no message.")
        if size(request) > MAX_BYTES:
            raise Refused("InvalidParameterValue", f"Message must be shorter than {MAX_BYTES} bytes.")
        sent = queue.send(
            body,
            self._clock(),
            attributes=attributes,
            group_id=request.get("MessageGroupId"),
            deduplication_id=request.get("MessageDeduplicationId"),
        )
        return confirmed(sent, md5_of_body(body), attributes, fifo=queue.fifo)

    def _delete(self, queue: Queue, request: Json) -> Json:
        queue.delete(required(request, "ReceiptHandle"), self._clock())
        return {}

    def _hide(self, queue: Queue, request: Json) -> Json:
        seconds = number(request, "VisibilityTimeout", None, 0, MAX_HIDDEN_SECONDS)
        queue.change_visibility(required(request, "ReceiptHandle"), seconds, self._clock())
        return {}

    def _named(self, name: str) -> Queue:
        if name not in self._queues:
            raise Refused("QueueDoesNotExist", "The specified queue does not exist.")
        return self._queues[name]


def _name(queue: Queue) -> str:
    return queue.arn.removeprefix(ARN)
