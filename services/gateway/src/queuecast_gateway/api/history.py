"""Past events of rooms, as pages get them with `subscribe`; see `recovery.past_reader`."""

import base64
import json
from collections.abc import Collection, Mapping, Sequence

from queuecast_gateway.api.problems import Problem
from queuecast_gateway.api.queries import namespace_of, rooms_of, wanted_of
from queuecast_gateway.server.subscriptions import Past

NO_SESSION = ""
"""Stands for the id of the session that asks: there is none, so no event was sent to skip it."""


class History:
    """Answers with past events of the namespaces that this gateway serves."""

    def __init__(self, past: Past, own: Collection[str]) -> None:
        self._past = past
        self._own = own

    async def read(self, query: Mapping[str, Sequence[str]]) -> bytes:
        """Return the answer's body. Raises `Problem` and `BusUnavailable`."""
        if not self._past.most_events:
            raise Problem("not-found", "this gateway gives no past events (QUEUECAST_MAX_PAST_EVENTS=0)")
        namespace, rooms = namespace_of(query), rooms_of(query)
        wanted = wanted_of(query, self._past.most_events, keeps_latest=self._past.keeps_latest)
        if not rooms:
            raise Problem("bad-query", "room: expected the name of a room")
        if namespace not in self._own:
            raise Problem("bad-query", f"this gateway does not serve the namespace {namespace[:80]!r}")
        past = await self._past.read(namespace, rooms, wanted, NO_SESSION)
        # The events are JSON already, made once for all who ask.
        rest = {
            "complete": past.complete,
            "offset": past.offset,
            "attachments": [base64.b64encode(each).decode() for each in past.run.attachments],
        }
        return f'{{"events":[{past.run.text}],{json.dumps(rest)[1:]}'.encode()
