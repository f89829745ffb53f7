import hashlib

import pytest

from queuecast_poller.sqs.digest import attributes_digest, body_digest

ROOMS = {"DataType": "String", "StringValue": "a,b"}


def test_a_body_is_summed_as_utf8() -> None:
    """As SQS does."""
    assert body_digest("🫖".encode()) == hashlib.md5("🫖".encode(), usedforsecurity=False).hexdigest()


def test_attributes_are_summed_as_sqs_sums_them() -> None:
    """Sorted by name; each part after its length; 1 before text and 2 before bytes."""
    measured = (
        b"\0\0\0\x03bin" + b"\0\0\0\x06Binary" + b"\x02" + b"\0\0\0\x02\0\xff"
        b"\0\0\0\x05rooms" + b"\0\0\0\x06String" + b"\x01" + b"\0\0\0\x03a,b"
    )
    attributes = {"rooms": ROOMS, "bin": {"DataType": "Binary", "BinaryValue": "AP8="}}
    assert attributes_digest(attributes) == hashlib.md5(measured, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("name", "text", "digest"),
    [
        ("baz", "qux", "16bd0283a5b4962721ccd3efe4bc6257"),  # SQS, in aws/aws-sdk-ruby#1885
        ("version", "1", "75cba0c5eb8ce78d6a41a35f99bfd7a8"),  # ElasticMQ, in softwaremill/elasticmq#97
    ],
)
def test_sums_of_others_come_out(name: str, text: str, digest: str) -> None:
    """Digests that SQS itself has sent."""
    assert attributes_digest({name: {"DataType": "String", "StringValue": text}}) == digest


def test_no_attributes_have_no_sum() -> None:
    """SQS sends none then, so a digest without attributes shows that they were lost."""
    assert attributes_digest({}) is None


@pytest.mark.parametrize(
    "altered",
    [
        {"rooms": {"DataType": "String", "StringValue": "a,c"}},
        {"rooms": {"DataType": "Number", "StringValue": "a,b"}},
        {"rooms": {"DataType": "String", "BinaryValue": "YSxi"}},
        {"room": ROOMS},
        {"rooms": ROOMS, "event": ROOMS},
        {"rooms": {"DataType": "Strin", "StringValue": "ga,b"}},
    ],
)
def test_any_other_attributes_have_another_sum(altered: dict[str, dict[str, str]]) -> None:
    """An altered address would show an event to the wrong recipients."""
    assert attributes_digest(altered) != attributes_digest({"rooms": ROOMS})


@pytest.mark.parametrize(
    "value",
    [
        {"DataType": "String", "StringValue": "\ud800"},
        {"DataType": "Binary", "BinaryValue": "\ud800"},
        {"DataType": "Binary", "BinaryValue": "é"},
        {"DataType": "Binary", "BinaryValue": "no base64"},
    ],
)
def test_what_cannot_be_encoded_does_not_stop_it(value: dict[str, str]) -> None:
    """JSON can hold what UTF-8 and base64 cannot; an exception would fail the messages received with it."""
    assert attributes_digest({"rooms": value})
