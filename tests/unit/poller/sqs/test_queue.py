import json
from typing import Any

import pytest
from tests.unit.endpoint import FakeEndpoint, refusal
from tests.unit.fakes import FakeClock
from tests.unit.poller.fakes import FakeQueue
from tests.unit.poller.sqs.raw_message import ATTRIBUTES, RAW, URL

from queuecast_poller.sqs import queue as sqs
from queuecast_poller.sqs.failure import Call, Failed, Failure, QueueUnavailable
from queuecast_poller.sqs.message import Message
from queuecast_poller.sqs.queue import Queue, SqsQueue


def queue(
    answer: Any, url: str = URL, attributes: dict[str, str] | None = None
) -> tuple[SqsQueue, FakeEndpoint]:
    endpoint = FakeEndpoint(answer)
    found = SqsQueue(endpoint.client(url), url, wait_seconds=20)
    found.apply_attributes(attributes or {})
    return found, endpoint


def test_the_fake_and_the_real_queue_are_queues() -> None:
    """The intake's unit tests use the fake, and have to hold for both."""
    queues: list[Queue] = [FakeQueue(), queue({})[0]]
    assert {each.visibility_seconds for each in queues} == {30}


async def test_a_message_is_read_with_its_attributes() -> None:
    """An attribute of another type is named: ignoring a binary `rooms` would make a broadcast."""
    orders, _ = queue({"Messages": [RAW]}, f"{URL}.fifo")
    assert await orders.receive() == [
        Message("id", "handle", "1", "md5", {"event": "price"}, ("rooms", "trace"), False, 5, 2, "group")
    ]


@pytest.mark.parametrize(
    "altered",
    [
        {"MessageAttributes": {**ATTRIBUTES, "event": {"DataType": "String", "StringValue": "pride"}}},
        {"MessageAttributes": {}},
        {"MD5OfMessageAttributes": None},
        {"MD5OfMessageAttributes": "0" * 32},
    ],
)
async def test_attributes_that_do_not_match_their_sum_are_named_as_such(altered: dict[str, Any]) -> None:
    """Also when they are missing: without its `rooms` an event would be for everybody."""
    orders, _ = queue({"Messages": [{**RAW, **altered}]})
    assert [message.attributes_altered for message in await orders.receive()] == [True]


@pytest.mark.parametrize("missing", ["MessageId", "ReceiptHandle", "Body", "MD5OfBody"])
async def test_a_message_without_what_every_message_has_is_garbled(missing: str) -> None:
    """It is not a bug of ours, which would end the poller."""
    whole = {name: value for name, value in RAW.items() if name != missing}
    for raw in (whole, {**whole, missing: 7}, {**whole, missing: None}):
        orders, _ = queue({"Messages": [raw]})
        with pytest.raises(QueueUnavailable) as caught:
            await orders.receive()
        assert caught.value.reason is Failure.GARBLED


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Attributes", ["SentTimestamp"]),
        ("Attributes", {"SentTimestamp": "soon"}),
        ("Attributes", {"ApproximateReceiveCount": {}}),
        ("MessageAttributes", ["event"]),
        ("MessageAttributes", {"event": "price"}),
        ("MessageAttributes", {"event": {"StringValue": "price"}}),
        ("MessageAttributes", {"event": {"DataType": "String", "StringValue": 7}}),
        ("MessageAttributes", {"event": {"DataType": "String"}}),
    ],
)
async def test_a_message_of_another_shape_is_garbled(name: str, value: Any) -> None:
    """Nothing checks the answer's structure before, and none may end the poller."""
    orders, _ = queue({"Messages": [{**RAW, name: value}]})
    with pytest.raises(QueueUnavailable) as caught:
        await orders.receive()
    assert (caught.value.call, caught.value.reason) == (Call.RECEIVE, Failure.GARBLED)


async def test_bytes_that_are_no_base64_are_altered_attributes() -> None:
    """One message's fault must not affect the others."""
    broken = {**ATTRIBUTES, "trace": {"DataType": "Binary", "BinaryValue": "no base64!"}}
    orders, _ = queue({"Messages": [{**RAW, "MessageAttributes": broken}, RAW]})
    assert [message.attributes_altered for message in await orders.receive()] == [True, False]


