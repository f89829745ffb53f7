"""What clients of Engine.IO's revision 3 are told: an error packet that their users can see. Pure.

These are the JavaScript clients before 3.0, and their contemporaries. A refused request is only "xhr poll
error" or "websocket error" to them. So their session opens, gets Socket.IO's ERROR packet, and ends a while
later: a client that is refused at once comes back at once.
https://github.com/socketio/engine.io-protocol/tree/v3
"""

import json

from queuecast_gateway.engine import frames

VERSION = "3"

MESSAGE = "this server speaks Socket.IO 3 and later (Engine.IO 4), the client Engine.IO 3: upgrade the client"

SILENCE_MS = 60_000
"""The ping interval that the client is told, longer than its session lasts: it need send nothing."""


def websocket_frames(sid: str) -> bytes:
    """Return the frames that open a session and say why it is of no use."""
    return b"".join(frames.encode(frames.TEXT, packet.encode()) for packet in _packets(sid))


def payload(sid: str) -> str:
    """Return the same as the answer to a GET: each packet behind its length."""
    return "".join(f"{len(packet)}:{packet}" for packet in _packets(sid))


CLOSE_PAYLOAD = "1:1"


def _packets(sid: str) -> tuple[str, str]:
    opening = {"sid": sid, "upgrades": [], "pingInterval": SILENCE_MS, "pingTimeout": SILENCE_MS}
    # 4 is a message, and in it 4 is an error.
    return f"0{json.dumps(opening)}", f"44{json.dumps(MESSAGE)}"
