"""What the fault tests' SQS emulator has in common with moto's server, and where it is closer to AWS.

Where moto is more lenient than AWS or lacks something, the test is for ours alone and its name says so.
Tests of expiry use queues with a visibility timeout of one second, and poll until a deadline.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator

import pytest
from aiobotocore.session import get_session
from botocore.exceptions import ClientError
from tests.claims import eventually

from queuecast_local import sqs

from . import emulators
from .emulators import Emulator, Json, in_background, refusal, with_dead_letters

MIB = 1_048_576
TEXT = {"DataType": "String", "StringValue": "sku:7"}
BYTES = {"DataType": "Binary", "BinaryValue": b"\x00\xff"}
ATTRIBUTES_MD5 = "8cb433b9ff9d684fc14152e0585f2eab"
"""The MD5 of `rooms` with the text and `key` with the bytes; both emulators computed it independently."""


BARE_CODE = "it sends no x-amzn-query-error, so that the SDK knows the error by its bare code"
ELASTICMQ_IS_OTHERWISE = {
    "test_an_invalid_batch_is_refused_as_a_whole[*-InvalidBatchEntryId]": "it takes any Id",
    "test_an_invalid_batch_is_refused_as_a_whole[aa-BatchEntryIdsNotDistinct]": BARE_CODE,
    "test_an_invalid_batch_is_refused_as_a_whole[abcdefghijk-TooManyEntriesInBatchRequest]": BARE_CODE,
    "test_an_invalid_batch_is_refused_as_a_whole[-EmptyBatchRequest]": "it takes a batch of nothing",
    "test_what_is_deleted_is_gone_and_may_be_deleted_again": "it refuses a handle that has deleted",
    "test_a_queue_that_is_not_there_has_its_own_error": BARE_CODE,
    "test_a_receiver_gets_the_attributes_that_it_asks_for[asked1-told1]": "it knows no prefix of names",
    "test_a_message_has_a_mebibyte_at_most_and_so_has_a_batch": "it refuses under a code of its own",
    "test_a_queue_may_have_its_receives_wait": "an empty answer has an empty list",
}
"""Where ElasticMQ 1.7.1 differs from AWS, by test. The poller works with it nevertheless."""


@pytest.fixture(scope="module")
def elasticmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One ElasticMQ for all tests here, if there is a Java."""
    with emulators.elasticmq(tmp_path_factory.mktemp("elasticmq")) as emulator:
        yield emulator


@pytest.fixture(params=["moto", "ours", "elasticmq"])
def either(request: pytest.FixtureRequest) -> Emulator:
    """Each emulator in turn."""
    if request.param == "moto":
        return Emulator(request.getfixturevalue("moto"))
    if request.param == "ours":
        found: Emulator = request.getfixturevalue("our_emulator")
        return found
    case = request.node.name.replace("elasticmq-", "").replace("[elasticmq]", "")
    if reason := ELASTICMQ_IS_OTHERWISE.get(case):
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    java: Emulator = request.getfixturevalue("elasticmq")
    return java


def test_making_a_queue_again_finds_it_and_with_another_attribute_is_refused(either: Emulator) -> None:
    """Two processes may create it at once, but not with different attributes."""
    queue = either.queue(VisibilityTimeout="7")
    name = queue.url.rpartition("/")[2]
    again = either.client.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "7"})
    assert again["QueueUrl"] == queue.url == either.client.get_queue_url(QueueName=name)["QueueUrl"]
    with pytest.raises(either.client.exceptions.QueueNameExists):
        either.client.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "8"})


def test_a_queue_that_is_not_there_has_its_own_error(either: Emulator) -> None:
    """The poller distinguishes it from a network that is down."""
    with pytest.raises(either.client.exceptions.QueueDoesNotExist) as missing:
        either.client.get_queue_url(QueueName="nowhere")
    assert missing.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    url = either.queue().url.rpartition("/")[0] + "/nowhere"
    with pytest.raises(either.client.exceptions.QueueDoesNotExist):
        either.client.receive_message(QueueUrl=url)


def test_a_queue_tells_how_it_is_configured(either: Emulator) -> None:
    """The poller reads the visibility timeout and redrive policy there."""
    queue, dead = with_dead_letters(either, 3)
    told = queue.attributes("VisibilityTimeout", "RedrivePolicy", "QueueArn")
    assert told["VisibilityTimeout"] == "30"
    assert json.loads(told["RedrivePolicy"]) == {"deadLetterTargetArn": dead.arn, "maxReceiveCount": 3}
    assert told["QueueArn"].endswith(queue.url.rpartition("/")[2])
    assert queue.attributes("All").items() >= told.items()
    assert either.queue(fifo=True).attributes("FifoQueue") == {"FifoQueue": "true"}


