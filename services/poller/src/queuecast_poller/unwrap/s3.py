"""Amazon S3's event notifications. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from typing import Any
from urllib.parse import unquote_plus

from queuecast_poller.unwrap.contents import Layer, Payload, S3TestEvent


def open_s3(body: dict[str, Any], text: bytes) -> Layer | None:
    """Open a notification; None if the body is not one.

    A notification is one event with all its records. S3 encodes the keys in it like form fields (`a+b%2Bc` is
    `a b+c`). They are decoded here, and everything else stays unchanged.
    """
    records = body.get("Records")
    if len(body) != 1 or not isinstance(records, list) or not records or not all(map(_is_record, records)):
        return None
    keys = [record["s3"]["object"]["key"] for record in records]
    decoded = [_decoded(key) for key in keys]
    first = records[0]
    metadata = {"eventName": first["eventName"], "bucket": first["s3"]["bucket"]["name"], "key": decoded[0]}
    if decoded == keys:
        return Layer("s3", Payload(body, text), metadata)
    renamed = [_renamed(record, key) for record, key in zip(records, decoded, strict=True)]
    return Layer("s3", Payload({"Records": renamed}), metadata)


def open_s3_test(body: dict[str, Any]) -> Layer | None:
    """Open the test event that S3 sends when notifications are turned on; None if the body is not one."""
    is_test = body.get("Service") == "Amazon S3" and body.get("Event") == "s3:TestEvent"
    if not is_test or not isinstance(body.get("Bucket"), str) or not isinstance(body.get("Time"), str):
        return None
    return Layer("s3", S3TestEvent(body["Bucket"]))


def _is_record(record: Any) -> bool:
    if not isinstance(record, dict) or record.get("eventSource") != "aws:s3":
        return False
    return isinstance(record.get("eventName"), str) and _is_about_an_object(record.get("s3"))


def _is_about_an_object(entity: Any) -> bool:
    if not isinstance(entity, dict):
        return False
    bucket, thing = entity.get("bucket"), entity.get("object")
    return (
        isinstance(bucket, dict)
        and isinstance(bucket.get("name"), str)
        and isinstance(thing, dict)
        and isinstance(thing.get("key"), str)
    )


def _decoded(key: str) -> str:
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        return key


def _renamed(record: dict[str, Any], key: str) -> dict[str, Any]:
    entity = record["s3"]
    return {**record, "s3": {**entity, "object": {**entity["object"], "key": key}}}
