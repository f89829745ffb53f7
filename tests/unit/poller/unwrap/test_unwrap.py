"""What counts as an envelope, and what does not."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.poller.json_values import json_values

from queuecast_poller.unwrap import (
    Confirmation,
    NotJson,
    Payload,
    Pointer,
    S3TestEvent,
    Unwrapped,
    unwrap,
)

SNS = {
    "Type": "Notification",
    "MessageId": "1",
    "TopicArn": "arn:aws:sns:us-east-1:123456789012:orders",
    "Message": '{"id":7}',
    "Timestamp": "2026-11-29T12:58:18.473Z",
}
EVENTBRIDGE = {
    "version": "0",
    "id": "1",
    "detail-type": "OrderPlaced",
    "source": "shop.orders",
    "time": "2026-11-29T12:58:23Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {"id": 7},
}
S3 = {
    "Records": [
        {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "shop"}, "object": {"key": "a.txt"}},
        }
    ]
}
CLOUDEVENT = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "placed", "data": {"id": 7}}
POINTER = ["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": "big", "s3Key": "k"}]
S3_TEST = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-29T12:58:23Z", "Bucket": "shop"}


def opened(body: Any, attributes: Mapping[str, str] | None = None, fetched: str | None = None) -> Unwrapped:
    text = body if isinstance(body, str) else json.dumps(body)
    return unwrap(text, text.encode(), attributes or {}, (), fetched)


def payload(body: Any, **details: Any) -> Payload:
    content = opened(body, **details).content
    assert isinstance(content, Payload)
    return content


def in_sns(content: Any, **changes: Any) -> dict[str, Any]:
    return {**SNS, "Message": content if isinstance(content, str) else json.dumps(content), **changes}


# What is none


own_names = st.sampled_from(
    ["detail", "Records", "Message", "Type", "detail-type", "specversion", "Event", "TopicArn", "S3Payload"]
)
own_values = json_values | st.sampled_from(
    ["Notification", "1.0", "s3:TestEvent", [{"eventSource": "aws:s3"}]]
)


@given(st.dictionaries(own_names | st.text(max_size=5), own_values, max_size=6))
def test_an_applications_own_json_passes_untouched(body: dict[str, Any]) -> None:
    """It may have a `detail`, `Records`, `Message` or `Type` of its own."""
    text = json.dumps(body)
    found = opened(text, {"rooms": "a"})
    assert found == Unwrapped(Payload(body, text.encode()), {"rooms": "a"})


@pytest.mark.parametrize(
    "whole", [SNS, EVENTBRIDGE, CLOUDEVENT, S3_TEST], ids=["sns", "eventbridge", "ce", "s3"]
)
def test_what_lacks_one_name_of_an_envelope_is_none(whole: dict[str, Any]) -> None:
    """An envelope has everything that its producer always writes, with the types that it always has."""
    assert opened(whole).envelopes
    for name in whole:
        if whole is CLOUDEVENT and name == "data":
            continue
        lacking = {key: value for key, value in whole.items() if key != name}
        assert payload(lacking).value == lacking
        other = {**whole, name: 7}
        assert payload(other).value == other


@pytest.mark.parametrize(
    "body",
    [
        {"detail": "Not Found"},
        {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": {"id": 7}},
        {"Records": []},
        {"Records": [{"eventSource": "aws:kinesis"}]},
        {"Records": [*S3["Records"], {"eventSource": "aws:dynamodb"}]},
        {**S3, "more": 1},
        {"Records": [{**S3["Records"][0], "s3": {"bucket": {}, "object": {"key": "a"}}}]},
        {"Type": "Notification", "Message": "hello"},
        {**SNS, "TopicArn": "arn:aws:sqs:us-east-1:123456789012:orders"},
        {**SNS, "TopicArn": "orders"},
        {**SNS, "Type": "Event"},
        {**EVENTBRIDGE, "detail": "text"},
        {**CLOUDEVENT, "specversion": "2.0"},
        {**CLOUDEVENT, "id": ""},
        [CLOUDEVENT],
        ["software.amazon.payloadoffloading.PayloadS3Pointer"],
        ["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": "big"}],
        ["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": "big", "s3Key": 7}],
        ["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": "b", "s3Key": "k", "id": 7}],
        ["com.example.PayloadS3Pointer", {"s3BucketName": "big", "s3Key": "k"}],
        [["software.amazon.payloadoffloading.PayloadS3Pointer"], {"s3BucketName": "big", "s3Key": "k"}],
        {"S3Payload": {"Bucket": "big", "Key": "k"}},
        {"S3Payload": {"Id": "1", "Bucket": "big", "Key": "k", "Location": "l"}, "more": 1},
        {"Event": "s3:TestEvent"},
    ],
)
def test_what_only_looks_like_an_envelope_passes_untouched(body: Any) -> None:
    """A guess would take an application's own message apart."""
    assert payload(body).value == body
    assert not opened(body).envelopes


