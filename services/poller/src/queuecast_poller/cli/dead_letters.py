"""`python -m queuecast_poller dead-letters`: lists the dead-letter queues, says why, and moves messages back.

It judges each message as the poller with this environment would now, and changes nothing without `--redrive`.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from queuecast_bus import BusManager, BusUnavailable
from queuecast_poller.cli.redrive import MoveFailed, RawQueue, move_back, peek
from queuecast_poller.judge.decision import always_served, decide
from queuecast_poller.judge.freshness import drop_too_old
from queuecast_poller.judge.message_judge import namespaces_of
from queuecast_poller.judge.served_namespaces import ServedNamespaces
from queuecast_poller.judge.verdict import Drop, DropReason, Fetch, Leave, in_one_line
from queuecast_poller.route.rules import Rules
from queuecast_poller.settings import Settings
from queuecast_poller.sqs.failure import QueueUnavailable
from queuecast_poller.sqs.message import Message
from queuecast_poller.sqs.queue import open_queue

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

    `reason` and `detail` say why it would be left or dropped. `reason` is None if it would be published, or
    if that depends on its payload in S3.
    """

    message: Message
    outcome: Outcome
    reason: str | None = None
    detail: str = ""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        NAME,
        help="list what is in the dead-letter queues and why it would fail again; --redrive moves it back",
        description="For each queue in QUEUECAST_QUEUES: what is in its dead-letter queue, and what the "
        "poller would do with it now. The messages are hidden meanwhile, and given back.",
    )
    parser.add_argument("--queue", help="only this queue, as QUEUECAST_QUEUES names it")
    parser.add_argument(
        "--limit", type=_positive, default=LIMIT, help=f"most messages to list for each queue ({LIMIT})"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of text")
    parser.add_argument(
        "--redrive", action="store_true", help="then move all of them back to the queues they came from"
    )
    parser.set_defaults(run=run)


async def run(settings: Settings, arguments: argparse.Namespace) -> None:
    """Run the command. Exits with 1 if SQS fails, and with 2 for an unknown queue."""
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
            _print_note(f"queue {name} has no redrive policy, and so no dead-letter queue")
            return
        async with open_queue(source.dead_letter_arn, 0, 1, RawQueue) as dead:
            messages, rules = await peek(dead, arguments.limit), settings.rules_of(name)
            letters = judge_each(
                messages, rules, 1000 * time.time(), await _served(settings, messages, rules)
            )
            lines = as_json(name, letters) if arguments.json else as_text(name, letters, await dead.depth())
            for line in lines:
                sys.stdout.write(f"{line}\n")
            if arguments.redrive:
                _print_note(f"queue {name}: moved back {await move_back(dead, source)} messages")


async def _served(settings: Settings, messages: Sequence[Message], rules: Rules) -> Callable[[str], bool]:
    """Return whether a gateway serves a namespace of these messages; True if Redis does not say."""
    bus = BusManager(settings, write_only=True)
    served = ServedNamespaces(bus)
    try:
        if namespaces := namespaces_of(decide(messages, rules)):
            await served.refresh(namespaces)
    except BusUnavailable as exc:
        _print_note(f"whether gateways serve the namespaces is not known: {exc}")
    finally:
        await bus.aclose()
    return served.serves


def judge_each(
    messages: Sequence[Message], rules: Rules, now_ms: float, is_served: Callable[[str], bool] = always_served
) -> list[Letter]:
    """Return what the poller would do with each of these messages if it were alone."""
    return [_judge(message, rules, now_ms, is_served) for message in messages]


def as_text(name: str, letters: Sequence[Letter], depth: int) -> Iterator[str]:
    """Yield a line for each dead letter of a queue, and a summary."""
    for letter in letters:
        yield f"{letter.message.id}  {_sent(letter.message) or '-':20}  {_text(letter)}"
    publishable = sum(letter.outcome is Outcome.PUBLISH for letter in letters)
    listed = f"{len(letters)} dead letters" if depth <= len(letters) else f"{len(letters)} of about {depth}"
    yield f"queue {name}: {listed}, {publishable} of which would be published now"


def as_json(name: str, letters: Sequence[Letter]) -> Iterator[str]:
    """Yield a JSON object for each dead letter of a queue."""
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


def _judge(message: Message, rules: Rules, now_ms: float, is_served: Callable[[str], bool]) -> Letter:
    # One at a time: a message that only follows a left one in its group has no fault of its own.
    (verdict,) = drop_too_old(decide([message], rules, is_served=is_served), now_ms)
    match verdict:
        case Leave(_, reason, detail):
            return Letter(message, Outcome.LEAVE, reason, detail)
        case Drop(_, dropped, detail):
            return Letter(message, Outcome.DROP, dropped, detail)
        case Fetch(_, pointer):
            detail = in_one_line(f"its payload is s3://{pointer.bucket}/{pointer.key}")
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
            return f"would be fetched first, which this command does not do: {letter.detail}"


def _sent(message: Message) -> str | None:
    if message.sent_ms is None:
        return None
    return datetime.fromtimestamp(message.sent_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _print_note(text: str) -> None:
    # Not on standard output, whose listing a program may read.
    sys.stderr.write(f"{text}\n")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of messages: expected 1 or more")
    return int(text)
