"""A queue with the semantics of SQS, as a data structure. Pure: the time is an argument, in seconds.

Every operation takes logarithmic time in the number of messages, so that backlogs can be tested. It is not a
store: nothing expires, and `held_bytes` is the measure by which the memory of all queues is bounded.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/
"""

import hashlib
import heapq
import itertools
import sys
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from queuecast_local.sqs_emulator.digests import md5_of_body
from queuecast_local.sqs_emulator.errors import Refused
from queuecast_local.sqs_emulator.groups import Group, Message
from queuecast_local.sqs_emulator.requests import MAX_BYTES

DEDUPLICATION_SECONDS = 300
MAX_HIDDEN_SECONDS = 43_200
MESSAGE_BYTES = 1_024
"""Memory of a message besides its body and attributes: tracemalloc counted 640, and 1,090 on a FIFO queue."""
ATTRIBUTE_BYTES = 512
"""Memory of an attribute besides its name, type and value; 300 were counted."""
SENT_BYTES = 512
"""What a FIFO queue remembers of each message for five minutes, to find duplicates; part of the 1,090."""
SPARE_DEADLINES = 1_000
"""Most outdated deadlines, beyond one for each message in flight or delayed."""


class Redrive(NamedTuple):
    """Where a message goes after too many receives."""

    dead: "Queue"
    max_receives: int


class Sent(NamedTuple):
    """The confirmation of a sent message; for a duplicate, that of the first one."""

    message_id: str
    sequence: int
    at: float


