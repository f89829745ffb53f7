"""Messages that wait for acknowledgements, or for somebody to come, beside the way of all others.

They wait beside all other messages, which pass as if there were none of these. A message that nobody
acknowledges in time is left on its queue, comes back, and is published again. Each try has an id of its own,
and what is reported of an earlier one does not count.
"""

import asyncio
from collections.abc import Sequence

from queuecast_bus import BusManager
from queuecast_bus.awaited import AckMode
from queuecast_poller.intake.ack_wait import AckWait, Ways
from queuecast_poller.intake.holding import Held, Holding
from queuecast_poller.intake.recent_waits import RecentWaits, WaitState
from queuecast_poller.intake.roll_call import RollCall
from queuecast_poller.judge.ack_outcome import AckOutcome
from queuecast_poller.judge.verdict import Leave, Publish, Reason
from queuecast_poller.loop_thread import pause
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.settings import Settings
from queuecast_poller.sqs.message import Message
from queuecast_poller.sqs.queue import Queue

VISIBILITY_SHARE = 0.8
"""Largest part of the visibility timeout that browsers get: when a message comes back because its poller was
killed, nobody must be acknowledging it still."""

MAX_BYTES = 16 << 20
"""Most bytes of messages that wait."""

STOP_SECONDS = 10.0
"""How long a poller that stops still waits for acknowledgements; then it returns the messages."""

ROOM_SECONDS = 0.5
"""How often it is checked whether there is room for more messages."""

_REASONS = {
    AckOutcome.UNANSWERED: Reason.UNANSWERED,
    AckOutcome.NOBODY_THERE: Reason.NOBODY_THERE,
}


def divide(verdicts: list[Publish]) -> tuple[Sequence[Sequence[Publish]], list[Publish]]:
    """Return the messages that wait for acknowledgements or for somebody to come, and the others.

    On a FIFO queue the messages of the same group go one after another, each after the one before it.
    """
    waiting = [verdict for verdict in verdicts if verdict.ack is not None or verdict.hold is not None]
    if not waiting:
        return (), verdicts
    groups = {verdict.message.group for verdict in waiting} - {None}
    runs: dict[str, list[Publish]] = {}
    others: list[Publish] = []
    for verdict in verdicts:
        group = verdict.message.group
        if verdict.ack is not None or verdict.hold is not None or group in groups:
            runs.setdefault(verdict.message.receipt_handle if group is None else group, []).append(verdict)
        else:
            others.append(verdict)
    return list(runs.values()), others


