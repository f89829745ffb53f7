"""What a session and its parts need of each other, as types: no part imports the session or its server."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from queuecast_gateway.engine.closing_handshake import ClosingHandshake
from queuecast_gateway.engine.outbox import Outbox
from queuecast_gateway.engine.pending_closes import PendingCloses
from queuecast_gateway.engine.timer_wheel import TimerWheel
from queuecast_gateway.limits.token_bucket import Rates
from queuecast_gateway.reasons import CloseReason


class SessionServer(Protocol):
    """What a session needs of its server; intervals are in seconds."""

    closing_handshakes: set[ClosingHandshake]
    max_incoming_bytes: int
    max_message_bytes: int
    outbox: Outbox
    pending_closes: PendingCloses
    ping_interval: float
    ping_timeout: float
    rates: Rates | None
    reason: Any
    request_seconds: float
    ping_wheel: TimerWheel
    wheel: TimerWheel

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]: ...
    async def message_received(self, sid: str, data: str | bytes) -> None: ...
    async def session_ended(self, sid: str, reason: str) -> None: ...
    def ping(self, session: Any) -> bytes: ...
    def remove(self, session: Any) -> None: ...
    def refused(self, sid: str, reason: CloseReason, text: str) -> None: ...


class OpenSession(Protocol):
    """What the heartbeat, the deadlines and the inbox of a session need of it."""

    closed: bool
    engine: SessionServer
    inbox: Any
    polling: bool
    sid: str
    transport: Any
    work: asyncio.Task[None] | None

    def end(self, reason: str) -> None: ...
    def refuse(self, code: int, reason: CloseReason, text: str) -> None: ...
    def write(self, sent: bytes) -> None: ...
