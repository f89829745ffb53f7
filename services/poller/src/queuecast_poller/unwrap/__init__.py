"""The payload of a message, with the envelopes taken off that other services have put around it. Pure.

Each is recognised by all that its producer always writes, so that an application's own JSON, which may have a
`detail`, `Records`, `Message` or `Type` too, goes on untouched. `docs/messages.md` says what becomes of each.
"""

from collections.abc import Mapping
from typing import Any

from queuecast_poller.unwrap.cloudevents import open_cloudevent
from queuecast_poller.unwrap.contents import (
    Confirmation,
    Inside,
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
"""Most envelopes around one payload. Two are real: S3, EventBridge, or a pointer in SNS."""

__all__ = ["Confirmation", "NotJson", "Payload", "Pointer", "S3TestEvent", "Unwrapped", "plain", "unwrap"]


def plain(body: str, encoded: bytes, attributes: Mapping[str, str], unreadable: tuple[str, ...]) -> Unwrapped:
    """Return a body as it is, which must be JSON, whatever it may hold. Raises `NotJson`."""
    return Unwrapped(Payload(read_json(body), encoded), attributes, unreadable)


def unwrap(
    body: str,
    encoded: bytes,
    attributes: Mapping[str, str],
    unreadable: tuple[str, ...] = (),
    fetched: str | None = None,
) -> Unwrapped:
    """Take a body (`encoded`: the same in UTF-8) out of its envelopes. Raises `NotJson`.

    `fetched` is what a pointer in it leads to; without it, the pointer is the answer.
    """
    value = read_json(body)
    layer = _open(value, encoded)
    if layer is None:
        return Unwrapped(Payload(value, encoded), attributes, unreadable)
    envelopes: dict[str, Mapping[str, Any]] = {}
    for _ in range(MAX_LAYERS):
        envelopes.setdefault(layer.kind, layer.outside)
        unreadable = (*unreadable, *(name for name in layer.unreadable if name not in attributes))
        attributes = {**layer.attributes, **attributes} if layer.attributes else attributes
        inside: Inside | str = layer.inside
        may_be_text = True
        if isinstance(inside, Pointer) and fetched is not None:
            inside, fetched, may_be_text = fetched, None, False
        if not isinstance(inside, str):
            return Unwrapped(inside, attributes, unreadable, envelopes)
        payload, layer = _read(inside, may_be_text)
        if layer is None:
            break
    return Unwrapped(payload, attributes, unreadable, envelopes)


def _read(text: str, may_be_text: bool) -> tuple[Payload, Layer | None]:
    """Return the payload that a text is, and the layer if it is an envelope too."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise NotJson("half a surrogate pair is no character") from None
    try:
        value = read_json(text)
    except NotJson:
        if not may_be_text or _looks_like_json(text):
            raise
        return Payload(text), None
    return Payload(value, encoded), _open(value, encoded)


def _looks_like_json(text: str) -> bool:
    # As text it would surprise a handler that expects an object; its sender wants to know.
    text = text.strip()
    return (text[:1], text[-1:]) in (("{", "}"), ("[", "]"))


def _open(value: Any, encoded: bytes) -> Layer | None:
    """Open an envelope; None if the value is none. Most are told by the lack of one name."""
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
