"""Messages of a connection become Socket.IO packets: a binary packet is complete with its last attachment.

https://socket.io/docs/v4/socket-io-protocol/#packet-encoding
"""

from collections.abc import MutableMapping
from sys import getsizeof

from socketio.packet import BINARY_ACK, BINARY_EVENT

from queuecast_gateway.engine.session import Session
from queuecast_gateway.wire.packet import BadPacket, SocketPacket


class PacketAssembler:
    """Assembles the packets of all connections.

    `incomplete` holds the binary packet that each connection has begun. The dictionary is python-socketio's,
    which removes an entry itself when it disconnects a session.
    """

    def __init__(self, incomplete: MutableMapping[str, SocketPacket]) -> None:
        self._incomplete = incomplete

    def add(self, eio_sid: str, session: Session | None, data: str | bytes) -> SocketPacket | None:
        """Return the packet that `data` completes, None if attachments are missing. Raises `BadPacket`.

        Until the packet is complete its size counts as incoming bytes of the session, if that is still open.
        """
        begun = self._incomplete.get(eio_sid)
        if begun is None:
            if not data:
                raise BadPacket("packet_type", "an empty packet")
            packet = SocketPacket(encoded_packet=data)
            if packet.packet_type not in (BINARY_EVENT, BINARY_ACK):
                return packet
            self._incomplete[eio_sid] = packet
            if session is not None:
                session.expect_rest(getsizeof(data))
            return None
        if not begun.add_attachment(data):
            if session is not None:
                session.expect_rest(getsizeof(data))
            return None
        del self._incomplete[eio_sid]
        if session is not None:
            session.expect_rest(0)
        return begun