# What is one


def test_a_payload_that_is_text_goes_on_byte_by_byte() -> None:
    """SNS carries text, so its spelling can be kept."""
    assert payload(in_sns('{ "b" : 1.0,\n "b": 2 }')).json == b'{ "b" : 1.0,\n "b": 2 }'


def test_a_text_that_is_no_json_is_a_string() -> None:
    """SNS also carries what people write."""
    assert payload(in_sns("order 7 came")).json == b'"order 7 came"'
    assert payload(in_sns("[INFO] order 7 came")).json == b'"[INFO] order 7 came"'
    assert payload(in_sns("")).json == b'""'
    assert payload(in_sns("42")).json == b"42", "and what is JSON is JSON"


@pytest.mark.parametrize("text", ["{'id': 7}", '{"id": NaN}', "[1, 2,]", "[" * 101 + "]" * 101])
def test_what_looks_like_json_and_is_none_is_left(text: str) -> None:
    """A handler that expects an object would get a string, and its sender would never know."""
    with pytest.raises(NotJson):
        opened(in_sns(text))


def test_what_is_written_on_an_envelope_is_there_for_routes() -> None:
    """`detail-type` and `source`, a topic, a bucket."""
    found = opened(in_sns(EVENTBRIDGE))
    assert list(found.envelopes) == ["sns", "eventbridge"]
    assert found.envelopes["sns"]["TopicArn"] == SNS["TopicArn"]
    assert found.envelopes["eventbridge"]["detail-type"] == "OrderPlaced"
    assert opened(S3).envelopes["s3"] == {"bucket": "shop", "key": "a.txt", "eventName": "ObjectCreated:Put"}
    assert opened(CLOUDEVENT).envelopes["cloudevents"]["type"] == "placed"


@pytest.mark.parametrize(("content", "data"), [(EVENTBRIDGE, {"id": 7}), (S3, S3), (CLOUDEVENT, {"id": 7})])
def test_an_envelope_in_a_notification_is_opened_too(content: Any, data: Any) -> None:
    """A rule, a bucket or an application may publish to a topic."""
    assert payload(in_sns(content)).value == data


def test_the_test_event_of_s3_is_found_in_a_notification() -> None:
    """A bucket may notify a topic."""
    assert opened(in_sns(S3_TEST)).content == S3TestEvent("shop")


def test_a_notification_without_end_is_not_followed_for_ever() -> None:
    """The rest is data."""
    body: Any = {"id": 7}
    for _ in range(6):
        body = in_sns(body)
    assert isinstance(payload(body).value, dict)


def test_the_attributes_of_a_notification_address_its_message() -> None:
    """Without raw message delivery, the SQS message has none."""
    attributes = {
        "event": {"Type": "String", "Value": "price"},
        "rooms": {"Type": "String.Array", "Value": '["a"]'},
        "namespace": {"Type": "Binary", "Value": "AP8="},
        "Rooms": "no attribute",
    }
    found = opened(in_sns({"id": 7}, MessageAttributes=attributes))
    assert found.attributes == {"event": "price", "rooms": '["a"]'}
    assert found.unreadable == ("namespace", "Rooms")


def test_the_attributes_of_the_queues_message_come_first() -> None:
    """They were added last."""
    attributes = {"event": {"Type": "String", "Value": "price"}, "rooms": {"Type": "Binary", "Value": "AP8="}}
    found = opened(in_sns({}, MessageAttributes=attributes), {"event": "sale", "rooms": "a"})
    assert found.attributes == {"event": "sale", "rooms": "a"}
    assert found.unreadable == ()


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_a_confirmation_is_for_no_browser(kind: str) -> None:
    """It has a token."""
    body = {**SNS, "Type": kind, "Token": "secret", "SubscribeURL": "https://sns.example"}
    assert opened(body).content == Confirmation(SNS["TopicArn"])


def test_the_keys_of_a_notification_of_s3_are_decoded() -> None:
    """S3 encodes them like form fields."""
    record = S3["Records"][0]
    body = {
        "Records": [
            {**record, "s3": {**record["s3"], "object": {"key": key, "size": 1}}}  # type: ignore[dict-item]
            for key in ("a+b%2Bc%2F%C3%A9.txt", "plain", "%FF")
        ]
    }
    found = [each["s3"]["object"] for each in payload(body).value["Records"]]
    assert [thing["key"] for thing in found] == ["a b+c/é.txt", "plain", "%FF"], "the last is no UTF-8"
    assert all(thing["size"] == 1 for thing in found)


