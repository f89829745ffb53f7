"""Pointers to S3, as clients that store large payloads there send them. Pure.

https://github.com/awslabs/amazon-sqs-java-extended-client-lib, its counterparts for Python and for SNS, and
https://www.npmjs.com/package/sns-sqs-big-payload. The attribute beside a pointer differs between versions,
and one client sends none, so a pointer is recognised by its body.
"""

from typing import Any

from queuecast_poller.unwrap.contents import Layer, Pointer

_CLASSES = (
    "software.amazon.payloadoffloading.PayloadS3Pointer",
    "com.amazon.sqs.javamessaging.MessageS3Pointer",
)


def open_pointer(body: list[Any]) -> Layer | None:
    """Open an extended client's pair of class and location; None if the body is something else."""
    if len(body) != 2 or body[0] not in _CLASSES:
        return None
    return _layer(body[1], "s3BucketName", "s3Key", size=2)


def open_big_payload(body: dict[str, Any]) -> Layer | None:
    """Open a pointer of sns-sqs-big-payload; None if the body is something else."""
    if len(body) != 1:
        return None
    return _layer(body.get("S3Payload"), "Bucket", "Key", size=4, others=("Id", "Location"))


def _layer(place: Any, bucket: str, key: str, size: int, others: tuple[str, ...] = ()) -> Layer | None:
    if not isinstance(place, dict) or len(place) != size:
        return None
    if not all(isinstance(place.get(name), str) for name in (bucket, key, *others)):
        return None
    metadata = {"bucket": place[bucket], "key": place[key]}
    return Layer("s3_pointer", Pointer(place[bucket], place[key]), metadata)
