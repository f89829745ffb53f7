"""Fetches payloads that were too large for their queue and are stored in S3. It never deletes them.

`decision` checks which buckets may be read. The SDK's variables say where S3 is and which credentials to use
(`AWS_ENDPOINT_URL_S3`, …).
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Protocol

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aiohttp import ClientError as TransportError
from botocore import exceptions as sdk_errors

from queuecast_poller.unwrap import Pointer

MAX_FETCHES = 8
"""Most payloads of one queue that are fetched at the same time."""

_FAILURES = (
    sdk_errors.ClientError,
    sdk_errors.BotoCoreError,
    sdk_errors.HTTPClientError,
    TransportError,
    OSError,
    ValueError,
)
"""`ValueError` is for a key that fits into no request, such as one with half a surrogate pair."""

_DOTS = frozenset({".", ".."})
"""Servers and proxies that resolve paths would take `../other/key` for a key of another bucket, where the
bucket is a part of the path."""


class NoPayload(Exception):
    """The payload cannot be fetched; the message says why."""


class Payloads(Protocol):
    """A source of payloads."""

    async def fetch(self, pointer: Pointer) -> str:
        """Return the object that a pointer names. Raises `NoPayload`."""

    async def aclose(self) -> None:
        """Close all connections."""


class S3Payloads:
    """`Payloads` in S3. The client is made at the first fetch, as most pollers never need one."""

    def __init__(
        self,
        max_bytes: int,
        seconds: float,
        client: Callable[[], AbstractAsyncContextManager[Any]] | None = None,
    ) -> None:
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._make_client = client or _s3_client
        self._open_client = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._client: Any = None
        self._slots = asyncio.Semaphore(MAX_FETCHES)

    async def fetch(self, pointer: Pointer) -> str:
        if not _DOTS.isdisjoint(pointer.key.split("/")):
            raise NoPayload("the key has '.' or '..' as a part, which may lead into another bucket")
        try:
            async with asyncio.timeout(self._seconds), self._slots:
                data = await self._get(pointer)
        except TimeoutError as exc:
            raise NoPayload(f"not fetched within {self._seconds:g} s") from exc
        except _FAILURES as exc:
            raise NoPayload(f"{type(exc).__name__}: {exc}") from exc
        try:
            return data.decode()
        except UnicodeDecodeError as exc:
            raise NoPayload("it is not UTF-8") from exc

    async def aclose(self) -> None:
        await self._open_client.aclose()

    async def _get(self, pointer: Pointer) -> bytes:
        client = await self._open()
        answer = await client.get_object(Bucket=pointer.bucket, Key=pointer.key)
        async with answer["Body"] as body:
            size = answer.get("ContentLength", 0)
            if size <= self._max_bytes:
                # One byte more than is allowed shows that there is more, whatever the length says.
                data: bytes = await body.read(self._max_bytes + 1)
                if len(data) <= self._max_bytes:
                    return data
        raise NoPayload(f"it is larger than {self._max_bytes} bytes")

    async def _open(self) -> Any:
        async with self._opening:
            if self._client is None:
                self._client = await self._open_client.enter_async_context(self._make_client())
            return self._client


def _s3_client() -> AbstractAsyncContextManager[Any]:
    region = os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION")
    config = AioConfig(
        connect_timeout=5,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=MAX_FETCHES,
    )
    client: AbstractAsyncContextManager[Any] = get_session().create_client(
        "s3", config=config, region_name=region
    )
    return client
