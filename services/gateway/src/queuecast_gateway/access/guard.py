"""Who may come in: a guard for each way in which the gateway can be told who somebody is."""

import time
from collections.abc import Callable
from typing import Any, Literal, Protocol

from queuecast_gateway.access.grant import BadClaims, Identity, Rooms, identity
from queuecast_gateway.access.tokens import TOKEN_FAULTS, BadToken, Tokens
from queuecast_gateway.limits.address import address_key
from queuecast_gateway.limits.tries import Tries

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
    """Lets in who has a token that is good; who tries too often with others has to wait."""

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

    async def identify(self, token: Any, address: str) -> Identity:
        key = address_key(address)
        if self._tries.wait(key, self._clock()):
            raise Unwelcome("too_many_tries", "too_many_tries")
        try:
            claims = await self._tokens.claims(token)
            return identity(claims, self._public, self._leeway_seconds)
        except BadToken as exc:
            if exc.fault == "keys_unavailable":
                raise KeysUnavailable(str(exc)) from exc
            self._tries.failed(key, self._clock())
            raise Unwelcome("unauthorized", exc.fault) from exc
        except BadClaims as exc:
            self._tries.failed(key, self._clock())
            raise Unwelcome("unauthorized", "claims") from exc
