"""The SQS emulator's faults: it does exactly what it is told, and the queue is as expected afterwards."""

import json
import time
import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from . import emulators
from .emulators import Emulator, TestedQueue


@pytest.fixture(scope="module")
def _emulator() -> Iterator[Emulator]:
    with emulators.ours() as emulator:
        yield emulator


@pytest.fixture
def emulator(_emulator: Emulator) -> Iterator[Emulator]:
    """Our emulator; no fault outlasts its test."""
    yield _emulator
    _emulator.fail()


@pytest.fixture
def queue(emulator: Emulator) -> TestedQueue:
    return emulator.queue()


def receive(queue: TestedQueue) -> bytes:
    """Receive on a connection of its own; return all bytes of the answer."""
    return queue.emulator.raw("ReceiveMessage", QueueUrl=queue.url)


@pytest.mark.parametrize(("status", "body"), [(500, ""), (503, "<html>no server is available</html>")])
def test_status_is_what_a_broken_load_balancer_would_say(
    emulator: Emulator, queue: TestedQueue, status: int, body: str
) -> None:
    """The answer has neither JSON nor an error code, and the action is not done."""
    queue.send("a")
    emulator.fail({"action": "ReceiveMessage", "kind": "status", "status": status, "body": body, "times": 1})
    with pytest.raises(ClientError) as failed:
        queue.receive()
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert emulator.struck() == [1]
    emulator.fail({"action": "ReceiveMessage", "kind": "status", "status": status, "body": body, "times": 1})
    assert receive(queue).partition(b"\r\n\r\n")[2] == body.encode()
    assert queue.bodies() == ["a"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "RequestThrottled"),
        (403, "RequestThrottled"),
        (400, "ThrottlingException"),
        (403, "ExpiredToken"),
        (403, "InvalidClientTokenId"),
        (403, "OverLimit"),
    ],
)
def test_error_is_a_refusal_under_the_code_that_was_asked_for(
    emulator: Emulator, queue: TestedQueue, status: int, code: str
) -> None:
    """The SDK shows the code, and the poller counts it under its reason."""
    queue.send("a")
    emulator.fail({"action": "ReceiveMessage", "kind": "error", "status": status, "code": code})
    with pytest.raises(ClientError) as failed:
        queue.receive()
    assert failed.value.response["Error"]["Code"] == code
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert queue.depth() == (1, 0)


def test_hang_says_nothing_and_then_ends_the_connection(emulator: Emulator, queue: TestedQueue) -> None:
    """The action is not done."""
    queue.send("a")
    emulator.fail({"action": "ReceiveMessage", "kind": "hang", "seconds": 0.5})
    began = time.monotonic()
    assert receive(queue) == b""
    assert time.monotonic() - began >= 0.5
    assert queue.depth() == (1, 0)


def test_delay_does_it_late(emulator: Emulator, queue: TestedQueue) -> None:
    """A slow SQS is not a failing one."""
    queue.send("a")
    emulator.fail({"action": "ReceiveMessage", "kind": "delay", "seconds": 0.5})
    began = time.monotonic()
    assert queue.bodies() == ["a"]
    assert time.monotonic() - began >= 0.5


def test_reset_before_resets_the_connection_and_does_nothing(emulator: Emulator, queue: TestedQueue) -> None:
    """It is a reset and not a plain close: SDKs treat them alike, kernels do not."""
    queue.send("a")
    emulator.fail({"action": "ReceiveMessage", "kind": "reset_before"})
    with pytest.raises(ConnectionResetError):
        receive(queue)
    assert queue.depth() == (1, 0)


def test_reset_after_resets_the_connection_when_all_is_done(emulator: Emulator, queue: TestedQueue) -> None:
    """The answer is lost: the message is in flight, and nobody has it."""
    queue.send("a")
    emulator.fail({"action": "ReceiveMessage", "kind": "reset_after"})
    with pytest.raises(ConnectionResetError):
        receive(queue)
    assert queue.depth() == (0, 1)


def test_reset_after_a_delete_has_deleted(emulator: Emulator, queue: TestedQueue) -> None:
    """A poller tries again, and must cope when there is nothing left to delete."""
    queue.send("a")
    [message] = queue.receive()
    emulator.fail({"action": "DeleteMessageBatch", "kind": "reset_after", "times": 1})
    entries = [{"Id": "0", "ReceiptHandle": message["ReceiptHandle"]}]
    with pytest.raises(ConnectionResetError):
        emulator.raw("DeleteMessageBatch", QueueUrl=queue.url, Entries=entries)
    assert queue.depth() == (0, 0)
    assert len(queue.delete(message)["Successful"]) == 1


