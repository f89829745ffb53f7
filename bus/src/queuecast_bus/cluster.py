"""Finds the server of a Redis Cluster that has the bus's keys, and connects to it as to a single server.

All keys of a bus share one hash tag, so they are in one slot, and one primary has all of them. Nothing but
this slot is of interest here. Each new connection asks a node for the slot's servers (`CLUSTER SLOTS`). A
server that no longer has the slot answers MOVED, and is left (`clients`).

https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult

from redis.asyncio.connection import Connection
from redis.crc import key_slot
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError, ResponseError

from queuecast_bus.lookup import ByAddress
from queuecast_bus.tls import Tls

log = logging.getLogger(__name__)

Address = tuple[str, int]

DEFAULT_PORT = 6379

NODE_SECONDS = 1.2
"""How long a node may take to connect, and to answer. It leaves time to ask the next one within the limit of
a command."""

MOST_NODES = 50
"""How many nodes are remembered beside those in the URL. Each can name all the others."""

MOST_ASKED = 5
"""How many nodes are asked in one look-up; the next one begins with others."""

FORMAT = "[user:password@]host:port,host:port/0"


def parse_nodes(parts: SplitResult) -> list[Address]:
    """Return the addresses of the nodes in a URL, one or several. Raises `ValueError` without a password."""
    found = []
    for each in parts.netloc.rpartition("@")[2].split(","):
        host, colon, port = each.rpartition(":") if not each.endswith("]") else (each, "", "")
        if not colon:
            host, port = each, str(DEFAULT_PORT)
        name = host.removeprefix("[").removesuffix("]")
        if not name or (":" in name) != host.startswith("[") or not _is_port(port):
            raise ValueError(f"expected {parts.scheme}://{FORMAT}")
        found.append((name, int(port)))
    if parts.path not in ("", "/", "/0"):
        raise ValueError(f"{parts.scheme}:// has only database 0; expected {parts.scheme}://{FORMAT}")
    return found


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) < 1 << 16


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers of one slot, and all nodes that were named."""

    primary: Address
    replicas: tuple[Address, ...]
    nodes: tuple[Address, ...]


def read_slots(answer: Sequence[Any], slot: int, asked: Address) -> Servers | None:
    """Return who serves a slot by this answer to CLUSTER SLOTS of the node `asked`; None if nobody does."""
    found: list[Address] = []
    nodes: dict[Address, None] = {}
    for first, last, *servers in answer:
        # A node without an address is the one that was asked, or at the same address.
        named = [((host or b"").decode() or asked[0], int(port)) for host, port, *_ in servers]
        reachable = [address for address in named if address[0] != "?"]
        nodes.update(dict.fromkeys(reachable))
        if first <= slot <= last and named and named[0] in reachable:
            found = reachable
    return Servers(found[0], tuple(found[1:]), tuple(nodes)) if found else None


class Cluster:
    """The cluster of a bus, of which some nodes are known. `slot` is that of its keys.

    `is_used` is false for a URL that names a single server, until that turns out to be a node of a cluster.
    """

    def __init__(
        self, nodes: Sequence[Address], hash_tag: str, *, is_used: bool, reads: bool = False
    ) -> None:
        self.slot = key_slot(hash_tag.encode())
        self.is_used = is_used
        self.reads = reads
        """Whether a replica is wanted, and the primary only if there is none."""
        self._given = tuple(nodes)
        self._nodes = list(nodes)
        self._kind: type[Connection] = ByAddress
        self._options: Mapping[str, Any] = {}
        self._asking: asyncio.Task[Servers] | None = None

    def connect_with(self, kind: type[Connection], options: Mapping[str, Any]) -> None:
        """Ask nodes over this kind of connection, as this user."""
        own = {"socket_connect_timeout": NODE_SECONDS, "redis_connect_func": None}
        self._kind = kind
        self._options = {**options, **own}

    def recognize(self, why: object) -> None:
        """Look the server up from now on, as the one in the URL is a node of a cluster."""
        if not self.is_used:
            self.is_used = True
            log.warning("Redis is a cluster, so the server for slot %d is looked up: %s", self.slot, why)

    def doubt(self) -> None:
        """Ask another node first the next time: this one's answer was wrong, or not right yet."""
        self._nodes.append(self._nodes.pop(0))

    async def server(self) -> Address:
        """Return the server to connect to. Raises redis-py's `ConnectionError`."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._ask_nodes())
            self._asking.add_done_callback(_retrieve)
        # Shared: after a failover every connection is made anew at the same moment.
        servers = await asyncio.shield(self._asking)
        return random.choice(servers.replicas) if self.reads and servers.replicas else servers.primary

    async def _ask_nodes(self) -> Servers:
        failures = []
        for _ in range(min(len(self._nodes), MOST_ASKED)):
            asked = self._nodes[0]
            try:
                async with asyncio.timeout(NODE_SECONDS):
                    answer = await self._ask(asked)
            except (RedisError, OSError, TimeoutError) as exc:
                failures.append(f"{_text(asked)}: {exc or type(exc).__name__}")
            else:
                if (servers := read_slots(answer, self.slot, asked)) is not None:
                    self._remember(servers.nodes)
                    return servers
                failures.append(f"{_text(asked)} knows no server for slot {self.slot}")
            self.doubt()
        raise ConnectionLost("the cluster cannot be asked for its servers: " + "; ".join(failures))

    def _remember(self, nodes: Sequence[Address]) -> None:
        known = dict.fromkeys((self._nodes[0], *self._given, *nodes))
        self._nodes = list(known)[: len(self._given) + MOST_NODES]

    async def _ask(self, node: Address) -> Sequence[Any]:
        host, port = node
        connection: Any = self._kind(**{**self._options, "host": host, "port": port})
        try:
            await connection.connect()
            return await ask_for_slots(connection)
        finally:
            await connection.disconnect(nowait=True)


async def ask_for_slots(connection: Any) -> Sequence[Any]:
    """Return the answer to CLUSTER SLOTS over this connection. Raises what redis-py raises."""
    await connection.send_command("CLUSTER", "SLOTS")
    answer: Sequence[Any] = await connection.read_response()
    return answer


async def is_cluster_node(connection: Any) -> bool:
    """Say whether this connection leads to a node of a cluster, as far as the user may ask."""
    try:
        return bool(await ask_for_slots(connection))
    except ResponseError:  # it is none, or the user may not
        return False


def _text(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


def _retrieve(task: asyncio.Task[Servers]) -> None:
    if not task.cancelled():
        task.exception()  # retrieved, although nobody may wait for it any more


class ToSlot(ByAddress):
    """A TCP connection to the server of the bus's slot, or to the host in the URL if there is no cluster."""

    def __init__(self, *, cluster: Cluster, **options: Any) -> None:
        super().__init__(**options)
        self.cluster = cluster

    async def _connect(self) -> None:
        if self.cluster.is_used:
            self.host, self.port = await self.cluster.server()
        await super()._connect()


class TlsToSlot(ToSlot, Tls):
    """The same, with TLS."""
