"""Conflation: of several messages of one key only the newest goes out. Pure.

Newest is the one that was sent last (SQS's `SentTimestamp`); of several of the same millisecond, the one that
was received last, which on a FIFO queue is the order of its group.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

from queuecast_poller.verdict import Publish

REMEMBERED_KEYS = 10_000
"""Of so many keys it is known how new the newest published message was: about 2 MB for each queue."""

Key = tuple[str, str, str] | str
"""Event, namespace and `latest` of a message; without `latest` its receipt handle, which is its own."""


@dataclass(slots=True)
class Conflated:
    """The newest message of a key, with the receipt handles of the older ones.

    `received` is when the first of them came, by the caller's clock. `size` is what the newest takes, in
    bytes.
    """

    newest: Publish
    received: float
    size: int
    superseded: list[str] = field(default_factory=list)


class Conflation:
    """Messages that wait to go out, as far as they are not superseded: in the order in which they came."""

    def __init__(self) -> None:
        self._of: dict[Key, Conflated] = {}
        self.messages = 0
        self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self._of)

    def add(self, verdict: Publish, received: float) -> Publish | None:
        """Add a message; return the one that is superseded now, if one is: another or this one itself."""
        self.messages += 1
        key = _key(verdict)
        other = self._of.get(key)
        if other is None:
            self._of[key] = Conflated(verdict, received, _size(verdict))
            self.bytes += self._of[key].size
            return None
        if _sent_ms(other.newest) > _sent_ms(verdict):
            other.superseded.append(verdict.message.receipt_handle)
            return verdict
        # It goes where the newest came: a FIFO queue's order is of what is published.
        del self._of[key]
        size = _size(verdict)
        other.superseded.append(other.newest.message.receipt_handle)
        self._of[key] = Conflated(verdict, other.received, size, other.superseded)
        self.bytes += size - other.size
        return other.newest

    def take(self) -> list[Conflated]:
        """Take all out."""
        taken = list(self._of.values())
        self._of.clear()
        self.messages = self.bytes = 0
        return taken


class NewestPublished:
    """How new the newest published message of each key was, for as many keys as were published last."""

    def __init__(self, most: int = REMEMBERED_KEYS) -> None:
        self._most = most
        self._sent_ms: OrderedDict[bytes, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sent_ms)

    def has_newer(self, verdict: Publish) -> bool:
        """Say whether a newer message of the same key was published. The same one again is not newer."""
        if verdict.latest is None or verdict.message.sent_ms is None:
            return False
        return self._sent_ms.get(_digest(verdict), 0) > verdict.message.sent_ms

    def remember(self, verdict: Publish) -> None:
        """Redis has confirmed this one."""
        if verdict.latest is None or verdict.message.sent_ms is None:
            return
        key = _digest(verdict)
        self._sent_ms[key] = max(self._sent_ms.get(key, 0), verdict.message.sent_ms)
        self._sent_ms.move_to_end(key)
        if len(self._sent_ms) > self._most:
            self._sent_ms.popitem(last=False)


def _key(verdict: Publish) -> Key:
    if verdict.latest is None:
        return verdict.message.receipt_handle
    return verdict.record.event, verdict.record.namespace, verdict.latest


def _digest(verdict: Publish) -> bytes:
    # A key may be as long as a message, and all that is remembered must be bounded.
    text = "\0".join(_key(verdict))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _sent_ms(verdict: Publish) -> int:
    return verdict.message.sent_ms or 0


def _size(verdict: Publish) -> int:
    return len(verdict.message.body) + verdict.record.size + len(verdict.latest or "")
