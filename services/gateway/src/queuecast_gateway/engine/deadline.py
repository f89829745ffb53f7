"""The deadline for the rest of a message, or of a packet with attachments, whose beginning has come."""

from queuecast_gateway.engine import frames
from queuecast_gateway.engine.interfaces import OpenSession


class Deadline:
    """Closes a session unless it is cancelled within `request_seconds` of its engine.

    A session makes one when something incomplete has come, so an idle session has none. The object is itself
    the callback that the timer wheel keeps.
    """

    __slots__ = ("_due", "_session", "_what")

    def __init__(self, session: OpenSession, what: str) -> None:
        self._session = session
        self._what = what
        self._due = session.engine.wheel.after(session.engine.request_seconds, self)

    def __call__(self) -> None:
        seconds = self._session.engine.request_seconds
        # The messages in the inbox were complete, and are still worked on.
        self._session.refuse(
            frames.POLICY, "slow_message", f"{self._what} that takes longer than {seconds:g} s"
        )

    def cancel(self) -> None:
        self._session.engine.wheel.cancel(self._due, self)
