"""Calls SQS about one queue: signs and sends a request and reads the answer, or raises `QueueUnavailable`.

The SDK supplies credentials and endpoint (`credentials`); a call is a small JSON document each way. Nothing
is retried here: callers retry, each with its own back-off.
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
from queuecast_poller.sqs.credentials import Access, CredentialSource
from queuecast_poller.sqs.failure import Call, Failure, QueueUnavailable, reason_of
from queuecast_poller.sqs.response import Garbled, Refused, Response, read_answer
from queuecast_poller.sqs.signature import Credentials, Signer

log = logging.getLogger(__name__)

RENEW_SECONDS = 10.0
"""How long what the SDK found is used at least: asking it reads files and takes about 100 ms of CPU."""

SKEW_SECONDS = 60.0
"""A clock that is wrong by more than this may be the reason why a signature was refused: SQS allows five
minutes."""

PREFIX = "AmazonSQS."

FindAccess = Callable[[], Awaitable[Access]]


class Poster(Protocol):
    """Carries requests: `transport.Transport`."""

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Response: ...
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
"""What the SDK raises if its configuration is wrong, which retrying cannot mend."""

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
"""Kinds of failure, the more specific first: a timeout is an `OSError` too."""

_FAILURES = (Refused, sdk_errors.ClientError, *(kind for _, kinds in _KINDS for kind in kinds))


@dataclass(frozen=True, slots=True, eq=False)
class _Identity:
    """Whose credentials sign requests, and since when. Only an emulator is called without credentials."""

    source: CredentialSource | None
    public: bool
    found_at: float

    async def credentials(self) -> Credentials | None:
        if self.source is not None:
            return await self.source.get_frozen_credentials()
        if self.public:
            raise sdk_errors.NoCredentialsError
        return None


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """How the endpoint is reached. It stays while identities change."""

    transport: Poster
    signer: Signer


class Client:
    """Calls SQS about one queue, in one event loop.

    It signs with the credentials that the SDK has found. The SDK renews some of them by itself (a role's).
    Others are in files that something else rewrites, and only a new session reads those again. So when
    credentials are refused, the SDK is asked again.
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
        self._preparing = asyncio.Lock()
        self._endpoint: _Endpoint | None = None
        self._identity: _Identity | None = None
        self._skew_seconds = 0.0

    async def call(
        self, call: Call, action: str, request: Mapping[str, Any] | bytes, seconds: float
    ) -> dict[str, Any]:
        """Return SQS's answer to a request; bytes are JSON that is already encoded.

        Raises `QueueUnavailable` if there is no answer within so many seconds, and `SettingsError` if the SDK
        is configured wrongly.
        """
        identity: _Identity | None = None
        reply: Response | None = None
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        try:
            async with asyncio.timeout(seconds):
                endpoint, identity = await self._ready()
                credentials = await identity.credentials()
                headers = endpoint.signer.headers(PREFIX + action, body, credentials, self._now())
                reply = await endpoint.transport.post(body, headers)
            return read_answer(reply)
        except _FAILURES as exc:
            reason, detail = _explain(exc)
            if reason is Failure.CREDENTIALS and not (reply is not None and self._correct_clock(reply)):
                self._forget(identity)
            raise QueueUnavailable(call, self._queue, reason, detail) from exc

    async def close(self) -> None:
        """Close all connections."""
        if self._endpoint is not None:
            await self._endpoint.transport.close()

    async def _ready(self) -> tuple[_Endpoint, _Identity]:
        if self._endpoint is not None and self._identity is not None:
            return self._endpoint, self._identity
        async with self._preparing:
            if self._endpoint is None or self._identity is None:
                access = await self._ask_the_sdk()
                if self._endpoint is None:
                    transport = await self._open_transport(access)
                    self._endpoint = _Endpoint(transport, Signer(access.url, access.region))
                self._identity = _Identity(access.credentials, access.public, self._clock())
            return self._endpoint, self._identity

    async def _ask_the_sdk(self) -> Access:
        try:
            return await self._find_access()
        except _MISCONFIGURED as exc:
            if self._endpoint is None:
                raise SettingsError(f"AWS's SDK, for the queue {self._queue}: {exc}") from exc
            # It was right at the start, so somebody is editing its files.
            raise sdk_errors.CredentialRetrievalError(provider="any", error_msg=str(exc)) from exc

    def _forget(self, identity: _Identity | None) -> None:
        if identity is None or identity is not self._identity:
            return
        if self._clock() - identity.found_at >= RENEW_SECONDS:
            self._identity = None

    def _now(self) -> str:
        return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._wall_clock() + self._skew_seconds))

    def _correct_clock(self, reply: Response) -> bool:
        """Use SQS's clock from now on, if ours is wrong; return whether it was."""
        try:
            sqs_time = parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
        except ValueError:
            return False
        skew = sqs_time - self._wall_clock()
        if abs(skew - self._skew_seconds) < SKEW_SECONDS:
            return False
        log.warning("the local clock is off by %.0f s; requests are signed with SQS's time now", abs(skew))
        self._skew_seconds = skew
        return True


def _explain(exc: Exception) -> tuple[Failure, str]:
    if isinstance(exc, Refused):
        return reason_of(exc.code, exc.status), str(exc)
    if isinstance(exc, sdk_errors.ClientError):
        # From the service that issues credentials.
        error = exc.response.get("Error", {})
        return Failure.CREDENTIALS, f"{error.get('Code')}: {error.get('Message', '')}"
    reason = next(reason for reason, kinds in _KINDS if isinstance(exc, kinds))
    return reason, f"{type(exc).__name__}: {exc}"