def test_cut_body_sends_half_of_the_answer(emulator: Emulator, queue: TestedQueue) -> None:
    """The answer is shorter than its header says; the message is in flight."""
    queue.send("a")
    emulator.fail({"action": "ReceiveMessage", "kind": "cut_body"})
    head, _, body = receive(queue).partition(b"\r\n\r\n")
    [length] = [line.split()[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    assert len(body) == int(length) // 2
    assert body.startswith(b'{"Messages"')
    assert queue.depth() == (0, 1)


@pytest.mark.parametrize("kind", ["reset_after", "cut_body", "duplicate", "corrupt"])
def test_a_fault_of_the_answer_waits_for_a_receive_that_brings_something(
    emulator: Emulator, queue: TestedQueue, kind: str
) -> None:
    """A fault that strikes once must not be wasted on an empty poll."""
    emulator.fail({"action": "ReceiveMessage", "kind": kind, "times": 1})
    assert queue.receive() == []
    assert emulator.struck() == [0]


def test_fail_entries_does_the_half_of_a_batch(emulator: Emulator, queue: TestedQueue) -> None:
    """The first entry fails, the second is done, and so on; the status is 200 nevertheless."""
    queue.send(*"abcde")
    messages = queue.receive()
    emulator.fail({"action": "DeleteMessageBatch", "kind": "fail_entries", "times": 1})
    answer = queue.delete(*messages)
    assert [entry["Id"] for entry in answer["Successful"]] == ["1", "3"]
    assert [entry["Id"] for entry in answer["Failed"]] == ["0", "2", "4"]
    assert {(entry["Code"], entry["SenderFault"]) for entry in answer["Failed"]} == {("InternalError", False)}
    assert queue.depth() == (0, 3)
    queue.delete(*messages)
    assert queue.depth() == (0, 0)


def test_fail_entries_fails_a_batch_of_one(emulator: Emulator, queue: TestedQueue) -> None:
    """A quiet queue has to meet the fault as well."""
    queue.send("a")
    [message] = queue.receive()
    emulator.fail({"action": "*", "kind": "fail_entries"})
    assert [entry["Id"] for entry in queue.delete(message)["Failed"]] == ["0"]
    assert queue.depth() == (0, 1)


def test_duplicate_hands_a_message_out_again_though_it_is_deleted(
    emulator: Emulator, queue: TestedQueue
) -> None:
    """Delivery is at least once: that is what deduplication is for."""
    queue.send("a", "b")
    emulator.fail({"action": "ReceiveMessage", "kind": "duplicate", "times": 1})
    messages = queue.receive()
    assert [message["Body"] for message in messages] == ["a", "b"]
    assert queue.depth() == (1, 1)
    queue.delete(*messages)
    [again] = queue.receive(MessageSystemAttributeNames=["ApproximateReceiveCount"])
    assert (again["MessageId"], again["Attributes"]["ApproximateReceiveCount"]) == (
        messages[0]["MessageId"],
        "2",
    )
    queue.delete(again)
    assert queue.depth() == (0, 0)


def test_corrupt_alters_one_body_of_the_answer_and_keeps_its_sum(
    emulator: Emulator, queue: TestedQueue
) -> None:
    """The body still parses, so only the MD5 shows it. The stored body, which comes next, is whole."""
    bodies = ['{"id": 1}', '{"id": 2}']
    queue.send(*bodies)
    emulator.fail({"action": "ReceiveMessage", "kind": "corrupt", "times": 1})
    messages = queue.receive()
    assert [message["Body"] for message in messages] == ['{"id": 2}', '{"id": 2}']
    assert messages[0]["MD5OfBody"] != messages[1]["MD5OfBody"]
    queue.hide(messages[0], 0)
    [again] = queue.receive()
    assert (again["Body"], again["MD5OfBody"]) == (bodies[0], messages[0]["MD5OfBody"])


def test_a_fault_strikes_a_share_of_the_requests(emulator: Emulator, queue: TestedQueue) -> None:
    """With a chance of one half it strikes some of forty requests, neither none nor all."""
    emulator.fail({"action": "*", "kind": "error", "status": 400, "code": "RequestThrottled", "chance": 0.5})
    refused = 0
    for _ in range(40):
        try:
            queue.receive()
        except ClientError:
            refused += 1
    assert 0 < refused < 40
    assert emulator.struck() == [refused]


def test_senders_go_on_while_everything_fails(emulator: Emulator, queue: TestedQueue) -> None:
    """The load of a fault test must have no gaps of its own."""
    emulator.fail({"action": "*", "kind": "reset_before"})
    queue.send("a")
    assert queue.depth() == (1, 0)
    assert emulator.queue().depth() == (0, 0)


@pytest.mark.parametrize("wanted", [[{"action": "*", "kind": "nonsense"}], {"action": "*"}, "text"])
def test_a_fault_that_makes_no_sense_is_refused(emulator: Emulator, wanted: Any) -> None:
    """A test with a typo must not pass."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        emulator._ask(json.dumps(wanted).encode())
    with refused.value as answer:
        assert answer.code == 400
