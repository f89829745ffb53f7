"""One message that waits for acknowledgements: a try to have it acknowledged, and what came of it."""

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from queuecast_bus import BusManager, BusUnavailable, Stored
from queuecast_bus.awaited import FIRST_ID, LAST_ID, AckMode, AckWanted
from queuecast_poller.intake.ack_inbox import AckInbox, Try
from queuecast_poller.judge.ack_outcome import AckOutcome, AckRule, described
from queuecast_poller.judge.verdict import Drop, Leave, Publish
from queuecast_poller.metrics import QueueMetrics

log = logging.getLogger(__name__)

TRIED = 10_000
"""Messages that are remembered as tried: SQS may hand out one twice at once, as if each were the first."""


class Ways(NamedTuple):
    """What can become of messages: functions of the intake."""

    until_confirmed: Callable[..., Awaitable[Any]]
    store: Callable[[Sequence[Publish], Sequence[str], asyncio.Event], Awaitable[Sequence[Stored] | None]]
    publish: Callable[[Publish, float, asyncio.Event], Awaitable[bool]]
    give_back: Callable[[Sequence[str]], Awaitable[None]]
    leave: Callable[[Sequence[Leave]], Awaitable[None]]
    drop: Callable[[Sequence[Drop]], Awaitable[None]]
    acknowledge: Callable[[Sequence[str]], Awaitable[None]]
    tick: Callable[[], object]


class AckWait:
    """Publishes messages and waits for their acknowledgements, until `closing` is set."""

    def __init__(self, bus: BusManager, dedup_seconds: float, metrics: QueueMetrics, ways: Ways) -> None:
        self.inbox = AckInbox(bus)
        self.closing = asyncio.Event()
        self._bus = bus
        self._dedup_seconds = dedup_seconds
        self._metrics = metrics
        self._ways = ways
        self._tried: dict[str, None] = {}

    async def carry_through(
        self, verdict: Publish, mode: AckMode, seconds: float, stop: asyncio.Event
    ) -> tuple[AckOutcome | None, str]:
        """Publish a message and wait for so many seconds; return the outcome, and why it is that.

        None means that the message has to be returned.
        """
        message, handle = verdict.message, verdict.message.receipt_handle
        known = await self._ways.until_confirmed(
            "acks", lambda: self._bus.ack_reports.marked([message.id]), [handle], stop
        )
        if known is None:
            return None, ""
        if known[0]:
            # It was acknowledged, and could not be deleted then.
            self._metrics.duplicates.inc()
            return AckOutcome.ACKNOWLEDGED, ""
        ack_id = FIRST_ID + secrets.randbelow(LAST_ID - FIRST_ID + 1)
        wanted = AckWanted(mode, ack_id, self._bus.host_id, round(1000 * seconds))
        arguments = with_meta(verdict, is_again=message.receives > 1 or self._was_tried(message.id))
        attempt = verdict._replace(
            record=verdict.record._replace(arguments=arguments, ack=wanted),
            dedup_id=f"{message.id}/{ack_id}",
        )
        with self.inbox.expecting(ack_id, AckRule(mode)) as tried:
            stored = await self._ways.store([attempt], [handle], stop)
            if stored is None:
                return None, ""
            began = time.monotonic()
            self.inbox.stored(tried, stored[0].offset, seconds)
            outcome = await self._first_of(tried)
            if outcome is AckOutcome.ACKNOWLEDGED:
                self._metrics.published.inc()
                self._metrics.acks[outcome].inc()
                self._metrics.ack_time.observe(time.monotonic() - began)
                await self._mark(message.id)
            return outcome, described(mode, tried.reports, seconds)

    def _was_tried(self, message_id: str) -> bool:
        """Return whether this poller has tried a message before, and remember it."""
        if message_id in self._tried:
            return True
        self._tried[message_id] = None
        if len(self._tried) > TRIED:
            del self._tried[next(iter(self._tried))]
        return False

    async def _first_of(self, tried: Try) -> AckOutcome | None:
        """Return the outcome of a try, None if the poller stops before there is one."""
        closing = asyncio.ensure_future(self.closing.wait())
        try:
            await asyncio.wait((tried.outcome, closing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            closing.cancel()
        return tried.outcome.result() if tried.outcome.done() else None

    async def _mark(self, message_id: str) -> None:
        try:
            await self._bus.ack_reports.mark(message_id, self._dedup_seconds)
        except BusUnavailable as exc:
            log.warning("if message %s cannot be deleted, it is shown once more: %s", message_id, exc)


def with_meta(verdict: Publish, *, is_again: bool) -> bytes:
    """Return the arguments of a message's event, with what browsers are told of it behind them."""
    message = verdict.message
    meta = {"id": message.id, "ack": verdict.ack, "redelivered": is_again}
    return b"%b,%b]" % (verdict.record.arguments[:-1], json.dumps(meta, separators=(",", ":")).encode())
