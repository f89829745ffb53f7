"""Records from browsers, queues, stock managers and Redis, read by the stock clients' decoders.

A record may be refused on the way. What comes out must be accepted by socket.io-parser, under Node, and by
python-socketio: an event that a client cannot read ends its connection, and those of all other recipients.
"""

import base64
import json
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, NamedTuple, Self

import engineio.payload
import socketio.packet
from engineio.packet import Packet as EnginePacket
from tests.fuzz.campaign import Found

from queuecast_bus import BadRecord, BusManager, BusSettings, Record
from queuecast_bus.manager import dump_arguments
from queuecast_bus.names import RESERVED_EVENTS
from queuecast_gateway.engine import frames, packets
from queuecast_gateway.wire.packet import BadPacket, SocketPacket, record_frames
from queuecast_poller.judge.decision import decide
from queuecast_poller.judge.verdict import Publish
from queuecast_poller.route.rules import Rules
from queuecast_poller.sqs.digest import body_digest
from queuecast_poller.sqs.message import Message

JS = Path(__file__).parents[1] / "e2e" / "js"
MAX_BYTES = 20_000
RECORDS = 50
"""The records of one round, which are made before waiting for Node's answers."""

OFFSETS = (None, "1795956475149-0")
STRINGS = (
    "", "a", "é", "\u2028", "\x00", "\x1e", "\x7f", "\ud800", "\U0001f600", '"', "\\", "]", "{", "4", "b",
    "-", "/", "_placeholder", "num", "__proto__", "constructor", "1-0", "NaN", "x" * 300,
)  # fmt: skip
NUMBERS = (
    "0", "-0", "1", "-1", "1.0", "1e5", "1E-7", "1e999", "-1e999", "9" * 100, "9" * 101, "NaN", "Infinity",
    "true", "false", "null", "00", "0x1",
)  # fmt: skip
EVENTS = ("e", "item_removed", "*", "queuecast:offset", *sorted(RESERVED_EVENTS), *STRINGS)


class Origin(NamedTuple):
    """Where a record comes from, and how it is made. None, `BadRecord` and `BadPacket` mean a refusal."""

    name: str
    make: Callable[["Dice"], Record | None]


class Dice:
    """Draws what a sender may send."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def one_of(self, *options: Any) -> Any:
        return self.random.choice(options)

    def json(self, depth: int = 0) -> str:
        """Return a text that is JSON or nearly so; sometimes it has the maximum depth, or one more."""
        random = self.random
        if depth == 0 and random.random() < 0.1:
            deep = random.choice((60, 61, 62, 63, 64, 65, 70, 400))
            opened, closed = random.choice((("[", "]"), ('{"a":', "}")))
            return opened * deep + self.json(1) + closed * deep
        kind = random.random()
        if kind < 0.2 or depth > 4:
            return str(random.choice(NUMBERS if random.random() < 0.3 else ("1", "null", "2.5")))
        if kind < 0.4:
            return json.dumps(random.choice(STRINGS), ensure_ascii=random.random() < 0.7)
        if kind < 0.6:
            return self.placeholder()
        inner = [self.json(depth + 1) for _ in range(random.randrange(4))]
        if kind < 0.8:
            return f"[{','.join(inner)}]"
        pairs = ",".join(f"{json.dumps(random.choice(STRINGS))}:{each}" for each in inner)
        return f"{{{pairs}}}"

    def placeholder(self) -> str:
        mark = self.one_of("true", "true", "true", "true", "1", '"true"', "false", "[0]", "null")
        number = self.one_of("0", "0", "0", "1", "1", "2", "3", "10", "-1", "1.0", "true", '"0"', "null")
        return f'{{"_placeholder":{mark},"num":{number}}}'

    def arguments(self, attachments: int) -> str:
        """Return a list of arguments that usually has a place for each attachment."""
        random = self.random
        if attachments and random.random() < 0.7:
            inner = [f'{{"_placeholder":true,"num":{number}}}' for number in range(attachments)]
            if random.random() < 0.3:
                inner.insert(random.randrange(len(inner) + 1), self.json())
            if random.random() < 0.2:
                random.shuffle(inner)
            return self.one_of(f"[{','.join(inner)}]", f'[{{"a":[{",".join(inner)}]}}]')
        return f"[{','.join(self.json() for _ in range(random.randrange(3)))}]"

    def attachments(self) -> tuple[bytes, ...]:
        count = self.one_of(0, 0, 0, 1, 1, 2, 3, 10, 11)
        return tuple(self.one_of(b"", b"x", b"\x00\xff", b"4" * 500) for _ in range(count))


def from_browser(dice: Dice) -> Record | None:
    """Relay a browser's event, as `Handlers` does."""
    attachments = dice.attachments()
    name, arguments = dice.one_of(*EVENTS), dice.arguments(len(attachments))
    text = f"{json.dumps(name)}{',' if arguments != '[]' else ''}{arguments[1:-1]}"
    kind = f"5{len(attachments)}-" if attachments else "2"
    packet = SocketPacket(encoded_packet=f"{kind}[{text}]")
    for attachment in attachments:
        packet.add_attachment(attachment)
    return _BUS.record(packet.data[0], tuple(packet.data[1:]), "/")


