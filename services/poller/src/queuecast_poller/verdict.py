"""What to do with the messages of one receive. Pure: judges, touches nothing.

A message that cannot be delivered is left on the queue, where the redrive policy takes it to the dead-letter
queue; its neighbours go on.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from queuecast_bus.names import CANARY_NAMESPACE, MAX_BYTES, MAX_ROOMS, SUBJECT_ROOM
from queuecast_bus.record import Record
from queuecast_poller.canary_token import is_genuine
from queuecast_poller.commands import BadCommand, command, is_meant
from queuecast_poller.digest import body_digest
from queuecast_poller.message import Message
from queuecast_poller.route.matching import BadRoute, Matched, match
from queuecast_poller.routing import ATTRIBUTES, CANARY, Address, BadAddress, address, check_names
from queuecast_poller.rules import Rules
from queuecast_poller.unwrap import (
    Confirmation,
    NotJson,
    Payload,
    Pointer,
    S3TestEvent,
    Unwrapped,
    plain,
    unwrap,
)

MAX_ADDRESS_BYTES = 2 * MAX_BYTES + MAX_ROOMS * (MAX_BYTES + len(SUBJECT_ROOM))
"""Of the longest address that is taken: a record which has room for it needs no look at its own."""


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


class DropReason(StrEnum):
    """Why a message is deleted and shown to nobody: the closed set of a metric's label."""

    S3_TEST = "s3_test"
    TOO_OLD = "too_old"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Publish:
    """Put the record on the bus, then delete the message.

    `max_age_seconds` and `latest` (the key of which only the newest message counts) are what a route says.
    """

    message: Message
    record: Record
    max_age_seconds: float | None = None
    latest: str | None = None


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


@dataclass(frozen=True, slots=True)
class Drop:
    """Delete the message: it is for nobody."""

    message: Message
    reason: DropReason
    detail: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """Fetch what the message points to, then judge it anew."""

    message: Message
    pointer: Pointer


Verdict = Publish | Leave | Drop | Fetch


def everywhere(namespace: str) -> bool:
    """Say that every namespace is served."""
    return True


