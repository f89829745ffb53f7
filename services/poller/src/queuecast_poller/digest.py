"""The MD5 sums that SQS sends along with a message, computed again. Pure.

The AWS SDK for Python checks neither. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/
SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation
"""

import hashlib
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from typing import Any

_TEXT, _BINARY = b"\x01", b"\x02"


def body_digest(body: bytes) -> str:
    """Return the sum of a body."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def attributes_digest(attributes: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the sum of message attributes as SQS writes them in JSON; None if there are none.

    SQS computes it over those that it returns, which is why a receive asks for all of them: so it is the same
    for an emulator that computes it over all.
    """
    if not attributes:
        return None
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        digest.update(_measured(name) + _measured(value["DataType"]))
        if "BinaryValue" in value:
            digest.update(_BINARY + _measured(_decoded(value["BinaryValue"])))
        else:
            digest.update(_TEXT + _measured(value["StringValue"]))
    return digest.hexdigest()


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except NotBase64:
        # Then the sum is another one, and this message alone is left.
        return text.encode("utf-8", "surrogatepass")


def _measured(part: str | bytes) -> bytes:
    data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
    return len(data).to_bytes(4, "big") + data
