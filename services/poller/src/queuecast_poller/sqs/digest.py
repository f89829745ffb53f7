"""Computes the MD5 digests that SQS sends with a message. Pure.

The AWS SDK for Python checks none of them. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/
SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation
"""

import hashlib
from base64 import b64decode
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_TEXT, _BINARY = b"\x01", b"\x02"


def body_digest(body: bytes) -> str:
    """Return the digest of a body."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def attributes_digest(attributes: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the digest of message attributes as SQS writes them in JSON; None if there are none.

    SQS computes it over the attributes that it returns. A receive requests all of them, so that emulators
    which always compute it over all get the same result.
    """
    if not attributes:
        return None
    parts: list[bytes] = []
    for name in sorted(attributes):
        value = attributes[name]
        parts.append(_name_and_type(name, value["DataType"]))
        if "BinaryValue" in value:
            parts += _BINARY, _length_prefixed(_decoded(value["BinaryValue"]))
        else:
            parts += _TEXT, _length_prefixed(value["StringValue"])
    return hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        # The digest will differ, and only this message is left.
        return text.encode("utf-8", "surrogatepass")


@lru_cache(maxsize=1024)
def _name_and_type(name: str, kind: str) -> bytes:
    return _length_prefixed(name) + _length_prefixed(kind)


def _length_prefixed(part: str | bytes) -> bytes:
    data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
    return len(data).to_bytes(4, "big") + data