def test_a_key_in_eventbridge_is_no_forms_field() -> None:
    """There it is not encoded, and a `+` must stay."""
    detail = {"bucket": {"name": "shop"}, "object": {"key": "a+b%20c.txt"}}
    body = {**EVENTBRIDGE, "source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    assert payload(body).value == detail


@pytest.mark.parametrize(
    ("content_type", "data", "expected"),
    [
        ("application/json", b'{"id": 7}', b'{"id": 7}'),
        ("application/vnd.shop+json; charset=utf-8", b"[1]", b"[1]"),
        ("text/plain", "grün".encode(), '"grün"'.encode()),
    ],
)
def test_the_base64_of_a_cloudevent_is_read_as_its_type_says(
    content_type: str, data: bytes, expected: bytes
) -> None:
    """Some SDKs encode every payload so."""
    text = base64.b64encode(data).decode()
    body = {**CLOUDEVENT, "datacontenttype": content_type, "data_base64": text}
    del body["data"]
    assert payload(body).json == expected


@pytest.mark.parametrize("content_type", ["image/png", None])
def test_a_cloudevents_bytes_are_binary(content_type: str | None) -> None:
    """A browser gets an `ArrayBuffer`."""
    body = {**CLOUDEVENT, "data_base64": "AP8="}
    del body["data"]
    if content_type:
        body["datacontenttype"] = content_type
    assert payload(body).attachment == b"\x00\xff"


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("application/json", "AP8="),
        ("application/json", "e30"),
        ("text/plain", "AP8="),
        ("image/png", "%"),
        ("", 7),
    ],
)
def test_a_cloudevent_whose_data_is_not_what_it_says_is_left(content_type: str, text: Any) -> None:
    """Nobody can know what was meant."""
    body = {**CLOUDEVENT, "datacontenttype": content_type, "data_base64": text}
    del body["data"]
    with pytest.raises(NotJson):
        opened(body)


def test_a_cloudevent_without_data_is_null() -> None:
    """Its type may be all that it has to say, and a route can use that."""
    body = {key: value for key, value in CLOUDEVENT.items() if key != "data"}
    assert payload(body).json == b"null"


def test_a_pointer_is_found_in_a_notification_and_what_it_leads_to_is_opened() -> None:
    """SNS's extended client sends one as the message; and the payload may be an envelope."""
    assert opened(in_sns(POINTER)).content == Pointer("big", "k")
    assert payload(in_sns(POINTER), fetched=json.dumps(EVENTBRIDGE)).value == {"id": 7}


def test_a_pointer_that_leads_to_a_pointer_leads_nowhere() -> None:
    """Each would be a request, and somebody could make a circle of them."""
    assert opened(POINTER, fetched=json.dumps(POINTER)).content == Pointer("big", "k")


def test_what_a_pointer_leads_to_must_be_json() -> None:
    """Like a body."""
    with pytest.raises(NotJson):
        opened(POINTER, fetched="plain text")


@pytest.mark.parametrize("text", [r'"\ud800"', r'{"a":"\ud83e"}'])
def test_half_a_surrogate_pair_can_be_escaped_and_not_encoded(text: str) -> None:
    """JSON can contain it, but text within an envelope cannot."""
    detail = json.dumps({**EVENTBRIDGE, "detail": {"a": json.loads(text)}})
    assert json.loads(payload(detail).json) == {"a": json.loads(text)}
    with pytest.raises(NotJson, match="surrogate"):
        opened(in_sns("\ud800"))


@given(
    st.recursive(
        json_values | st.sampled_from([SNS, EVENTBRIDGE, S3, CLOUDEVENT, POINTER, S3_TEST]),
        lambda inner: (
            st.builds(in_sns, inner) | st.builds(lambda value: {**EVENTBRIDGE, "detail": value}, inner)
        ),
        max_leaves=4,
    ),
    st.none() | st.text(max_size=10) | json_values.map(json.dumps),
)
def test_whatever_is_in_an_envelope_is_opened_or_refused(body: Any, fetched: str | None) -> None:
    """Another exception would end the queue's loop."""
    try:
        found = opened(body, fetched=fetched)
        if isinstance(found.content, Payload) and found.content.attachment is None:
            json.loads(found.content.json)
    except NotJson:
        pass
