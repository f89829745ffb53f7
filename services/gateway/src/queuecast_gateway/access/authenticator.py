"""Authentication: from the token that a browser shows to its identity, or to a refusal."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, Protocol

from queuecast_gateway.access.grant import BadClaims, Identity, Rooms, identity
from queuecast_gateway.access.tokens import BAD_TOKEN_REASONS, FORGED_REASONS, BadToken, Tokens
from queuecast_gateway.limits.client_address import address_key
from queuecast_gateway.limits.failure_limiter import FailureLimiter
from queuecast_gateway.limits.log_limiter import LogLimiter

log = logging.getLogger(__name__)

Code = Literal["unauthorized", "too_many_tries", "too_many_connections"]

MESSAGES: dict[Code, str] = {
    "unauthorized": "Not authorised",
    "too_many_tries": "Too many tries, come back later",
    "too_many_connections": "Too many connections of this identity",
}

CONNECT_REFUSALS = (*BAD_TOKEN_REASONS, "too_many_tries", "too_many_connections", "bus_unavailable")
"""Why a browser could not join a namespace: the labels of a metric."""


class ConnectRefused(Exception):
    """A browser may not join. It is told the `code` alone; `reason` is one of `CONNECT_REFUSALS`."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(MESSAGES[code])
        self.code = code
        self.reason = reason

    @property
    def data(self) -> dict[str, Any]:
        """What a CONNECT_ERROR carries; https://socket.io/docs/v4/middlewares/#handling-middleware-error."""
        return {"message": str(self), "data": {"code": self.code}}


class KeysUnavailable(Exception):
    """No token can be verified now, because the issuer's keys are not known."""


class Authenticator(Protocol):
    """Finds the identity behind a token. `anyone` is the identity of a browser that has shown none.

    `is_open` says that no token is needed.
    """

    anyone: Identity
    is_open: bool

    async def identify(self, token: Any, address: str) -> Identity:
        """Return the identity of a token's holder. Raises `ConnectRefused` and `KeysUnavailable`."""
        ...


class OpenAuthenticator:
    """Accepts every browser, without a subject."""

    is_open = True

    def __init__(self, rooms: Rooms) -> None:
        self.anyone = Identity("", rooms)

    async def identify(self, token: Any, address: str) -> Identity:
        return self.anyone


class TokenAuthenticator:
    """Accepts browsers with a valid token.

    An address that shows too many forged tokens is told to wait. Its valid tokens are still accepted, because
    other users may share the address.
    """

    anyone = Identity("", Rooms(), relays=frozenset())
    is_open = False

    def __init__(
        self,
        tokens: Tokens,
        failures: FailureLimiter,
        public: Rooms,
        leeway_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens = tokens
        self._failures = failures
        self._public = public
        self._leeway_seconds = leeway_seconds
        self._clock = clock
        self._log_limiter = LogLimiter(clock)

    async def identify(self, token: Any, address: str) -> Identity:
        try:
            claims, key = await self._tokens.verify(token)
            return replace(identity(claims, self._public, self._leeway_seconds), key=key)
        except BadToken as exc:
            if exc.reason == "keys_unavailable":
                raise KeysUnavailable(str(exc)) from exc
            if exc.reason in FORGED_REASONS and self._has_forged_too_many(address):
                raise ConnectRefused("too_many_tries", "too_many_tries") from exc
            raise ConnectRefused("unauthorized", exc.reason) from exc
        except BadClaims as exc:
            raise ConnectRefused("unauthorized", "claims") from exc

    def _has_forged_too_many(self, address: str) -> bool:
        """Count a forged token of an address; say whether it had shown too many before."""
        key, now = address_key(address), self._clock()
        if self._failures.wait_seconds(key, now):
            return True
        if self._failures.record(key, now) and self._log_limiter.allows():
            log.warning(
                "%s has shown as many forged tokens as QUEUECAST_MAX_FAILED_TRIES allows in a minute; valid "
                "tokens from there are still accepted. If it is a proxy, add it to QUEUECAST_TRUSTED_PROXIES",
                key or "a client without an address",
            )
        return False
