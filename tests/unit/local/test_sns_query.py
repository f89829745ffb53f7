"""The query protocol of the emulator's topics."""

import pytest

from queuecast_local.sns_emulator.query import answer_to, error_of, mapping_of, request_of


def test_a_form_is_read_as_the_sdk_writes_it() -> None:
    """Lists and maps are numbered, and in the order of their numbers."""
    form = {
        "Action": "Publish",
        "Version": "2010-03-31",
        "Message": "a.b",
        "MessageAttributes.entry.10.Name": "last",
        "MessageAttributes.entry.2.Name": "rooms",
        "MessageAttributes.entry.2.Value.DataType": "String",
        "Tags.member.1.Key": "team",
    }
    assert request_of(form) == {
        "Message": "a.b",
        "MessageAttributes": [{"Name": "rooms", "Value": {"DataType": "String"}}, {"Name": "last"}],
        "Tags": [{"Key": "team"}],
    }


def test_a_form_that_contradicts_itself_is_refused() -> None:
    """It would be read as one or the other."""
    with pytest.raises(ValueError, match="Message has a value already"):
        request_of({"Message": "a", "Message.entry.1.Name": "b"})


def test_a_map_is_an_object() -> None:
    """The protocol has no other way to write one."""
    assert mapping_of([{"key": "a", "value": "b"}], "key", "value") == {"a": "b"}
    assert mapping_of(None, "key", "value") == {}


def test_an_answer_is_xml() -> None:
    """With what is special in XML written as such."""
    assert answer_to("ListTopics", {"Topics": [{"TopicArn": "<a&b>"}]}, "id") == (
        '<ListTopicsResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><ListTopicsResult><Topics><member>'
        "<TopicArn>&lt;a&amp;b&gt;</TopicArn></member></Topics></ListTopicsResult>"
        "<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></ListTopicsResponse>"
    )
    assert "<Code>NotFound</Code><Message>no &lt;topic&gt;</Message>" in error_of(
        "NotFound", "no <topic>", "id"
    )
