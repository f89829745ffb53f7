"""What the fault tests' SQS emulator has in common with moto's server, and what it has of AWS beyond that.

Where moto is known to be kinder or poorer than AWS, the test is for ours alone and says so by its name.
Expiry is waited for on queues with a visibility timeout of a second, by asking again until a deadline.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from aiobotocore.session import get_session
from botocore.exceptions import ClientError
from tests.claims import eventually

from queuecast_local import sqs

from . import emulators
from .emulators import Emulator, Json, TestedQueue

MIB = 1_048_576
TEXT = {"DataType": "String", "StringValue": "sku:7"}
BYTES = {"DataType": "Binary", "BinaryValue": b"\x00\xff"}
ATTRIBUTES_MD5 = "8cb433b9ff9d684fc14152e0585f2eab"
"""Of `rooms` with the text and `key` with the bytes; both emulators came to it independently."""


BARE_CODE = "it sends no x-amzn-query-error, so that the SDK knows the error by its bare code"
ELASTICMQ_IS_OTHERWISE = {
    "test_a_batch_that_is_none_is_refused_whole[*-InvalidBatchEntryId]": "it takes any Id",
    "test_a_batch_that_is_none_is_refused_whole[aa-BatchEntryIdsNotDistinct]": BARE_CODE,
    "test_a_batch_that_is_none_is_refused_whole[abcdefghijk-TooManyEntriesInBatchRequest]": BARE_CODE,
    "test_a_batch_that_is_none_is_refused_whole[-EmptyBatchRequest]": "it takes a batch of nothing",
    "test_what_is_deleted_is_gone_and_may_be_deleted_again": "it refuses a handle that has deleted",
    "test_a_queue_that_is_not_there_has_its_own_error": BARE_CODE,
    "test_a_receiver_gets_the_attributes_that_it_asks_for[asked1-told1]": "it knows no prefix of names",
    "test_a_message_has_a_mebibyte_at_most_and_so_has_a_batch": "it refuses under a code of its own",
    "test_a_queue_may_have_its_receives_wait": "an empty answer has an empty list",
}
"""Where ElasticMQ 1.7.1 departs from AWS, by test. The poller gets along with it all the same."""


@pytest.fixture(scope="module")
def our_emulator() -> Iterator[Emulator]:
    """One for all tests here: each has queues of its own."""
    with emulators.ours() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def elasticmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One for all tests here, where there is a Java for it."""
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


