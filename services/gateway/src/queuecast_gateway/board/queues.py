"""What operators see of the queues: the pollers' reports, put together for each queue."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from queuecast_gateway.delivery.gateway_bus import GatewayBus

STALE_SECONDS = 15.0
"""A report of this age is one of a poller that is gone."""

FRESH_SECONDS = 1.0
"""Pollers report every two seconds."""

MAX_RECENT = 20
"""Messages left, and messages that wait or waited, that are listed."""

COUNTS = ("in_flight", "received", "published", "duplicates", "dead_letters")
WAITING = ("held", "awaited")
"""Counts that pollers of an older version do not report."""


class Queues:
    """All queues, as long as boards ask for them."""

    def __init__(self, bus: GatewayBus, clock: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._clock = clock
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._last: dict[str, Any] = {}

    async def answer(self) -> dict[str, Any]:
        """Return the queues by name, and the messages that were left last. Raises `BusUnavailable`.

        Whoever asks within `FRESH_SECONDS` gets the same answer: the reports of many pollers are a megabyte.
        """
        async with self._asking:
            if self._clock() - self._asked_at >= FRESH_SECONDS:
                self._last = await self._read_reports()
                self._asked_at = self._clock()
        return self._last

    async def _read_reports(self) -> dict[str, Any]:
        await self._bus.queue_reports.want()
        found = {name: _read(text) for name, text in (await self._bus.queue_reports.all()).items()}
        oldest = 1000 * (self._bus.clock.now() - STALE_SECONDS)
        if stale := [name for name, report in found.items() if not report or report["at_ms"] < oldest]:
            await self._bus.queue_reports.remove(stale)
        return summary([report for name, report in found.items() if report and name not in stale])


def _read(text: str) -> dict[str, Any] | None:
    """Return a report; None if it is not one of ours."""
    try:
        report = json.loads(text)
        return report if isinstance(report["queue"], str) and report["at_ms"] >= 0 else None
    except (ValueError, TypeError, LookupError):
        return None


def summary(reports: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return what the reports of all pollers say about each queue, and the messages that were left last, or
    wait or waited last. `sent` has what became of the requests to put something on a queue, by their ids.
    """
    ordered = sorted(reports, key=lambda report: (report["queue"], report["at_ms"]))
    queues = [_queue(name, list(same)) for name, same in groupby(ordered, key=lambda report: report["queue"])]
    recent = [{"queue": report["queue"], **each} for report in ordered for each in report["recent"]]
    recent.sort(key=lambda each: each["at_ms"], reverse=True)
    # A message that was returned waits at another poller then.
    waits = {each["id"]: each for each in sorted(_waits(ordered), key=lambda each: each["at_ms"])}
    sent = {each["request"]: each for report in ordered for each in report.get("sent", ())}
    return {
        "queues": queues,
        "recent": recent[:MAX_RECENT],
        "waits": sorted(waits.values(), key=lambda each: each["at_ms"], reverse=True)[:MAX_RECENT],
        "sent": sent,
    }


def _waits(reports: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for report in reports:
        yield from ({"queue": report["queue"], **each} for each in report.get("waits", ()))


def _queue(name: str, reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    known = [report["backlog"] for report in reports if report["backlog"] is not None]
    return {
        "queue": name,
        "pollers": [report["poller"] for report in reports],
        "backlog": known[-1] if known else None,
        **{count: sum(report[count] for report in reports) for count in COUNTS},
        **{count: sum(report.get(count, 0) for report in reports) for count in WAITING},
        "holds": _added(report.get("holds", {}) for report in reports),
        "acks": _added(report.get("acks", {}) for report in reports),
        "takes_sends": any(report.get("takes_sends", False) for report in reports),
        "left": _added(report["left"] for report in reports),
        "dropped": _added(report["dropped"] for report in reports),
    }


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    added: Counter[str] = Counter()
    for each in counts:
        added.update(each)
    return dict(added)
