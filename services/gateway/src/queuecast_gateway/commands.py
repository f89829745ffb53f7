"""Commands that came over the bus, carried out on the sessions of this replica.

They stand among the events, so that an event that comes after a join is for whoever joined. A command widens
no rights: a session joins what its token allows. Sessions that are away are `replay`'s.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from queuecast_bus.command import Command, Target, Verb
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.membership import rooms_after
from queuecast_gateway.metrics import COMMAND_OUTCOMES, Metrics
from queuecast_gateway.rooms import Rooms


class Server(Protocol):
    """The part of a Socket.IO server that commands use."""

    manager: Any
    eio: Any

    def identity(self, sid: str, namespace: str) -> Identity: ...
    def sessions_of(self, subject: str, namespace: str) -> Iterable[str]: ...
    async def disconnect(self, sid: str, namespace: str, ignore_queue: bool) -> None: ...


class Commands:
    """Does to this replica's sessions what commands say."""

    def __init__(self, server: Server, max_rooms: int, metrics: Metrics) -> None:
        self._server = server
        self._max_rooms = max_rooms
        self._outcomes = {outcome: metrics.commands.labels(outcome) for outcome in COMMAND_OUTCOMES}

    def obey(self, command: Command) -> int:
        """Carry a command out; return how many sessions here it was for.

        A disconnect has begun then: the client is told so, and stays away by itself.
        """
        sids = self._concerned(command)
        for sid in sids:
            self._outcomes[self._obey(command, sid)].inc()
        return len(sids)

    def _concerned(self, command: Command) -> Sequence[str]:
        if command.target is Target.USER:
            return list(self._server.sessions_of(command.name, command.namespace))
        rooms: Rooms = self._server.manager
        return list(rooms.rooms.get(command.namespace, {}).get(command.name, ()))

    def _obey(self, command: Command, sid: str) -> str:
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
        # Whoever is being let in cannot be sent off before that is done.
        while sid in self._server.manager.pending_connect.get(namespace, ()):  # noqa: ASYNC110  # rare, and short
            await asyncio.sleep(0.005)
        await self._server.disconnect(sid, namespace, ignore_queue=True)
