"""`python -m queuecast_poller route`: shows what would become of a message, without a queue.

It judges messages in files as the poller with this environment would, and publishes nothing.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from queuecast_bus import BusManager, BusUnavailable, Record
from queuecast_bus.namespaces import ANY
from queuecast_bus.presence import count_sessions
from queuecast_edge.printable import printable
from queuecast_poller.judge.decision import decide
from queuecast_poller.judge.verdict import Drop, Fetch, Leave, Publish, Verdict, in_one_line
from queuecast_poller.route.address import BadAddress
from queuecast_poller.route.matching import BadRoute, match
from queuecast_poller.route.rules import Rules
from queuecast_poller.settings import Settings
from queuecast_poller.sqs.digest import body_digest
from queuecast_poller.sqs.message import Message
from queuecast_poller.unwrap import NotJson, Payload, unwrap

NAME = "route"
MAX_SHOWN = 200
"""Most characters of the data that are shown."""

_FIELDS = frozenset(
    {
        "Body",
        "MessageId",
        "ReceiptHandle",
        "MD5OfBody",
        "Attributes",
        "MessageAttributes",
        "MD5OfMessageAttributes",
    }
)
"""The fields of a message as SQS returns it and `aws sqs receive-message` prints it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What would become of one message, with the envelopes and the route that led to it."""

    message: Message
    verdict: Verdict
    envelopes: tuple[str, ...] = ()
    route: str | None = None


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        NAME,
        help="say what would become of the messages in files: envelope, route, event, rooms, verdict",
        description="Judges messages as the poller with this environment would. A file has a body, or the "
        "output of `aws sqs receive-message`; - is standard input. Exits with 1 if a message would be left.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--queue", help="the one of QUEUECAST_QUEUES that the messages came from (the first)")
    parser.add_argument(
        "--live", action="store_true", help="ask the gateways how many browsers are in the rooms now"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of text")
    parser.set_defaults(run=run)


async def run(settings: Settings, arguments: argparse.Namespace) -> None:
    """Run the command. Exits with 1 if a message would be left, and with 2 for a wrong argument."""
    queue = arguments.queue or settings.queues[0]
    if queue not in settings.queues:
        _fail(f"--queue {queue}: QUEUECAST_QUEUES names only {', '.join(settings.queues)}")
    try:
        messages = [message for name in arguments.files for message in read_messages(_text(name))]
        rules = settings.rules_of(queue)
    except (OSError, UnicodeDecodeError, ValueError) as exc:
        _fail(str(exc))
    bus = BusManager(settings, write_only=True) if arguments.live else None
    is_left = False
    try:
        for message in messages:
            outcome = judge_one(message, rules)
            described = describe(outcome)
            if bus is not None and isinstance(outcome.verdict, Publish):
                described["live"] = await _count_live(bus, outcome.verdict.record)
            _print(json.dumps(described, ensure_ascii=False) if arguments.json else as_text(described))
            is_left |= isinstance(outcome.verdict, Leave)
    finally:
        if bus is not None:
            await bus.aclose()
    if is_left:
        raise SystemExit(1)


def read_messages(text: str) -> list[Message]:
    """Return the messages in a file: the file as the body of one, or those in SQS's output."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return [_message({"Body": text})]
    if isinstance(found, dict) and isinstance(found.get("Messages"), list) and len(found) == 1:
        return [_message(raw) for raw in found["Messages"]]
    is_message = isinstance(found, dict) and isinstance(found.get("Body"), str) and found.keys() <= _FIELDS
    return [_message(found if is_message else {"Body": text.strip()})]


def judge_one(message: Message, rules: Rules) -> Outcome:
    """Return what would become of a message, and what led to that."""
    (verdict,) = decide([message], rules)
    if not rules.unwraps:
        return Outcome(message, verdict)
    try:
        found = unwrap(message.body, message.body.encode(), message.attributes, message.unreadable)
    except (NotJson, UnicodeEncodeError):
        return Outcome(message, verdict)
    envelopes = tuple(found.envelopes)
    if not isinstance(found.content, Payload):
        return Outcome(message, verdict, envelopes)
    try:
        matched = match(rules.routes, found, found.content, message, rules.queue, rules.default)
    except (BadAddress, BadRoute):
        return Outcome(message, verdict, envelopes)  # the verdict says which route
    return Outcome(message, verdict, envelopes, None if matched is None else str(matched.route))


