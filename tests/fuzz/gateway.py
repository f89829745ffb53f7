"""The whole gateway without a network: one connection after another sends arbitrary input."""

import asyncio
import gc
import itertools
import logging
import re
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry
from tests.fuzz.checks import LIMIT, check_told
from tests.fuzz.reference import Heard
from tests.unit.browser import Browser, make_server, residue
from tests.unit.fakes import FakeClock
from tests.unit.gateway.fakes import FakeSessions

from queuecast_bus import Record, Stored
from queuecast_gateway.engine import frames, packets, session
from queuecast_gateway.limits import log_limiter
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.recovery.session_state import Claimed, State
from queuecast_gateway.server import relay
from queuecast_gateway.server import socketio_server as server
from queuecast_gateway.server.handlers import Handlers
from queuecast_gateway.server.subscriptions import SubscriptionBounds
from queuecast_gateway.wire.packet import SocketPacket, record_frames

CODES = {
    frames.NORMAL,
    frames.GOING_AWAY,
    frames.PROTOCOL_ERROR,
    frames.UNSUPPORTED,
    frames.INVALID_TEXT,
    frames.POLICY,
    frames.TOO_BIG,
    frames.SERVICE_RESTART,
    frames.TRY_AGAIN_LATER,
    # Our own codes are named constants in one module.
    *(value for name, value in vars(session).items() if name.isupper() and value in range(4000, 5000)),
}
"""The close codes of the engine."""

STATUSES = {200, 400, 403, 413, 429, 503}

HANGS_SECONDS = 20.0
"""Far longer than anything takes here; what takes longer hangs."""

PAUSE_SECONDS = 60.0
"""The silence before the good event, so that no rate limit refuses it."""

_TIMED = (server, relay, session, log_limiter)
"""The modules that read the clock: it stands still during an input, so that all runs are the same."""

GOOD = '2{id}["subscribe","good"]'
GOOD_ID = 777_000_777

_LOGGERS = ("queuecast_gateway", "queuecast_bus", "socketio", "engineio", "asyncio")


class Outcome(NamedTuple):
    """How an input ended, without what differs each time; the input of a new outcome is kept."""

    end: int | None
    said: str
    answers: frozenset[str]


