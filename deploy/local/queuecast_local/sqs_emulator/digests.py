"""The MD5 digests that SQS sends with messages. Pure.

They are written separately from the poller's own check, so that a mistake in one shows in the other.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

STRING, BINARY = b"\x01", b"\x02"


def md5_of_body(body: str) -> str:
    """Return the digest of a message's body."""
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the digest of message attributes: ordered by name, each part after its length in four bytes."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        kind = BINARY if "BinaryValue" in attribute else STRING
        digest.update(_prefixed(name.encode()) + _prefixed(attribute["DataType"].encode()) + kind)
        digest.update(_prefixed(value_of(attribute)))
    return digest.hexdigest()


def value_of(attribute: Mapping[str, Any]) -> bytes:
    """Return the bytes of an attribute's value, as the digest and the size count them."""
    if "BinaryValue" in attribute:
        return base64.b64decode(attribute["BinaryValue"])
    return str(attribute.get("StringValue", "")).encode()


def _prefixed(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part
