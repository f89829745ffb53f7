"""What a connection is sent with CONNECT and with pings, so that its client can recover the session.

The wire protocol is the stock client's: https://socket.io/docs/v4/connection-state-recovery
"""

from functools import lru_cache
from typing import NamedTuple

from socketio.packet import EVENT

from queuecast_gateway.engine import packets
from queuecast_gateway.wire.protocol import OFFSET_EVENT, namespace_prefix


class Welcome(NamedTuple):
    """What goes with a CONNECT packet: the private id in it, then the missed events, then the newest offset.

    `began` is the offset at which the session began: no record up to it is for the session.
    """

    pid: str
    missed: bytes
    offset: bytes
    began: str


@lru_cache(maxsize=64)
def offset_frames(namespace: str, offset: str) -> bytes:
    """Return the frames that tell a client the newest offset of a namespace. Cached: many get the same."""
    prefix = namespace_prefix(namespace)
    return packets.message(f'{EVENT}{prefix}["{OFFSET_EVENT}","{offset}"]')