def from_queue(dice: Dice) -> Record | None:
    """Let a poller judge a message."""
    body = dice.json()
    try:
        digest = body_digest(body.encode())
    except UnicodeEncodeError:
        return None
    attributes = {"event": dice.one_of(*EVENTS)}
    message = Message("m", "r", body, digest, attributes=attributes)
    (verdict,) = decide([message], Rules(max_record_bytes=MAX_BYTES))
    return verdict.record if isinstance(verdict, Publish) else None


def from_manager(dice: Dice) -> Record | None:
    """Emit from a stock manager, past the bus, in the form that `Rooms.emit` takes."""
    attachments = [bytes(each) for each in dice.attachments()]
    try:
        data = json.loads(dice.arguments(len(attachments)))
        if attachments:
            data = socketio.packet.Packet.reconstruct_binary(data, attachments)
    except (ValueError, LookupError, TypeError, RecursionError):
        return None  # what the listener skips
    arguments, found = dump_arguments(tuple(data))
    return Record(dice.one_of(*EVENTS), arguments, attachments=found)


def from_redis(dice: Dice) -> Record | None:
    """Read whatever somebody wrote to the stream."""
    attachments = dice.attachments()
    text = dice.arguments(len(attachments))
    if dice.random.random() < 0.2:
        text = dice.one_of(
            f" {text}\n", text[:-1], text[1:], f"{text}{text}", "{}", "", f"[{'x' * MAX_BYTES}]"
        )
    arguments = text.encode(errors="surrogatepass")
    return Record(dice.one_of(*EVENTS), arguments, attachments=attachments)


ORIGINS = (
    Origin("browser", from_browser),
    Origin("queue", from_queue),
    Origin("manager", from_manager),
    Origin("redis", from_redis),
)
_BUS = BusManager(BusSettings(max_record_bytes=MAX_BYTES), write_only=True)


def missing() -> str | None:
    """Return what the JavaScript decoder lacks on this machine, or None if it can run."""
    if shutil.which("node") is None:
        return "Node is missing: there is no `node` on PATH"
    if not (JS / "node_modules" / "installed").exists():
        return "the stock JavaScript client is missing: `make node` installs it"
    return None


class JavaScript:
    """socket.io-parser and engine.io-parser in a Node process, which ends with the context."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ("node", "decoder.mjs"), cwd=JS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def read(self, events: list[bytes]) -> Iterator[str | None]:
        """Yield for each event's frames why they are refused, or None; over both transports alike."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("".join(f"{_as_line(sent)}\n" for sent in events))
        self._process.stdin.flush()
        for sent in events:
            told = json.loads(self._process.stdout.readline())
            yield told.get("error") or _difference(sent, *told["events"])


def _as_line(sent: bytes) -> str:
    messages = [
        payload.decode() if opcode == frames.TEXT else {"base64": base64.b64encode(payload).decode()}
        for opcode, payload in frames.split(sent)
    ]
    return json.dumps({"frames": messages, "payload": packets.payload(sent)})


def _difference(sent: bytes, *ways: Any) -> str | None:
    attachments = sum(opcode == frames.BINARY for opcode, _ in frames.split(sent))
    for events in ways:
        if len(events) != 1 or events[0][0] != 2:
            return f"{events!r:.200} is not one event"
        if json.dumps(events).count('{"attachment": ') < attachments:
            return f"{events!r:.200} lacks some of {attachments} attachments"
    return None


def read_by_python(sent: bytes) -> str | None:
    """Return why python-socketio refuses an event's frames, or None; over both transports alike."""
    try:
        over_websocket = [
            EnginePacket(encoded_packet=payload.decode() if opcode == frames.TEXT else payload)
            for opcode, payload in frames.split(sent)
        ]
        over_polling = engineio.payload.Payload(encoded_payload=packets.payload(sent)).packets
        for each in (over_websocket, over_polling):
            packet = socketio.packet.Packet(encoded_packet=each[0].data)
            done = [packet.add_attachment(attachment.data) for attachment in each[1:]]
            if done != [False] * (packet.attachment_count - 1) + [True] * bool(packet.attachment_count):
                return f"{packet.attachment_count} attachments were said, {len(done)} came"
            if packet.data[0] in RESERVED_EVENTS:
                return f"the event {packet.data[0]!r} is the client's own"
    except Exception as exc:  # whatever comes out is what is looked for
        return f"{type(exc).__name__}: {exc}"
    return None


def run(
    seconds: float, seed: int, javascript: JavaScript, clock: Callable[[], float] = time.monotonic
) -> Counter[str]:
    """Make records for `seconds`; return how many of each origin were sent or refused. Raises `Found`."""
    dice, counts, start = Dice(Random(seed)), Counter[str](), clock()
    while clock() - start < seconds:
        sent: list[bytes] = []
        for _ in range(RECORDS):
            origin = dice.one_of(*ORIGINS)
            try:
                record = origin.make(dice)
                if record is None:
                    raise BadRecord("no record was made")
                event = record_frames(record, dice.one_of(*OFFSETS), MAX_BYTES)
            except (BadRecord, BadPacket):
                counts[f"{origin.name} refused"] += 1
                continue
            counts[f"{origin.name} sent"] += 1
            sent.append(event)
            if why := read_by_python(event):
                raise Found(f"python-socketio refuses {event!r:.400}: {why}, with --seed {seed}")
        for event, why_not in zip(sent, javascript.read(sent), strict=True):
            if why_not:
                raise Found(f"socket.io-parser refuses {event!r:.400}: {why_not}, with --seed {seed}")
    return counts
