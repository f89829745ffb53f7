"""What becomes of messages that other software has put on a queue, each as it was captured there."""

import json
from typing import Any

import pytest
from tests.unit.poller.captured import FOLDER, captured

from queuecast_poller.judge.decision import decide
from queuecast_poller.judge.verdict import Drop, DropReason, Fetch, Leave, Publish, Reason
from queuecast_poller.route.rules import Rules
from queuecast_poller.sqs.message import Message
from queuecast_poller.unwrap import Pointer

FILES = sorted(path.name for path in FOLDER.glob("*.json"))

KETTLE = {"id": 7, "title": "Blue kettle"}
NOTED = {**KETTLE, "note": "grün 🫖 <a&b>"}


def verdict_on(one: Message, **rules: Any) -> Any:
    (verdict,) = decide([one], Rules(**rules))
    return verdict


def s3_key(event: dict[str, Any]) -> str:
    return str(event["Records"][0]["s3"]["object"]["key"])


# name of the file: the event, its rooms, its data
PUBLISHED: dict[str, tuple[str, tuple[str, ...], Any]] = {
    "cloudevents-structured.json": ("item_added", (), KETTLE),
    "eventbridge-event.localstack.json": ("item_added", (), NOTED),
    "eventbridge-event.moto.json": ("item_added", (), NOTED),
    "eventbridge-in-sns.localstack.json": ("item_added", (), NOTED),
    "eventbridge-input-constant.localstack.json": ("item_added", (), {"constant": 1}),
    "eventbridge-inputpath-detail.localstack.json": ("item_added", (), NOTED),
    "eventbridge-transformer-text.moto.json": ("item_added", (), "order 7 came"),
    "eventbridge-transformer.localstack.json": ("item_added", (), {"order": 7, "title": "Blue kettle"}),
    "otel-boto3sqs-traceparent.json": ("item_added", (), NOTED),
    "sns-fifo-notification.moto.json": ("price", (), NOTED),
    "sns-fifo-raw.localstack.json": ("price", (), NOTED),
    "sns-notification-plain-text.localstack.json": ("item_added", (), "plain text, no JSON"),
    "sns-notification-plain-text.moto.json": ("item_added", (), "plain text, no JSON"),
    "sns-notification-subject-attributes.localstack.json": ("price", ("sku:7",), NOTED),
    "sns-notification-subject-attributes.moto.json": ("price", ("sku:7",), NOTED),
    "sns-notification.localstack.json": ("item_added", (), NOTED),
    "sns-notification.moto.json": ("item_added", (), NOTED),
    "spring-sqstemplate-fifo.json": ("item_added", (), KETTLE),
    "spring-sqstemplate-headers.json": ("price", (), KETTLE),
    "spring-sqstemplate-json.json": ("item_added", (), KETTLE),
}

# what a browser gets of S3: all records, each with its key as it was given to S3
S3_KEYS = {
    "s3-delete.localstack.json": "plain.txt",
    "s3-put-odd-key.localstack.json": "a b+c/é.txt",
    "s3-put-odd-key.moto.json": "a b+c/é.txt",
    "s3-put.localstack.json": "plain.txt",
}

# EventBridge writes a key unencoded. LocalStack encodes it, which looks like a key with such a name.
S3_IN_EVENTBRIDGE_KEYS = {"s3-in-eventbridge.localstack.json": "a%20b%2Bc/%C3%A9.txt"}

POINTERS = {
    "extended-client-java.json": ("price", Pointer("bigj", "6d12c2a1-3d65-434e-b249-bc795d8ade75")),
    "extended-client-python-legacy.json": (
        "item_added",
        Pointer("big", "519a2461-62f1-4779-8f7b-a15c0b3f51c3"),
    ),
    "extended-client-python.json": ("price", Pointer("big", "f832314f-b833-4712-8d5f-fdbcae25170e")),
    "sns-sqs-big-payload-npm.json": (
        "item_added",
        Pointer("bign", "2012f75c-81ae-4753-9b76-dd76718ab9a0.json"),
    ),
}

TEST_EVENTS = ("s3-test-event.localstack.json", "s3-test-event.moto.json")

PASSED_AS_THEY_ARE = ("laravel-job-from-python.json",)

NOT_JSON = ("celery-task-fifo.json", "celery-task.json", "dramatiq-sqs.json", "kombu-simplequeue.json")


