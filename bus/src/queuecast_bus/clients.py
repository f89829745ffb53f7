"""The clients of one bus. When one of them finds that its server is the wrong one, all of them leave it.

A name may lead elsewhere after a failover (DNS, a Kubernetes Service, a TCP proxy, sentinels), while
connections that were made before stay open and look healthy.
"""

import asyncio
import logging
import re
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import ReadOnlyError, ResponseError

from queuecast_bus.cluster import is_cluster_node
from queuecast_bus.connection import Credentials, cluster_of, connect
from queuecast_bus.execution import executor
from queuecast_bus.sentinels import check_is_primary

log = logging.getLogger(__name__)

MAX_COMMANDS = 16
"""How many commands of one client may be under way at once; the others wait. Each has a connection of its
own, which stays open: three hundred browsers that send an event at the same moment took a hundred."""

_WRONG_SERVER = re.compile(
    r"\b(READONLY|UNBLOCKED|NOREPLICAS|MASTERDOWN|LOADING|MOVED|CLUSTERDOWN)\b|previous master is now a slave"
)
"""Errors of a server that is not, or no longer, the primary to write to. A script's error quotes them, and
redis-py replaces the first one behind sentinels. ASK and TRYAGAIN are none of them: a slot that migrates is
waited for."""

_OF_A_CLUSTER = re.compile(r"\b(MOVED|CLUSTERDOWN)\b")


def is_wrong_server(exc: BaseException) -> bool:
    """Return whether this error means that another server should be asked."""
    return isinstance(exc, ReadOnlyError) or _WRONG_SERVER.search(_text(exc)) is not None


def _text(exc: object) -> str:
    """Return an error as Redis wrote it: redis-py cuts off the first word of some, and keeps it apart."""
    text, code = str(exc), getattr(exc, "status_code", None)
    return text if not code or text.startswith(code) else f"{code} {text}"


class Clients:
    """Makes clients for a URL, and perhaps what gives its password, and keeps track of them.

    `hash_tag` is that of the keys, by which the server for them is found in a cluster. With `reads`, they
    connect to a replica that sentinels or a cluster name, or to any server that the URL's name leads to.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials | None = None,
        hash_tag: str = "socketio",
        *,
        reads: bool = False,
    ) -> None:
        self.url = url
        self._credentials = credentials
        self._reads = reads
        self._cluster = cluster_of(url, hash_tag, reads=reads)
        self._made: WeakSet[Redis] = WeakSet()

    def connect(self, **more: Any) -> Redis:
        """Return a client; see `connection.connect`. It refuses a replica, unless these clients read."""
        log_in = _log_in_to_read if self._reads else _log_in_to_primary
        client = connect(
            self.url,
            self._credentials,
            self._cluster,
            reads=self._reads,
            redis_connect_func=log_in,
            **more,
        )
        execute = _one_of_a_few(self._leaving_wrong_server(executor(client)))
        client.execute_command = execute  # type: ignore[method-assign]
        self._made.add(client)
        return client

    def leave(self, why: object) -> None:
        """Drop every connection, so that the next command looks the server's name up anew."""
        if self._cluster is not None:
            if isinstance(why, BaseException) and _OF_A_CLUSTER.search(_text(why)):
                self._cluster.recognize(_text(why))
            self._cluster.doubt()
        dropped = self.renew()
        for client in self._made:
            pool: Any = client.connection_pool
            for connection in filter(_is_open, pool._in_use_connections):
                # As a reset by the server does: the parser is not taken away from the task that reads.
                connection._writer.transport.abort()
                dropped += 1
        if dropped:
            log.warning("%d connections to Redis are made anew: %s", dropped, _text(why))

    def renew(self) -> int:
        """Drop the connections over which nothing is sent now; return their number. Nobody notices."""
        dropped = 0
        for client in self._made:
            pool: Any = client.connection_pool
            for connection in filter(_is_open, pool._available_connections):
                connection._parser.on_disconnect()
                connection._close()
                dropped += 1
        return dropped

    async def aclose(self) -> None:
        """Close every connection."""
        for client in list(self._made):
            await client.aclose()

    def _leaving_wrong_server(self, execute: Any) -> Any:
        async def execute_command(*args: Any, **options: Any) -> Any:
            try:
                return await execute(*args, **options)
            except (ResponseError, ConnectionLost) as exc:
                if is_wrong_server(exc):
                    self.leave(exc)
                raise

        return execute_command


def _one_of_a_few(execute: Any) -> Any:
    under_way = asyncio.Semaphore(MAX_COMMANDS)

    async def execute_command(*args: Any, **options: Any) -> Any:
        async with under_way:
            return await execute(*args, **options)

    return execute_command


def _is_open(connection: Any) -> bool:
    return connection._writer is not None


async def _log_in_to_primary(connection: Any) -> None:
    await connection.on_connect()
    with suppress(ResponseError):  # the user may not ask, or the server cannot say
        if (details := await _replication(connection)) is not None:
            why = f"{connection._host_error()} is a replica of {details[0].decode()}:{details[1]}"
            cluster = getattr(connection, "cluster", None)
            if cluster is not None and not cluster.is_used and await is_cluster_node(connection):
                cluster.recognize(why)
            raise ConnectionLost(why)


async def _log_in_to_read(connection: Any) -> None:
    await connection.on_connect()
    with suppress(ResponseError):
        details = await _replication(connection)
        if details is None:
            await check_is_primary(connection)
        elif details[2] != b"connected":
            host, port, state, _ = details
            raise ConnectionLost(
                f"{connection._host_error()} is a replica of {host.decode()}:{port}, but its link to that is "
                f"in the state {state.decode()!r}"
            )
    cluster = getattr(connection, "cluster", None)
    if cluster is not None and cluster.is_used:
        # Without it, a replica of a cluster answers MOVED. A primary does not mind.
        await connection.send_command("READONLY")
        await connection.read_response()


async def _replication(connection: Any) -> list[Any] | None:
    """Return of a replica its primary's host and port, the link's state and its offset; None of a primary."""
    await connection.send_command("ROLE")
    role, *details = await connection.read_response()
    return details if role == b"slave" else None
