"""Takes the envelopes of other services off a message and returns its payload. Pure.

An envelope is recognised by everything that its producer always writes, so that an application's own JSON
passes unchanged even if it has a `detail`, `Records`, `Message` or `Type`. What belongs here is one module
for each kind of envelope, and the JSON rules for payloads. `docs/messages.md` says what becomes of each kind.
"""

from collections.abc import Mapping
from typing import Any

from queuecast_poller.unwrap.cloudevents import open_cloudevent
from queuecast_poller.unwrap.contents import (
    Confirmation,
    Content,
    Layer,
    Payload,
    Pointer,
    S3TestEvent,
    Unwrapped,
)
from queuecast_poller.unwrap.eventbridge import open_eventbridge
from queuecast_poller.unwrap.pointer import open_big_payload, open_pointer
from queuecast_poller.unwrap.s3 import open_s3, open_s3_test
from queuecast_poller.unwrap.sns import open_sns
from queuecast_poller.unwrap.strict_json import NotJson, read_json

MAX_LAYERS = 3
"""Most envelopes around one payload. Two occur in practice: S3, EventBridge, or a pointer in SNS."""

__all__ = ["Confirmation", "NotJson", "Payload", "Pointer", "S3TestEvent", "Unwrapped", "plain", "unwrap"]


def plain(body: str, encoded: bytes, attributes: Mapping[str, str], unreadable: tuple[str, ...]) -> Unwrapped:
    """Return a body as its own payload: any JSON. Raises `NotJson`."""
    return Unwrapped(Payload(read_json(body), encoded), attributes, unreadable)


def unwrap(
    body: str,
    encoded: bytes,
    attributes: Mapping[str, str],
    unreadable: tuple[str, ...] = (),
    fetched: str | None = None,
) -> Unwrapped:
    """Take a body (`encoded`: the same in UTF-8) out of its envelopes. Raises `NotJson`.

    `fetched` is the object that a pointer in it names. Without it, the result is the pointer.
    """
    value = read_json(body)
    layer = _open(value, encoded)
    if layer is None:
        return Unwrapped(Payload(value, encoded), attributes, unreadable)
    envelopes: dict[str, Mapping[str, Any]] = {}
    for _ in range(MAX_LAYERS):
        envelopes.setdefault(layer.kind, layer.metadata)
        unreadable = (*unreadable, *(name for name in layer.unreadable if name not in attributes))
        attributes = {**layer.attributes, **attributes} if layer.attributes else attributes
        content: Content | str = layer.content
        may_be_text = True
        if isinstance(content, Pointer) and fetched is not None:
            content, fetched, may_be_text = fetched, None, False
        if not isinstance(content, str):
            return Unwrapped(content, attributes, unreadable, envelopes)
        payload, layer = _read(content, may_be_text)
        if layer is None:
            break
    return Unwrapped(payload, attributes, unreadable, envelopes)


def _read(text: str, may_be_text: bool) -> tuple[Payload, Layer | None]:
    """Return a text as a payload, and the layer if it is an envelope."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise NotJson("half a surrogate pair is not a character") from None
    try:
        value = read_json(text)
    except NotJson:
        if not may_be_text or _looks_like_json(text):
            raise
        return Payload(text), None
    return Payload(value, encoded), _open(value, encoded)


def _looks_like_json(text: str) -> bool:
    # As text it would surprise a handler that expects an object. Its sender should learn about it instead.
    text = text.strip()
    return (text[:1], text[-1:]) in (("{", "}"), ("[", "]"))


def _open(value: Any, encoded: bytes) -> Layer | None:
    """Open an envelope; None if the value is not one. For most values, one missing name decides."""
    if isinstance(value, dict):
        if "TopicArn" in value:
            return open_sns(value)
        if "detail-type" in value:
            return open_eventbridge(value)
        if "specversion" in value:
            return open_cloudevent(value)
        if "Records" in value:
            return open_s3(value, encoded)
        if "Event" in value:
            return open_s3_test(value)
        if "S3Payload" in value:
            return open_big_payload(value)
    elif isinstance(value, list):
        return open_pointer(value)
    return None
