"""The SQS emulator's protocol: the SDK's calls that concern no messages, and requests that are invalid."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from .emulators import Emulator
from .services import HOST

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["emulator", "moto"])
def either(request: pytest.FixtureRequest) -> Emulator:
    """Our emulator and moto's server, which have to agree."""
    return Emulator(request.getfixturevalue(request.param))


def test_queues_are_made_listed_changed_tagged_and_deleted(either: Emulator) -> None:
    """Tools do it, and so do people who try something out."""
    queue = either.queue(VisibilityTimeout="7")
    client, url = queue.client, queue.url
    name = url.rpartition("/")[2]
    assert client.list_queues(QueueNamePrefix=name)["QueueUrls"] == [url]
    client.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "9"})
    assert queue.attributes("VisibilityTimeout") == {"VisibilityTimeout": "9"}
    client.tag_queue(QueueUrl=url, Tags={"team": "web", "stage": "dev"})
    client.untag_queue(QueueUrl=url, TagKeys=["stage"])
    assert client.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "web"}
    client.delete_queue(QueueUrl=url)
    assert not client.list_queues(QueueNamePrefix=name).get("QueueUrls")
    with pytest.raises(ClientError, match="NonExistentQueue"):
        client.send_message(QueueUrl=url, MessageBody="a")


def test_a_queue_names_its_sources_of_dead_letters(either: Emulator) -> None:
    """The answer's key is the one that SQS writes in lower case."""
    dead = either.queue()
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})
    source = either.queue(RedrivePolicy=policy)
    found = source.client.list_dead_letter_source_queues(QueueUrl=dead.url)
    assert found["queueUrls"] == [source.url]


def test_a_delayed_message_is_counted_apart(either: Emulator) -> None:
    """A delayed message is hidden by its timer, but not in flight."""
    queue = either.queue()
    queue.client.send_message(QueueUrl=queue.url, MessageBody="a", DelaySeconds=900)
    assert queue.depth() == (0, 0)
    name = "ApproximateNumberOfMessagesDelayed"
    assert queue.attributes(name) == {name: "1"}


@pytest.mark.parametrize(
    ("headers", "body", "status", "words"),
    [
        ({}, b"Action=ListQueues&Version=2012-11-05", 400, "<Code>UnsupportedOperation</Code>"),
        ({"Content-Type": "text/plain"}, None, 400, "speaks the JSON protocol only"),
        ({"X-Amz-Target": "DynamoDB_20120810.ListTables"}, b"{}", 400, "speaks the JSON protocol only"),
        ({"X-Amz-Target": "AmazonSQS.ListQueues"}, b"{", 400, "The body is not JSON"),
        ({"X-Amz-Target": "AmazonSQS.ListQueues"}, b"[]", 400, "must be a JSON object"),
        ({"X-Amz-Target": "AmazonSQS.AddPermission"}, b"{}", 400, "not an action of this emulator"),
    ],
)
def test_another_protocol_is_refused_with_an_explanation(
    emulator: int, headers: dict[str, str], body: bytes | None, status: int, words: str
) -> None:
    """Old SDKs speak the query protocol; their users should not have to guess what is wrong."""
    request = urllib.request.Request(f"http://{HOST}:{emulator}/123456789012/q", body, headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code == status
    assert words in refused.value.read().decode()


def test_it_runs_without_the_tests_and_without_moto() -> None:
    """`make run` installs neither the test tools nor moto."""
    code = (
        "import sys; import queuecast_local.sqs_emulator.server, queuecast_local.sqs; "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'tests', 'moto', 'boto3', 'flask'}))"
    )
    environment = {"PYTHONPATH": str(ROOT / "deploy" / "local")}
    ran = subprocess.run(
        (sys.executable, "-c", code), env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
