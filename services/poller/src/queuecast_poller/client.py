"""The SDK's client of one queue: lent for each call, and made anew when its credentials were refused.

It knows how the SDK fails and says it in our words. It does not know what is asked.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aiohttp import ClientError as TransportError
from botocore import exceptions as sdk_errors

from queuecast_poller.failure import Call, Failure, QueueUnavailable, reason_of

RENEW_SECONDS = 10.0
"""A client is used for so long at least: to make one reads files and takes some 100 ms of CPU."""

MakeClient = Callable[[], AbstractAsyncContextManager[Any]]


class Garbled(Exception):
    """What came with HTTP 200 is no answer of SQS; raised within `Client.calling`."""


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
    (
        Failure.CONNECTION,
        (sdk_errors.ConnectionError, sdk_errors.HTTPClientError, TransportError, OSError),
    ),
    (Failure.GARBLED, (Garbled,)),
    (Failure.OTHER, (sdk_errors.BotoCoreError,)),
)
"""Kinds of failure, the more special first: a timeout is an `OSError` too."""

_FAILURES = (sdk_errors.ClientError, *(kind for _, kinds in _KINDS for kind in kinds))


@dataclass(slots=True, eq=False)
class _Lease:
    """One client of the SDK, and how many calls use it."""

    context: AbstractAsyncContextManager[Any]
    sdk: Any
    made: float
    users: int = 0


class Client:
    """Lends the SDK's client for calls about one queue.

    A client signs with the credentials that were found when it was made. The SDK renews some of them by
    itself (a role's); others are in files that something else rewrites, and only a new client reads them
    again. So one whose credentials were refused is put aside, and closed once the calls that use it are over:
    a long poll that was cut off may have been handed messages already.
    """

    def __init__(self, queue: str, make: MakeClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._make = make
        self._clock = clock
        self._opening = asyncio.Lock()
        self._current: _Lease | None = None

    @asynccontextmanager
    async def calling(self, call: Call, seconds: float) -> AsyncIterator[Any]:
        """Lend the client for one call, for so long at most. Raises `QueueUnavailable` if that fails."""
        lease: _Lease | None = None
        try:
            async with asyncio.timeout(seconds):
                lease = await self._borrow()
                yield lease.sdk
        except _FAILURES as exc:
            reason, detail = _explained(exc)
            if reason is Failure.CREDENTIALS:
                self._put_aside(lease)
            raise QueueUnavailable(call, self._queue, reason, detail) from exc
        finally:
            if lease is not None:
                await self._give_back(lease)

    async def close(self) -> None:
        """Close the client as soon as no call uses it."""
        lease, self._current = self._current, None
        if lease is not None and not lease.users:
            await lease.context.__aexit__(None, None, None)

    async def _borrow(self) -> _Lease:
        async with self._opening:
            if self._current is None:
                context = self._make()
                self._current = _Lease(context, await context.__aenter__(), self._clock())
            self._current.users += 1
            return self._current

    def _put_aside(self, lease: _Lease | None) -> None:
        if lease is not None and lease is self._current and self._clock() - lease.made >= RENEW_SECONDS:
            self._current = None

    async def _give_back(self, lease: _Lease) -> None:
        lease.users -= 1
        if lease is not self._current and not lease.users:
            await lease.context.__aexit__(None, None, None)


@asynccontextmanager
async def sdk_client(region: str | None, config: AioConfig) -> AsyncIterator[Any]:
    """Make a client of SQS in the running loop; a session of its own finds the credentials anew.

    AWS's other SDKs read `AWS_REGION`, and its platforms set it; botocore knows `AWS_DEFAULT_REGION` alone.
    """
    if region is None and "AWS_DEFAULT_REGION" not in os.environ:
        region = os.environ.get("AWS_REGION")
    async with get_session().create_client("sqs", config=config, region_name=region) as sdk:
        sdk.meta.events.register("before-parse.sqs", refuse_garbage)
        yield sdk


def refuse_garbage(response_dict: dict[str, Any], **_: Any) -> None:
    """Look at an answer before botocore does, which takes for an empty one what it cannot parse.

    With HTTP 200 that would be "no messages" when some were handed out. With an error it is a load balancer's
    page, of which the status says all there is to know; as a list or in Latin-1 it would make botocore fail
    with what is none of its own errors, and end the process.
    """
    try:
        answer = json.loads(response_dict["body"] or b"{}")
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return
    if response_dict["status_code"] < 300:
        raise Garbled(f"{len(response_dict['body'])} bytes that are no JSON object")
    response_dict["body"] = b""


def _explained(exc: Exception) -> tuple[Failure, str]:
    if isinstance(exc, sdk_errors.ClientError):
        error = exc.response.get("Error", {})
        status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(error.get("Code", ""))
        return reason_of(code, status), f"{code or status}: {error.get('Message', '')}"
    reason = next(reason for reason, kinds in _KINDS if isinstance(exc, kinds))
    return reason, f"{type(exc).__name__}: {exc}"
