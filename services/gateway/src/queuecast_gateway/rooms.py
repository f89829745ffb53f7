"""Who is in which room of this replica, and how an event reaches them: framed once, written once each."""

from collections.abc import Iterable, Sequence
from typing import Any

from socketio.async_manager import AsyncManager
from socketio.packet import EVENT

from queuecast_bus import BusManager
from queuecast_gateway.engine.session import Session
from queuecast_gateway.packet import SocketPacket, packet_frames


class Rooms(AsyncManager):  # type: ignore[misc]  # python-socketio has no types
    """python-socketio's table of rooms, with a delivery of our own."""

    def sessions(self, namespace: str, rooms: Sequence[str], skip_sids: Iterable[str] = ()) -> list[Session]:
        """Return the connections in any of these rooms, each once; no room means the whole namespace."""
        table = self.rooms.get(namespace)
        if table is None:
            return []
        if len(rooms) == 1:
            found = table.get(rooms[0])
        elif rooms:
            found = {sid: eio_sid for room in rooms for sid, eio_sid in table.get(room, {}).items()}
        else:
            found = table.get(None)
        if not found:
            return []
        sockets = self.server.eio.sockets
        skipped = frozenset(skip_sids)
        if skipped:
            eio_sids: Iterable[str] = [eio_sid for sid, eio_sid in found.items() if sid not in skipped]
        else:
            # A bidict hands out its items one by one through Python; the dictionary inside does not.
            eio_sids = getattr(found, "_fwdm", found).values()
        return list(filter(None, map(sockets.get, eio_sids)))

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Any = None,
        to: Any = None,
        **kwargs: Any,
    ) -> None:
        """Emit to the connections of this replica alone, with python-socketio's parameters."""
        if callback is not None:
            await super().emit(event, data, namespace, room, skip_sid, callback, to, **kwargs)
            return
        arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        sessions = self.sessions(namespace, _names(to or room), _names(skip_sid))
        if sessions:
            packet = SocketPacket(EVENT, namespace=namespace, data=[event, *arguments])
            self.server.eio.outbox.put(packet_frames(packet), sessions)


class GatewayBus(BusManager, Rooms):
    """The bus of a gateway: what it reads goes to the rooms of this replica."""


def _names(value: Any) -> Sequence[str]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else [name for name in value if name is not None]