def test_a_message_arrives_as_it_was_sent_with_sums_that_match(either: Emulator) -> None:
    """The poller refuses a wrong checksum: one from the emulator would look like the poller's defect."""
    queue = either.queue()
    body = '{"title": "Blåer Kessel 🫖", "lines": "a\\nb"}'
    sent = queue.client.send_message(
        QueueUrl=queue.url, MessageBody=body, MessageAttributes={"rooms": TEXT, "key": BYTES}
    )
    [message] = queue.receive(MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"])
    assert message["Body"] == body
    assert message["MessageId"] == sent["MessageId"]
    assert (
        message["MD5OfBody"]
        == sent["MD5OfMessageBody"]
        == hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
    )
    assert message["MessageAttributes"] == {"rooms": TEXT, "key": BYTES}
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"] == ATTRIBUTES_MD5
    system = message["Attributes"]
    assert abs(int(system["SentTimestamp"]) / 1000 - time.time()) < 60
    assert int(system["ApproximateFirstReceiveTimestamp"]) >= int(system["SentTimestamp"])
    assert system["ApproximateReceiveCount"] == "1"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["event"], {"event"}),
        (["shop.*"], {"shop.a", "shop.b"}),
        (["All"], {"event", "shop.a", "shop.b"}),
        ([], set()),
    ],
)
def test_a_receiver_gets_the_attributes_that_it_asks_for(
    either: Emulator, asked: list[str], told: set[str]
) -> None:
    """It gets no others, so an attribute that nobody reads costs nothing."""
    queue = either.queue()
    attributes = dict.fromkeys(("event", "shop.a", "shop.b"), TEXT)
    queue.client.send_message(QueueUrl=queue.url, MessageBody="a", MessageAttributes=attributes)
    [message] = queue.receive(MessageAttributeNames=asked)
    assert message.get("MessageAttributes", {}).keys() == told


def test_system_attributes_are_told_under_their_old_name_too(either: Emulator) -> None:
    """SDKs of before 2024 ask for `AttributeNames`."""
    queue = either.queue()
    queue.send("a")
    [message] = queue.receive(AttributeNames=["SentTimestamp"])
    assert message["Attributes"].keys() == {"SentTimestamp"}


