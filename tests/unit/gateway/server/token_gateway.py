"""A gateway that requires tokens, with tokens that need no key."""

import asyncio
import json
from typing import Any, NamedTuple

from tests.unit.browser import Browser, residue
from tests.unit.fake_loop import Loop
from tests.unit.fakes import FakeClock, Figures
from tests.unit.gateway.fakes import FakeSessions

from queuecast_gateway.access.tokens import BadToken, Key, Verified
from queuecast_gateway.engine.timer_wheel import TICK_SECONDS
from queuecast_gateway.server.socketio_server import SocketServer

NOW = 1_000_000.0
STOLEN = "stolen"
REFUSED = '{"message":"Not authorised","data":{"code":"unauthorized"}}'


class FakeTokens:
    """`queuecast_gateway.access.tokens.Tokens` that reads a token's claims from the token itself, as JSON.
    Anything that is not JSON has a bad signature. A check waits for `going_on`; while `away` there are no
    keys.
    """

    def __init__(self) -> None:
        self.away = False
        self.checked = 0
        self.key: Key = b"the key of all tokens"
        self.going_on = asyncio.Event()
        self.going_on.set()

    async def verify(self, token: Any) -> Verified:
        self.checked += 1
        await self.going_on.wait()
        if self.away:
            raise BadToken("keys_unavailable", "nobody answers")
        if token is None:
            raise BadToken("missing", "there is none")
        try:
            found: dict[str, Any] = json.loads(token)
        except (TypeError, ValueError):
            raise BadToken("signature", "the signature is wrong") from None
        return Verified(found, self.key)


def token(subject: str = "ann", *, exp: float = NOW + 600, **claims: Any) -> str:
    return json.dumps({"sub": subject, "exp": exp, **claims})


class TokenGateway(NamedTuple):
    """A gateway that requires tokens, and what it keeps of its browsers."""

    server: SocketServer
    tokens: FakeTokens
    sessions: FakeSessions
    clock: FakeClock
    loop: Loop
    figure: Figures

    def rooms(self, sid: str, namespace: str = "/") -> list[str]:
        return sorted(room for room in self.server.rooms(sid, namespace) if room != sid)

    def pass_by(self, seconds: float) -> None:
        """Let this time pass, by the clock and then by the wheel."""
        self.clock.pass_by(seconds)
        self.loop.tick(round(seconds / TICK_SECONDS))

    async def leave(self, *browsers: Browser) -> None:
        """End these connections: afterwards nothing may be kept of them."""
        for browser in browsers:
            browser.session.connection_lost(None)
            await browser.settle()
        assert residue(self.server) == {}
        assert len(self.server.authentication.identities._per_identity) == 0
