"""Calls about one queue: signed, sent, and read, or failed in our words.

The SDK says as whom and where (`access`); a call is a small JSON document there and back. Nothing is tried
again here: who calls does that, with its own back-off and in plain sight.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from aiohttp import ClientError as TransportError
from aiohttp import ClientHttpProxyError, ClientResponseError
from botocore import exceptions as sdk_errors

from queuecast_edge.environment import SettingsError
from queuecast_poller.access import Access, CredentialSource
from queuecast_poller.failure import Call, Failure, QueueUnavailable, reason_of
from queuecast_poller.reply import Garbled, Refused, Reply, answer_in
from queuecast_poller.signature import Credentials, Signer

log = logging.getLogger(__name__)

RENEW_SECONDS = 10.0
"""What the SDK said is used for so long at least: to ask it reads files and takes some 100 ms of CPU."""

SKEW_SECONDS = 60.0
"""A clock that is wrong by more than this may be why a signature was refused: SQS allows five minutes."""

PREFIX = "AmazonSQS."

FindAccess = Callable[[], Awaitable[Access]]


class Poster(Protocol):
    """What carries a request: `transport.Transport`."""

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Reply: ...
    async def close(self) -> None: ...


OpenTransport = Callable[[Access], Awaitable[Poster]]

_MISCONFIGURED = (
    sdk_errors.ConfigNotFound,
    sdk_errors.ConfigParseError,
    sdk_errors.InvalidRegionError,
    sdk_errors.NoRegionError,
    sdk_errors.ProfileNotFound,
    ValueError,
)
"""What the SDK raises where its configuration is wrong, which no time heals."""

_KINDS: tuple[tuple[Failure, tuple[type[Exception], ...]], ...] = (
    (Failure.TIMEOUT, (sdk_errors.ReadTimeoutError, sdk_errors.ConnectTimeoutError, TimeoutError)),
    (
        Failure.CREDENTIALS,
        (
            sdk_errors.CredentialRetrievalError,
            sdk_errors.NoAuthTokenError,
            sdk_errors.NoCredentialsError,
            sdk_errors.PartialCredentialsError,
            sdk_errors.SSOError,
            sdk_errors.TokenRetrievalError,
            sdk_errors.UnknownCredentialError,
        ),
    ),
    (Failure.CONNECTION, (ClientHttpProxyError,)),
    (Failure.GARBLED, (Garbled, ClientResponseError)),
    (
        Failure.CONNECTION,
        (sdk_errors.ConnectionError, sdk_errors.HTTPClientError, TransportError, OSError),
    ),
    (Failure.OTHER, (sdk_errors.BotoCoreError,)),
)
"""Kinds of failure, the more special first: a timeout is an `OSError` too."""

_FAILURES = (Refused, sdk_errors.ClientError, *(kind for _, kinds in _KINDS for kind in kinds))


@dataclass(frozen=True, slots=True, eq=False)
class _Identity:
    """As whom we sign, and since when. Without credentials only an emulator is asked."""

    source: CredentialSource | None
    public: bool
    found: float

    async def credentials(self) -> Credentials | None:
        if self.source is not None:
            return await self.source.get_frozen_credentials()
        if self.public:
            raise sdk_errors.NoCredentialsError
        return None


@dataclass(frozen=True, slots=True)
class _Line:
    """The way to the endpoint: it stays while identities change."""

    transport: Poster
    signer: Signer


class Client:
    """Calls SQS about one queue, in one event loop.

    It signs with what the SDK has found. The SDK renews some credentials by itself (a role's); others are in
    files that something else rewrites, and only a new session reads them again. So where credentials were
    refused the SDK is asked anew.
    """

    def __init__(
        self,
        queue: str,
        find_access: FindAccess,
        open_transport: OpenTransport,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._queue = queue
        self._find_access = find_access
        self._open_transport = open_transport
        self._clock = clock
        self._wall_clock = wall_clock
        self._asking = asyncio.Lock()
        self._line: _Line | None = None
        self._identity: _Identity | None = None
        self._skew_seconds = 0.0

    async def call(
        self, call: Call, action: str, request: Mapping[str, Any] | bytes, seconds: float
    ) -> dict[str, Any]:
        """Return SQS's answer to a request, which may come as JSON already.

        Raises `QueueUnavailable` if there is none in so many seconds, and `SettingsError` if the SDK is
        configured wrongly.
        """
        identity: _Identity | None = None
        reply: Reply | None = None
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        try:
            async with asyncio.timeout(seconds):
                line, identity = await self._ready()
                credentials = await identity.credentials()
                headers = line.signer.headers(PREFIX + action, body, credentials, self._now())
                reply = await line.transport.post(body, headers)
            return answer_in(reply)
        except _FAILURES as exc:
            reason, detail = _explained(exc)
            if reason is Failure.CREDENTIALS and not (reply is not None and self._corrected(reply)):
                self._forget(identity)
            raise QueueUnavailable(call, self._queue, reason, detail) from exc

    async def close(self) -> None:
        """Close all connections."""
        if self._line is not None:
            await self._line.transport.close()

    async def _ready(self) -> tuple[_Line, _Identity]:
        if self._line is not None and self._identity is not None:
            return self._line, self._identity
        async with self._asking:
            if self._line is None or self._identity is None:
                access = await self._ask_the_sdk()
                if self._line is None:
                    transport = await self._open_transport(access)
                    self._line = _Line(transport, Signer(access.url, access.region))
                self._identity = _Identity(access.credentials, access.public, self._clock())
            return self._line, self._identity

    async def _ask_the_sdk(self) -> Access:
        try:
            return await self._find_access()
        except _MISCONFIGURED as exc:
            if self._line is None:
                raise SettingsError(f"AWS's SDK, for the queue {self._queue}: {exc}") from exc
            # It was right at the start: somebody is at work on its files.
            raise sdk_errors.CredentialRetrievalError(provider="any", error_msg=str(exc)) from exc

    def _forget(self, identity: _Identity | None) -> None:
        if identity is None or identity is not self._identity:
            return
        if self._clock() - identity.found >= RENEW_SECONDS:
            self._identity = None

    def _now(self) -> str:
        return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._wall_clock() + self._skew_seconds))

    def _corrected(self, reply: Reply) -> bool:
        """Go by SQS's clock from now on, if ours is wrong; return whether it was."""
        try:
            theirs = parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
        except ValueError:
            return False
        skew = theirs - self._wall_clock()
        if abs(skew - self._skew_seconds) < SKEW_SECONDS:
            return False
        log.warning("the clock here is %.0f s away from that of SQS, which counts from now on", abs(skew))
        self._skew_seconds = skew
        return True


def _explained(exc: Exception) -> tuple[Failure, str]:
    if isinstance(exc, Refused):
        return reason_of(exc.code, exc.status), str(exc)
    if isinstance(exc, sdk_errors.ClientError):
        # Of the service that hands out credentials.
        error = exc.response.get("Error", {})
        return Failure.CREDENTIALS, f"{error.get('Code')}: {error.get('Message', '')}"
    reason = next(reason for reason, kinds in _KINDS if isinstance(exc, kinds))
    return reason, f"{type(exc).__name__}: {exc}"
