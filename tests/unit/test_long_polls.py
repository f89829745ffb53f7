"""Receives of the emulator that wait, without a socket: what becomes of them when they are given up."""

import asyncio

from queuecast_local.sqs_emulator.actions import Actions
from queuecast_local.sqs_emulator.long_polls import LongPolls


class Emulator:
    """Long polls on one queue, on a clock that stands."""

    def __init__(self) -> None:
        self.actions = Actions(lambda: 0.0)
        self.polls = LongPolls(self.actions, lambda: 0.0)
        self.url = self.actions.do("CreateQueue", {"QueueName": "q"})["QueueUrl"]

    async def begin(self) -> asyncio.Task[dict[str, object]]:
        """Begin a receive; return when it waits."""
        task = asyncio.create_task(self.polls.receive({"QueueUrl": self.url, "WaitTimeSeconds": 20}))
        await asyncio.sleep(0)
        return task

    def send(self) -> None:
        self.actions.do("SendMessage", {"QueueUrl": self.url, "MessageBody": "a"})
        self.polls.wake(self.actions.queue({"QueueUrl": self.url}))


async def test_receives_are_answered_in_the_order_in_which_they_came() -> None:
    """So that no poller of two is starved."""
    emulator = Emulator()
    first, second = await emulator.begin(), await emulator.begin()
    emulator.send()
    assert (await first)["Messages"]
    assert not second.done()
    emulator.send()
    assert (await second)["Messages"]


async def test_a_receive_that_is_given_up_as_a_message_comes_leaves_it_to_the_next() -> None:
    """Its end is known only a tick later: the message must not go to the dead meanwhile."""
    emulator = Emulator()
    first, second = await emulator.begin(), await emulator.begin()
    first.cancel()
    emulator.send()
    assert (await second)["Messages"]


async def test_a_receive_that_is_given_up_leaves_nothing_behind() -> None:
    """An idle queue is asked every few seconds, for days."""
    emulator = Emulator()
    poll = await emulator.begin()
    poll.cancel()
    await asyncio.wait([poll])
    [waiting] = emulator.polls._waiting.values()
    assert not waiting.waiters
