from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from tests.unit.fakes import FakeQueue

from queuecast_poller.message import Message
from queuecast_poller.sqs import Failed, Queue, QueueUnavailable, SqsQueue

URL = "https://sqs.eu-west-1.amazonaws.com/1/orders"
RAW = {
    "MessageId": "id",
    "ReceiptHandle": "handle",
    "Body": "1",
    "MD5OfBody": "md5",
    "Attributes": {"SentTimestamp": "5", "ApproximateReceiveCount": "2", "MessageGroupId": "group"},
    "MessageAttributes": {
        "event": {"DataType": "String", "StringValue": "price"},
        "rooms": {"DataType": "Binary", "BinaryValue": b"a"},
    },
}


class FakeClient:
    """The SDK's client: gives one answer, or raises it, and keeps what it was asked."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.asked: dict[str, Any] = {}
        self._answer = answer

    async def _call(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    receive_message = delete_message_batch = change_message_visibility_batch = _call


def queue(answer: dict[str, Any] | Exception, url: str = URL) -> tuple[SqsQueue, FakeClient]:
    client = FakeClient(answer)
    return SqsQueue(client, url, wait_seconds=20, visibility_seconds=30), client


def test_the_fake_and_the_real_queue_are_queues() -> None:
    """What the unit tests of the intake say holds for both."""
    queues: list[Queue] = [FakeQueue(), queue({})[0]]
    assert {each.visibility_seconds for each in queues} == {30}


async def test_a_message_is_read_with_what_addresses_it() -> None:
    """An attribute of another type is named: a binary `rooms` that is ignored would be a broadcast."""
    orders, _ = queue({"Messages": [RAW]}, f"{URL}.fifo")
    assert await orders.receive() == [
        Message("id", "handle", "1", "md5", {"event": "price"}, ("rooms",), 5, 2, "group")
    ]


async def test_a_group_counts_on_fifo_queues_only() -> None:
    """On a standard queue it is for fairness; to block it would hold up messages without reason."""
    orders, _ = queue({"Messages": [RAW]})
    assert [message.group for message in await orders.receive()] == [None]


async def test_a_message_without_attributes_is_one_too() -> None:
    """SQS leaves out what is empty."""
    bare = {name: RAW[name] for name in ("MessageId", "ReceiptHandle", "Body", "MD5OfBody")}
    orders, _ = queue({"Messages": [bare]})
    assert await orders.receive() == [Message("id", "handle", "1", "md5")]


async def test_no_message_is_an_empty_list() -> None:
    """SQS leaves the key out then."""
    orders, _ = queue({})
    assert await orders.receive() == []


async def test_a_receive_asks_for_all_that_is_used() -> None:
    """An attribute that was not asked for is not there, and the message would go to everybody."""
    orders, client = queue({})
    await orders.receive()
    assert client.asked["WaitTimeSeconds"] == 20
    assert client.asked["MaxNumberOfMessages"] == 10
    assert set(client.asked["MessageAttributeNames"]) == {"event", "rooms", "namespace"}
    assert set(client.asked["MessageSystemAttributeNames"]) == set(RAW["Attributes"])


@pytest.mark.parametrize("verb", ["delete", "change_visibility"])
async def test_entries_that_sqs_refused_are_returned_by_their_handle(verb: str) -> None:
    """HTTP 200 says nothing about the entries."""
    orders, client = queue({"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "InternalError"}]})
    arguments = (["a", "b"], 0) if verb == "change_visibility" else (["a", "b"],)
    assert await getattr(orders, verb)(*arguments) == [Failed("b", "InternalError")]
    assert [entry["ReceiptHandle"] for entry in client.asked["Entries"]] == ["a", "b"]


async def test_every_entry_gets_the_new_visibility() -> None:
    """0 returns them at once."""
    orders, client = queue({})
    await orders.change_visibility(["a", "b"], 0)
    assert [entry["VisibilityTimeout"] for entry in client.asked["Entries"]] == [0, 0]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ReceiveMessage"), "AccessDenied"),
        (ClientError({}, "ReceiveMessage"), "?"),
        (EndpointConnectionError(endpoint_url=URL), "EndpointConnectionError"),
        (TimeoutError("slow"), "TimeoutError"),
        (ConnectionResetError("reset"), "ConnectionResetError"),
    ],
)
async def test_every_failure_is_one_kind_with_a_code(error: Exception, code: str) -> None:
    """The intake waits them all out; the log says which it was and of which queue."""
    orders, _ = queue(error)
    with pytest.raises(QueueUnavailable, match=r"receiving .*orders") as caught:
        await orders.receive()
    assert caught.value.code == code
    assert caught.value.__cause__ is error


async def test_a_mistake_of_our_own_is_not_taken_for_sqs() -> None:
    """Waited out for ever, a bug would look like an outage."""
    orders, _ = queue(KeyError("bug"))
    with pytest.raises(KeyError):
        await orders.receive()