def test_every_captured_message_has_a_test() -> None:
    """One without a test would prove nothing."""
    looked_at = {*PUBLISHED, *S3_KEYS, *S3_IN_EVENTBRIDGE_KEYS, *POINTERS, *TEST_EVENTS}
    assert sorted({*looked_at, *PASSED_AS_THEY_ARE, *NOT_JSON}) == FILES


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_browser_gets_the_payload_without_its_envelope(name: str) -> None:
    """What the producer sent, for those it was sent to."""
    verdict = verdict_on(captured(name))
    assert isinstance(verdict, Publish), verdict
    event, rooms, data = PUBLISHED[name]
    assert (verdict.record.event, verdict.record.rooms) == (event, rooms)
    assert json.loads(verdict.record.arguments) == [data]


@pytest.mark.parametrize("name", S3_KEYS)
def test_a_notification_of_s3_is_one_event_with_its_keys_decoded(name: str) -> None:
    """A page that asks for the key in the notification would not find its object."""
    one = captured(name)
    verdict = verdict_on(one)
    assert isinstance(verdict, Publish), verdict
    (event,) = json.loads(verdict.record.arguments)
    assert s3_key(event) == S3_KEYS[name]
    as_sent = json.loads(one.body)
    as_sent["Records"][0]["s3"]["object"]["key"] = S3_KEYS[name]
    assert event == as_sent, "all else is as S3 wrote it"


@pytest.mark.parametrize("name", S3_IN_EVENTBRIDGE_KEYS)
def test_a_key_that_eventbridge_says_stays_as_it_is(name: str) -> None:
    """Decoding it again would break one with a `%` or `+` in its name."""
    verdict = verdict_on(captured(name))
    assert isinstance(verdict, Publish), verdict
    (event,) = json.loads(verdict.record.arguments)
    assert event["object"]["key"] == S3_IN_EVENTBRIDGE_KEYS[name]


@pytest.mark.parametrize("name", TEST_EVENTS)
def test_the_test_event_of_s3_is_dropped(name: str) -> None:
    """It comes when somebody turns notifications on, and is for no browser."""
    verdict = verdict_on(captured(name))
    assert isinstance(verdict, Drop)
    assert verdict.reason is DropReason.S3_TEST


@pytest.mark.parametrize("name", POINTERS)
def test_a_pointer_is_replaced_by_what_it_leads_to(name: str) -> None:
    """Every combination of class name and attribute that a client writes."""
    event, pointer = POINTERS[name]
    verdict = verdict_on(captured(name), payload_buckets={pointer.bucket})
    assert isinstance(verdict, Fetch)
    assert verdict.pointer == pointer
    verdict = verdict_on(captured(name, fetched='{"big":1}'))
    assert isinstance(verdict, Publish), verdict
    assert (verdict.record.event, verdict.record.arguments) == (event, b'[{"big":1}]')
    verdict = verdict_on(captured(name, not_fetched="it is gone"))
    assert isinstance(verdict, Leave)
    assert verdict.reason is Reason.NO_PAYLOAD


@pytest.mark.parametrize("name", PASSED_AS_THEY_ARE)
def test_a_job_that_is_json_passes_as_it_is(name: str) -> None:
    """Nothing distinguishes it from an application's own message."""
    one = captured(name)
    verdict = verdict_on(one)
    assert isinstance(verdict, Publish), verdict
    assert verdict.record.arguments == b"[" + one.body.encode() + b"]"


@pytest.mark.parametrize("name", NOT_JSON)
def test_a_task_in_base64_is_left(name: str) -> None:
    """It is for a worker, and was put on the wrong queue."""
    verdict = verdict_on(captured(name))
    assert isinstance(verdict, Leave)
    assert verdict.reason is Reason.NOT_JSON


@pytest.mark.parametrize("name", sorted({*FILES}.difference(NOT_JSON)))
def test_without_unwrapping_every_envelope_passes_as_it_is(name: str) -> None:
    """Some operators forward envelopes on purpose, to an audit view."""
    one = captured(name)
    verdict = verdict_on(one, unwraps=False)
    assert isinstance(verdict, Publish), verdict
    assert verdict.record.arguments == b"[" + one.body.encode() + b"]"
    assert verdict.record.rooms == ()
