"""Commands from the bus, applied to the sessions of this replica.

They are ordered among the events, so that an event after a join reaches the session that joined. A command
grants no rights: a session joins only what its token allows. `replay` applies commands to recovered sessions.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol

from queuecast_bus.command import Command, Target, Verb
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.delivery.membership import rooms_after
from queuecast_gateway.delivery.rooms import Rooms
from queuecast_gateway.metrics import COMMAND_OUTCOMES, Metrics


class Server(Protocol):
    """The part of a Socket.IO server that commands need."""

    manager: Any
    eio: Any

    def identity(self, sid: str, namespace: str) -> Identity: ...
    def sessions_of(self, subject: str, namespace: str) -> Iterable[str]: ...
    async def disconnect(self, sid: str, namespace: str, ignore_queue: bool) -> None: ...


class Commands:
    """Applies commands to this replica's sessions."""

    def __init__(self, server: Server, max_rooms: int, metrics: Metrics) -> None:
        self._server = server
        self._max_rooms = max_rooms
        self._outcomes = {outcome: metrics.commands.labels(outcome) for outcome in COMMAND_OUTCOMES}

    def apply(self, command: Command) -> int:
        """Apply a command; return how many sessions here it was for.

        A disconnect has only begun then. Its client does not reconnect by itself.
        """
        return self.apply_to(command, self._targets(command))

    def apply_to(self, command: Command, sids: Collection[str]) -> int:
        """Apply a command to these sessions, whatever its target; return how many they are."""
        for sid in sids:
            self._outcomes[self._apply_to(command, sid)].inc()
        return len(sids)

    def _targets(self, command: Command) -> Sequence[str]:
        if command.target is Target.USER:
            return list(self._server.sessions_of(command.name, command.namespace))
        rooms: Rooms = self._server.manager
        return list(rooms.rooms.get(command.namespace, {}).get(command.name, ()))

    def _apply_to(self, command: Command, sid: str) -> str:
        namespace = command.namespace
        if command.verb is Verb.DISCONNECT:
            self._server.eio.start(self._disconnect(sid, namespace))
            return "disconnected"
        manager: Rooms = self._server.manager
        before = dict(manager.joined(sid, namespace))
        identity = self._server.identity(sid, namespace)
        at = manager.history.position
        after, outcome = rooms_after(command, before, at, identity, self._max_rooms)
        for room in before.keys() - after.keys():
            manager.basic_leave_room(sid, namespace, room)
        for room in after:
            if room not in before:
                manager.basic_enter_room(sid, namespace, room)
        return outcome

    async def _disconnect(self, sid: str, namespace: str) -> None:
        # python-socketio cannot disconnect a session while its CONNECT is still being handled.
        while sid in self._server.manager.pending_connect.get(namespace, ()):  # noqa: ASYNC110  # rare, and short
            await asyncio.sleep(0.005)
        await self._server.disconnect(sid, namespace, ignore_queue=True)