class LogCapture(logging.Handler):
    """Captures all that is logged, in place of the usual handlers."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.records: list[logging.LogRecord] = []
        self._before: list[tuple[logging.Logger, int, bool]] = []
        for logger in map(logging.getLogger, _LOGGERS):
            self._before.append((logger, logger.level, logger.propagate))
            logger.addHandler(self)
            logger.propagate = False
            if logger.name.startswith("queuecast"):
                logger.setLevel(logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def take(self) -> list[logging.LogRecord]:
        records, self.records = self.records, []
        return records

    def close(self) -> None:
        for logger, level, propagate in self._before:
            logger.removeHandler(self)
            logger.setLevel(level)
            logger.propagate = propagate
        self._before.clear()
        super().close()


class Gateway:
    """A server with the application's handlers, and what it logs. The caller closes it."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._clock = FakeClock()
        for module in _TIMED:
            module.time = self._clock  # type: ignore[assignment]  # it replaces the module
        self._logs = LogCapture()
        self._sessions = FakeSessions()
        self._runner.run(self._set_up())

    async def _set_up(self) -> None:
        self._server = make_server(CollectorRegistry(), self._sessions, max_message_bytes=LIMIT)
        self._server.manager.publish = publish
        handlers = Handlers(
            self._server,
            Metrics(CollectorRegistry()),
            relay_events=("item_removed",),
            bounds=SubscriptionBounds(100, 8_192),
        )
        for namespace in ("/", "/shop"):
            handlers.register(namespace)

    def close(self) -> None:
        """Release the loop and the loggers. Calling it twice is fine."""
        self._runner.close()
        self._logs.close()
        for module in _TIMED:
            module.time = time

    def blocks(self) -> int:
        """Return the number of memory blocks in use."""
        gc.collect()
        return sys.getallocatedblocks()

    # A WebSocket

    def check_websocket(self, reads: Sequence[bytes], heard: Heard, *, deflates: bool = False) -> Outcome:
        """Let a connection send these reads; `heard` is what the decoder makes of them."""
        return self._run(self._websocket(reads, heard, deflates))

    async def _websocket(self, reads: Sequence[bytes], heard: Heard, deflates: bool) -> Outcome:
        browser = Browser(self._server, deflates=deflates)
        transport = browser.transport
        await browser.settle()
        for read in reads:
            if not read or not transport.reading:
                await browser.settle()
            if transport.closing:
                break
            transport.protocol.data_received(read)
        await browser.settle()
        check_told(transport.frames)
        answers = _kinds(browser.texts)
        if not browser.session.closed:
            await self._check_alive(browser, heard)
        closes = [payload for opcode, payload in transport.frames if opcode == frames.CLOSE]
        end = self._check_close(browser, closes, heard)
        transport.closing = True
        transport.protocol.connection_lost(None)
        await browser.settle()
        return self._after(end, answers)

    async def _check_alive(self, browser: Browser, heard: Heard) -> None:
        assert heard.code is None, f"open, although the decoder says {heard.code}"
        is_joined = self._server.manager.sid_from_eio_sid(browser.session.sid, "/") is not None
        if heard.idle and is_joined and "binary" not in residue(self._server):
            self._clock.pass_by(PAUSE_SECONDS)
            await browser.says(GOOD.format(id=GOOD_ID))
            assert any(text.startswith(f"43{GOOD_ID}[") for text in browser.texts), (
                "a good event is not answered"
            )

    def _check_close(self, browser: Browser, closes: Sequence[bytes], heard: Heard) -> int | None:
        if not browser.session.closed:
            assert not closes, "a CLOSE frame, and the connection goes on"
            return None
        assert len(closes) == 1, f"closed with {len(closes)} CLOSE frames"
        assert browser.transport.frames[-1] == (frames.CLOSE, closes[0]), (
            "something comes after the CLOSE frame"
        )
        code = int.from_bytes(closes[0][:2], "big")
        theirs = {
            int.from_bytes(payload[:2], "big")
            for opcode, payload in heard.frames
            if opcode == frames.CLOSE and isinstance(payload, bytes)
        }
        assert code in CODES | theirs, f"closed with {code}"
        return code

    # Long-polling

    def check_polling(self, bodies: Sequence[bytes]) -> Outcome:
        """Let a long-polling session post these bodies."""
        return self._run(self._polling(bodies))

    async def _polling(self, bodies: Sequence[bytes]) -> Outcome:
        status, opening = await self._ask("GET", "")
        assert status == 200
        found = re.search(r'"sid":"([^"]+)"', opening)
        assert found is not None
        sid = found[1]
        polling = self._server.eio.sockets[sid]
        statuses = [(await self._ask("POST", sid, body))[0] for body in bodies]
        after = list(itertools.dropwhile(lambda status: status == 200, statuses))
        assert 200 not in after, f"answered with {statuses}: who was refused goes on"
        answers: frozenset[str] = frozenset()
        if not polling.closed:
            assert set(statuses) <= {200}, f"answered with {statuses}, and the connection goes on"
            is_joined = self._server.manager.sid_from_eio_sid(sid, "/") is not None
            if is_joined and "binary" not in residue(self._server):
                self._clock.pass_by(PAUSE_SECONDS)
                await self._ask("POST", sid, b"4" + GOOD.format(id=GOOD_ID).encode())
                texts = (await self._ask("GET", sid))[1].split(packets.SEPARATOR)
                assert any(text.startswith(f"43{GOOD_ID}[") for text in texts), "a good event is not answered"
                check_told((frames.TEXT, text.encode()) for text in texts if text[:1] != "b")
                answers = _kinds(texts)
            polling.end(self._server.reason.TRANSPORT_CLOSE)
        while polling.work is not None:
            await asyncio.wait([polling.work])
        return self._after(max(statuses, default=200), answers, sum(status != 200 for status in statuses))

    async def _ask(self, method: str, sid: str, body: bytes = b"") -> tuple[int, str]:
        """Send a request as uvicorn would pass it on; return the status and text of the answer."""
        incoming: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if incoming:
                return incoming.pop()
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        query = f"EIO=4&transport=polling{f'&sid={sid}' if sid else ''}"
        scope = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": "/socket.io/",
            "query_string": query.encode(),
            "headers": [(b"host", b"localhost")],
            "client": ("192.0.2.1", 1),
            "server": ("localhost", 80),
        }
        await self._server.eio.handle_request(scope, receive, send)
        status = sent[0]["status"]
        assert status in STATUSES, f"a request is answered with {status}"
        return status, b"".join(message.get("body", b"") for message in sent[1:]).decode()

    # After it

    def _run(self, saying: Any) -> Outcome:
        async def bounded() -> Outcome:
            async with asyncio.timeout(HANGS_SECONDS):
                outcome: Outcome = await saying
                return outcome

        return self._runner.run(bounded())

    def _after(self, end: int | None, answers: frozenset[str], request_refused: int = 0) -> Outcome:
        """Check what a closed connection has left behind and logged, and its refused requests."""
        self._clock.pass_by(PAUSE_SECONDS)
        said = self._logs.take()
        for record in said:
            assert record.levelno < logging.ERROR, f"logged: {logging.Formatter().format(record)}"
            assert record.exc_info is None, f"a traceback is logged: {logging.Formatter().format(record)}"
        texts = [record.getMessage() for record in said]
        loud = [record for record in said if record.levelno > logging.INFO]
        assert len(loud) <= 1, f"warned of {len(loud)} times: {texts}"
        assert len(texts) <= 1 + request_refused, f"logged of {len(texts)} times: {texts}"
        left = residue(self._server)
        assert left == {}, f"left behind: {left}"
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, f"tasks are left behind: {others}"
        assert not len(self._server.eio.ping_wheel), "a heartbeat is left behind"
        self._server.eio.ping_wheel.stop()
        assert not len(self._server.eio.wheel), "deadlines are left behind"
        self._server.eio.wheel.stop()
        self._sessions.notes.clear()
        self._sessions.known = {"known": KNOWN}
        return Outcome(end, _plain(loud[0]) if loud else "", answers)


