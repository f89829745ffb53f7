"""The emulator's queues as users see them: listed, changed, tagged, deleted, and bounded."""

import json
from typing import Any

import pytest

from queuecast_local.sqs_emulator import directory
from queuecast_local.sqs_emulator.actions import Actions
from queuecast_local.sqs_emulator.errors import Refused


class Server:
    """An emulator without a socket, on a clock that the test sets."""

    def __init__(self, **limits: int) -> None:
        self.now = 0.0
        self._actions = Actions(lambda: self.now, **limits)

    def do(self, action: str, **request: Any) -> dict[str, Any]:
        return self._actions.do(action, request)

    def queue(self, name: str = "q", **attributes: str) -> str:
        url: str = self.do("CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"]
        return url

    def arn(self, url: str) -> str:
        return self.attributes(url)["QueueArn"]

    def attributes(self, url: str) -> dict[str, str]:
        found: dict[str, str] = self.do("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])[
            "Attributes"
        ]
        return found

    def send(self, url: str, body: str = "a", **more: Any) -> dict[str, Any]:
        return self.do("SendMessage", QueueUrl=url, MessageBody=body, **more)

    def bodies(self, url: str) -> list[str]:
        found = self.do("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
        return [message["Body"] for message in found.get("Messages", ())]

    def leads(self, url: str, dead: str) -> None:
        policy = json.dumps({"deadLetterTargetArn": self.arn(dead), "maxReceiveCount": 1})
        self.do("SetQueueAttributes", QueueUrl=url, Attributes={"RedrivePolicy": policy})


def code(server: Server, action: str, **request: Any) -> str:
    """Return the code with which a request is refused."""
    with pytest.raises(Refused) as refused:
        server.do(action, **request)
    return refused.value.code


def test_queues_are_listed_by_prefix_and_page() -> None:
    """`aws sqs list-queues` is the first thing that people try."""
    server = Server()
    urls = [server.queue(name) for name in ("b", "a1", "a2", "a3")]
    assert server.do("ListQueues")["QueueUrls"] == sorted(urls)
    page = server.do("ListQueues", QueueNamePrefix="a", MaxResults=2)
    assert page["QueueUrls"] == urls[1:3]
    rest = server.do("ListQueues", QueueNamePrefix="a", MaxResults=2, NextToken=page["NextToken"])
    assert rest == {"QueueUrls": [urls[3]]}


def test_what_is_set_counts_at_once_and_is_shown() -> None:
    """A poller reads a queue's attributes again, and must find what was changed."""
    server = Server()
    url = server.queue()
    server.do("SetQueueAttributes", QueueUrl=url, Attributes={"VisibilityTimeout": "3", "DelaySeconds": "2"})
    assert server.attributes(url).items() >= {"VisibilityTimeout": "3", "DelaySeconds": "2"}.items()
    server.send(url)
    server.now = 2
    assert server.bodies(url) == ["a"]
    server.now = 5
    assert server.bodies(url) == ["a"]


@pytest.mark.parametrize(
    "attributes",
    [
        {"VisibilityTimeout": "43201"},
        {"DelaySeconds": "soon"},
        {"ReceiveMessageWaitTimeSeconds": "21"},
        {"RedrivePolicy": "dlq"},
        {"RedrivePolicy": '{"maxReceiveCount": 5}'},
        {"MessageRetentionPeriod": "60"},
        {"FifoQueue": "true"},
    ],
)
def test_an_attribute_that_cannot_be_is_refused_and_nothing_is_changed(attributes: dict[str, str]) -> None:
    """Half of a change would be worse than none."""
    server = Server()
    url = server.queue()
    before = server.attributes(url)
    changes = {"VisibilityTimeout": "5", **attributes}
    assert code(server, "SetQueueAttributes", QueueUrl=url, Attributes=changes).startswith("Invalid")
    assert server.attributes(url) == before


def test_dead_letters_cannot_lead_back_to_their_queue() -> None:
    """A message would go around for ever within a single receive."""
    server = Server()
    one, two = server.queue("one"), server.queue("two")
    server.leads(one, two)
    for source, dead in ((two, one), (one, one)):
        with pytest.raises(Refused, match="cannot come back"):
            server.leads(source, dead)
    assert server.do("ListDeadLetterSourceQueues", QueueUrl=two) == {"queueUrls": [one]}


def test_what_is_deleted_is_gone_and_holds_nothing() -> None:
    """Queue, tags and messages; its source queues keep their dead letters."""
    server = Server(max_held_bytes=1)
    url, dead = server.queue(VisibilityTimeout="0"), server.queue("dead")
    server.leads(url, dead)
    server.send(url)
    server.do("DeleteQueue", QueueUrl=dead)
    assert code(server, "SendMessage", QueueUrl=dead, MessageBody="a") == "QueueDoesNotExist"
    assert [server.bodies(url) for _ in range(3)] == [["a"], ["a"], ["a"]]
    server.do("DeleteQueue", QueueUrl=url)
    url = server.queue()
    assert server.bodies(url) == []
    server.send(url)


def test_tags_are_added_changed_and_taken() -> None:
    """Tools that create queues tag them."""
    server = Server()
    url = server.do("CreateQueue", QueueName="q", tags={"team": "web"})["QueueUrl"]
    server.do("TagQueue", QueueUrl=url, Tags={"team": "shop", "stage": "dev"})
    server.do("UntagQueue", QueueUrl=url, TagKeys=["stage", "never"])
    assert server.do("ListQueueTags", QueueUrl=url) == {"Tags": {"team": "shop"}}
    many = {str(number): "" for number in range(directory.MAX_TAGS)}
    assert code(server, "TagQueue", QueueUrl=url, Tags=many) == "InvalidParameterValue"


def test_a_delayed_message_comes_when_its_time_has_come() -> None:
    """Until then it is neither visible nor in flight, and SQS counts it separately."""
    server = Server()
    url = server.queue(DelaySeconds="5")
    server.send(url, "late", DelaySeconds=9)
    server.send(url, "soon", DelaySeconds=0)
    server.send(url, "usual")
    counts = {
        "ApproximateNumberOfMessages": "1",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "2",
    }
    assert server.attributes(url).items() >= counts.items()
    assert server.bodies(url) == ["soon"]
    server.now = 5
    assert server.bodies(url) == ["usual"]
    server.now = 8.9
    assert server.bodies(url) == []
    server.now = 9
    assert server.bodies(url) == ["late"]
    assert server.attributes(url)["ApproximateNumberOfMessagesDelayed"] == "0"


def test_a_message_of_a_fifo_queue_has_no_delay_of_its_own() -> None:
    """It would overtake its group or block it; AWS refuses it too."""
    server = Server()
    url = server.queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    refused = code(server, "SendMessage", QueueUrl=url, MessageBody="a", MessageGroupId="g", DelaySeconds=1)
    assert refused == "InvalidParameterValue"


def test_the_trace_of_a_sender_goes_along() -> None:
    """X-Ray's header is the one system attribute that a sender can set."""
    server = Server()
    url = server.queue()
    header = {
        "AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}
    }
    assert "MD5OfMessageSystemAttributes" in server.send(url, MessageSystemAttributes=header)
    found = server.do("ReceiveMessage", QueueUrl=url, MessageSystemAttributeNames=["AWSTraceHeader"])
    value = header["AWSTraceHeader"]["StringValue"]
    assert found["Messages"][0]["Attributes"] == {"AWSTraceHeader": value}
    unknown = {"Sender": {"DataType": "String", "StringValue": "me"}}
    assert (
        code(server, "SendMessage", QueueUrl=url, MessageBody="a", MessageSystemAttributes=unknown)
        == "InvalidParameterValue"
    )


@pytest.mark.parametrize("makes_room", ["delete", "purge"])
def test_a_full_emulator_refuses_what_is_sent_until_there_is_room(makes_room: str) -> None:
    """A producer that runs for days must not fill the machine's memory, and has to notice."""
    server = Server(max_held_bytes=100_000)
    one, other = server.queue("one"), server.queue("other")
    server.send(one, "x" * 100_000)
    assert code(server, "SendMessage", QueueUrl=other, MessageBody="a") == "OverLimit"
    [failed] = server.do("SendMessageBatch", QueueUrl=other, Entries=[{"Id": "0", "MessageBody": "a"}])[
        "Failed"
    ]
    assert failed["Code"] == "OverLimit"
    if makes_room == "purge":
        server.do("PurgeQueue", QueueUrl=one)
    else:
        [message] = server.do("ReceiveMessage", QueueUrl=one)["Messages"]
        server.do("DeleteMessage", QueueUrl=one, ReceiptHandle=message["ReceiptHandle"])
    server.send(other)


def test_what_a_fifo_queue_knows_of_deleted_messages_counts_for_five_minutes() -> None:
    """Then there is room again, even if nobody could send meanwhile."""
    server = Server(max_held_bytes=1)
    url = server.queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    server.send(url, MessageGroupId="g")
    server.do("PurgeQueue", QueueUrl=url)
    again = {"QueueUrl": url, "MessageBody": "b", "MessageGroupId": "g"}
    assert code(server, "SendMessage", **again) == "OverLimit"
    server.now = 300
    server.do("SendMessage", **again)


def test_a_dead_letter_counts_once_for_the_memory() -> None:
    """A moved message takes no more than before, however often it moves."""
    server = Server()
    url, dead = server.queue(VisibilityTimeout="0"), server.queue("dead")
    server.leads(url, dead)
    server.send(url, "x" * 1_000)
    queues = [server._actions.queue({"QueueUrl": each}) for each in (url, dead)]
    held = sum(queue.held_bytes(0) for queue in queues)
    for _ in range(3):
        server.bodies(url)
        server.bodies(url)
        assert (queues[0].held_bytes(0), queues[1].held_bytes(0)) == (0, held)
        server.do("StartMessageMoveTask", SourceArn=queues[1].arn)
        assert (queues[0].held_bytes(0), queues[1].held_bytes(0)) == (held, 0)


def test_there_is_an_end_to_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that creates one for each case and deletes none gets an error."""
    monkeypatch.setattr(directory, "MAX_QUEUES", 2)
    server = Server()
    server.queue("one")
    two = server.queue("two")
    assert code(server, "CreateQueue", QueueName="three") == "OverLimit"
    assert server.queue("one"), "what is there is found"
    server.do("DeleteQueue", QueueUrl=two)
    server.queue("three")


@pytest.mark.parametrize(
    ("action", "request_"),
    [
        ("ReceiveMessage", {"MaxNumberOfMessages": "many"}),
        ("SendMessage", {"MessageBody": "a", "MessageAttributes": "rooms"}),
        ("SendMessageBatch", {"Entries": {"Id": "0"}}),
        ("TagQueue", {"Tags": ["team"]}),
    ],
)
def test_what_is_of_another_type_is_refused_in_words(action: str, request_: dict[str, Any]) -> None:
    """Somebody with curl deserves an answer, not a traceback."""
    server = Server()
    assert code(server, action, QueueUrl=server.queue(), **request_) == "InvalidParameterValue"


def test_an_action_that_is_not_there_is_refused_with_those_that_are() -> None:
    """Nothing is ignored: a test that relies on it must not pass."""
    with pytest.raises(Refused, match=r"AddPermission is not an action .* SendMessage, .*"):
        Server().do("AddPermission")
