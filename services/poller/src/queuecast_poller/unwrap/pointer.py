"""What the clients put on a queue that store large payloads in S3. Pure.

https://github.com/awslabs/amazon-sqs-java-extended-client-lib and its like for Python, and for SNS;
https://www.npmjs.com/package/sns-sqs-big-payload. Which attribute stands beside a pointer differs from one
version to the next, and one client sends none: a pointer is recognised by its body.
"""

from typing import Any

from queuecast_poller.unwrap.contents import Layer, Pointer

_CLASSES = (
    "software.amazon.payloadoffloading.PayloadS3Pointer",
    "com.amazon.sqs.javamessaging.MessageS3Pointer",
)


def open_pointer(body: list[Any]) -> Layer | None:
    """Open an extended client's pair of a class and a place; None if the body is something else."""
    if len(body) != 2 or body[0] not in _CLASSES:
        return None
    return _layer(body[1], "s3BucketName", "s3Key", size=2)


def open_big_payload(body: dict[str, Any]) -> Layer | None:
    """Open what sns-sqs-big-payload sends; None if the body is something else."""
    if len(body) != 1:
        return None
    return _layer(body.get("S3Payload"), "Bucket", "Key", size=4, others=("Id", "Location"))


def _layer(place: Any, bucket: str, key: str, size: int, others: tuple[str, ...] = ()) -> Layer | None:
    if not isinstance(place, dict) or len(place) != size:
        return None
    if not all(isinstance(place.get(name), str) for name in (bucket, key, *others)):
        return None
    outside = {"bucket": place[bucket], "key": place[key]}
    return Layer("s3_pointer", Pointer(place[bucket], place[key]), outside)
