"""Reads of Redis that many browsers share: one at a time, for all that has been asked for meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SharedRead(Generic[K, V]):
    """Calls `read` with all that was asked for, one call after another.

    `read` may return a part: whoever misses something asks again. What it raises goes to everyone who waits
    for that call. If it is `lasting`, what is being read already need not be read again for those who ask
    only now; otherwise it could be older than their question.
    """

    def __init__(self, read: Callable[[list[K]], Awaitable[Mapping[K, V]]], *, lasting: bool = True) -> None:
        self._read = read
        self._lasting = lasting
        self._being_read: frozenset[K] = frozenset()
        self._wanted: dict[K, None] = {}
        self._next: asyncio.Task[Mapping[K, V]] | None = None
        self._current: asyncio.Task[Mapping[K, V]] | None = None

    async def __call__(self, wanted: Iterable[K]) -> Mapping[K, V]:
        """Return what a read brings, of all that was asked for. Raises what `read` raises."""
        asked = dict.fromkeys(wanted)
        if self._lasting and self._current is not None and self._being_read.issuperset(asked):
            return await asyncio.shield(self._current)
        self._wanted.update(asked)
        if self._next is None:
            self._next = asyncio.create_task(self._run(self._current))
            # Everyone who had asked may have gone.
            self._next.add_done_callback(_retrieve)
        return await asyncio.shield(self._next)

    async def _run(self, before: "asyncio.Task[Mapping[K, V]] | None") -> Mapping[K, V]:
        if before is not None:
            await asyncio.wait([before])
        self._current, self._next = self._next, None
        wanted, self._wanted = self._wanted, {}
        self._being_read = frozenset(wanted)
        try:
            return await self._read(list(wanted))
        finally:
            self._being_read = frozenset()
            if self._next is None:
                self._current = None


def _retrieve(task: "asyncio.Task[object]") -> None:
    if not task.cancelled():
        task.exception()
