"""Who may come in: a guard for each way in which the gateway can be told who somebody is."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, Protocol

from queuecast_gateway.access.grant import BadClaims, Identity, Rooms, identity
from queuecast_gateway.access.tokens import GUESSES, TOKEN_FAULTS, BadToken, Tokens
from queuecast_gateway.limits.address import address_key
from queuecast_gateway.limits.lines import Lines
from queuecast_gateway.limits.tries import Tries

log = logging.getLogger(__name__)

Code = Literal["unauthorized", "too_many_tries", "too_many_connections"]

MESSAGES: dict[Code, str] = {
    "unauthorized": "Not authorised",
    "too_many_tries": "Too many tries, come back later",
    "too_many_connections": "Too many connections of this identity",
}

CONNECT_REFUSALS = (*TOKEN_FAULTS, "too_many_tries", "too_many_connections", "bus_unavailable")
"""Why a browser was not let into a namespace: the labels of a metric."""


class Unwelcome(Exception):
    """A browser may not come in. It learns the `code` alone; `fault`, one of `CONNECT_REFUSALS`, says why."""

    def __init__(self, code: Code, fault: str) -> None:
        super().__init__(MESSAGES[code])
        self.code = code
        self.fault = fault

    @property
    def data(self) -> dict[str, Any]:
        """What a CONNECT_ERROR carries; https://socket.io/docs/v4/middlewares/#handling-middleware-error."""
        return {"message": str(self), "data": {"code": self.code}}


class KeysUnavailable(Exception):
    """Nobody can be let in just now: the keys that tokens are checked with are not there yet."""


class Guard(Protocol):
    """Tells who somebody is; `anyone` is who nobody in particular is.

    `is_open` says that it asks for nothing.
    """

    anyone: Identity
    is_open: bool

    async def identify(self, token: Any, address: str) -> Identity:
        """Return whose token this is. Raises `Unwelcome` and `KeysUnavailable`."""
        ...


class OpenGuard:
    """Lets everybody in, as nobody in particular."""

    is_open = True

    def __init__(self, rooms: Rooms) -> None:
        self.anyone = Identity("", rooms)

    async def identify(self, token: Any, address: str) -> Identity:
        return self.anyone


class TokenGuard:
    """Lets in whoever has a token that is good.

    An address that guesses is told so, and keeps nobody else out: what its neighbours show is verified too.
    """

    anyone = Identity("", Rooms(), relays=frozenset())
    is_open = False

    def __init__(
        self,
        tokens: Tokens,
        tries: Tries,
        public: Rooms,
        leeway_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens = tokens
        self._tries = tries
        self._public = public
        self._leeway_seconds = leeway_seconds
        self._clock = clock
        self._lines = Lines(clock)

    async def identify(self, token: Any, address: str) -> Identity:
        try:
            claims, key = await self._tokens.verify(token)
            return replace(identity(claims, self._public, self._leeway_seconds), key=key)
        except BadToken as exc:
            if exc.fault == "keys_unavailable":
                raise KeysUnavailable(str(exc)) from exc
            if exc.fault in GUESSES and self._guesses_too_often(address):
                raise Unwelcome("too_many_tries", "too_many_tries") from exc
            raise Unwelcome("unauthorized", exc.fault) from exc
        except BadClaims as exc:
            raise Unwelcome("unauthorized", "claims") from exc

    def _guesses_too_often(self, address: str) -> bool:
        """Count a guess of an address, and say whether it had no more."""
        key, now = address_key(address), self._clock()
        if self._tries.wait(key, now):
            return True
        if self._tries.failed(key, now) and self._lines.has_room():
            log.warning(
                "%s has shown as many forged tokens as QUEUECAST_MAX_FAILED_TRIES allows in a minute; good "
                "ones are let in from there as before. If it is a proxy, QUEUECAST_TRUSTED_PROXIES should "
                "have it",
                key or "somebody",
            )
        return False
