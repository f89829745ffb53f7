"""Conflation: of several messages with the same key, only the newest is published. Pure.

The newest is the one sent last (SQS's `SentTimestamp`). Of several sent in the same millisecond it is the one
received last, which on a FIFO queue follows the order of the group.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

from queuecast_poller.judge.verdict import Publish

REMEMBERED_KEYS = 10_000
"""Most keys whose newest published message is remembered: about 2 MB for each queue."""

Key = tuple[str, str, str] | str
"""Event, namespace and `latest` of a message; without `latest` its receipt handle, which is unique."""


@dataclass(slots=True)
class Conflated:
    """The newest message of a key, with the receipt handles of the older ones.

    `received` is when the first of them was received, by the caller's clock. `size` is the memory that the
    newest takes, in bytes.
    """

    newest: Publish
    received: float
    size: int
    superseded: list[str] = field(default_factory=list)


class Conflation:
    """Messages that wait to be published and are not superseded, in the order in which they were added."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Conflated] = {}
        self.messages = 0
        self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def add(self, verdict: Publish, received: float) -> Publish | None:
        """Add a message; return the one that is superseded by it, or this one if a newer one is waiting."""
        self.messages += 1
        key = _key(verdict)
        other = self._by_key.get(key)
        if other is None:
            self._by_key[key] = Conflated(verdict, received, _size(verdict))
            self.bytes += self._by_key[key].size
            return None
        if _sent_ms(other.newest) > _sent_ms(verdict):
            other.superseded.append(verdict.message.receipt_handle)
            return verdict
        # It moves to the end: a FIFO queue's order has to hold among the messages that are published.
        del self._by_key[key]
        size = _size(verdict)
        other.superseded.append(other.newest.message.receipt_handle)
        self._by_key[key] = Conflated(verdict, other.received, size, other.superseded)
        self.bytes += size - other.size
        return other.newest

    def take(self) -> list[Conflated]:
        """Remove all of them and return them."""
        taken = list(self._by_key.values())
        self._by_key.clear()
        self.messages = self.bytes = 0
        return taken


class NewestPublished:
    """When the newest published message of each key was sent, for the keys that were published last."""

    def __init__(self, limit: int = REMEMBERED_KEYS) -> None:
        self._limit = limit
        self._sent_ms: OrderedDict[bytes, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sent_ms)

    def has_newer(self, verdict: Publish) -> bool:
        """Return whether a newer message of the same key was published. The same message is not newer."""
        if verdict.latest is None or verdict.message.sent_ms is None:
            return False
        return self._sent_ms.get(_digest(verdict), 0) > verdict.message.sent_ms

    def remember(self, verdict: Publish) -> None:
        """Note that Redis has confirmed this message."""
        if verdict.latest is None or verdict.message.sent_ms is None:
            return
        key = _digest(verdict)
        self._sent_ms[key] = max(self._sent_ms.get(key, 0), verdict.message.sent_ms)
        self._sent_ms.move_to_end(key)
        if len(self._sent_ms) > self._limit:
            self._sent_ms.popitem(last=False)


def _key(verdict: Publish) -> Key:
    if verdict.latest is None:
        return verdict.message.receipt_handle
    return verdict.record.event, verdict.record.namespace, verdict.latest


def _digest(verdict: Publish) -> bytes:
    # A key can be as long as a message, and the memory for keys must be bounded.
    text = "\0".join(_key(verdict))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _sent_ms(verdict: Publish) -> int:
    return verdict.message.sent_ms or 0


def _size(verdict: Publish) -> int:
    return len(verdict.message.body) + verdict.record.size + len(verdict.latest or "")
