"""Move tasks: dead letters go back to the queues that they came from, as SQS does it.

Each is finished at once, so the errors for a task that is still running do not occur.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

import uuid
from collections.abc import Callable
from typing import Any

from queuecast_local.sqs_emulator.errors import Refused
from queuecast_local.sqs_emulator.groups import Message
from queuecast_local.sqs_emulator.queues import Queue
from queuecast_local.sqs_emulator.requests import number, required

Json = dict[str, Any]

MAX_LISTED = 10
"""Most tasks of one queue that are remembered, newest first: as many as SQS lists."""


class Moves:
    """The move tasks of one server. `find` returns the queue with an ARN, or raises `Refused`."""

    def __init__(self, find: Callable[[str], Queue], clock: Callable[[], float]) -> None:
        self._find = find
        self._clock = clock
        self._tasks: dict[str, list[Json]] = {}

    def start(self, request: Json) -> Json:
        """Move all waiting messages of a queue to the queues they came from, or to the one that is named."""
        arn = required(request, "SourceArn")
        source = self._find(arn)
        target = request.get("DestinationArn")
        now = self._clock()

        def destination(message: Message) -> Queue:
            return self._find(target or message.source_arn or "")

        task = {"Status": "COMPLETED", "SourceArn": arn, "StartedTimestamp": int(now * 1000)}
        try:
            task["ApproximateNumberOfMessagesMoved"] = source.move(destination, now)
        except Refused:
            # A message was sent there directly, so that its source is unknown.
            task |= {"Status": "FAILED", "FailureReason": "CouldNotDetermineMessageSource"}
        self._tasks[arn] = [task, *self._tasks.get(arn, ())][:MAX_LISTED]
        return {"TaskHandle": uuid.uuid4().hex}

    def listed(self, request: Json) -> Json:
        """Return the newest tasks of a queue."""
        most = number(request, "MaxResults", 1, 1, MAX_LISTED)
        return {"Results": self._tasks.get(required(request, "SourceArn"), [])[:most]}
