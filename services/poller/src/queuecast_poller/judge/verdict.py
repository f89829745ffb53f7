"""The verdicts on a message, as values: publish, leave, drop or fetch. Pure; `decision` finds them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from queuecast_bus.awaited import AckMode
from queuecast_bus.record import Record
from queuecast_edge.printable import printable
from queuecast_poller.sqs.message import Message
from queuecast_poller.unwrap import Pointer


class Reason(StrEnum):
    """Why a message is left: the closed set of a metric's label."""

    NOT_JSON = "not_json"
    TOO_LARGE = "too_large"
    BAD_ADDRESS = "bad_address"
    BAD_COMMAND = "bad_command"
    UNADDRESSED = "unaddressed"
    NO_ROUTE = "no_route"
    BAD_ROUTE = "bad_route"
    BAD_PAYLOAD = "bad_payload"
    NO_PAYLOAD = "no_payload"
    CONFIRMATION = "confirmation"
    ALTERED = "altered"
    GROUP_BLOCKED = "group_blocked"
    NOBODY_THERE = "nobody_there"
    UNANSWERED = "unanswered"
    NOBODY_CAME = "nobody_came"


class DropReason(StrEnum):
    """Why a message is deleted unpublished: the closed set of a metric's label."""

    S3_TEST = "s3_test"
    TOO_OLD = "too_old"
    SUPERSEDED = "superseded"
    NOBODY_CAME = "nobody_came"
    FORWARDED = "forwarded"


class Publish(NamedTuple):
    """Put the record on the bus, then delete the message.

    `max_age_seconds` and `latest` come from the route. Of the messages with the same `latest`, only the
    newest counts. With `ack`, the message is deleted only when browsers have acknowledged its event.
    With `hold`, it waits for so many seconds after it was sent while nobody is in its rooms. `dedup_id` is
    for the bus, if it is not the message's own id.
    """

    message: Message
    record: Record
    max_age_seconds: float | None = None
    latest: str | None = None
    ack: AckMode | None = None
    hold: float | None = None
    dedup_id: str | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the message on the queue; `detail` is for the log, in one line.

    `permanent` means that judging the message again would give the same result, because the fault is in the
    message. The messages behind it in its group share that.
    """

    message: Message
    reason: Reason
    detail: str
    permanent: bool = True


@dataclass(frozen=True, slots=True)
class Drop:
    """Delete the message: it is for nobody."""

    message: Message
    reason: DropReason
    detail: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """Fetch the payload that the message points to, then judge the message again."""

    message: Message
    pointer: Pointer


Verdict = Publish | Leave | Drop | Fetch

MAX_DETAIL = 500
"""Most characters of a detail: it may quote the message."""


def in_one_line(text: str) -> str:
    """Return a detail for the log: short, and no sender can forge a line with it."""
    return printable(text[:MAX_DETAIL])