class Awaiting:
    """The messages of one queue that wait."""

    def __init__(
        self,
        queue: Queue,
        bus: BusManager,
        settings: Settings,
        metrics: QueueMetrics,
        ways: Ways,
        waits: RecentWaits,
    ) -> None:
        self._queue = queue
        self._metrics = metrics
        self._ways = ways
        self._waits = waits
        self._ack_seconds = settings.ack_seconds
        self._max_messages = settings.max_awaited
        self._wait = AckWait(bus, settings.dedup_seconds, metrics, ways)
        self._roll_call = RollCall(bus, self._wait.inbox)
        self._holding = Holding(
            queue, bus, settings, metrics, self._roll_call, waits, ways.give_back, ways.leave, ways.drop
        )
        self._messages = self._bytes = 0
        self._runs: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self._started = asyncio.Event()
        self._freed = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Read what gateways report, until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            self._group.create_task(self._wait.inbox.run())
            self._group.create_task(self._roll_call.run())
            self._group.create_task(self._holding.held.run())
            self._group.create_task(self._close_after(stop))
            self._started.set()

    async def submit(self, runs: Sequence[Sequence[Publish]], received: float, stop: asyncio.Event) -> None:
        """Begin with these messages: different runs at once. Waits while too many messages wait already."""
        await self._started.wait()
        for run in runs:
            size = sum(verdict.record.payload_size for verdict in run)
            while not self._has_room(len(run), size) and not stop.is_set():
                self._ways.tick()
                self._freed.clear()
                await pause(self._freed, ROOM_SECONDS)
            self._count(len(run), size)
            if self._group is None:
                raise RuntimeError("nothing reads what gateways report")
            task = self._group.create_task(self._work_off(list(run), size, received, stop))
            self._runs.add(task)
            task.add_done_callback(self._runs.discard)

    async def drain(self) -> None:
        """Return held messages, and wait until no other waits any more."""
        await self._holding.held.give_back()
        while self._runs:
            await asyncio.wait(self._runs)
        await self._holding.held.give_back()

    @property
    def seconds(self) -> float:
        """How long browsers have."""
        return min(self._ack_seconds, VISIBILITY_SHARE * max(1, self._queue.visibility_seconds))

    async def _close_after(self, stop: asyncio.Event) -> None:
        await stop.wait()
        await asyncio.sleep(STOP_SECONDS)
        self._wait.closing.set()

    def _has_room(self, messages: int, size: int) -> bool:
        return not self._messages or (
            self._messages + messages <= self._max_messages and self._bytes + size <= MAX_BYTES
        )

    def _count(self, messages: int, size: int) -> None:
        self._messages += messages
        self._bytes += size
        self._metrics.awaited.set(self._messages)
        self._freed.set()

    async def _work_off(self, run: list[Publish], size: int, received: float, stop: asyncio.Event) -> None:
        messages = len(run)
        try:
            while run:
                verdict = run.pop(0)
                if verdict.hold is not None:
                    became = await self._look(verdict, verdict.hold, run, stop)
                    if became is Held.ENDED:
                        continue
                    if became is Held.WAITS:
                        return
                if verdict.ack is None:
                    goes_on = await self._ways.publish(verdict, received, stop)
                    if verdict.hold is not None:
                        self._waits.note(verdict, WaitState.DELIVERED if goes_on else WaitState.RETURNED)
                else:
                    goes_on = await self._wait_for(verdict, verdict.ack, run, stop)
                if not goes_on:
                    await self._ways.give_back([each.message.receipt_handle for each in run])
                    return
        finally:
            self._count(-messages, -size)

    async def _look(
        self, verdict: Publish, hold_seconds: float, behind: list[Publish], stop: asyncio.Event
    ) -> Held:
        """Find out whether somebody is there for a message; if it is held or left, so are those behind it."""
        if stop.is_set():
            handles = [each.message.receipt_handle for each in (verdict, *behind)]
            await self._ways.give_back(handles)
            return Held.WAITS
        became = await self._holding.decide(verdict, hold_seconds)
        if became is Held.WAITS:
            await self._leave_behind(verdict.message, behind, "is held or left")
        return became

    async def _leave_behind(self, message: Message, behind: Sequence[Publish], why: str) -> None:
        text = f"an earlier message of the group {message.group!r} {why}"
        left = [Leave(each.message, Reason.GROUP_BLOCKED, text, permanent=False) for each in behind]
        if left:
            await self._ways.leave(left)

    async def _wait_for(
        self, verdict: Publish, mode: AckMode, behind: list[Publish], stop: asyncio.Event
    ) -> bool:
        """Carry one message through; return whether those behind it in its group may go on.

        If it is left and comes back, those behind it are left too, and `behind` is empty then.
        """
        handle = verdict.message.receipt_handle
        if stop.is_set():
            await self._ways.give_back([handle])
            return False
        self._waits.note(verdict, WaitState.AWAITED, seconds=self.seconds)
        outcome, detail = await self._wait.carry_through(verdict, mode, self.seconds, stop)
        if outcome is None:
            self._metrics.acks["returned"].inc()
            self._waits.note(verdict, WaitState.RETURNED)
            await self._ways.give_back([handle])
            return False
        if outcome is AckOutcome.ACKNOWLEDGED:
            self._metrics.in_flight.dec()
            self._waits.note(verdict, WaitState.ACKNOWLEDGED)
            await self._ways.acknowledge([handle])
            return True
        self._metrics.acks[outcome].inc()
        self._waits.note(verdict, WaitState(outcome), detail)
        if outcome is AckOutcome.NOBODY_THERE and verdict.hold is not None:
            # They were there when gateways were asked, and have gone since.
            if await self._holding.hold(verdict, verdict.hold) is Held.WAITS:
                await self._leave_behind(verdict.message, behind, "is held or left")
                behind.clear()
            return True
        message = verdict.message._replace(body="")
        await self._ways.leave([Leave(message, _REASONS[outcome], detail, permanent=False)])
        is_last = (most := self._queue.max_receive_count) is not None and message.receives >= most
        if not is_last:
            await self._leave_behind(message, behind, "was not acknowledged")
            behind.clear()
        return True