def in_background(call: Callable[[], Any], queue: TestedQueue) -> Future[Any]:
    """Begin a call that waits on a queue; return when it had time to arrive."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(call)
    pool.shutdown(wait=False)
    began = time.monotonic()
    eventually(lambda: queue.depth() and time.monotonic() - began > 0.3)
    return future


def refusal(call: Callable[[], Any]) -> str:
    """Return the code under which a call is refused."""
    with pytest.raises(ClientError) as refused:
        call()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    code: str = refused.value.response["Error"]["Code"]
    return code


def with_dead_letters(
    emulator: Emulator, max_receives: int, *, fifo: bool = False
) -> tuple[TestedQueue, TestedQueue]:
    """Return a queue, and the one to which it sends what was received too often."""
    dead = emulator.queue(fifo=fifo)
    policy = {"deadLetterTargetArn": dead.arn, "maxReceiveCount": max_receives}
    return emulator.queue(fifo=fifo, RedrivePolicy=json.dumps(policy)), dead


def test_making_a_queue_again_finds_it_and_with_another_attribute_is_refused(either: Emulator) -> None:
    """Two processes may start at once; two opinions may not stand side by side."""
    queue = either.queue(VisibilityTimeout="7")
    name = queue.url.rpartition("/")[2]
    again = either.client.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "7"})
    assert again["QueueUrl"] == queue.url == either.client.get_queue_url(QueueName=name)["QueueUrl"]
    with pytest.raises(either.client.exceptions.QueueNameExists):
        either.client.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "8"})


def test_a_queue_that_is_not_there_has_its_own_error(either: Emulator) -> None:
    """The poller tells it from a network that is down."""
    with pytest.raises(either.client.exceptions.QueueDoesNotExist) as missing:
        either.client.get_queue_url(QueueName="nowhere")
    assert missing.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    url = either.queue().url.rpartition("/")[0] + "/nowhere"
    with pytest.raises(either.client.exceptions.QueueDoesNotExist):
        either.client.receive_message(QueueUrl=url)


def test_a_queue_tells_how_it_is_configured(either: Emulator) -> None:
    """The poller reads its visibility timeout and its redrive policy from there."""
    queue, dead = with_dead_letters(either, 3)
    told = queue.attributes("VisibilityTimeout", "RedrivePolicy", "QueueArn")
    assert told["VisibilityTimeout"] == "30"
    assert json.loads(told["RedrivePolicy"]) == {"deadLetterTargetArn": dead.arn, "maxReceiveCount": 3}
    assert told["QueueArn"].endswith(queue.url.rpartition("/")[2])
    assert queue.attributes("All").items() >= told.items()
    assert either.queue(fifo=True).attributes("FifoQueue") == {"FifoQueue": "true"}


def test_a_message_arrives_as_it_was_sent_with_sums_that_match(either: Emulator) -> None:
    """The poller refuses what does not match: a wrong sum here would look like its defect."""
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
    """And no others: an attribute that nobody reads costs nothing."""
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
    """With a count that says so."""
    queue = either.queue(VisibilityTimeout="1")
    queue.send("a")
    [first] = queue.receive()
    assert queue.depth() == (0, 1)
    [again] = eventually(lambda: queue.receive(MessageSystemAttributeNames=["ApproximateReceiveCount"]))
    assert again["MessageId"] == first["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_what_is_given_back_is_there_at_once(either: Emulator) -> None:
    """A poller that stops leaves nothing hidden behind it."""
    queue = either.queue()
    queue.send("a")
    [message] = queue.receive()
    queue.hide(message, 0)
    # A millisecond may have to pass on moto.
    assert eventually(queue.bodies) == ["a"]


def test_what_is_extended_stays_hidden_while_its_neighbour_comes_back(either: Emulator) -> None:
    """A publish may take longer than the visibility timeout."""
    queue = either.queue(VisibilityTimeout="1")
    queue.send("short", "long")
    short, long = queue.receive()
    queue.hide(long, 30)
    assert eventually(queue.bodies) == [short["Body"]]


def test_a_receive_may_bring_its_own_visibility_timeout(either: Emulator) -> None:
    """It overrides the queue's."""
    queue = either.queue(VisibilityTimeout="1000")
    queue.send("a")
    assert queue.bodies(VisibilityTimeout=1) == ["a"]
    assert eventually(queue.bodies) == ["a"]


def test_what_is_deleted_is_gone_and_may_be_deleted_again(either: Emulator) -> None:
    """A delete whose answer was lost is tried again."""
    queue = either.queue()
    queue.send("a", "b")
    messages = queue.receive()
    assert len(queue.delete(*messages)["Successful"]) == 2
    assert queue.depth() == (0, 0)
    assert queue.delete(messages[0]).get("Failed", []) == []
    queue.client.delete_message(QueueUrl=queue.url, ReceiptHandle=messages[0]["ReceiptHandle"])


def test_a_long_poll_is_answered_when_a_message_comes(either: Emulator) -> None:
    """Milliseconds from the queue to the browser begin here."""
    queue = either.queue()
    poll = in_background(lambda: queue.bodies(wait_seconds=20), queue)
    sent_at = time.monotonic()
    queue.send("a")
    assert poll.result(60) == ["a"]
    assert time.monotonic() - sent_at < 15


def test_a_long_poll_on_an_empty_queue_ends_empty_and_not_early(either: Emulator) -> None:
    """A poller that is answered at once would ask all the time."""
    queue = either.queue()
    began = time.monotonic()
    assert queue.receive(wait_seconds=1) == []
    assert time.monotonic() - began >= 1


def test_a_queue_may_have_its_receives_wait(either: Emulator) -> None:
    """Who says nothing waits as long as the queue says."""
    queue = either.queue(ReceiveMessageWaitTimeSeconds="1")
    began = time.monotonic()
    assert "Messages" not in queue.client.receive_message(QueueUrl=queue.url)
    assert time.monotonic() - began >= 1


def test_a_receive_brings_ten_at_most_and_one_unless_told(either: Emulator) -> None:
    """As many as one batch can delete."""
    queue = either.queue()
    queue.send(*map(str, range(12)))
    assert len(queue.client.receive_message(QueueUrl=queue.url)["Messages"]) == 1
    assert len(queue.receive(10)) == 10
    assert len(queue.receive(10)) == 1
    with pytest.raises(ClientError):
        queue.receive(11)


