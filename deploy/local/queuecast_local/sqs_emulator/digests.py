"""The MD5 sums that SQS sends along with messages. Pure.

Written down apart from the poller's own check of them, so that a mistake in one shows in the other.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

STRING, BINARY = b"\x01", b"\x02"


def md5_of_body(body: str) -> str:
    """Return the sum of a message's body."""
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the sum of message attributes: names in order, each part behind its length in four bytes."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        kind = BINARY if "BinaryValue" in attribute else STRING
        digest.update(_measured(name.encode()) + _measured(attribute["DataType"].encode()) + kind)
        digest.update(_measured(value_of(attribute)))
    return digest.hexdigest()


def value_of(attribute: Mapping[str, Any]) -> bytes:
    """Return the bytes of an attribute's value, as they count for the sum and for the size."""
    if "BinaryValue" in attribute:
        return base64.b64decode(attribute["BinaryValue"])
    return str(attribute.get("StringValue", "")).encode()


def _measured(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part
