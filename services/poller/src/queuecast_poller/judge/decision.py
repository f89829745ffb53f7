"""Decides which verdict each message of a receive gets. Pure.

A message that cannot be delivered is left on the queue, whose redrive policy moves it to the dead-letter
queue. The other messages of the receive are not affected.
"""

from collections.abc import Callable, Iterable, Set
from dataclasses import replace

from queuecast_bus.awaited import AckMode
from queuecast_bus.names import CANARY_NAMESPACE, MAX_BYTES, MAX_ROOMS, SUBJECT_ROOM
from queuecast_bus.record import Record
from queuecast_poller.judge.canary_token import is_genuine
from queuecast_poller.judge.command_message import BadCommand, is_command, read_command
from queuecast_poller.judge.verdict import (
    Drop,
    DropReason,
    Fetch,
    Leave,
    Publish,
    Reason,
    Verdict,
    in_one_line,
)
from queuecast_poller.route.acknowledgement import ACK, NOT_WAITING, ack_in
from queuecast_poller.route.address import ATTRIBUTES, Address, BadAddress, address, check_names
from queuecast_poller.route.hold import HOLD, NOT_HOLDING, check_hold, hold_in
from queuecast_poller.route.matching import BadRoute, Matched, match
from queuecast_poller.route.rules import Rules
from queuecast_poller.sqs.digest import body_digest
from queuecast_poller.sqs.message import CANARY, Message
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

MAX_ADDRESS_BYTES = 3 * MAX_BYTES + MAX_ROOMS * (MAX_BYTES + len(SUBJECT_ROOM))
"""Size of the longest valid address with a key. A record with room for it is not measured with its own."""

META_BYTES = 300
"""Size of the argument that comes behind the data of an event that has to be acknowledged."""

_WAITING = frozenset({ACK, HOLD})
WAITS_FOR_NOTHING = (None, None)

KEY = "key"
"""The message attribute with the key of a message, of which rooms keep the newest."""

VOLATILE = "volatile"
"""The message attribute of messages that are only for whoever is connected when they are delivered."""

SPELLINGS = {"true": True, "1": True, "false": False, "0": False}


def always_served(namespace: str) -> bool:
    """Take every namespace for served."""
    return True


def decide(
    messages: Iterable[Message],
    rules: Rules,
    *,
    max_receive_count: int | None = None,
    canary_key: bytes | None = None,
    is_served: Callable[[str], bool] = always_served,
) -> list[Verdict]:
    """Return a verdict for each message, in their order.

    On a FIFO queue, the messages behind a left message of the same group are left too: overtaking it would
    break the group's order. They cannot arrive in another receive before it either. SQS delivers none of a
    group while one of its messages is in flight, and the left one comes first when it is visible again.

    This ends with the message's last receive, number `max_receive_count`. SQS will not deliver it again, so
    nothing overtakes it. The messages behind it were received as often, and would go to the dead-letter
    queue with it if they were left this time too.

    `is_served` says whether a gateway serves a namespace.
    """
    verdicts: list[Verdict] = []
    blocked: dict[str, Leave] = {}
    for message in messages:
        blocker = None if message.group is None else blocked.get(message.group)
        if blocker is not None:
            verdict: Verdict = Leave(
                message,
                Reason.GROUP_BLOCKED,
                f"an earlier message of the group {message.group!r} was left",
                blocker.permanent,
            )
        else:
            verdict = _judge_one(message, rules, canary_key, is_served)
            is_last_receive = max_receive_count is not None and message.receives >= max_receive_count
            if isinstance(verdict, Leave | Drop):
                verdict = replace(verdict, detail=in_one_line(verdict.detail))
            if isinstance(verdict, Leave) and message.group is not None and not is_last_receive:
                blocked[message.group] = verdict
        verdicts.append(verdict)
    return verdicts