def test_what_was_received_too_often_is_on_the_dead_letter_queue(either: Emulator) -> None:
    """With its id and its body; its neighbour is not concerned."""
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
    """And the other groups go on."""
    queue = either.queue(fifo=True)
    queue.send("a1", "a2", group="a")
    queue.send("b1", group="b")
    [first] = queue.receive(1)
    assert first["Body"] == "a1"
    assert queue.bodies() == ["b1"]
    queue.delete(first)
    assert queue.bodies() == ["a2"]


def test_one_receive_brings_many_of_a_group_in_their_order(either: Emulator) -> None:
    """Or a group of its own would cost a call for each message."""
    queue = either.queue(fifo=True)
    queue.send(*"abcde", group="one")
    messages = queue.receive(MessageSystemAttributeNames=["All"])
    assert [message["Body"] for message in messages] == list("abcde")
    assert {message["Attributes"]["MessageGroupId"] for message in messages} == {"one"}
    assert [message["Attributes"]["MessageDeduplicationId"] for message in messages] == list("abcde")


def test_a_group_that_is_given_back_comes_again_in_order(either: Emulator) -> None:
    """What a poller returns when it stops is not overtaken."""
    queue = either.queue(fifo=True)
    queue.send("a1", "a2", "a3", group="a")
    for message in queue.receive(2):
        queue.hide(message, 0)
    assert eventually(queue.bodies) == ["a1", "a2", "a3"]


def test_a_fifo_message_is_taken_once(either: Emulator) -> None:
    """By its deduplication id, or by its content where the queue is made so."""
    queue = either.queue(fifo=True)
    queue.send("same", "same", group="a")
    assert queue.depth() == (1, 0)
    by_content = either.queue(fifo=True, ContentBasedDeduplication="true")
    for body in ("same", "same", "other"):
        by_content.client.send_message(QueueUrl=by_content.url, MessageBody=body, MessageGroupId="a")
    assert by_content.depth() == (2, 0)


def test_a_fifo_queue_refuses_a_message_without_a_group_or_an_identity(either: Emulator) -> None:
    """A sender's mistake is the sender's error."""
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
    """A load generator keeps its books by these."""
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
def test_a_batch_that_is_none_is_refused_whole(either: Emulator, ids: str, code: str) -> None:
    """Ten at most, one at least, each with a name of its own."""
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
    """Status 200 says nothing: each entry is in one of two lists."""
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
    """As above, for the poller's extensions and returns."""
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
    """For the next run of a test."""
    queue = either.queue()
    queue.send("a", "b")
    queue.receive(1)
    queue.client.purge_queue(QueueUrl=queue.url)
    assert queue.depth() == (0, 0)


