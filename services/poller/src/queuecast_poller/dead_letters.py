"""`python -m queuecast_poller dead-letters`: what is in the dead-letter queues, why, and the way back.

It judges each message as the poller with this environment would now, and changes nothing unless told to.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from queuecast_poller.failure import QueueUnavailable
from queuecast_poller.message import Message
from queuecast_poller.redrive import MoveFailed, RawQueue, look, move_back
from queuecast_poller.rules import Rules
from queuecast_poller.settings import Settings
from queuecast_poller.sqs import open_queue
from queuecast_poller.verdict import Leave, judge

NAME = "dead-letters"
LIMIT = 100


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, and why it would be left again; `reason` is None if it would be published now."""

    message: Message
    reason: str | None
    detail: str


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
            letters = judged(await look(dead, arguments.limit), settings.rules_of(name))
            lines = as_json(name, letters) if arguments.json else as_text(name, letters, await dead.depth())
            for line in lines:
                sys.stdout.write(f"{line}\n")
            if arguments.redrive:
                _say(f"queue {name}: moved back {await move_back(dead, source)} messages")


def judged(messages: Sequence[Message], rules: Rules) -> list[Letter]:
    """Return what the poller would do with each of these messages, were it alone."""
    return [_judged(message, rules) for message in messages]


def as_text(name: str, letters: Sequence[Letter], depth: int) -> Iterator[str]:
    """Return a line for each dead letter of a queue, and what they come to."""
    for letter in letters:
        yield f"{letter.message.id}  {_sent(letter.message) or '-':20}  {_outcome(letter)}"
    mended = sum(letter.reason is None for letter in letters)
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
                "reason": letter.reason,
                "detail": letter.detail,
            }
        )


def _judged(message: Message, rules: Rules) -> Letter:
    # One at a time: what follows another in its group has nothing wrong with it.
    (verdict,) = judge([message], rules)
    if isinstance(verdict, Leave):
        return Letter(message, verdict.reason, verdict.detail)
    return Letter(message, None, "")


def _outcome(letter: Letter) -> str:
    return "would be published now" if letter.reason is None else f"{letter.reason}: {letter.detail}"


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
