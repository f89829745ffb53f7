"""The order in which the bus stored the messages, read from Redis directly, past every proxy."""

import contextlib
import json
import threading
from types import TracebackType
from typing import Any, Self

import redis
from tests.faults.books import Place

from queuecast_bus.keys import Keys
from queuecast_bus.record import PREVIOUS
from queuecast_local.ports import HOST

RETRY_SECONDS = 0.02
BLOCK_MS = 200


def local(port: int) -> str:
    """Return the URL of a Redis on this machine."""
    return f"redis://{HOST}:{port}/0"


class Journal:
    """Follows the stream of the Redis at a URL until the context ends, so it has what Redis loses later.
    It begins at `since_ms`, by Redis's clock.

    With `own_branch` it reads only the stream that this server had at first, and not that of another server
    whose replica it becomes.
    """

    def __init__(self, url: str, *, since_ms: int = 0, own_branch: bool = False) -> None:
        self.places: dict[int, Place] = {}
        self._again: dict[int, tuple[int, ...]] = {}
        self._stored = 0
        self._own_branch = own_branch
        self._redis: Any = redis.Redis.from_url(url, socket_timeout=5)
        self._offset = self._first = b"%d-0" % since_ms
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._redis.close()

    @property
    def stored_once(self) -> dict[int, Place]:
        """The places of those that were stored only once, so that it is certain which one was delivered."""
        return {number: place for number, place in self.places.items() if number not in self._again}

    @property
    def all_places(self) -> dict[int, Place]:
        """The places, with the later ones of those that were stored again."""
        again = self._again
        return {number: place._replace(again=again.get(number, ())) for number, place in self.places.items()}

    def _follow(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(redis.RedisError):
                self._read()
                continue
            self._stop.wait(RETRY_SECONDS)

    def _read(self) -> None:
        for _, entries in self._redis.xread({Keys().stream: self._offset}, count=500, block=BLOCK_MS) or ():
            for offset, fields in entries:
                if self._own_branch and self._offset not in (self._first, fields[PREVIOUS]):
                    self._stop.set()
                    return
                self._offset = offset
                self._note(fields)

    def _note(self, fields: dict[bytes, bytes]) -> None:
        if fields.get(b"e") == b"item_added":
            number = json.loads(fields[b"d"])[0]["n"]
            stored_ms = int(self._offset.partition(b"-")[0])
            if number in self.places:
                self._again[number] = (*self._again.get(number, ()), self._stored)
            self.places.setdefault(number, Place(self._stored, stored_ms))
            self._stored += 1
