"""Redis behind sentinels: parses their URL, and makes a client for the primary."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote

from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel, SentinelManagedConnection
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

from queuecast_bus.lookup import ByAddress
from queuecast_bus.tls import TLS_SCHEMES, Tls, TlsToPrimary, tls_options

BY_NAME = "SENTINEL GET-MASTER-ADDR-BY-NAME"

SENTINEL_PARAMETERS = ("sentinel_username", "sentinel_password")
"""The parameters of a URL by which the sentinels' own user is given."""

SENTINEL_SECONDS = 0.8
"""How long a sentinel may take to connect, and to answer. It leaves time to ask the next one."""


def parse_sentinels(parts: SplitResult) -> tuple[list[tuple[str, int]], str, dict[str, Any]]:
    """Return the sentinels' addresses, the service's name, and database and credentials for the primary.

    Raises `ValueError`, which never shows a password.
    """
    found = re.fullmatch(r"(?:/(\d*)(?:/([^/]*))?)?", parts.path)
    addresses = [each.rpartition(":") for each in parts.netloc.rpartition("@")[2].split(",")]
    if not found or not all(host and port.isdecimal() for host, _, port in addresses):
        raise ValueError(f"expected {parts.scheme}://[user:password@]host:port,host:port/db/service")
    database, service = found.groups()
    if not service:
        raise ValueError(f"{parts.scheme}:// needs the service's name: …/0/mymaster")
    hosts = [(host.strip("[]"), int(port)) for host, _, port in addresses]
    access: dict[str, Any] = {"db": int(database or 0)}
    for name, value in (("username", parts.username), ("password", parts.password)):
        if value:
            access[name] = unquote(value)
    return hosts, service, access


def connect_behind_sentinels(parts: SplitResult, options: Mapping[str, Any], *, reads: bool) -> Redis:
    """Return a client for the primary, or for a replica if it `reads` and there is one.

    With a TLS scheme it uses TLS for that server and for the sentinels.
    """
    hosts, service, access = parse_sentinels(parts)
    tls = tls_options(parts.query) if parts.scheme in TLS_SCHEMES else {}
    sentinels: Any = Sentinels(  # type: ignore[no-untyped-call]
        hosts, sentinel_kwargs=_options(parts, options), **options, **access, **tls
    )
    client_for = sentinels.slave_for if reads else sentinels.master_for
    client: Redis = client_for(service, BehindSentinels)
    client.connection_pool.connection_class = TlsToPrimary if tls else PlainToPrimary
    for each in sentinels.sentinels:
        each.connection_pool.connection_class = Tls if tls else ByAddress
    return client


def connect_to_sentinels(parts: SplitResult, options: Mapping[str, Any]) -> list[Callable[[], Redis]]:
    """Return for each sentinel a function that makes a client for it."""
    own = _options(parts, options)
    hosts, _, _ = parse_sentinels(parts)

    def connect(host: str, port: int) -> Redis:
        client = Redis(host=host, port=port, **own)
        client.connection_pool.connection_class = Tls if parts.scheme in TLS_SCHEMES else ByAddress
        return client

    return [partial(connect, host, port) for host, port in hosts]


def _options(parts: SplitResult, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a sentinel's client, from those of the primary's."""
    tls = tls_options(parts.query) if parts.scheme in TLS_SCHEMES else {}
    limits = {"socket_timeout": SENTINEL_SECONDS, "socket_connect_timeout": SENTINEL_SECONDS}
    query = parse_qs(parts.query)
    own = {name.removeprefix("sentinel_"): query[name][0] for name in SENTINEL_PARAMETERS if name in query}
    to_sentinels = {**options, **limits, **tls, **own, "redis_connect_func": None}
    del to_sentinels["parser_class"]  # which clients do not take, only their pools
    to_sentinels.pop("credential_provider", None)
    return to_sentinels


class PlainToPrimary(SentinelManagedConnection, ByAddress):
    """A connection to the primary that the sentinels name."""


async def check_is_primary(connection: Any) -> None:
    """Raise redis-py's `ConnectionError` if this server takes writes, but sentinels name another primary.

    They name an old primary as a replica before they have demoted it. What only that one has is of no use.
    """
    if isinstance(connection, SentinelManagedConnection):
        host, port = await connection.connection_pool.get_master_address()
        if (host, port) != (connection.host, connection.port):
            raise ConnectionLost(f"{connection._host_error()} is no replica of {host}:{port} yet")


class Sentinels(Sentinel):
    """Sentinels whose error says why none of them could name the primary."""

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return the address of the primary. The sentinel that knew it is asked first the next time."""
        failures = []
        sentinel: Any
        for number, sentinel in enumerate(self.sentinels):
            try:
                # `SENTINEL MASTERS` goes on naming the old primary for seconds after a failover.
                found = await sentinel.execute_command(BY_NAME, service_name)
            except (RedisError, OSError) as exc:
                # redis-py's own message would show the client's options, and only the type of the error.
                failures.append(str(exc))
                continue
            if found:
                self.sentinels.insert(0, self.sentinels.pop(number))
                return found[0].decode(), found[1]
        raise MasterNotFoundError("; ".join([f"no sentinel knows a primary for {service_name!r}", *failures]))


class BehindSentinels(Redis):
    """A client that also closes its connections to the sentinels."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        if not self.single_connection_client:
            pool: Any = self.connection_pool
            await pool.sentinel_manager.aclose()