def describe(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as an object, with the names that the docs use."""
    found: dict[str, Any] = {
        "message_id": outcome.message.id,
        "envelopes": list(outcome.envelopes),
        "route": outcome.route,
    }
    match outcome.verdict:
        case Publish(_, record, max_age, latest, ack, hold):
            data = record.arguments[1:-1].decode(errors="replace")
            found |= {
                "verdict": "publish",
                "event": record.event,
                "namespace": record.namespace,
                "rooms": list(record.rooms),
                "data": data
                if len(data) <= MAX_SHOWN
                else f"{data[:MAX_SHOWN]}… ({len(record.arguments) - 2} bytes)",
                "max_age": max_age,
                "latest": latest,
                "key": record.key,
                "volatile": record.volatile or None,
                "ack": ack,
                "hold": hold,
            }
        case Fetch(_, pointer):
            detail = in_one_line(f"the payload is s3://{pointer.bucket}/{pointer.key}")
            found |= {"verdict": "fetch", "detail": detail}
        case Leave(_, reason, detail):
            found |= {"verdict": "leave", "reason": str(reason), "detail": detail}
        case Drop(_, dropped, detail):
            found |= {"verdict": "drop", "reason": str(dropped), "detail": detail}
    return found


def as_text(found: dict[str, Any]) -> str:
    """Return an outcome as lines for a person."""
    return "\n".join(f"{key + ':':11} {printable(value)}" for key, value in _lines(found)) + "\n"


def _lines(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "message", found["message_id"]
    yield "envelope", " > ".join(found["envelopes"]) or "none"
    yield "route", found["route"] or "none"
    if found["verdict"] == "publish":
        yield "event", found["event"]
        yield "namespace", found["namespace"]
        yield "rooms", ", ".join(found["rooms"]) or "everyone in the namespace"
        yield "data", found["data"]
        for key in ("max_age", "latest", "key", "volatile", "ack", "hold"):
            if found[key] is not None:
                yield key, str(found[key])
    reason = ": ".join(found[key] for key in ("reason", "detail") if key in found)
    yield "verdict", f"{found['verdict']}{': ' if reason else ''}{reason}"
    if "live" in found:
        yield "live", found["live"]["text"]


async def _count_live(bus: BusManager, record: Record) -> dict[str, Any]:
    """Return how many browsers are in a record's rooms now, on how many replicas."""
    try:
        counts = await count_sessions(bus, record.namespace, record.rooms)
        announced = await bus.namespaces.announced([record.namespace])
    except BusUnavailable as exc:
        return {"text": f"unknown: {exc}"}
    browsers, with_some = sum(counts.values()), sum(map(bool, counts.values()))
    text = f"{browsers} browsers on {with_some} of {len(counts)} replicas"
    if not counts:
        text = "no gateway answers; the Redis user must be able to publish and subscribe, such as gateway"
    elif ANY in announced and record.namespace not in announced:
        text += f"; no gateway serves {record.namespace}, so the message would be left"
    return {"browsers": browsers, "replicas_with_some": with_some, "replicas": len(counts), "text": text}


def _message(raw: Any) -> Message:
    if not isinstance(raw, dict) or not isinstance(raw.get("Body"), str):
        raise ValueError("a message has no Body that is text")  # noqa: TRY004  # it is a value of the file
    attributes = raw.get("MessageAttributes") or {}
    system = raw.get("Attributes") or {}
    body: str = raw["Body"]
    return Message(
        id=str(raw.get("MessageId", "-")),
        receipt_handle="",
        body=body,
        body_md5=body_digest(body.encode(errors="surrogatepass")),
        attributes={
            name: value["StringValue"] for name, value in attributes.items() if "StringValue" in value
        },
        unreadable=tuple(name for name, value in attributes.items() if "StringValue" not in value),
        group=system.get("MessageGroupId"),
        sent_ms=int(system["SentTimestamp"]) if "SentTimestamp" in system else None,
    )


def _text(name: str) -> str:
    if name == "-":
        return sys.stdin.read()
    return Path(name).read_text("utf-8-sig")


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _fail(text: str) -> NoReturn:
    sys.stderr.write(f"{text}\n")
    raise SystemExit(2)
