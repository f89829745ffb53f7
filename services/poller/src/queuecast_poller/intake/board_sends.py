"""Sends to its queue what people put there from a gateway's live board, and remembers what came of it."""

import json
import logging
from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from queuecast_bus import BusManager
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.sqs.failure import QueueUnavailable
from queuecast_poller.sqs.queue import Queue

log = logging.getLogger(__name__)

RECENT = 20
"""Requests whose outcome is remembered."""


class _Wanted(NamedTuple):
    """What a request says. That of another version may say something else, and is for no queue."""

    queue: str = ""
    body: str = ""
    attributes: Mapping[str, str] = MappingProxyType({})


def _read(text: str) -> _Wanted:
    try:
        members = json.loads(text)
        attributes = {str(name): str(value) for name, value in members["attributes"].items()}
        return _Wanted(str(members["queue"]), str(members["body"]), attributes)
    except (ValueError, LookupError, TypeError, AttributeError):
        return _Wanted()


class BoardSends:
    """The requests for one queue. Another poller of the queue may take them, too: each is sent once."""

    def __init__(self, name: str, bus: BusManager, metrics: QueueMetrics) -> None:
        self._name = name
        self._bus = bus
        self._metrics = metrics
        self._recent: deque[dict[str, Any]] = deque(maxlen=RECENT)

    @property
    def recent(self) -> list[dict[str, Any]]:
        """What was sent last: the `request`, and the message's `id` or why there is an `error`."""
        return list(self._recent)

    async def carry_out(self, queue: Queue) -> None:
        """Send what is asked for now. Raises `BusUnavailable`."""
        for request, text in (await self._bus.queue_sends.asked()).items():
            wanted = _read(text)
            if wanted.queue != self._name or not await self._bus.queue_sends.take(request):
                continue
            try:
                message_id = await queue.send(wanted.body, wanted.attributes, request)
            except QueueUnavailable as exc:
                self._metrics.failed(exc)
                log.warning("what was sent from the live board is not on the queue: %s", exc)
                self._recent.append({"request": request, "error": f"SQS did not take it: {exc.reason}"})
            else:
                log.info("message %s was sent from the live board", message_id)
                self._recent.append({"request": request, "id": message_id})
