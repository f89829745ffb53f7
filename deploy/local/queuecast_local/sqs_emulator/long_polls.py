"""Long polls: each is answered as soon as a message arrives or becomes visible again.

A waiting receive costs no CPU: it sleeps on a future, and each queue with waiting receives has one timer, for
the next message that becomes visible.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from queuecast_local.sqs_emulator.actions import Actions
from queuecast_local.sqs_emulator.errors import Refused
from queuecast_local.sqs_emulator.queues import Queue

Json = dict[str, Any]

MAX_WAITING = 1_000
"""Most receives of one server that may wait at a time; each has a connection of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Waiter:
    """A receive that has found nothing so far."""

    request: Json
    answer: asyncio.Future[Json]

    def give(self, answer: Json) -> None:
        """Answer it, unless it was already answered or cancelled."""
        if not self.answer.done():
            self.answer.set_result(answer)


class Waiting:
    """The receives that wait on one queue, first come first served, and the timer that checks again."""

    def __init__(self) -> None:
        self.waiters: deque[Waiter] = deque()
        self.timer: asyncio.TimerHandle | None = None


class LongPolls:
    """The waiting receives of one server. Code that changes a queue must `wake` it."""

    def __init__(self, actions: Actions, clock: Callable[[], float]) -> None:
        self._actions = actions
        self._clock = clock
        self._waiting: dict[Queue, Waiting] = {}

    async def receive(self, request: Json) -> Json:
        """Return messages, or an empty answer when the wait is over. Raises `Refused`."""
        wait_seconds = self._actions.wait_seconds(request)
        answer = self._actions.receive(request)
        if answer or not wait_seconds:
            return answer
        if sum(len(waiting.waiters) for waiting in self._waiting.values()) >= MAX_WAITING:
            raise Refused("OverLimit", f"{MAX_WAITING} receives are waiting, which is this emulator's limit.")
        queue = self._actions.queue(request)
        loop = asyncio.get_running_loop()
        waiter = Waiter(request, loop.create_future())
        waiting = self._waiting.setdefault(queue, Waiting())
        waiting.waiters.append(waiter)
        self.wake(queue)
        # No `asyncio.timeout`: it could discard an answer that comes at the same moment.
        end = loop.call_later(wait_seconds, waiter.give, {})
        try:
            return await waiter.answer
        finally:
            end.cancel()
            # A client that disconnects gets no message.
            if waiter in waiting.waiters:
                waiting.waiters.remove(waiter)

    def wake(self, queue: Queue) -> None:
        """Answer waiting receives with the messages that are there."""
        waiting = self._waiting.get(queue)
        if waiting is not None:
            while waiting.waiters and queue.is_ready(self._clock()):
                if waiting.waiters[0].answer.done():
                    waiting.waiters.popleft()
                # Empty if all messages went to the dead-letter queue.
                elif answer := self._actions.receive(waiting.waiters[0].request):
                    waiting.waiters.popleft().give(answer)
            self._set_timer(queue, waiting)
        if queue.redrive is not None:
            self.wake(queue.redrive.dead)

    def forget(self, queue: Queue) -> None:
        """Answer the receives that wait on a deleted queue with nothing."""
        waiting = self._waiting.pop(queue, None)
        if waiting is not None:
            for waiter in waiting.waiters:
                waiter.give({})
            if waiting.timer is not None:
                waiting.timer.cancel()

    def _set_timer(self, queue: Queue, waiting: Waiting) -> None:
        if waiting.timer is not None:
            waiting.timer.cancel()
            waiting.timer = None
        due = queue.next_return()
        if waiting.waiters and due is not None:
            seconds = max(due - self._clock(), 0)
            waiting.timer = asyncio.get_running_loop().call_later(seconds, self.wake, queue)