KNOWN = Claimed(State("known-sid", "/", {"sku:1": "0-0"}, "0-0"), "", "0-0", "0-0")
"""A session that its private id can recover."""


async def publish(batch: Sequence[tuple[Record, str | None]]) -> list[Stored]:
    """Check that relayed events can be stored and read back; confirm them."""
    await asyncio.sleep(0)
    for record, _ in batch:
        fields = record.to_fields()
        assert Record.from_fields(dict(_pairs(fields))) == record, f"{record} is stored as another one"
        try:
            sent = record_frames(record)
        except Exception as exc:
            raise AssertionError(f"{record!r:.300} is sent to everyone, and nobody can read it") from exc
        first, *others = [
            payload[1:].decode() if opcode == frames.TEXT else payload
            for opcode, payload in frames.split(sent)
        ]
        packet = SocketPacket(encoded_packet=first)
        done = [packet.add_attachment(attachment) for attachment in others]
        assert done == [False] * (len(others) - 1) + [True] * bool(others), f"{record!r:.300} has no end"
    return [Stored("1-0", duplicate=False) for _ in batch]


def _pairs(fields: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    return zip(fields[::2], fields[1::2], strict=True)


def _kinds(texts: Sequence[str]) -> frozenset[str]:
    """Return the kinds of these packets, with the error codes in them."""
    return frozenset(
        text[:2]
        + "".join(re.findall(r'"code":"([a-z_]{1,20})"', text))
        + "/shop" * text[2:].startswith("/shop")
        for text in texts
        if text[:1] == packets.MESSAGE
    )


def _plain(record: logging.LogRecord) -> str:
    """Return a log line without its connection's id and without numbers."""
    return re.sub(r"\d+", "0", re.sub(r"connection \S+", "connection", record.getMessage()))[:120]
