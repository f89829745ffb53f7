"""`python -m queuecast_poller dead-letters`: what is in the dead-letter queues, why, and the way back.

It judges each message as the poller with this environment would now, and changes nothing unless told to.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from queuecast_poller.failure import QueueUnavailable
from queuecast_poller.freshness import drop_too_old
from queuecast_poller.message import Message
from queuecast_poller.redrive import MoveFailed, RawQueue, look, move_back
from queuecast_poller.rules import Rules
from queuecast_poller.settings import Settings
from queuecast_poller.sqs import open_queue
from queuecast_poller.verdict import Drop, DropReason, Fetch, Leave, judge

NAME = "dead-letters"
LIMIT = 100


class Outcome(StrEnum):
    """What becomes of a message."""

    PUBLISH = "publish"
    LEAVE = "leave"
    DROP = "drop"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, and what the poller would do with it now.

    `reason` and `detail` say why it would be left or dropped; `reason` is None for one that would be
    published, or of which only its payload in S3 can tell.
    """

    message: Message
    outcome: Outcome
    reason: str | None = None
    detail: str = ""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command, with what can be said to it."""
    parser = commands.add_parser(
        NAME,
        help="list what is in the dead-letter queues and why it would fail again; --redrive moves it back",
        description="For each queue in QUEUECAST_QUEUES: what is in its dead-letter queue, and what the "
        "poller would do with it now. The messages are hidden meanwhile, and given back.",
    )
    parser.add_argument("--queue", help="this queue alone, as it is named in QUEUECAST_QUEUES")
    parser.add_argument(
        "--limit", type=_positive, default=LIMIT, help=f"list so many messages of each at most ({LIMIT})"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of text")
    parser.add_argument(
        "--redrive", action="store_true", help="then move all of them back to the queues that they came from"
    )
    parser.set_defaults(run=run)


async def run(settings: Settings, arguments: argparse.Namespace) -> None:
    """Do what the command line says. Exits with 1 if SQS does not, with 2 for an unknown queue."""
    queues = settings.queues if arguments.queue is None else (arguments.queue,)
    if unknown := set(queues).difference(settings.queues):
        sys.stderr.write(
            f"--queue {unknown.pop()}: QUEUECAST_QUEUES names only {', '.join(settings.queues)}\n"
        )
        raise SystemExit(2)
    for name in queues:
        try:
            await _run(settings, name, arguments)
        except (MoveFailed, QueueUnavailable) as exc:
            raise SystemExit(f"queue {name}: {exc}") from exc


async def _run(settings: Settings, name: str, arguments: argparse.Namespace) -> None:
    async with open_queue(name, 0, 1, RawQueue) as source:
        if source.dead_letter_arn is None:
            _say(f"queue {name} has no redrive policy, and so no dead-letter queue")
            return
        async with open_queue(source.dead_letter_arn, 0, 1, RawQueue) as dead:
            letters = judged(await look(dead, arguments.limit), settings.rules_of(name), 1000 * time.time())
            lines = as_json(name, letters) if arguments.json else as_text(name, letters, await dead.depth())
            for line in lines:
                sys.stdout.write(f"{line}\n")
            if arguments.redrive:
                _say(f"queue {name}: moved back {await move_back(dead, source)} messages")


def judged(messages: Sequence[Message], rules: Rules, now_ms: float) -> list[Letter]:
    """Return what the poller would do with each of these messages, were it alone."""
    return [_judged(message, rules, now_ms) for message in messages]


def as_text(name: str, letters: Sequence[Letter], depth: int) -> Iterator[str]:
    """Return a line for each dead letter of a queue, and what they come to."""
    for letter in letters:
        yield f"{letter.message.id}  {_sent(letter.message) or '-':20}  {_text(letter)}"
    mended = sum(letter.outcome is Outcome.PUBLISH for letter in letters)
    seen = f"{len(letters)} dead letters" if depth <= len(letters) else f"{len(letters)} of about {depth}"
    yield f"queue {name}: {seen}, {mended} of which would be published now"


def as_json(name: str, letters: Sequence[Letter]) -> Iterator[str]:
    """Return an object for each dead letter of a queue."""
    for letter in letters:
        message = letter.message
        yield json.dumps(
            {
                "queue": name,
                "message_id": message.id,
                "sent": _sent(message),
                "group": message.group,
                "outcome": letter.outcome,
                "reason": letter.reason,
                "detail": letter.detail,
            }
        )


def _judged(message: Message, rules: Rules, now_ms: float) -> Letter:
    # One at a time: what follows another in its group has nothing wrong with it.
    (verdict,) = drop_too_old(judge([message], rules), now_ms)
    match verdict:
        case Leave(_, reason, detail):
            return Letter(message, Outcome.LEAVE, reason, detail)
        case Drop(_, dropped, detail):
            return Letter(message, Outcome.DROP, dropped, detail)
        case Fetch(_, pointer):
            detail = f"its payload is s3://{pointer.bucket}/{pointer.key}"
            return Letter(message, Outcome.FETCH, detail=detail)
        case _:
            return Letter(message, Outcome.PUBLISH)


def _text(letter: Letter) -> str:
    match letter.outcome:
        case Outcome.PUBLISH:
            return "would be published now"
        case Outcome.LEAVE:
            return f"{letter.reason}: {letter.detail}"
        case Outcome.DROP:
            text = f"would be dropped now: {letter.reason}: {letter.detail}"
            # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
            return f"{text}; moved back, it counts as new" if letter.reason == DropReason.TOO_OLD else text
        case Outcome.FETCH:
            return f"would be fetched first, and is not judged here: {letter.detail}"


def _sent(message: Message) -> str | None:
    if message.sent_ms is None:
        return None
    return datetime.fromtimestamp(message.sent_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _say(text: str) -> None:
    # Beside the listing, which somebody may read by a program.
    sys.stderr.write(f"{text}\n")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of messages: expected 1 or more")
    return int(text)
