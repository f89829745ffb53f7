"""Receives that wait: each is answered at once when a message comes, or when one becomes visible again.

A receive that waits costs nothing: it sleeps on a future, and a queue that is waited on has a single timer,
for the next message in flight whose time runs out.
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
"""Receives of one server that may wait at once; each has a connection of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Waiter:
    """A receive that found nothing so far."""

    request: Json
    answer: asyncio.Future[Json]

    def give(self, answer: Json) -> None:
        """Answer it, unless it was answered or given up."""
        if not self.answer.done():
            self.answer.set_result(answer)


class Waiting:
    """Who waits on one queue, first come first served, and the timer that looks again."""

    def __init__(self) -> None:
        self.waiters: deque[Waiter] = deque()
        self.timer: asyncio.TimerHandle | None = None


class LongPolls:
    """The receives of a whole server. Whoever changes a queue must `wake` it."""

    def __init__(self, actions: Actions, clock: Callable[[], float]) -> None:
        self._actions = actions
        self._clock = clock
        self._waiting: dict[Queue, Waiting] = {}

    async def receive(self, request: Json) -> Json:
        """Return messages, or an empty answer when the receive's time is over. Raises `Refused`."""
        wait_seconds = self._actions.wait_seconds(request)
        answer = self._actions.receive(request)
        if answer or not wait_seconds:
            return answer
        if sum(len(waiting.waiters) for waiting in self._waiting.values()) >= MAX_WAITING:
            raise Refused(
                "OverLimit", f"{MAX_WAITING} receives wait already, which is all that this emulator takes."
            )
        queue = self._actions.queue(request)
        loop = asyncio.get_running_loop()
        waiter = Waiter(request, loop.create_future())
        waiting = self._waiting.setdefault(queue, Waiting())
        waiting.waiters.append(waiter)
        self.wake(queue)
        # No `asyncio.timeout`: that could throw away an answer which it meets on its way.
        end = loop.call_later(wait_seconds, waiter.give, {})
        try:
            return await waiter.answer
        finally:
            end.cancel()
            # Whoever hangs up takes no message along.
            if waiter in waiting.waiters:
                waiting.waiters.remove(waiter)

    def wake(self, queue: Queue) -> None:
        """Give what there is to those who wait for it."""
        waiting = self._waiting.get(queue)
        if waiting is not None:
            while waiting.waiters and queue.is_ready(self._clock()):
                if waiting.waiters[0].answer.done():
                    waiting.waiters.popleft()
                # Empty if all that was there went to the dead-letter queue.
                elif answer := self._actions.receive(waiting.waiters[0].request):
                    waiting.waiters.popleft().give(answer)
            self._look_again(queue, waiting)
        if queue.redrive is not None:
            self.wake(queue.redrive.dead)

    def forget(self, queue: Queue) -> None:
        """Answer those who wait on a queue that was deleted: nothing comes any more."""
        waiting = self._waiting.pop(queue, None)
        if waiting is not None:
            for waiter in waiting.waiters:
                waiter.give({})
            if waiting.timer is not None:
                waiting.timer.cancel()

    def _look_again(self, queue: Queue, waiting: Waiting) -> None:
        if waiting.timer is not None:
            waiting.timer.cancel()
            waiting.timer = None
        due = queue.next_return()
        if waiting.waiters and due is not None:
            seconds = max(due - self._clock(), 0)
            waiting.timer = asyncio.get_running_loop().call_later(seconds, self.wake, queue)
