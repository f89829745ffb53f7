"""What each operation does with a request whose token was checked. Answers are JSON, as objects or text."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from queuecast_bus.command import Verb
from queuecast_edge.printable import printable
from queuecast_gateway.api.commanding import read_command
from queuecast_gateway.api.history import History
from queuecast_gateway.api.messages import Rules, read_batch, read_message
from queuecast_gateway.api.presence import WhoIsThere
from queuecast_gateway.api.publishing import Publishing
from queuecast_gateway.api.rooms import Rooms
from queuecast_gateway.limits.log_limiter import LogLimiter

log = logging.getLogger(__name__)


class Request(NamedTuple):
    """A request: who asks and what its token allows, its query and body, read, and its idempotency key.

    `traceparent` is the header with the trace context of its sender, unchecked.
    """

    holder: str
    rights: frozenset[str]
    query: Mapping[str, Sequence[str]]
    body: Any
    key: str | None
    traceparent: str | None = None


Answer = dict[str, Any] | bytes
Handler = Callable[[Request], Awaitable[Answer]]


class Handlers:
    """The handlers of all operations, by name. `description` is the API's own."""

    def __init__(
        self,
        publishing: Publishing,
        rules: Rules,
        rooms: Rooms,
        who_is_there: WhoIsThere,
        history: History,
        description: bytes,
    ) -> None:
        self._publishing = publishing
        self._rules = rules
        self._rooms = rooms
        self._who_is_there = who_is_there
        self._history = history
        self._description = description
        self._log_limiter = LogLimiter()
        self.by_name: Mapping[str, Handler] = {
            "publish": self._publish,
            "publish_batch": self._publish_batch,
            **{verb.value: partial(self._command, verb) for verb in Verb},
            "rooms": self._read_rooms,
            "presence": self._read_presence,
            "history": self._read_history,
            "openapi": self._describe,
        }

    async def _publish(self, request: Request) -> Answer:
        record = read_message(request.body, self._rules, self._publishing.now_ms)
        record = self._publishing.traced(record, request.traceparent)
        await self._publishing.check_pressure()
        return await self._publishing.publish(
            record, record.namespace, _dedup_id(request.holder, request.key)
        )

    async def _publish_batch(self, request: Request) -> Answer:
        items = [
            item._replace(record=self._publishing.traced(item.record, request.traceparent))
            for item in read_batch(request.body, self._rules, self._publishing.now_ms)
        ]
        await self._publishing.check_pressure()
        ids = [
            _dedup_id(request.holder, request.key, index)
            if item.key is None
            else _dedup_id(request.holder, item.key)
            for index, item in enumerate(items)
        ]
        return await self._publishing.publish_all(items, ids)

    async def _command(self, verb: Verb, request: Request) -> Answer:
        command = read_command(verb, request.body)
        record = command.record(self._publishing.now_ms)
        answer = await self._publishing.publish(
            record, command.namespace, _dedup_id(request.holder, request.key)
        )
        if self._log_limiter.allows():
            log.info(
                "%s has sessions %s over the HTTP API: %s %r in %r%s",
                request.holder,
                verb.value,
                command.target.value,
                printable(command.name),
                printable(command.namespace),
                f", {len(command.rooms)} rooms" if command.rooms else "",
            )
        return answer

    async def _read_rooms(self, request: Request) -> Answer:
        return await self._rooms.read(request.query)

    async def _read_presence(self, request: Request) -> Answer:
        return await self._who_is_there.read(request.query, request.rights)

    async def _read_history(self, request: Request) -> Answer:
        return await self._history.read(request.query)

    async def _describe(self, request: Request) -> Answer:
        return self._description


def _dedup_id(holder: str, key: str | None, index: int | None = None) -> str | None:
    """Return a dedup id that no message of a queue and no other holder has. A key has no space in it."""
    if key is None:
        return None
    return f"api:{holder}:{key}" if index is None else f"api:{holder}:{key} {index}"