def _judge_one(
    message: Message, rules: Rules, canary_key: bytes | None, is_served: Callable[[str], bool]
) -> Verdict:
    try:
        body = message.body.encode()
    except UnicodeEncodeError:
        return Leave(message, Reason.NOT_JSON, "half a surrogate pair is not a character")
    if body_digest(body) != message.body_md5:
        detail = "the body does not match the MD5 that SQS sent with it"
        return Leave(message, Reason.ALTERED, detail, permanent=False)
    if message.attributes_altered:
        detail = "the attributes do not match the MD5 that SQS sent with them"
        return Leave(message, Reason.ALTERED, detail, permanent=False)
    if len(body) > rules.max_body_bytes:
        return Leave(
            message, Reason.TOO_LARGE, f"{len(body)} bytes, at most {rules.max_body_bytes} are published"
        )
    if CANARY in message.attributes:
        if not is_genuine(message.body, canary_key, message.sent_ms):
            detail = f"attribute {CANARY}: no poller of this bus sent the message"
            # Without a key it may still be genuine; the key is looked up again at the next receive.
            return Leave(message, Reason.BAD_ADDRESS, detail, permanent=canary_key is not None)
        return Publish(
            message,
            Record("canary", b"[]", CANARY_NAMESPACE, sent_ms=message.available_ms or message.sent_ms),
        )
    try:
        found = _unwrapped(message, body, rules)
        if not isinstance(found.content, Payload):
            return _without_payload(message, found.content, rules.payload_buckets)
        if is_command((*found.attributes, *found.unreadable)):
            return _judge_command(message, found, found.content, rules, is_served)
        check_names(found.attributes, found.unreadable, rules.application_attributes)
        matched = _matched(found, found.content, message, rules)
        where = address(found.attributes, matched.address)
        is_routed = matched.route is not None and matched.route.addresses
        if not is_routed and (left := _unaddressed(message, found, where, matched, rules)) is not None:
            return left
        if not is_served(where.namespace):
            return _unserved(message, where.namespace)
        if mistake := rules.schemas.mistake(where.event, [matched.payload.value]):
            return Leave(message, Reason.BAD_PAYLOAD, f"{where.event}: {mistake}")
        key, volatile = _key(found, matched, rules), _volatile(found, matched, rules)
        record = _record(message, matched.payload, where, key, volatile=volatile)
        ack, hold = _waits(found, matched, rules)
        if volatile and ack is not None:
            raise BadAddress("volatile and ack: an event that nobody misses waits for no acknowledgement")
        has_room = record.payload_size + MAX_ADDRESS_BYTES <= rules.max_record_bytes
        if not has_room and (size := record.size + (META_BYTES if ack else 0)) > rules.max_record_bytes:
            detail = f"{size} bytes with its address, at most {rules.max_record_bytes} go on the bus"
            return Leave(message, Reason.TOO_LARGE, detail)
        return Publish(message, record, matched.max_age_seconds, matched.latest, ack, hold)
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
    """Return `Leave` for a message without an address, unless such messages are for everyone."""
    is_unmatched = rules.routes and matched.route is None
    if (
        is_unmatched
        and not rules.broadcasts_unmatched
        and not any(name in found.attributes for name in ATTRIBUTES)
    ):
        detail = "no route matches, and no attribute addresses it"
        return Leave(message, Reason.NO_ROUTE, detail)
    if not rules.broadcasts and not where.rooms:
        return Leave(message, Reason.UNADDRESSED, "it names no room, and may not go to everyone")
    return None


def _without_payload(
    message: Message, content: Pointer | S3TestEvent | Confirmation, buckets: Set[str]
) -> Verdict:
    match content:
        case Pointer(bucket, key) if message.fetched is not None or message.not_fetched is not None:
            why = message.not_fetched or "the object is itself a pointer"
            detail = f"s3://{bucket}/{key}: {why}"
            return Leave(message, Reason.NO_PAYLOAD, detail, permanent=message.not_fetched is None)
        case Pointer(bucket, key) if bucket not in buckets:
            # A message must not choose what the poller reads.
            why = "the bucket is not one that may be read (QUEUECAST_PAYLOAD_BUCKETS)"
            return Leave(message, Reason.NO_PAYLOAD, f"s3://{bucket}/{key}: {why}")
        case Pointer():
            return Fetch(message, content)
        case S3TestEvent(bucket):
            return Drop(message, DropReason.S3_TEST, f"a test notification of the bucket {bucket!r}")
        case Confirmation(topic):
            return Leave(message, Reason.CONFIRMATION, f"SNS asks to confirm a subscription to {topic}")


