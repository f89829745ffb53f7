"""Clients with another parser: each learns why it cannot join, and has no reason to come back at once.

The stock client stops reconnecting after a CONNECT_ERROR. One that does not is closed only when its time to
join is over, so that it reconnects that rarely; the reason is in the CLOSE frame.
"""

import logging

from queuecast_gateway.engine import frames, packets
from queuecast_gateway.engine.session import Session
from queuecast_gateway.limits.log_limiter import LogLimiter
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.wire import parsers

log = logging.getLogger(__name__)


class ForeignParsers:
    """The connections that were told that their parser is not the gateway's."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log_limiter = LogLimiter()
        self._told: dict[str, str] = {}

    def tell(self, session: Session, data: str | bytes) -> bool:
        """Tell a client, once, if a message is of another parser; say whether it is."""
        found = parsers.foreign(data)
        if found is None or session.sid in self._told:
            return False
        # A reason in a CLOSE frame has at most 123 bytes.
        why = f"this server has Socket.IO's default parser, not {found.parser}: remove the option `parser`"
        self._metrics.events_refused.labels("parser").inc()
        if self._log_limiter.allows():
            log.warning(
                "connection %s of %s cannot join: its client has the parser %s, the gateway the default one",
                session.sid,
                session.address or "somebody",
                found.parser,
            )
        error = parsers.connect_error(found, why)
        if error is None:
            session.end("parse error", code=frames.POLICY, text=why)
        else:
            self._told[session.sid] = why
            session.write(packets.message(error))
        return True

    def end(self, session: Session) -> bool:
        """Close a connection that was told and has not left; say whether it was one."""
        why = self._told.get(session.sid)
        if why is None:
            return False
        session.end("parse error", code=frames.POLICY, text=why)
        return True

    def forget(self, eio_sid: str) -> None:
        """A connection has ended."""
        self._told.pop(eio_sid, None)