async def test_a_group_counts_on_fifo_queues_only() -> None:
    """On a standard queue it is for fairness, and blocking it would delay messages for nothing."""
    orders, _ = queue({"Messages": [RAW]})
    assert [message.group for message in await orders.receive()] == [None]


async def test_a_message_without_attributes_is_one_too() -> None:
    """SQS leaves out empty fields."""
    bare = {name: RAW[name] for name in ("MessageId", "ReceiptHandle", "Body", "MD5OfBody")}
    orders, _ = queue({"Messages": [bare]})
    assert await orders.receive() == [Message("id", "handle", "1", "md5")]


async def test_no_message_is_an_empty_list() -> None:
    """SQS then leaves the key out; some emulators return null."""
    for answer in ({}, {"Messages": []}, {"Messages": None}):
        orders, _ = queue(answer)
        assert await orders.receive() == []


async def test_a_receive_asks_for_all_that_is_used() -> None:
    """An attribute that is not requested is missing, and the message would go to everybody. All are requested
    because the digest may be over all.
    """
    orders, client = queue({})
    await orders.receive()
    assert client.asked["WaitTimeSeconds"] == 20
    assert client.asked["MaxNumberOfMessages"] == 10
    assert client.asked["MessageAttributeNames"] == ["All"]
    assert set(client.asked["MessageSystemAttributeNames"]) == set(RAW["Attributes"])


VERBS = pytest.mark.parametrize(
    ("verb", "arguments"), [("delete", (["a", "b", "c"],)), ("change_visibility", (["a", "b", "c"], 0))]
)


@VERBS
async def test_entries_that_sqs_refused_are_returned_by_their_handle(verb: str, arguments: Any) -> None:
    """HTTP 200 says nothing about the entries."""
    refused = [
        {"Id": "1", "Code": "InternalError", "SenderFault": False},
        {"Id": "2", "Code": "ReceiptHandleIsInvalid", "SenderFault": True},
    ]
    orders, client = queue({"Successful": [{"Id": "0"}], "Failed": refused})
    assert await getattr(orders, verb)(*arguments) == [
        Failed("b", "InternalError"),
        Failed("c", "ReceiptHandleIsInvalid", sender_fault=True),
    ]
    assert [entry["ReceiptHandle"] for entry in client.asked["Entries"]] == ["a", "b", "c"]


@VERBS
async def test_what_the_answer_does_not_say_to_be_done_is_not(verb: str, arguments: Any) -> None:
    """Otherwise messages could stay undeleted and uncounted."""
    orders, _ = queue({"Successful": [{"Id": "0"}, {"Id": "2"}]})
    assert await getattr(orders, verb)(*arguments) == [Failed("b", "NotInTheAnswer")]


@VERBS
@pytest.mark.parametrize(
    "answer", [{"Successful": "all"}, {"Successful": [{}]}, {"Failed": [{"Id": "0"}]}, {"Failed": [7]}]
)
async def test_a_batch_answer_of_another_shape_is_garbled(verb: str, arguments: Any, answer: Any) -> None:
    """Nobody knows then what was done, so the call is tried again."""
    orders, _ = queue(answer)
    with pytest.raises(QueueUnavailable) as caught:
        await getattr(orders, verb)(*arguments)
    assert caught.value.reason is Failure.GARBLED


async def test_every_entry_gets_the_new_visibility() -> None:
    """0 makes them visible at once."""
    orders, client = queue({})
    await orders.change_visibility(["a", "b"], 0)
    assert [entry["VisibilityTimeout"] for entry in client.asked["Entries"]] == [0, 0]


@pytest.mark.parametrize(
    ("call", "verb", "arguments"),
    [
        (Call.RECEIVE, "receive", ()),
        (Call.DELETE, "delete", (["a"],)),
        (Call.VISIBILITY, "change_visibility", (["a"], 0)),
    ],
)
async def test_a_failure_says_which_call_it_was(call: Call, verb: str, arguments: Any) -> None:
    """A poller that may receive may not be allowed to delete: operators must see which permission is
    missing.
    """
    orders, _ = queue(refusal("AccessDeniedException", 403, "no"))
    with pytest.raises(QueueUnavailable, match=r"orders.*AccessDeniedException: no") as caught:
        await getattr(orders, verb)(*arguments)
    assert (caught.value.call, caught.value.reason) == (call, Failure.DENIED)


