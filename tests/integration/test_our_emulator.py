"""Where the SQS emulator of `make run` follows the SQS documentation and others do not."""

import time

import pytest
from tests.claims import eventually

from .emulators import Emulator, in_background, refusal, with_dead_letters


def test_ours_an_old_handle_deletes_nothing(our_emulator: Emulator) -> None:
    """On moto it deletes: a late poller would seem to be right."""
    queue = our_emulator.queue(VisibilityTimeout="1")
    queue.send("a")
    [old] = queue.receive()
    [new] = eventually(lambda: queue.receive(VisibilityTimeout=30))
    assert len(queue.delete(old)["Successful"]) == 1
    assert queue.depth() == (0, 1)
    queue.delete(new)
    assert queue.depth() == (0, 0)


def test_ours_a_fifo_delete_after_the_visibility_ran_out_fails(our_emulator: Emulator) -> None:
    """The error tells a poller not to try again."""
    queue = our_emulator.queue(fifo=True, VisibilityTimeout="1")
    queue.send("a", group="a")
    [message] = queue.receive()
    eventually(lambda: queue.depth() == (1, 0))
    [failed] = queue.delete(message)["Failed"]
    assert (failed["Code"], failed["SenderFault"]) == ("InvalidParameterValue", True)
    assert queue.depth() == (1, 0)


def test_ours_a_visibility_that_ran_out_cannot_be_changed(our_emulator: Emulator) -> None:
    """Moto hides the message again, although another receiver may have it."""
    queue = our_emulator.queue(VisibilityTimeout="1")
    queue.send("a")
    [message] = queue.receive()
    eventually(lambda: queue.depth() == (1, 0))
    assert refusal(lambda: queue.hide(message, 5)) == "AWS.SimpleQueueService.MessageNotInflight"


def test_ours_a_deleted_fifo_message_is_not_taken_again_and_its_sender_is_told_its_first_id(
    our_emulator: Emulator,
) -> None:
    """Moto forgets deleted messages."""
    queue = our_emulator.queue(fifo=True)
    [first] = queue.send("a", group="a")
    queue.delete(*queue.receive())
    assert queue.send("a", group="a") == [first]
    assert queue.depth() == (0, 0)


def test_ours_the_sequence_of_a_fifo_queue_rises(our_emulator: Emulator) -> None:
    """Moto uses random numbers."""
    queue = our_emulator.queue(fifo=True)
    queue.send(*"abc", group="a")
    messages = queue.receive(MessageSystemAttributeNames=["SequenceNumber"])
    numbers = [message["Attributes"]["SequenceNumber"] for message in messages]
    assert numbers == sorted(set(numbers))


def test_ours_a_group_on_a_standard_queue_is_told_and_blocks_nothing(our_emulator: Emulator) -> None:
    """Fair queues use groups without ordering; the poller must not expect order there."""
    queue = our_emulator.queue()
    for body in "ab":
        queue.client.send_message(QueueUrl=queue.url, MessageBody=body, MessageGroupId="tenant")
    [first] = queue.receive(1, MessageSystemAttributeNames=["MessageGroupId"])
    assert first["Attributes"] == {"MessageGroupId": "tenant"}
    assert queue.bodies() == ["b"]


def test_ours_a_dead_letter_says_where_it_comes_from(our_emulator: Emulator) -> None:
    """The source queue is in the last of its system attributes."""
    queue, dead = with_dead_letters(our_emulator, 1, fifo=True)
    queue.send("a", group="a")
    queue.hide(queue.receive()[0], 0)
    assert queue.bodies() == []
    [message] = dead.receive(MessageSystemAttributeNames=["All"])
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == queue.arn
    assert message["Attributes"]["MessageGroupId"] == "a"


@pytest.mark.parametrize("seconds", [0, 1])
def test_ours_a_long_poll_is_answered_when_a_message_becomes_visible_again(
    our_emulator: Emulator, seconds: int
) -> None:
    """It may have been returned or timed out. Moto checks once a second."""
    queue = our_emulator.queue()
    queue.send("a")
    [message] = queue.receive()
    poll = in_background(lambda: queue.bodies(wait_seconds=20), queue)
    queue.hide(message, seconds)
    changed_at = time.monotonic()
    assert poll.result(60) == ["a"]
    assert time.monotonic() - changed_at < seconds + 15


def test_ours_a_long_poll_is_answered_when_its_group_is_free_again(our_emulator: Emulator) -> None:
    """A delete unblocks its group."""
    queue = our_emulator.queue(fifo=True)
    queue.send("a1", "a2", group="a")
    [message] = queue.receive(1)
    poll = in_background(lambda: queue.bodies(wait_seconds=20), queue)
    queue.delete(message)
    assert poll.result(60) == ["a2"]


def test_ours_a_long_poll_on_the_dead_letter_queue_is_answered(our_emulator: Emulator) -> None:
    """The message arrives there when somebody receives from the source queue."""
    queue, dead = with_dead_letters(our_emulator, 1)
    queue.send("a")
    [message] = queue.receive()
    poll = in_background(lambda: dead.bodies(wait_seconds=20), dead)
    waiting = in_background(
        lambda: [queue.bodies(wait_seconds=1) for _ in iter(poll.done, True)],  # until it was answered
        queue,
    )
    queue.hide(message, 0)
    assert poll.result(60) == ["a"]
    assert not any(waiting.result(60))


def test_ours_a_long_poll_that_was_given_up_takes_no_message_along(our_emulator: Emulator) -> None:
    """A killed poller must not hide messages that are sent after its death."""
    queue = our_emulator.queue()
    request = {"QueueUrl": queue.url, "WaitTimeSeconds": 20}
    connection = our_emulator.begin("ReceiveMessage", **request)
    poll = in_background(lambda: queue.bodies(wait_seconds=20), queue)
    connection.close()
    eventually(lambda: queue.depth() == (0, 0))
    queue.send("a")
    assert poll.result(60) == ["a"]


def test_ours_what_it_does_not_have_is_refused(our_emulator: Emulator) -> None:
    """A test of expiry must not pass because the emulator ignored what it does not support."""
    queue = our_emulator.queue()
    allow = queue.client.add_permission
    code = refusal(lambda: allow(QueueUrl=queue.url, Label="a", AWSAccountIds=["1"], Actions=["*"]))
    assert code == "AWS.SimpleQueueService.UnsupportedOperation"
    assert refusal(lambda: our_emulator.queue(MessageRetentionPeriod="60")) == "InvalidAttributeName"