def _judge_command(
    message: Message, found: Unwrapped, payload: Payload, rules: Rules, is_served: Callable[[str], bool]
) -> Verdict:
    if not rules.commands:
        detail = "it is a command to sessions, and commands are off (QUEUECAST_COMMANDS=true turns them on)"
        return Leave(message, Reason.BAD_COMMAND, detail)
    command = read_command(found.attributes, found.unreadable, payload.value)
    if not is_served(command.namespace):
        return _unserved(message, command.namespace)
    return Publish(message, command.record(message.available_ms, redelivered=message.receives > 1))


def _unserved(message: Message, namespace: str) -> Leave:
    detail = f"no gateway serves the namespace {namespace!r}"
    return Leave(message, Reason.BAD_ADDRESS, detail, permanent=False)


def _key(found: Unwrapped, matched: Matched, rules: Rules) -> str | None:
    """Return the key of a message, of which rooms keep the newest: the attribute, or the route's `latest`.

    Raises `BadAddress` if it is too long.
    """
    if not rules.keeps_latest:
        return None
    if KEY in found.unreadable:
        raise BadAddress(f"attribute {KEY}: expected type String or Number")
    key = found.attributes.get(KEY, matched.latest) or None
    if key is not None and len(key.encode()) > MAX_BYTES:
        raise BadAddress(f"key {key[:80]!r}: expected at most {MAX_BYTES} bytes of UTF-8")
    return key


def _waits(found: Unwrapped, matched: Matched, rules: Rules) -> tuple[AckMode | None, float | None]:
    """Return who has to acknowledge a message, and how long it waits for somebody. Raises `BadAddress`.

    Most messages wait for nothing, and cost a look at the names of their attributes.
    """
    has_none = not found.unreadable and not rules.acks and _WAITING.isdisjoint(found.attributes)
    if has_none and matched.ack is None and matched.hold is None:
        return WAITS_FOR_NOTHING
    return _ack(found, matched, rules), _hold(found, matched, rules)


def _hold(found: Unwrapped, matched: Matched, rules: Rules) -> float | None:
    """Return how long a message waits for somebody: by its attribute or route. Raises `BadAddress`."""
    most = rules.hold_seconds
    hold = hold_in(found.attributes, found.unreadable, rules.application_attributes, most_seconds=most)
    if hold is None and matched.hold is not None:
        if not most:
            raise BadAddress(f"{matched.route}: hold: {NOT_HOLDING}")
        return check_hold(matched.hold, most)
    return hold


def _ack(found: Unwrapped, matched: Matched, rules: Rules) -> AckMode | None:
    """Return who has to acknowledge a message: by the attribute, or by the route. Raises `BadAddress`."""
    ack = ack_in(found.attributes, found.unreadable, rules.application_attributes, is_on=rules.acks)
    if ack is None and matched.ack is not None and not rules.acks:
        raise BadAddress(f"{matched.route}: ack: {NOT_WAITING}")
    return ack or matched.ack


def _volatile(found: Unwrapped, matched: Matched, rules: Rules) -> bool:
    """Return whether a message is volatile: by the attribute, or the route's `volatile`.

    Raises `BadAddress` for an attribute that says neither: who is away would miss the message, or not.
    """
    if not rules.has_volatile or VOLATILE in rules.application_attributes:
        return matched.volatile or False
    if VOLATILE not in found.attributes and VOLATILE not in found.unreadable:
        return matched.volatile or False
    value = SPELLINGS.get(found.attributes.get(VOLATILE, "").strip().casefold())
    if value is None:
        raise BadAddress(f"attribute {VOLATILE}: expected true or false")
    return value


def _record(message: Message, payload: Payload, where: Address, key: str | None, *, volatile: bool) -> Record:
    attachments = () if payload.attachment is None else (payload.attachment,)
    return Record(
        event=where.event,
        arguments=_PLACEHOLDER if attachments else b"[%b]" % payload.json,
        namespace=where.namespace,
        rooms=where.rooms,
        attachments=attachments,
        sent_ms=message.available_ms,
        redelivered=message.receives > 1,
        key=key,
        volatile=volatile,
    )


_PLACEHOLDER = b'[{"_placeholder":true,"num":0}]'
"""Stands for the first attachment: https://socket.io/docs/v4/socket-io-protocol/#binary-event"""
