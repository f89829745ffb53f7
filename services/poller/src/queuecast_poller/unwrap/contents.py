"""What can be found in a body when its envelopes are taken off. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from queuecast_poller.unwrap.strict_json import write_json

# Those that are made for each message are named tuples: a frozen dataclass takes three times as long to make.


class Payload(NamedTuple):
    """An event's data.

    `text` is its JSON text in UTF-8 where that can go on byte by byte; None if it must be written anew.
    `attachment` is the data where it is binary: a browser gets an `ArrayBuffer`.
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
    """The payload is an object in S3; the body says which."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class S3TestEvent:
    """What S3 sends once, when its notifications are switched on: for nobody."""

    bucket: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    """SNS asks to confirm a subscription, or says that it ended: for the operator, with a token in it."""

    topic: str


Inside = Payload | Pointer | S3TestEvent | Confirmation


@dataclass(frozen=True, slots=True)
class Layer:
    """One envelope, opened.

    `inside` is what it holds; text may be JSON, and another envelope. `outside` is what is written on it, for
    routes. `attributes` address the message, as those of the queue's message do; `unreadable` names those
    that are neither text nor number.
    """

    kind: str
    inside: Inside | str
    outside: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()


class Unwrapped(NamedTuple):
    """A message without its envelopes.

    `envelopes` has what was written on each, by kind, the outermost first. `attributes` and `unreadable` are
    those of the message and of its envelopes; the outermost counts where several have one of a name.
    """

    inside: Inside
    attributes: Mapping[str, str]
    unreadable: tuple[str, ...] = ()
    envelopes: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
