"""What to do with the messages of one receive. Pure: judges, touches nothing.

A message that cannot be delivered is left on the queue, where the redrive policy takes it to the dead-letter
queue; its neighbours go on.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from queuecast_bus.names import CANARY_NAMESPACE
from queuecast_bus.record import Record
from queuecast_poller.canary_token import is_genuine
from queuecast_poller.digest import body_digest
from queuecast_poller.message import Message
from queuecast_poller.routing import CANARY, BadAddress, address

MAX_DEPTH = 100
"""Deepest nesting of lists and objects; parsers give up somewhere beyond, each at its own depth."""

_TOO_DEEP = f"nested deeper than {MAX_DEPTH}"


class Reason(StrEnum):
    """Why a message is left: the closed set of a metric's label."""

    NOT_JSON = "not_json"
    TOO_LARGE = "too_large"
    BAD_ADDRESS = "bad_address"
    ALTERED = "altered"
    GROUP_BLOCKED = "group_blocked"


@dataclass(frozen=True, slots=True)
class Publish:
    """Put the record on the bus, then delete the message."""

    message: Message
    record: Record


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the message on the queue; `detail` is for the log.

    `permanent` says that to judge the message again could only come to the same: the fault is its own. What
    follows such a message in its group shares that.
    """

    message: Message
    reason: Reason
    detail: str
    permanent: bool = True


Verdict = Publish | Leave


def judge(
    messages: Iterable[Message],
    *,
    default_event: str,
    max_body_bytes: int,
    max_receive_count: int | None = None,
    canary_key: bytes | None = None,
) -> list[Verdict]:
    """Return a verdict for each message, in their order.

    In a FIFO queue what follows a left message of the same group is left too: to overtake it would break the
    group's order. Its followers cannot come in another receive before it: SQS keeps a group back while one
    of its messages is in flight, and hands out the left one first when its visibility is over.

    That lasts until the message is dead, which it is after `max_receive_count` receives: SQS will not hand
    it out again, so nothing is overtaken. Its followers have been received with it as often, and would go to
    the dead-letter queue with it if they were left this time too.
    """
    verdicts: list[Verdict] = []
    blocked: dict[str, Leave] = {}
    for message in messages:
        head = None if message.group is None else blocked.get(message.group)
        if head is not None:
            verdict: Verdict = Leave(
                message,
                Reason.GROUP_BLOCKED,
                f"an earlier message of the group {message.group!r} was left",
                head.permanent,
            )
        else:
            verdict = _judge_one(message, default_event, max_body_bytes, canary_key)
            dead = max_receive_count is not None and message.receives >= max_receive_count
            if isinstance(verdict, Leave) and message.group is not None and not dead:
                blocked[message.group] = verdict
        verdicts.append(verdict)
    return verdicts


def _judge_one(
    message: Message, default_event: str, max_body_bytes: int, canary_key: bytes | None
) -> Verdict:
    try:
        body = message.body.encode()
    except UnicodeEncodeError:
        return Leave(message, Reason.NOT_JSON, "half a surrogate pair is no character")
    if body_digest(body) != message.body_md5:
        return Leave(
            message, Reason.ALTERED, "the body is not the one whose MD5 SQS sent along", permanent=False
        )
    if message.attributes_altered:
        detail = "the attributes are not those whose MD5 SQS sent along"
        return Leave(message, Reason.ALTERED, detail, permanent=False)
    if len(body) > max_body_bytes:
        return Leave(message, Reason.TOO_LARGE, f"{len(body)} bytes, at most {max_body_bytes} are published")
    if message.unreadable:
        return Leave(
            message,
            Reason.BAD_ADDRESS,
            f"attribute {', '.join(message.unreadable)}: expected type String or Number",
        )
    if CANARY in message.attributes:
        if not is_genuine(message.body, canary_key, message.sent_ms):
            detail = f"attribute {CANARY}: it is no poller's own message"
            # Without a key it may be one: the key is asked for again when it comes again.
            return Leave(message, Reason.BAD_ADDRESS, detail, permanent=canary_key is not None)
        return Publish(message, Record("canary", b"[]", CANARY_NAMESPACE, sent_ms=message.sent_ms))
    try:
        where = address(message.attributes, default_event)
    except BadAddress as exc:
        return Leave(message, Reason.BAD_ADDRESS, str(exc))
    try:
        _check_json(message.body)
    except ValueError as exc:
        return Leave(message, Reason.NOT_JSON, str(exc))
    return Publish(
        message,
        Record(
            event=where.event,
            arguments=b"[%b]" % body,
            namespace=where.namespace,
            rooms=where.rooms,
            sent_ms=message.sent_ms,
            redelivered=message.receives > 1,
        ),
    )


def _check_json(body: str) -> None:
    """Raise `ValueError` unless every JSON parser on the way to a browser's handler can read the body."""
    try:
        value = json.loads(body, parse_constant=_refuse_constant, parse_float=_parse_float)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    # Counting brackets is cheap and almost always enough; only then is it worth to walk the value.
    if body.count("[") + body.count("{") > MAX_DEPTH and _depth_exceeds(value, MAX_DEPTH):
        raise ValueError(_TOO_DEEP)


def _depth_exceeds(value: Any, limit: int) -> bool:
    level: list[Any] = [[value]]
    for _ in range(limit + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, list | dict)
        ]
        if not level:
            return False
    return True


def _refuse_constant(name: str) -> NoReturn:
    # Python reads NaN and Infinity, which are no JSON: a browser would fail on the whole event.
    raise ValueError(f"{name} is not JSON")


def _parse_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number
