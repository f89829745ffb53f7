"""Moves of dead letters back to the queues that they came from, as SQS makes them by itself.

Each is over at once, so that there is never one under way: what that would refuse is not here.
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

MAX_SHOWN = 10
"""Moves of one queue that are remembered, the newest first: as many as SQS shows."""


class Moves:
    """The moves of one server. `find` returns the queue of an ARN, or refuses."""

    def __init__(self, find: Callable[[str], Queue], clock: Callable[[], float]) -> None:
        self._find = find
        self._clock = clock
        self._made: dict[str, list[Json]] = {}

    def start(self, request: Json) -> Json:
        """Move all that waits in a queue to where it came from, or to the queue that is named."""
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
            # Somebody has put a message there by hand, and SQS cannot say where it belongs.
            task |= {"Status": "FAILED", "FailureReason": "CouldNotDetermineMessageSource"}
        self._made[arn] = [task, *self._made.get(arn, ())][:MAX_SHOWN]
        return {"TaskHandle": uuid.uuid4().hex}

    def shown(self, request: Json) -> Json:
        """Return the newest moves of a queue."""
        most = number(request, "MaxResults", 1, 1, MAX_SHOWN)
        return {"Results": self._made.get(required(request, "SourceArn"), [])[:most]}
