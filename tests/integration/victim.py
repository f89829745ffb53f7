"""A gateway under attack, with an honest client that must notice nothing."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.claims import eventually

from . import wire
from .services import Redis, Service, free_port
from .wire import CONTINUATION, TEXT, WebSocket, frame

MAX_BYTES = 10_000


PING_SECONDS = 60.0
"""The ping interval: no client has to answer a ping in time, and no ping answers a poll that has to wait."""


SLOW_SECONDS = 5.0
"""How long joining, a request or a message may take: long enough for every client on a busy machine."""


ASK_SECONDS = 0.02


GIVES_UP_SECONDS = 30.0
"""The longest that a useless connection may last; the settings below are far shorter."""


PLACEHOLDER = '{"_placeholder":true,"num":0}'


DEPTH = 4_000


CONTINUED = frame(CONTINUATION, final=False)


H2C = wire.head("GET", "/favicon.ico", {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c"})


ALL_LINES = (
    "from queuecast_gateway.limits import log_limiter; log_limiter.LINES_PER_SECOND = 1_000;"
    "from queuecast_gateway.__main__ import main; main()"
)
"""A gateway whose log limiter drops no line."""


class Victim:
    """A gateway with small limits, its log and its metrics."""

    def __init__(self, redis: Redis) -> None:
        self.port = free_port()
        self.service = Service(
            "queuecast_gateway",
            {
                "QUEUECAST_REDIS_URL": redis.url,
                "QUEUECAST_PORT": str(self.port),
                "QUEUECAST_MAX_MESSAGE_BYTES": str(MAX_BYTES),
                "QUEUECAST_PING_INTERVAL_SECONDS": f"{PING_SECONDS}",
                "QUEUECAST_CONNECT_SECONDS": f"{SLOW_SECONDS}",
                # An offence must be found for what it is, not for how much of it there is.
                "QUEUECAST_MAX_EVENTS_PER_SECOND": "0",
                "QUEUECAST_MAX_BYTES_PER_SECOND": "0",
            },
            ALL_LINES,
        )
        # A single traceback of too deep a recursion is far longer than the usual buffer.
        self.service.process.keep(100_000)
        eventually(lambda: self.service.ready() and "serves browsers" in self.service.log())
        self.service.process.tail.clear()

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[WebSocket]:
        """Open a connection that has properly joined the main namespace."""
        async with await WebSocket.open(self.port) as one:
            assert one.accepted, one.answer
            await one.opening()
            one.send("40")
            assert (await one.text()).startswith('40{"sid":')
            yield one

    def connections(self) -> float:
        return self.service.metric("queuecast_gateway_connections")


async def ask_on(honest: WebSocket) -> None:
    """Send events and await their acknowledgements, again and again."""
    for number in itertools.count():
        honest.send(f'42{number}["subscribe","a"]')
        while (answer := await honest.receive())[:2] != "43":
            pass  # an offender may send valid events to everyone
        rooms = "[]" if number else '["a"]'
        assert answer == f'43{number}[{{"ok":true,"rooms":{rooms}}}]'
        await asyncio.sleep(ASK_SECONDS / 2)


HALVES = {
    "a byte": b"\x81",
    "half a header": b"\x81\xfe\x10",
    "half a payload": frame(TEXT, '42["subscribe","a"]')[:-3],
    "half a message": frame(TEXT, '42["subscribe', final=False),
    "half a packet": frame(TEXT, f'451-["item_removed",{PLACEHOLDER}]'),
}


HALF_REQUESTS = {
    "nothing": b"",
    "half a line": b"GET /socket.io/?EIO=4&tran",
    "half a head": b"POST /socket.io/ HTTP/1.1\r\nHost: x\r\nX-Slow: ",
}