class Queue:
    """One queue, standard or FIFO."""

    def __init__(
        self,
        arn: str,
        *,
        visibility_seconds: int = 30,
        delay_seconds: int = 0,
        fifo: bool = False,
        content_based: bool = False,
        redrive: Redrive | None = None,
    ) -> None:
        self.arn = arn
        self.visibility_seconds = visibility_seconds
        self.delay_seconds = delay_seconds
        self.max_bytes = MAX_BYTES
        self.fifo = fifo
        self.content_based = content_based
        self.redrive = redrive
        self._numbers = itertools.count(1)
        self._sent: OrderedDict[str, Sent] = OrderedDict()
        self.purge()

    def purge(self) -> None:
        """Delete all messages, in flight or not."""
        self.in_flight = 0
        self.delayed = 0
        self._message_bytes = 0
        self._messages: dict[str, Message] = {}
        self._groups: dict[str | None, Group] = {}
        self._ready: deque[Group] = deque()
        self._deadlines: list[tuple[float, int, Message]] = []

    def waiting(self, now: float) -> int:
        """Return how many messages are visible, those of blocked groups included."""
        self._return_overdue(now)
        return len(self._messages) - self.in_flight - self.delayed

    def held_bytes(self, now: float) -> int:
        """Return about how much memory the queue takes."""
        self._forget_sent(now)
        return self._message_bytes + SENT_BYTES * len(self._sent)

    def is_ready(self, now: float) -> bool:
        """Return whether a receive would find a message, even if only one for the dead-letter queue."""
        self._return_overdue(now)
        while self._ready and not self._ready[0].is_ready():
            self._ready.popleft().listed = False
        return bool(self._ready)

    def next_return(self) -> float | None:
        """Return when to check `is_ready` again if nothing else happens: never too late, maybe too early."""
        return self._deadlines[0][0] if self._deadlines else None

    def send(
        self,
        body: str,
        now: float,
        *,
        attributes: Mapping[str, Mapping[str, Any]] | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        delay_seconds: int | None = None,
        trace_header: str | None = None,
    ) -> Sent:
        """Put a message on the queue; a FIFO queue drops duplicates within five minutes.

        It is hidden for `delay_seconds` first; None means the queue's own delay.
        """
        if self.fifo:
            if group_id is None:
                raise Refused("MissingParameter", "The request must contain the parameter MessageGroupId.")
            if deduplication_id is None and not self.content_based:
                reason = "MessageDeduplicationId is needed unless ContentBasedDeduplication is on."
                raise Refused("InvalidParameterValue", reason)
            deduplication_id = deduplication_id or hashlib.sha256(body.encode()).hexdigest()
            if known := self._sent_before(deduplication_id, now):
                return known
        message = Message(
            id=str(uuid.uuid4()),
            sequence=next(self._numbers),
            body=body,
            body_md5=md5_of_body(body),
            attributes=attributes or {},
            sent_at=now,
            group_id=group_id,
            deduplication_id=deduplication_id,
            trace_header=trace_header,
            held_bytes=_held_bytes(body, attributes or {}),
        )
        self._admit(message, now + (self.delay_seconds if delay_seconds is None else delay_seconds), now)
        sent = Sent(message.id, message.sequence, now)
        if deduplication_id is not None and self.fifo:
            self._sent[deduplication_id] = sent
        return sent

    def receive(self, limit: int, now: float, visibility_seconds: int | None = None) -> list[Message]:
        """Receive up to `limit` messages. The handle of each is valid until its next receive."""
        self._return_overdue(now)
        seconds = self.visibility_seconds if visibility_seconds is None else visibility_seconds
        taken: list[Message] = []
        while self._ready and len(taken) < limit:
            group = self._ready.popleft()
            group.listed = False
            if group.is_ready():
                # One answer may have many messages of a group, in their order.
                while len(taken) < limit and (message := group.pop()):
                    if self.redrive and message.receives >= self.redrive.max_receives:
                        self._move_to_dead_letters(message, self.redrive.dead)
                    else:
                        self._deliver(message, group, now, seconds)
                        taken.append(message)
                self._update_ready(group)
        return taken

    def delete(self, receipt_handle: str, now: float) -> None:
        """Delete a message. An outdated handle does nothing, but is refused on a FIFO queue."""
        self._return_overdue(now)
        message, is_newest = self._find(receipt_handle)
        if message is None:
            return
        if self.fifo and (not is_newest or message.hidden_until is None):
            raise Refused(
                "InvalidParameterValue", f"{_about(receipt_handle)} The receipt handle has expired."
            )
        if is_newest:
            if message.hidden_until is not None:
                self._end_hiding(message)
            self._forget(message)
            # It may stay in its group's heap for long, so the memory is freed now.
            message.body, message.attributes = "", {}
            self._update_ready(self._group(message))

    def change_visibility(self, receipt_handle: str, seconds: int, now: float) -> None:
        """Keep a message in flight for so many seconds from now; 0 makes it visible at once."""
        self._return_overdue(now)
        message, is_newest = self._find(receipt_handle)
        if message is None:
            raise Refused("InvalidParameterValue", f"{_about(receipt_handle)} Message does not exist.")
        if not is_newest or message.hidden_until is None:
            raise Refused("MessageNotInflight", f"{_about(receipt_handle)} The message is not in flight.")
        if now + seconds > message.last_received_at + MAX_HIDDEN_SECONDS:
            reason = f"Total VisibilityTimeout is beyond the limit [{MAX_HIDDEN_SECONDS} seconds]."
            raise Refused("InvalidParameterValue", f"Value {seconds} is invalid. Reason: {reason}")
        if seconds == 0:
            self._return(message)
        else:
            self._hide(message, now + seconds)

    def move(self, to: "Callable[[Message], Queue]", now: float) -> int:
        """Move all waiting messages, as new ones in the same order; return how many."""
        self._return_overdue(now)
        waiting = [message for message in self._messages.values() if message.hidden_until is None]
        for message in waiting:
            target = to(message)
            self._forget(message)
            self._update_ready(self._group(message))
            target._admit(
                replace(
                    message,
                    id=str(uuid.uuid4()),
                    sequence=next(target._numbers),
                    sent_at=now,
                    source_arn=None,
                    receives=0,
                    deleted=False,
                )
            )
        return len(waiting)

    def repeat(self, message_id: str) -> None:
        """Make a message in flight visible at once, and its current handle outdated.

        A delete then has no effect: SQS may deliver a message even after it was deleted.
        """
        message = self._messages.get(message_id)
        if message is not None and message.hidden_until is not None:
            message.deliveries += 1
            self._return(message)

    def _admit(self, message: Message, visible_at: float = 0, now: float = 0) -> None:
        self._messages[message.id] = message
        self._message_bytes += message.held_bytes
        if visible_at > now:
            message.delayed = True
            self.delayed += 1
            self._hide(message, visible_at)
        else:
            self._wait(message)

    def _wait(self, message: Message) -> None:
        group = self._group(message)
        group.push(message)
        self._update_ready(group)

    def _group(self, message: Message) -> Group:
        # Standard queues have groups for fairness only, without order. Here they are one group.
        key = message.group_id if self.fifo else None
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(key, ordered=self.fifo)
        return group

    def _update_ready(self, group: Group) -> None:
        if not group.in_flight and group.is_empty():
            self._groups.pop(group.id, None)
        elif not group.listed and group.is_ready():
            group.listed = True
            self._ready.append(group)

    def _deliver(self, message: Message, group: Group, now: float, seconds: int) -> None:
        message.receives += 1
        message.deliveries += 1
        if message.receives == 1:
            message.first_received_at = now
        message.last_received_at = now
        group.in_flight += 1
        self.in_flight += 1
        self._hide(message, now + seconds)

    def _hide(self, message: Message, until: float) -> None:
        message.hidden_until = until
        if len(self._deadlines) > 2 * (self.in_flight + self.delayed) + SPARE_DEADLINES:
            self._deadlines = [entry for entry in self._deadlines if _is_due(entry)]
            heapq.heapify(self._deadlines)
        # The number prevents a comparison of two messages with the same deadline.
        heapq.heappush(self._deadlines, (until, next(self._numbers), message))

    def _return_overdue(self, now: float) -> None:
        while self._deadlines and self._deadlines[0][0] <= now:
            entry = heapq.heappop(self._deadlines)
            if _is_due(entry):
                self._return(entry[2])

    def _return(self, message: Message) -> None:
        self._end_hiding(message)
        self._wait(message)

    def _end_hiding(self, message: Message) -> None:
        message.hidden_until = None
        if message.delayed:
            message.delayed = False
            self.delayed -= 1
        else:
            self._group(message).in_flight -= 1
            self.in_flight -= 1

    def _forget(self, message: Message) -> None:
        message.deleted = True
        self._message_bytes -= message.held_bytes
        del self._messages[message.id]

    def _move_to_dead_letters(self, message: Message, dead: "Queue") -> None:
        self._forget(message)
        # A copy, as this queue's deadlines still refer to the message.
        sequence = next(dead._numbers)
        dead._admit(replace(message, sequence=sequence, source_arn=self.arn, deleted=False))

    def _find(self, receipt_handle: str) -> tuple[Message | None, bool]:
        message_id, mark, delivery = receipt_handle.rpartition("#")
        if not mark or not delivery.isdecimal():
            raise Refused("ReceiptHandleIsInvalid", f"{_about(receipt_handle)} It is not a receipt handle.")
        message = self._messages.get(message_id)
        return message, message is not None and message.deliveries == int(delivery)

    def _sent_before(self, deduplication_id: str, now: float) -> Sent | None:
        self._forget_sent(now)
        return self._sent.get(deduplication_id)

    def _forget_sent(self, now: float) -> None:
        # They are in the order of sending, which is the order of expiry.
        while self._sent and next(iter(self._sent.values())).at + DEDUPLICATION_SECONDS <= now:
            self._sent.popitem(last=False)


def _held_bytes(body: str, attributes: Mapping[str, Mapping[str, Any]]) -> int:
    return (
        MESSAGE_BYTES
        + sys.getsizeof(body)
        + sum(
            ATTRIBUTE_BYTES + sys.getsizeof(name) + sum(sys.getsizeof(part) for part in attribute.values())
            for name, attribute in attributes.items()
        )
    )


def _is_due(entry: tuple[float, int, Message]) -> bool:
    deadline, _, message = entry
    return message.hidden_until == deadline and not message.deleted


def _about(receipt_handle: str) -> str:
    return f"Value {receipt_handle} for parameter ReceiptHandle is invalid. Reason:"
