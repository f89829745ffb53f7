"""Makes Redis clients from URLs, and turns failed calls into `BusUnavailable`.

Valkey speaks Redis's protocol, so its URLs are read as Redis's, and one client library serves both.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from difflib import get_close_matches
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote

from redis.asyncio import Redis
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import RedisError

from queuecast_bus.cluster import DEFAULT_PORT, Cluster, TlsToSlot, ToSlot, parse_nodes
from queuecast_bus.errors import BusUnavailable
from queuecast_bus.lookup import ByAddress
from queuecast_bus.packing import pack_in_c
from queuecast_bus.parser import Parser
from queuecast_bus.sentinels import (
    SENTINEL_PARAMETERS,
    connect_behind_sentinels,
    connect_to_sentinels,
    parse_sentinels,
)
from queuecast_bus.tls import TLS_PARAMETERS, TLS_SCHEMES, Tls
from queuecast_bus.urls import split_url

Credentials = Callable[[str | None], CredentialProvider]
"""Makes what gives each connection its password, for the user in a URL."""

SCHEMES = (
    *("redis", "valkey", "redis+sentinel", "valkey+sentinel", "redis+cluster", "valkey+cluster"),
    *TLS_SCHEMES,
    "unix",
)
ESCAPES = "'/', '?', '#' and '@' in a password are written %2F, %3F, %23, %40"
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 3.0
"""How long to wait for an answer. After that the connection is given up, and the outcome is unknown."""


def check_url(url: str) -> None:
    """Raise `ValueError` if `connect` could not use this URL. The message never shows a password."""
    parts = split_url(url)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"scheme {parts.scheme!r} is not one of {', '.join(s + '://' for s in SCHEMES)}")
    if parts.fragment or "@" in parts.path + parts.query:
        # This part may be the end of a password, so nothing of it is shown.
        raise ValueError(ESCAPES)
    if parts.scheme.endswith("+sentinel"):
        parse_sentinels(parts)
    elif parts.scheme.endswith("+cluster"):
        parse_nodes(parts)
    elif parts.scheme == "unix":
        if not parts.path:
            raise ValueError("unix:// needs the path of a socket")
    elif "," in parts.netloc.rpartition("@")[2]:
        raise ValueError(
            f"several hosts need {parts.scheme}+cluster://host:port,host:port for a cluster, or "
            f"{parts.scheme}+sentinel://host:port,host:port/db/service for sentinels"
        )
    elif not parts.hostname:
        raise ValueError("the host is missing")
    else:
        _check_port(parts)
        if not re.fullmatch(r"(/\d*)?", parts.path):
            raise ValueError(f"database {parts.path[1:]!r} is not a number")
    _check_query(parts)
    _check_tls(url)


def _check_port(parts: SplitResult) -> None:
    try:
        _ = parts.port
    except ValueError:
        # The message of urlsplit's error would show what follows the colon, which may be part of a password.
        raise ValueError(f"the port is not a number; {ESCAPES}") from None


def _check_query(parts: SplitResult) -> None:
    """Refuse what redis-py would refuse only when it connects, each time, with a `TypeError`."""
    known: tuple[str, ...] = ("db",)
    if "+" in parts.scheme:
        known = SENTINEL_PARAMETERS if parts.scheme.endswith("+sentinel") else ()
    if parts.scheme in TLS_SCHEMES:
        known += TLS_PARAMETERS
    given = parse_qsl(parts.query, keep_blank_values=True)
    if wrong := [_unknown(name, known) for name, _ in given if name not in known]:
        raise ValueError("the query has " + ", ".join(wrong))
    if empty := [name for name, value in given if not value]:
        raise ValueError(f"the query has no value for {', '.join(empty)}")
    if twice := [name for name, count in Counter(name for name, _ in given).items() if count > 1]:
        raise ValueError(f"the query has {', '.join(twice)} more than once")


def _unknown(name: str, known: tuple[str, ...]) -> str:
    if name in TLS_PARAMETERS:
        return f"{name} although the scheme is without TLS: did you mean rediss://?"
    close = get_close_matches(name, known, n=1)
    return f"an unknown {name!r}" + (f": did you mean {close[0]}?" if close else "")


def _check_tls(url: str) -> None:
    """Read the certificate files, as every connection will."""
    query = parse_qsl(split_url(url).query)
    pool = connect(url).connection_pool
    try:
        connection: Any = pool.make_connection()  # type: ignore[no-untyped-call]
        if isinstance(connection, SSLConnection):
            connection.ssl_context.get()
    except (OSError, RedisError, TypeError, ValueError) as exc:
        parameters = ", ".join(f"{name}={value}" for name, value in query if "password" not in name)
        raise ValueError(f"TLS cannot be set up with {parameters}: {exc}") from None


def cluster_of(url: str, hash_tag: str, *, reads: bool = False) -> Cluster | None:
    """Return the cluster that a URL names, or whose node its server may turn out to be.

    None behind sentinels and for a socket. All clients of a bus need the same one; those that read at
    replicas need another one.
    """
    parts = split_url(url)
    if parts.scheme.endswith("+cluster"):
        return Cluster(parse_nodes(parts), hash_tag, is_used=True, reads=reads)
    if parts.scheme == "unix" or "+" in parts.scheme or not parts.hostname:
        return None
    nodes = [(parts.hostname, parts.port or DEFAULT_PORT)]
    return Cluster(nodes, hash_tag, is_used=False, reads=reads)


def connect(
    url: str,
    credentials: Credentials | None = None,
    cluster: Cluster | None = None,
    *,
    reads: bool = False,
    **more: Any,
) -> Redis:
    """Return a client for `url`, which connects with its first command. Use it within `redis_call`.

    The password for the URL's user may come from `credentials`, which are asked for each connection. The URL
    of a cluster needs a `cluster`, in which the server is looked up for each connection, too. One that
    `reads` is connected by sentinels to a replica, or to the primary if there is none.
    `more` are redis-py's options for connections. The client never retries: only the caller knows whether
    that is safe.
    """
    options = {**_options(), **more}
    parts = split_url(url)
    if credentials is not None:
        user = None if parts.username is None else unquote(parts.username)
        options["credential_provider"] = credentials(user or None)
        parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
        url = parts.geturl()
    scheme = parts.scheme.replace("valkey", "redis")
    if scheme.endswith("+sentinel"):
        client = connect_behind_sentinels(parts, options, reads=reads)
    else:
        client = Redis.from_url(_of_one_server(parts, scheme), **options)
        if scheme != "unix":
            _look_up(client, cluster, encrypted=scheme.startswith("rediss"))
    pack_in_c(client)
    return client


def _of_one_server(parts: SplitResult, scheme: str) -> str:
    """Return the URL with a scheme of redis-py, and with the first of several nodes."""
    access, at, nodes = parts.netloc.rpartition("@")
    netloc = f"{access}{at}{nodes.partition(',')[0]}"
    return parts._replace(scheme=scheme.removesuffix("+cluster"), netloc=netloc).geturl()


def _look_up(client: Redis, cluster: Cluster | None, *, encrypted: bool) -> None:
    """Have the client look up names, and the server in a cluster, for each of its connections."""
    pool: Any = client.connection_pool
    kind = Tls if encrypted else ByAddress
    if cluster is None:
        pool.connection_class = kind
        return
    cluster.connect_with(kind, pool.connection_kwargs)
    pool.connection_class = TlsToSlot if encrypted else ToSlot
    pool.connection_kwargs["cluster"] = cluster


def connects_to_sentinels(url: str) -> list[Callable[[], Redis]]:
    """Return a function for each sentinel in `url` that makes a client for it; none without sentinels."""
    parts = split_url(url)
    return connect_to_sentinels(parts, _options()) if parts.scheme.endswith("+sentinel") else []


def _options() -> dict[str, Any]:
    return {
        "socket_connect_timeout": CONNECT_SECONDS,
        # redis-py's timeout uses asyncio.wait_for, which loses cancellations before Python 3.12.
        "socket_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        # No CLIENT SETINFO: not every server has it, and it would be one more command to allow.
        "driver_info": None,
        "parser_class": Parser,
    }


@asynccontextmanager
async def redis_call(
    doing: str, answer_seconds: float | None = ANSWER_SECONDS
) -> AsyncIterator[asyncio.Timeout]:
    """Call Redis: an error or a missing answer becomes `BusUnavailable`, which says what was being done.

    The value is the limit of the answer.
    """
    try:
        async with asyncio.timeout(answer_seconds) as limit:
            yield limit
    except RuntimeError as exc:
        # uvloop's error for a connection that was reset just before it is written to.
        if "handler is closed" not in str(exc):
            raise
        raise BusUnavailable(f"{doing}: the connection was closed: {exc}") from exc
    except (RedisError, OSError, TimeoutError) as exc:
        why = f"no answer in {answer_seconds} s" if limit.expired() else f"{type(exc).__name__}: {exc}"
        raise BusUnavailable(f"{doing}: {why}") from exc


def jittered(attempt: int, *, base_seconds: float = 0.1, cap_seconds: float = 5.0) -> float:
    """Return a full-jitter back-off before try number `attempt` (from 0): anything up to base × 2^attempt.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return random.random() * min(cap_seconds, base_seconds * 2.0 ** min(attempt, 16))
