"""The messages of one session that wait for their handlers, and the task that works on them.

One message at a time, in the order in which they came; the end of the connection comes last.
"""

import asyncio
import logging
from collections import deque
from sys import getsizeof
from typing import NamedTuple

from queuecast_gateway.engine.interfaces import OpenSession

log = logging.getLogger(__name__)

MAX_QUEUED = 64
"""Messages that may wait in an inbox; at this many, the session reads nothing until all are done."""

MESSAGES_PER_TURN = 8
"""After this many messages of one connection, the others get their turn. Most handlers never wait and would
work through the whole inbox without a break: 64 of the longest acknowledgements take 15 ms a connection."""


class End(NamedTuple):
    """The last entry of an inbox: the connection is over, for this reason."""

    reason: str


Entry = str | bytes | End


class Inbox(deque[Entry]):
    """What waits, and its `size` in bytes. A session has one only while it has messages to work on.

    A deque with one more slot, not an object that has a deque: that saves a look-up and a call per message.
    """

    __slots__ = ("size",)

    async def work(self, session: OpenSession) -> None:
        """Pass every entry to the server, with those that come meanwhile; then remove the inbox."""
        engine, was_full, done = session.engine, False, 0
        while self:
            was_full = was_full or len(self) >= MAX_QUEUED
            entry = self.popleft()
            self.size -= getsizeof(entry)
            try:
                if isinstance(entry, End):
                    await engine.session_ended(session.sid, entry.reason)
                else:
                    await engine.message_received(session.sid, entry)
            except Exception:
                log.exception("a handler of connection %s failed", session.sid)
            done += 1
            if not done % MESSAGES_PER_TURN:
                await asyncio.sleep(0)
        session.inbox = session.work = None
        if was_full and not session.polling and not session.closed:
            session.transport.resume_reading()

    def drop(self) -> None:
        """Forget every entry that still waits."""
        self.clear()
        self.size = 0
