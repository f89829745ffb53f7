"""The emulator's long polls, without a socket, and what becomes of them when they are given up."""

import asyncio

import pytest

from queuecast_local.sqs_emulator import long_polls
from queuecast_local.sqs_emulator.actions import Actions
from queuecast_local.sqs_emulator.errors import Refused
from queuecast_local.sqs_emulator.long_polls import LongPolls


class Emulator:
    """Long polls on one queue, on a clock that stands still."""

    def __init__(self, name: str = "q", **attributes: str) -> None:
        self.actions = Actions(lambda: 0.0)
        self.polls = LongPolls(self.actions, lambda: 0.0)
        self.url = self.actions.do("CreateQueue", {"QueueName": name, "Attributes": attributes})["QueueUrl"]

    async def begin(self) -> asyncio.Task[dict[str, object]]:
        """Begin a receive; return once it waits."""
        task = asyncio.create_task(self.polls.receive({"QueueUrl": self.url, "WaitTimeSeconds": 20}))
        await asyncio.sleep(0)
        return task

    def send(self, body: str = "a", **more: str) -> None:
        self.actions.do("SendMessage", {"QueueUrl": self.url, "MessageBody": body, **more})
        self.polls.wake(self.actions.queue({"QueueUrl": self.url}))


async def test_receives_are_answered_in_the_order_in_which_they_came() -> None:
    """So that neither of two pollers is starved."""
    emulator = Emulator()
    first, second = await emulator.begin(), await emulator.begin()
    emulator.send()
    assert (await first)["Messages"]
    assert not second.done()
    emulator.send()
    assert (await second)["Messages"]


async def test_of_two_receives_that_wait_one_alone_gets_messages_of_a_group() -> None:
    """While a message of a FIFO group is in flight, nobody gets the next; moto gives one to each."""
    emulator = Emulator("q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    first, second = await emulator.begin(), await emulator.begin()
    for body in ("a1", "a2"):
        emulator.send(body, MessageGroupId="a")
    assert (await first)["Messages"]
    assert not second.done()
    emulator.send("b1", MessageGroupId="b")
    [message] = (await second)["Messages"]  # type: ignore[misc]
    assert message["Body"] == "b1"


async def test_receives_that_wait_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a connection and a future: one too many is refused, and the others go on."""
    monkeypatch.setattr(long_polls, "MAX_WAITING", 1)
    emulator = Emulator()
    first, second = await emulator.begin(), await emulator.begin()
    with pytest.raises(Refused, match="OverLimit"):
        await second
    emulator.send()
    assert (await first)["Messages"]


async def test_a_receive_on_a_queue_that_is_deleted_ends_without_a_message() -> None:
    """It would wait for ever."""
    emulator = Emulator()
    first = await emulator.begin()
    emulator.polls.forget(emulator.actions.queue({"QueueUrl": emulator.url}))
    assert await first == {}


async def test_a_receive_that_is_given_up_as_a_message_comes_leaves_it_to_the_next() -> None:
    """Its end is noticed only a tick later, and the message must not become a dead letter meanwhile."""
    emulator = Emulator()
    first, second = await emulator.begin(), await emulator.begin()
    first.cancel()
    emulator.send()
    assert (await second)["Messages"]


async def test_a_receive_that_is_given_up_leaves_nothing_behind() -> None:
    """An idle queue is polled every few seconds, for days."""
    emulator = Emulator()
    poll = await emulator.begin()
    poll.cancel()
    await asyncio.wait([poll])
    [waiting] = emulator.polls._waiting.values()
    assert not waiting.waiters
