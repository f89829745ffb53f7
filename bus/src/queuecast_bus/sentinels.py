"""Redis behind sentinels: which ones a URL names, and a client for the primary that they know."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, unquote

from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.exceptions import RedisError

from queuecast_bus.tls import TLS_SCHEMES, Tls, TlsToPrimary, tls_options

SENTINEL_SECONDS = 0.8
"""How long a sentinel may take, to connect and to answer: the next one must still be asked in time."""


def parse_sentinels(parts: SplitResult) -> tuple[list[tuple[str, int]], str, dict[str, Any]]:
    """Return the sentinels' addresses, the service's name, with which database and as whom it is used.

    Raises `ValueError`, which shows no password.
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


def connect_to_primary(parts: SplitResult, options: Mapping[str, Any]) -> Redis:
    """Return a client for the primary; with a TLS scheme it speaks TLS to that and to the sentinels."""
    hosts, service, access = parse_sentinels(parts)
    tls = tls_options(parts.query) if parts.scheme in TLS_SCHEMES else {}
    limits = {"socket_timeout": SENTINEL_SECONDS, "socket_connect_timeout": SENTINEL_SECONDS}
    sentinels: Any = Sentinels(  # type: ignore[no-untyped-call]
        hosts, sentinel_kwargs={**options, **limits, **tls}, **options, **access, **tls
    )
    client: Redis = sentinels.master_for(service, ToPrimary)
    if tls:
        client.connection_pool.connection_class = TlsToPrimary
        for each in sentinels.sentinels:
            each.connection_pool.connection_class = Tls
    return client


class Sentinels(Sentinel):
    """Sentinels that say why none of them could name the primary."""

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return the address of the primary; the sentinel that knew it is asked first the next time."""
        failures = []
        for number, sentinel in enumerate(self.sentinels):
            try:
                masters: Any = await sentinel.sentinel_masters()
            except (RedisError, OSError) as exc:
                # redis-py would show the client's options here, and of the error its kind alone.
                failures.append(str(exc))
                continue
            state = masters.get(service_name)
            if state and self.check_master_state(state, service_name):
                self.sentinels.insert(0, self.sentinels.pop(number))
                return state["ip"], state["port"]
        raise MasterNotFoundError("; ".join([f"no sentinel knows a primary for {service_name!r}", *failures]))


class ToPrimary(Redis):
    """A client that closes its connections to the sentinels too."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        await pool.sentinel_manager.aclose()
