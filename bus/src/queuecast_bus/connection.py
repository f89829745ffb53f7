"""From a URL to a Redis client; and which errors mean that Redis is not there for us.

Valkey speaks Redis's protocol, so its URLs are read as Redis's, and one client library serves both.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import SplitResult, urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from socketio.redis_manager import parse_redis_sentinel_url

from queuecast_bus.errors import BusUnavailable

SCHEMES = (
    "redis",
    "rediss",
    "redis+sentinel",
    "unix",
    "valkey",
    "valkeys",
    "valkey+sentinel",
)
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 3.0
"""How long to wait for an answer before the connection is given up and the outcome is unknown."""


def check_url(url: str) -> None:
    """Raise `ValueError` if `url` names no server that `connect` could reach. Never shows a password."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"scheme {parts.scheme!r} is not one of {', '.join(s + '://' for s in SCHEMES)}")
    if parts.scheme.endswith("+sentinel"):
        _sentinels(url)
    elif parts.scheme == "unix":
        if not parts.path:
            raise ValueError("unix:// needs the path of a socket")
    elif not parts.hostname:
        raise ValueError("the host is missing")
    else:
        _check_port(parts)
        if not re.fullmatch(r"(/\d*)?", parts.path):
            raise ValueError(f"database {parts.path[1:]!r} is not a number")


def _check_port(parts: SplitResult) -> None:
    try:
        _ = parts.port
    except ValueError:
        # The text of urlsplit's own error would show what follows the colon, which may be part of a password.
        raise ValueError(
            "the port is not a number; '/', '?' and '#' in a password are written %2F, %3F, %23"
        ) from None


def connect(url: str) -> Redis:
    """Return a client for `url`; it connects with its first command. Ask it within `asking`.

    A command is sent once: who calls decides about trying again, because only they know whether that is safe.
    """
    options: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_SECONDS,
        # redis-py's own limit uses asyncio.wait_for, which loses cancellations before Python 3.12.
        "socket_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    scheme, _, rest = url.partition("://")
    scheme = scheme.replace("valkey", "redis")
    if scheme == "redis+sentinel":
        hosts, service, credentials = _sentinels(url)
        timeouts = {"socket_timeout": CONNECT_SECONDS, "socket_connect_timeout": CONNECT_SECONDS}
        sentinel: Any = Sentinel(hosts, sentinel_kwargs=timeouts, **options, **credentials)  # type: ignore[no-untyped-call]
        client: Redis = sentinel.master_for(service)
        return client
    return Redis.from_url(f"{scheme}://{rest}", **options)


def _sentinels(url: str) -> tuple[list[tuple[str, int]], str, dict[str, Any]]:
    try:
        hosts, service, credentials = parse_redis_sentinel_url(url.replace("valkey+", "redis+", 1))
    except ValueError:
        hosts, service, credentials = [], None, {}
    if not hosts or not all(host for host, _ in hosts):
        raise ValueError("expected redis+sentinel://[:password@]host:port,host:port/db/service")
    if not service:
        raise ValueError("redis+sentinel:// needs the service's name: …/0/mymaster")
    return hosts, service, credentials


@asynccontextmanager
async def asking(doing: str, answer_seconds: float | None = ANSWER_SECONDS) -> AsyncIterator[None]:
    """Ask Redis something: raise `BusUnavailable`, saying what was being done, for an error or no answer."""
    try:
        async with asyncio.timeout(answer_seconds) as limit:
            yield
    except (RedisError, OSError, TimeoutError) as exc:
        why = f"no answer in {answer_seconds} s" if limit.expired() else f"{type(exc).__name__}: {exc}"
        raise BusUnavailable(f"{doing}: {why}") from exc


def jittered(attempt: int, *, base_seconds: float = 0.1, cap_seconds: float = 5.0) -> float:
    """Return a full-jitter back-off before try number `attempt` (from 0): anything up to base × 2^attempt.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return random.random() * min(cap_seconds, base_seconds * 2.0 ** min(attempt, 16))