def test_a_queue_knows_what_its_owner_has_set() -> None:
    """Its visibility timeout, its number of receives, and whether it keeps order."""
    policy = json.dumps({"deadLetterTargetArn": "arn", "maxReceiveCount": "5"})
    orders, _ = queue({}, f"{URL}.fifo", {"VisibilityTimeout": "60", "RedrivePolicy": policy})
    assert (orders.visibility_seconds, orders.max_receive_count, orders.fifo) == (60, 5, True)
    orders, _ = queue({})
    assert (orders.visibility_seconds, orders.max_receive_count, orders.fifo) == (30, None, False)


async def test_what_a_queues_owner_has_changed_counts_from_the_next_refresh() -> None:
    """And each receive sends the timeout that the leases use: with a shorter one, others would get the
    messages.
    """
    changed = {"VisibilityTimeout": "3", "RedrivePolicy": json.dumps({"maxReceiveCount": 7})}
    orders, endpoint = queue({"Attributes": changed}, attributes={"VisibilityTimeout": "40"})
    await orders.receive()
    assert endpoint.asked["VisibilityTimeout"] == 40
    await orders.refresh()
    assert endpoint.asked["AttributeNames"] == ["VisibilityTimeout", "RedrivePolicy", "DelaySeconds"]
    assert (orders.visibility_seconds, orders.max_receive_count) == (3, 7)
    await orders.receive()
    assert endpoint.asked["VisibilityTimeout"] == 3


async def test_a_queue_that_hides_nothing_is_received_from_with_a_timeout_of_our_own() -> None:
    """SQS allows 0, with which every message would be delivered again while it is being handled."""
    orders, endpoint = queue({}, attributes={"VisibilityTimeout": "0"})
    await orders.receive()
    assert endpoint.asked["VisibilityTimeout"] == 1


@pytest.mark.parametrize("attributes", [{"VisibilityTimeout": "long"}, {"RedrivePolicy": "{"}, ["a"]])
async def test_attributes_that_are_none_are_garbled_and_the_old_ones_count(attributes: Any) -> None:
    """Attributes that cannot be parsed change nothing."""
    orders, _ = queue({"Attributes": attributes}, attributes={"VisibilityTimeout": "40"})
    with pytest.raises(QueueUnavailable) as caught:
        await orders.refresh()
    assert (caught.value.call, caught.value.reason) == (Call.OPEN, Failure.GARBLED)
    assert orders.visibility_seconds == 40


async def test_the_delay_of_a_queue_is_no_latency_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner wants messages to wait. A message with its own timer may be visible earlier, but not before
    it was sent.
    """
    monkeypatch.setattr(sqs, "time", FakeClock(20.0))
    for delay, sent, since in [("0", "5000", 5000), ("10", "5000", 15_000), ("10", "19000", 20_000)]:
        raw = {**RAW, "Attributes": {**RAW["Attributes"], "SentTimestamp": sent}}
        orders, _ = queue({"Messages": [raw]}, attributes={"DelaySeconds": delay})
        assert [message.available_ms for message in await orders.receive()] == [since]


async def test_of_a_queue_with_message_timers_nobody_knows_how_long_a_message_has_waited() -> None:
    """SQS does not return a message's own delay."""
    orders = SqsQueue(FakeEndpoint({"Messages": [RAW]}).client(), URL, wait_seconds=20, has_timers=True)
    orders.apply_attributes({})
    assert [(message.sent_ms, message.available_ms) for message in await orders.receive()] == [(5, None)]


async def test_a_mistake_of_our_own_is_not_taken_for_sqs() -> None:
    """Waited out for ever, a bug would look like an outage."""
    orders, _ = queue(KeyError("bug"))
    with pytest.raises(KeyError):
        await orders.receive()