def test_what_was_received_is_hidden_and_comes_back_when_its_time_is_over(either: Emulator) -> None:
    """Its receive count goes up."""
    queue = either.queue(VisibilityTimeout="1")
    queue.send("a")
    began = time.monotonic()
    [first] = queue.receive()
    assert queue.depth() == (0, 1) or time.monotonic() - began >= 1
    [again] = eventually(lambda: queue.receive(MessageSystemAttributeNames=["ApproximateReceiveCount"]))
    assert again["MessageId"] == first["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_what_is_given_back_is_there_at_once(either: Emulator) -> None:
    """A poller that stops leaves no message hidden."""
    queue = either.queue()
    queue.send("a")
    [message] = queue.receive()
    queue.hide(message, 0)
    # Moto may need a millisecond.
    assert eventually(queue.bodies) == ["a"]


def test_what_is_extended_stays_hidden_while_its_neighbour_comes_back(either: Emulator) -> None:
    """A publish may take longer than the visibility timeout."""
    began = 0.0
    while time.monotonic() - began >= 1:  # on a busy machine both may be back before one is extended
        queue = either.queue(VisibilityTimeout="1")
        queue.send("short", "long")
        began = time.monotonic()
        short, long = queue.receive()
        with contextlib.suppress(ClientError):
            queue.hide(long, 30)
    assert eventually(queue.bodies) == [short["Body"]]


def test_a_receive_may_bring_its_own_visibility_timeout(either: Emulator) -> None:
    """It overrides the queue's timeout."""
    queue = either.queue(VisibilityTimeout="1000")
    queue.send("a")
    assert queue.bodies(VisibilityTimeout=1) == ["a"]
    assert eventually(queue.bodies) == ["a"]


def test_what_is_deleted_is_gone_and_may_be_deleted_again(either: Emulator) -> None:
    """A delete whose answer got lost is tried again."""
    queue = either.queue()
    queue.send("a", "b")
    messages = queue.receive()
    assert len(queue.delete(*messages)["Successful"]) == 2
    assert queue.depth() == (0, 0)
    assert queue.delete(messages[0]).get("Failed", []) == []
    queue.client.delete_message(QueueUrl=queue.url, ReceiptHandle=messages[0]["ReceiptHandle"])


def test_a_long_poll_is_answered_when_a_message_comes(either: Emulator) -> None:
    """The latency from queue to browser starts here."""
    queue = either.queue()
    poll = in_background(lambda: queue.bodies(wait_seconds=20), queue)
    sent_at = time.monotonic()
    queue.send("a")
    assert poll.result(60) == ["a"]
    assert time.monotonic() - sent_at < 15


def test_a_long_poll_on_an_empty_queue_ends_empty_and_not_early(either: Emulator) -> None:
    """If it were answered at once, a poller would ask without a pause."""
    queue = either.queue()
    began = time.monotonic()
    assert queue.receive(wait_seconds=1) == []
    assert time.monotonic() - began >= 1


def test_a_queue_may_have_its_receives_wait(either: Emulator) -> None:
    """A receive without a wait time waits as long as the queue says."""
    queue = either.queue(ReceiveMessageWaitTimeSeconds="1")
    began = time.monotonic()
    assert "Messages" not in queue.client.receive_message(QueueUrl=queue.url)
    assert time.monotonic() - began >= 1


def test_a_receive_brings_ten_at_most_and_one_unless_told(either: Emulator) -> None:
    """Ten is what one batch can delete."""
    queue = either.queue()
    queue.send(*map(str, range(12)))
    assert len(queue.client.receive_message(QueueUrl=queue.url)["Messages"]) == 1
    assert len(queue.receive(10)) == 10
    assert len(queue.receive(10)) == 1
    with pytest.raises(ClientError):
        queue.receive(11)


def test_what_was_received_too_often_is_on_the_dead_letter_queue(either: Emulator) -> None:
    """It keeps its id and body; its neighbour stays."""
    queue, dead = with_dead_letters(either, 2)
    [poison] = queue.send("poison")
    for _ in range(2):
        [message] = eventually(queue.receive)
        queue.hide(message, 0)
    queue.send("good")
    eventually(lambda: queue.bodies() == ["good"])
    [found] = eventually(dead.receive)
    assert (found["MessageId"], found["Body"]) == (poison, "poison")


def test_a_group_keeps_its_order_and_is_blocked_while_one_of_it_is_in_flight(either: Emulator) -> None:
    """The other groups go on."""
    queue = either.queue(fifo=True)
    queue.send("a1", "a2", group="a")
    queue.send("b1", group="b")
    [first] = queue.receive(1)
    assert first["Body"] == "a1"
    assert queue.bodies() == ["b1"]
    queue.delete(first)
    assert queue.bodies() == ["a2"]


def test_one_receive_brings_many_of_a_group_in_their_order(either: Emulator) -> None:
    """Otherwise a long group would cost a call for each message."""
    queue = either.queue(fifo=True)
    queue.send(*"abcde", group="one")
    messages = queue.receive(MessageSystemAttributeNames=["All"])
    assert [message["Body"] for message in messages] == list("abcde")
    assert {message["Attributes"]["MessageGroupId"] for message in messages} == {"one"}
    assert [message["Attributes"]["MessageDeduplicationId"] for message in messages] == list("abcde")


def test_a_group_that_is_given_back_comes_again_in_order(either: Emulator) -> None:
    """Later messages do not overtake those that a stopping poller returns."""
    queue = either.queue(fifo=True)
    queue.send("a1", "a2", "a3", group="a")
    for message in queue.receive(2):
        queue.hide(message, 0)
    assert eventually(queue.bodies) == ["a1", "a2", "a3"]


def test_a_fifo_message_is_taken_once(either: Emulator) -> None:
    """It is identified by its deduplication id, or by its content if the queue says so."""
    queue = either.queue(fifo=True)
    queue.send("same", "same", group="a")
    assert queue.depth() == (1, 0)
    by_content = either.queue(fifo=True, ContentBasedDeduplication="true")
    for body in ("same", "same", "other"):
        by_content.client.send_message(QueueUrl=by_content.url, MessageBody=body, MessageGroupId="a")
    assert by_content.depth() == (2, 0)


def test_a_fifo_queue_refuses_a_message_without_a_group_or_an_identity(either: Emulator) -> None:
    """The sender's mistake is reported to the sender."""
    queue = either.queue(fifo=True)
    send = queue.client.send_message
    assert (
        refusal(lambda: send(QueueUrl=queue.url, MessageBody="a", MessageDeduplicationId="a"))
        == "MissingParameter"
    )
    assert (
        refusal(lambda: send(QueueUrl=queue.url, MessageBody="a", MessageGroupId="a"))
        == "InvalidParameterValue"
    )


def test_a_batch_is_sent_whole_and_each_entry_is_confirmed(either: Emulator) -> None:
    """A load generator counts by these confirmations."""
    queue = either.queue()
    entries: list[Json] = [{"Id": f"n{number}", "MessageBody": str(number)} for number in range(10)]
    entries[0]["MessageAttributes"] = {"rooms": TEXT}
    answer = queue.client.send_message_batch(QueueUrl=queue.url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == [entry["Id"] for entry in entries]
    assert len({entry["MessageId"] for entry in answer["Successful"]}) == 10
    assert sorted(queue.bodies()) == sorted(entry["MessageBody"] for entry in entries)


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        ("", "EmptyBatchRequest"),
        ("abcdefghijk", "TooManyEntriesInBatchRequest"),
        ("aa", "BatchEntryIdsNotDistinct"),
        ("*", "InvalidBatchEntryId"),
    ],
)
def test_an_invalid_batch_is_refused_as_a_whole(either: Emulator, ids: str, code: str) -> None:
    """A batch has one to ten entries, each with a name of its own."""
    queue = either.queue()
    entries = [{"Id": name, "MessageBody": "a"} for name in ids]
    send = queue.client.send_message_batch
    assert refusal(lambda: send(QueueUrl=queue.url, Entries=entries)) == f"AWS.SimpleQueueService.{code}"
    assert queue.depth() == (0, 0)


