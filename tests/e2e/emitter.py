"""The emitter of a Node back end, `@socket.io/redis-emitter`, in a Node process."""

import json
from collections.abc import Sequence
from typing import Any

from tests.claims import eventually

from .script import Script


class Emitter(Script):
    """A running emitter, as a context manager. Each call returns once Redis has published it."""

    def __init__(self, redis_url: str) -> None:
        self._published: list[Any] = []
        super().__init__("emitter.mjs", redis_url, self._published.append)

    def emit(self, name: str, *args: Any, **chosen: Any) -> None:
        """Emit an event. `{"$bytes": "00ff"}` is a Buffer, and `{"$date": 0}` a Date."""
        self.call("emit", name, *args, **chosen)

    def call(
        self, method: str, *args: Any, to: Sequence[str] = (), less: Sequence[str] = (), namespace: str = ""
    ) -> None:
        """Call a method of the emitter for the sessions in some rooms, `less` those in others."""
        before = len(self._published)
        command = {"call": method, "args": args, "to": list(to), "except": list(less), "namespace": namespace}
        self.tell(json.dumps(command))
        eventually(lambda: len(self._published) > before)
