"""SNS on the emulator's port: a topic, subscribed by a queue, as the SDK uses both. moto's has to agree."""

import json
import uuid
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session
from tests.claims import eventually

from .emulators import Emulator, TestedQueue
from .services import HOST

ATTRIBUTES = {
    "event": {"DataType": "String", "StringValue": "order"},
    "rooms": {"DataType": "String.Array", "StringValue": '["order:17"]'},
    "number": {"DataType": "Number", "StringValue": "17"},
}


@pytest.fixture(params=["emulator", "moto"])
def either(request: pytest.FixtureRequest) -> Emulator:
    """Our emulator and moto's server, which have to agree."""
    return Emulator(request.getfixturevalue(request.param))


def sns(emulator: Emulator) -> Any:
    """Return the SDK's client for the topics of an emulator."""
    return Session().create_client(
        "sns",
        endpoint_url=f"http://{HOST}:{emulator.port}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106  # the emulator takes anything
        config=Config(retries={"total_max_attempts": 1}),
    )


def subscribed(either: Emulator, **attributes: str) -> tuple[Any, str, TestedQueue, str]:
    """Return a client, a topic's ARN, a queue that is subscribed to it, and the subscription's ARN."""
    client, queue = sns(either), either.queue()
    topic = client.create_topic(Name=f"topic-{uuid.uuid4().hex[:12]}")["TopicArn"]
    made = client.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes=attributes, ReturnSubscriptionArn=True
    )
    return client, topic, queue, made["SubscriptionArn"]


def received(queue: TestedQueue) -> dict[str, Any]:
    """Return the one message that comes on a queue."""
    asked = {"QueueUrl": queue.url, "WaitTimeSeconds": 5, "MessageAttributeNames": ["All"]}
    (message,) = eventually(lambda: queue.client.receive_message(**asked).get("Messages"))
    return message


def test_a_notification_has_the_message_in_its_envelope(either: Emulator) -> None:
    """It is the form that the poller opens by itself."""
    client, topic, queue, _ = subscribed(either)
    sent = client.publish(
        TopicArn=topic, Message='{"number": 17}', Subject="An order", MessageAttributes=ATTRIBUTES
    )
    message = received(queue)
    assert "MessageAttributes" not in message
    body = json.loads(message["Body"])
    assert body["Type"] == "Notification"
    assert (body["MessageId"], body["TopicArn"]) == (sent["MessageId"], topic)
    assert (body["Message"], body["Subject"]) == ('{"number": 17}', "An order")
    assert body["MessageAttributes"]["event"] == {"Type": "String", "Value": "order"}
    assert body["MessageAttributes"]["rooms"] == {"Type": "String.Array", "Value": '["order:17"]'}


def test_a_raw_message_is_the_publishers_own(either: Emulator) -> None:
    """Its attributes are the queue message's."""
    client, topic, queue, _ = subscribed(either, RawMessageDelivery="true")
    client.publish(TopicArn=topic, Message="<a & b>", MessageAttributes=ATTRIBUTES)
    message = received(queue)
    assert message["Body"] == "<a & b>"
    assert message["MessageAttributes"]["event"] == ATTRIBUTES["event"]


def test_a_batch_is_published(either: Emulator) -> None:
    """As producers with much to say do."""
    client, topic, queue, _ = subscribed(either, RawMessageDelivery="true")
    entries = [{"Id": f"m{number}", "Message": f"{number}"} for number in range(3)]
    answer = client.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert sorted(entry["Id"] for entry in answer["Successful"]) == ["m0", "m1", "m2"]
    assert not answer.get("Failed")
    eventually(lambda: queue.depth()[0] == 3)


def test_topics_and_subscriptions_are_listed_and_end(either: Emulator) -> None:
    """What is subscribed twice is there once, and what is deleted gets nothing."""
    client, topic, queue, subscription = subscribed(either)
    again = client.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, ReturnSubscriptionArn=True)
    assert again["SubscriptionArn"] == subscription
    assert client.create_topic(Name=topic.rpartition(":")[2])["TopicArn"] == topic
    assert {"TopicArn": topic} in client.list_topics()["Topics"]
    (listed,) = client.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (listed["SubscriptionArn"], listed["Endpoint"]) == (subscription, queue.arn)
    client.unsubscribe(SubscriptionArn=subscription)
    assert client.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    client.delete_topic(TopicArn=topic)
    with pytest.raises(ClientError) as refused:
        client.publish(TopicArn=topic, Message="x")
    assert refused.value.response["Error"]["Code"] == "NotFound"


@pytest.mark.parametrize(
    ("call", "asked", "words"),
    [
        ("create_topic", {"Name": "orders.fifo"}, "FIFO topics are missing here"),
        ("create_topic", {"Name": "orders", "Tags": [{"Key": "a", "Value": "b"}]}, "Tags is not a parameter"),
        ("subscribe", {"Protocol": "https", "Endpoint": "https://a"}, "delivers to sqs only"),
        ("subscribe", {"Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:1:no"}, "there is no queue"),
        ("publish", {"Message": "x", "MessageStructure": "json"}, "MessageStructure is not a parameter"),
        ("publish", {"Message": "x" * 262_145}, "Message too long"),
        ("get_topic_attributes", {}, "not an action of this emulator"),
    ],
)
def test_our_emulator_refuses_what_it_does_not_have(
    emulator: int, call: str, asked: dict[str, Any], words: str
) -> None:
    """It never accepts and ignores anything."""
    client, topic, _, _ = subscribed(Emulator(emulator))
    with pytest.raises(ClientError, match=words):
        getattr(client, call)(**({} if call == "create_topic" else {"TopicArn": topic}), **asked)


def test_our_emulator_refuses_a_subscription_with_a_filter(emulator: int) -> None:
    """A filter that is ignored would let everything through."""
    client, topic, queue, _ = subscribed(Emulator(emulator))
    with pytest.raises(ClientError, match="FilterPolicy is not an attribute of this emulator"):
        client.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"FilterPolicy": "{}"}
        )
