"""Who may use the API: the token in the header `Authorization`, checked with each request."""

import logging
import re
import time
from collections.abc import Callable

from queuecast_gateway.access.api_tokens import ApiToken, ApiTokens
from queuecast_gateway.api.problems import Problem
from queuecast_gateway.limits.client_address import address_key
from queuecast_gateway.limits.failure_limiter import FailureLimiter
from queuecast_gateway.limits.log_limiter import LogLimiter

log = logging.getLogger(__name__)

_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]+=*) *", re.ASCII)

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="queuecast"', "Connection": "close"}
"""The headers of an answer to a request without a good token."""


class Access:
    """Finds the token of a request.

    An address that has shown too many unknown tokens is told to wait. A token that is in the file is still
    accepted from there: a back end must not stop because of another one behind the same address, and nobody
    guesses 32 random characters.
    """

    def __init__(
        self, tokens: ApiTokens, failures: FailureLimiter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tokens = tokens
        self._failures = failures
        self._clock = clock
        self._log_limiter = LogLimiter(clock)

    def check(self, authorization: str | None, right: str, address: str) -> ApiToken:
        """Return the token of a request that needs this right. Raises `Problem`."""
        if authorization is None:
            raise Problem(
                "unauthorized", "expected the header `Authorization: Bearer TOKEN`", headers=CHALLENGE
            )
        match = _BEARER.fullmatch(authorization)
        token = self._tokens.find(match[1]) if match is not None else None
        if token is None:
            raise self._failure(address)
        if right not in token.rights:
            raise Problem("forbidden", f"the token {token.name!r} does not have the right {right!r}")
        return token

    def _failure(self, address: str) -> Problem:
        key, now = address_key(address), self._clock()
        if wait := self._failures.wait_seconds(key, now):
            return Problem(
                "too-many-tries", "this address has shown too many unknown tokens", retry_seconds=wait
            )
        is_last = self._failures.record(key, now)
        if self._log_limiter.allows():
            log.warning(
                "%s has shown an unknown token to the HTTP API%s",
                key or "a client without an address",
                ", and has to wait now: QUEUECAST_MAX_FAILED_TRIES in a minute" if is_last else "",
            )
        return Problem("unauthorized", "the token is unknown", headers=CHALLENGE)