def test_a_message_has_a_mebibyte_at_most_and_so_has_a_batch(either: Emulator) -> None:
    """AWS's limit since August 2025."""
    queue = either.queue()
    queue.send("a" * MIB)
    assert refusal(lambda: queue.send("a" * (MIB + 1))) == "InvalidParameterValue"
    entries = [{"Id": name, "MessageBody": name * (MIB // 2 + 1)} for name in "ab"]
    code = refusal(lambda: queue.client.send_message_batch(QueueUrl=queue.url, Entries=entries))
    assert code == "AWS.SimpleQueueService.BatchRequestTooLong"
    assert queue.depth() == (1, 0)


def test_an_entry_that_cannot_be_deleted_is_named_and_the_others_are_deleted(either: Emulator) -> None:
    """Status 200 alone says nothing: each entry is in one of two lists."""
    queue = either.queue()
    queue.send("a")
    [message] = queue.receive()
    answer = queue.delete({"ReceiptHandle": "nonsense"}, message)
    assert [entry["Id"] for entry in answer["Successful"]] == ["1"]
    [failed] = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("0", "ReceiptHandleIsInvalid", True)
    assert queue.depth() == (0, 0)


def test_an_entry_whose_visibility_cannot_be_changed_is_named_and_the_others_are_changed(
    either: Emulator,
) -> None:
    """The same, for the poller's extensions and returns."""
    queue = either.queue()
    queue.send("a")
    [message] = queue.receive()
    entries = [
        {"Id": "good", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0},
        {"Id": "bad", "ReceiptHandle": "nonsense", "VisibilityTimeout": 0},
    ]
    answer = queue.client.change_message_visibility_batch(QueueUrl=queue.url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    assert [entry["Id"] for entry in answer["Failed"]] == ["bad"]
    assert eventually(queue.bodies) == ["a"]


def test_a_purged_queue_is_empty(either: Emulator) -> None:
    """A purge prepares a queue for the next test run."""
    queue = either.queue()
    queue.send("a", "b")
    queue.receive(1)
    queue.client.purge_queue(QueueUrl=queue.url)
    assert queue.depth() == (0, 0)


async def test_the_pollers_sdk_gets_along_with_it(either: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The poller uses another SDK than these tests."""
    for name, value in sqs.environment(either.port).items():
        monkeypatch.setenv(name, value)
    queue = either.queue()
    queue.send("a")
    async with get_session().create_client("sqs") as client:
        answer = await client.receive_message(QueueUrl=queue.url, WaitTimeSeconds=1)
        entry = {"Id": "0", "ReceiptHandle": answer["Messages"][0]["ReceiptHandle"]}
        await client.change_message_visibility_batch(
            QueueUrl=queue.url, Entries=[{**entry, "VisibilityTimeout": 9}]
        )
        await client.delete_message_batch(QueueUrl=queue.url, Entries=[entry])
    assert queue.depth() == (0, 0)