async def test_the_pollers_sdk_gets_along_with_it(either: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The poller speaks through another SDK than these tests."""
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


def test_ours_an_old_handle_deletes_nothing(our_emulator: Emulator) -> None:
    """On moto it does: a poller that is late would seem to be right."""
    queue = our_emulator.queue(VisibilityTimeout="1")
    queue.send("a")
    [old] = queue.receive()
    [new] = eventually(queue.receive)
    queue.hide(new, 30)
    assert len(queue.delete(old)["Successful"]) == 1
    assert queue.depth() == (0, 1)
    queue.delete(new)
    assert queue.depth() == (0, 0)


def test_ours_a_fifo_delete_after_the_visibility_ran_out_fails(our_emulator: Emulator) -> None:
    """The error that tells a poller not to try again."""
    queue = our_emulator.queue(fifo=True, VisibilityTimeout="1")
    queue.send("a", group="a")
    [message] = queue.receive()
    eventually(lambda: queue.depth() == (1, 0))
    [failed] = queue.delete(message)["Failed"]
    assert (failed["Code"], failed["SenderFault"]) == ("InvalidParameterValue", True)
    assert queue.depth() == (1, 0)


def test_ours_a_visibility_that_ran_out_cannot_be_changed(our_emulator: Emulator) -> None:
    """Moto hides the message again, though somebody else may have it."""
    queue = our_emulator.queue(VisibilityTimeout="1")
    queue.send("a")
    [message] = queue.receive()
    eventually(lambda: queue.depth() == (1, 0))
    assert refusal(lambda: queue.hide(message, 5)) == "AWS.SimpleQueueService.MessageNotInflight"


def test_ours_a_deleted_fifo_message_is_not_taken_again_and_its_sender_is_told_its_first_id(
    our_emulator: Emulator,
) -> None:
    """Moto forgets what is deleted."""
    queue = our_emulator.queue(fifo=True)
    [first] = queue.send("a", group="a")
    queue.delete(*queue.receive())
    assert queue.send("a", group="a") == [first]
    assert queue.depth() == (0, 0)


def test_ours_the_sequence_of_a_fifo_queue_rises(our_emulator: Emulator) -> None:
    """Moto draws it at random."""
    queue = our_emulator.queue(fifo=True)
    queue.send(*"abc", group="a")
    messages = queue.receive(MessageSystemAttributeNames=["SequenceNumber"])
    numbers = [message["Attributes"]["SequenceNumber"] for message in messages]
    assert numbers == sorted(set(numbers))


def test_ours_a_group_on_a_standard_queue_is_told_and_blocks_nothing(our_emulator: Emulator) -> None:
    """Fair queues: the poller must not mistake them for order."""
    queue = our_emulator.queue()
    for body in "ab":
        queue.client.send_message(QueueUrl=queue.url, MessageBody=body, MessageGroupId="tenant")
    [first] = queue.receive(1, MessageSystemAttributeNames=["MessageGroupId"])
    assert first["Attributes"] == {"MessageGroupId": "tenant"}
    assert queue.bodies() == ["b"]


def test_ours_a_dead_letter_says_where_it_comes_from(our_emulator: Emulator) -> None:
    """The last of its system attributes."""
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
    """Given back or run out of time: moto looks once a second."""
    queue = our_emulator.queue()
    queue.send("a")
    [message] = queue.receive()
    poll = in_background(lambda: queue.bodies(wait_seconds=20), queue)
    queue.hide(message, seconds)
    changed_at = time.monotonic()
    assert poll.result(60) == ["a"]
    assert time.monotonic() - changed_at < seconds + 15


def test_ours_a_long_poll_is_answered_when_its_group_is_free_again(our_emulator: Emulator) -> None:
    """A delete is what lets a group go on."""
    queue = our_emulator.queue(fifo=True)
    queue.send("a1", "a2", group="a")
    [message] = queue.receive(1)
    poll = in_background(lambda: queue.bodies(wait_seconds=20), queue)
    queue.delete(message)
    assert poll.result(60) == ["a2"]


def test_ours_a_long_poll_on_the_dead_letter_queue_is_answered(our_emulator: Emulator) -> None:
    """The message arrives there when somebody receives elsewhere."""
    queue, dead = with_dead_letters(our_emulator, 1)
    queue.send("a")
    [message] = queue.receive()
    poll = in_background(lambda: dead.bodies(wait_seconds=20), dead)
    waiting = in_background(lambda: queue.bodies(wait_seconds=1), queue)
    queue.hide(message, 0)
    assert poll.result(60) == ["a"]
    assert waiting.result(60) == []


def test_ours_a_long_poll_that_was_given_up_takes_no_message_along(our_emulator: Emulator) -> None:
    """A poller that was killed must not hide what is sent after its death."""
    queue = our_emulator.queue()
    request = {"QueueUrl": queue.url, "WaitTimeSeconds": 20}
    connection = our_emulator.begin("ReceiveMessage", **request)
    poll = in_background(lambda: queue.bodies(wait_seconds=20), queue)
    connection.close()
    eventually(lambda: queue.depth() == (0, 0))
    queue.send("a")
    assert poll.result(60) == ["a"]


def test_ours_what_it_does_not_have_is_refused(our_emulator: Emulator) -> None:
    """A test that relies on expiry must not pass because nothing was kept long enough to expire."""
    queue = our_emulator.queue()
    allow = queue.client.add_permission
    code = refusal(lambda: allow(QueueUrl=queue.url, Label="a", AWSAccountIds=["1"], Actions=["*"]))
    assert code == "AWS.SimpleQueueService.UnsupportedOperation"
    assert refusal(lambda: our_emulator.queue(MessageRetentionPeriod="60")) == "InvalidAttributeName"
