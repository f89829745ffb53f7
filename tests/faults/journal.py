"""The order in which the bus has stored the messages, read along from Redis itself, past every proxy."""

import contextlib
import json
import threading
from types import TracebackType
from typing import Any, Self

import redis
from tests.faults.books import Place

from queuecast_bus.keys import Keys

RETRY_SECONDS = 0.02
BLOCK_MS = 200


class Journal:
    """Follows the stream while the context lasts: what Redis loses later it has read before."""

    def __init__(self, port: int) -> None:
        self.places: dict[int, Place] = {}
        self._redis: Any = redis.Redis(port=port, socket_timeout=5)
        self._offset = b"0-0"
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

    def _follow(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(redis.RedisError):
                self._read()
                continue
            self._stop.wait(RETRY_SECONDS)

    def _read(self) -> None:
        for _, entries in self._redis.xread({Keys().stream: self._offset}, count=500, block=BLOCK_MS) or ():
            for self._offset, fields in entries:
                self._note(fields)

    def _note(self, fields: dict[bytes, bytes]) -> None:
        if fields.get(b"e") == b"item_added":
            number = json.loads(fields[b"d"])[0]["n"]
            stored_ms = int(self._offset.partition(b"-")[0])
            self.places.setdefault(number, Place(len(self.places), stored_ms))