def judge(
    messages: Iterable[Message],
    rules: Rules,
    *,
    max_receive_count: int | None = None,
    canary_key: bytes | None = None,
    is_served: Callable[[str], bool] = everywhere,
) -> list[Verdict]:
    """Return a verdict for each message, in their order.

    In a FIFO queue what follows a left message of the same group is left too: to overtake it would break the
    group's order. Its followers cannot come in another receive before it: SQS keeps a group back while one
    of its messages is in flight, and hands out the left one first when its visibility is over.

    That lasts until the message is dead, which it is after `max_receive_count` receives: SQS will not hand
    it out again, so nothing is overtaken. Its followers have been received with it as often, and would go to
    the dead-letter queue with it if they were left this time too.

    `is_served` says whether a gateway serves a namespace.
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
            verdict = _judge_one(message, rules, canary_key, is_served)
            dead = max_receive_count is not None and message.receives >= max_receive_count
            if isinstance(verdict, Leave) and message.group is not None and not dead:
                blocked[message.group] = verdict
        verdicts.append(verdict)
    return verdicts


def _judge_one(
    message: Message, rules: Rules, canary_key: bytes | None, is_served: Callable[[str], bool]
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
    if len(body) > rules.max_body_bytes:
        return Leave(
            message, Reason.TOO_LARGE, f"{len(body)} bytes, at most {rules.max_body_bytes} are published"
        )
    if CANARY in message.attributes:
        if not is_genuine(message.body, canary_key, message.sent_ms):
            detail = f"attribute {CANARY}: it is no poller's own message"
            # Without a key it may be one: the key is asked for again when it comes again.
            return Leave(message, Reason.BAD_ADDRESS, detail, permanent=canary_key is not None)
        return Publish(
            message,
            Record("canary", b"[]", CANARY_NAMESPACE, sent_ms=message.available_ms or message.sent_ms),
        )
    try:
        found = _unwrapped(message, body, rules)
        if not isinstance(found.inside, Payload):
            return _without_payload(message, found.inside)
        if is_meant((*found.attributes, *found.unreadable)):
            return _judge_command(message, found, found.inside, rules, is_served)
        check_names(found.attributes, found.unreadable, rules.own_attributes)
        matched = _matched(found, found.inside, message, rules)
        where = address(found.attributes, matched.address)
        is_routed = matched.route is not None and matched.route.addresses
        if not is_routed and (left := _unaddressed(message, found, where, matched, rules)) is not None:
            return left
        if not is_served(where.namespace):
            return _unserved(message, where.namespace)
        if mistake := rules.schemas.mistake(where.event, [matched.payload.value]):
            return Leave(message, Reason.BAD_PAYLOAD, f"{where.event}: {mistake}")
        record = _record(message, matched.payload, where)
        has_room = record.payload_size + MAX_ADDRESS_BYTES <= rules.max_record_bytes
        if not has_room and record.size > rules.max_record_bytes:
            detail = f"{record.size} bytes with its address, at most {rules.max_record_bytes} go on the bus"
            return Leave(message, Reason.TOO_LARGE, detail)
        return Publish(message, record, matched.max_age_seconds, matched.latest)
    except BadCommand as exc:
        return Leave(message, Reason.BAD_COMMAND, str(exc))
    except BadRoute as exc:
        return Leave(message, Reason.BAD_ROUTE, str(exc))
    except BadAddress as exc:
        return Leave(message, Reason.BAD_ADDRESS, str(exc))
    except NotJson as exc:
        return Leave(message, Reason.NOT_JSON, str(exc))


def _unwrapped(message: Message, body: bytes, rules: Rules) -> Unwrapped:
    if not rules.unwraps:
        return plain(message.body, body, message.attributes, message.unreadable)
    return unwrap(message.body, body, message.attributes, message.unreadable, message.fetched)


def _matched(found: Unwrapped, payload: Payload, message: Message, rules: Rules) -> Matched:
    if rules.routes:
        matched = match(rules.routes, found, payload, message, rules.queue, rules.default)
        if matched is not None:
            return matched
    return Matched(None, rules.default, payload)


def _unaddressed(
    message: Message, found: Unwrapped, where: Address, matched: Matched, rules: Rules
) -> Leave | None:
    """Leave what nothing addresses, where such a message is not for everyone."""
    is_unmatched = rules.routes and matched.route is None
    if (
        is_unmatched
        and not rules.broadcasts_unmatched
        and not any(name in found.attributes for name in ATTRIBUTES)
    ):
        return Leave(message, Reason.NO_ROUTE, "no route matches, and it has no attribute that addresses it")
    if not rules.broadcasts and not where.rooms:
        return Leave(message, Reason.UNADDRESSED, "it names no room, and is not for everyone")
    return None


def _without_payload(message: Message, inside: Pointer | S3TestEvent | Confirmation) -> Verdict:
    match inside:
        case Pointer(bucket, key) if message.fetched is not None or message.not_fetched is not None:
            why = message.not_fetched or "what it points to is a pointer again"
            detail = f"s3://{bucket}/{key}: {why}"
            return Leave(message, Reason.NO_PAYLOAD, detail, permanent=message.not_fetched is None)
        case Pointer():
            return Fetch(message, inside)
        case S3TestEvent(bucket):
            return Drop(message, DropReason.S3_TEST, f"S3 tests the notifications of the bucket {bucket!r}")
        case Confirmation(topic):
            return Leave(message, Reason.CONFIRMATION, f"SNS asks to confirm a subscription to {topic}")


def _judge_command(
    message: Message, found: Unwrapped, payload: Payload, rules: Rules, is_served: Callable[[str], bool]
) -> Verdict:
    if not rules.commands:
        detail = "it is a command to sessions, and none are taken (QUEUECAST_COMMANDS=true would)"
        return Leave(message, Reason.BAD_COMMAND, detail)
    one = command(found.attributes, found.unreadable, payload.value)
    if not is_served(one.namespace):
        return _unserved(message, one.namespace)
    return Publish(message, one.record(message.available_ms, redelivered=message.receives > 1))


def _unserved(message: Message, namespace: str) -> Leave:
    detail = f"no gateway serves the namespace {namespace!r}"
    return Leave(message, Reason.BAD_ADDRESS, detail, permanent=False)


def _record(message: Message, payload: Payload, where: Address) -> Record:
    attachments = () if payload.attachment is None else (payload.attachment,)
    return Record(
        event=where.event,
        arguments=_PLACEHOLDER if attachments else b"[%b]" % payload.json,
        namespace=where.namespace,
        rooms=where.rooms,
        attachments=attachments,
        sent_ms=message.available_ms,
        redelivered=message.receives > 1,
    )


_PLACEHOLDER = b'[{"_placeholder":true,"num":0}]'
"""Stands for the first attachment: https://socket.io/docs/v4/socket-io-protocol/#binary-event"""
