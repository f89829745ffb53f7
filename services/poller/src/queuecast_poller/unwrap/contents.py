"""What a body can contain: payloads, pointers, control messages, and envelopes around them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from queuecast_poller.unwrap.strict_json import write_json

# The types made for each message are named tuples: making a frozen dataclass takes three times as long.


class Payload(NamedTuple):
    """An event's data.

    `text` is its JSON text in UTF-8, if that can be passed on unchanged; None if it must be encoded.
    `attachment` is the data if it is binary: a browser receives an `ArrayBuffer`.
    """

    value: Any
    text: bytes | None = None
    attachment: bytes | None = None

    @property
    def json(self) -> bytes:
        """The data as JSON text in UTF-8. Raises `NotJson`."""
        return write_json(self.value) if self.text is None else self.text


@dataclass(frozen=True, slots=True)
class Pointer:
    """The payload is an object in S3, which the body names."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class S3TestEvent:
    """What S3 sends once, when notifications are turned on. It is for nobody."""

    bucket: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    """SNS's request to confirm a subscription, or its notice that one ended. The token in it is for the
    operator.
    """

    topic: str


Content = Payload | Pointer | S3TestEvent | Confirmation


@dataclass(frozen=True, slots=True)
class Layer:
    """One envelope, opened.

    If `content` is text, it may be JSON and another envelope. `metadata` has the envelope's other
    fields, for routes. `attributes` address the message like those of the SQS message. `unreadable` names
    those that are neither text nor number.
    """

    kind: str
    content: Content | str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()


class Unwrapped(NamedTuple):
    """A message without its envelopes.

    `envelopes` has the other fields of each, by kind, the outermost first. `attributes` and `unreadable` are
    those of the message and of its envelopes. If several have an attribute of a name, the outermost counts.
    """

    content: Content
    attributes: Mapping[str, str]
    unreadable: tuple[str, ...] = ()
    envelopes: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
