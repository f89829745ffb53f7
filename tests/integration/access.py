"""Gateways that ask for tokens, and how they refuse."""

import json
from typing import Any

from tests.issuer import SECRET, signed

from . import wire
from .page import Page
from .wire import WebSocket

JWT = {"auth": "jwt", "auth_secret": SECRET, "auth_leeway_seconds": 0}
NAMED = {"auth_issuer": "https://issuer.example", "auth_audience": "queuecast", "max_failed_tries": 0}
"""For tokens that name their issuer and audience; there is no limit of bad ones."""

UNAUTHORIZED = {"message": "Not authorised", "data": {"code": "unauthorized"}}


def environment(**settings: Any) -> dict[str, str]:
    return {f"QUEUECAST_{name.upper()}": f"{value}" for name, value in settings.items()}


async def refusal(port: int, query: str = wire.WEBSOCKET, **auth: Any) -> Any:
    """Connect with this payload; return what the CONNECT_ERROR says."""
    async with await WebSocket.open(port, query) as one:
        await one.opening()
        one.send(f"40{json.dumps(auth) if auth else ''}")
        packet = await one.text()
        assert packet[:2] == "44", packet
        return json.loads(packet[2:])


async def last_close_code(connection: WebSocket) -> int:
    while True:
        opcode, payload = await connection.next_frame()
        if opcode == wire.CLOSE:
            return int.from_bytes(payload[:2], "big")


DISCONNECTS = "queuecast_gateway_disconnects_total"


def good(seconds: float = 60, **claims: Any) -> str:
    """Return a token that this module's gateway accepts; a claim whose value is `...` is left out."""
    return signed(seconds, **{"iss": "https://issuer.example", "aud": "queuecast", **claims})


async def is_quiet(one: Page) -> bool:
    """Say whether nothing has been sent to a page that it has not read yet."""
    await one.ask("unsubscribe", "none")
    return not one._came
