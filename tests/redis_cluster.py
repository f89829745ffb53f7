"""A real Redis Cluster: three primaries with a replica each, whose slots can be moved."""

import contextlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot
from tests.claims import eventually

from queuecast_local.ports import HOST
from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer

SLOTS = 16384
PRIMARIES = 3
SETTLE_SECONDS = 120.0
NODE_TIMEOUT_MS = 4000
"""After so long a primary counts as dead. With less, a busy machine would have failovers of its own."""

GIVEN_UP_SECONDS = 6.0
"""A replica that was asked to take over tries it for five seconds."""

MIGRATED_AT_ONCE = 10
"""As many keys as `redis-cli --cluster reshard` moves in one step."""


def has_clusters(server: RedisServer) -> bool:
    """Say whether it can be told on which port its cluster bus listens (Redis ≥ 7.0)."""
    found = re.search(r"(\d+)\.\d+\.\d+", server.description)
    return server.real and found is not None and int(found.group(1)) >= 7


Tls = Callable[[int], Mapping[str, str]]
"""Returns a server's TLS directives for the port on which it speaks TLS."""


class Node:
    """One server of a cluster. `client` connects to it, and to no other.

    With `tls`, it speaks TLS on `tls_port` and with other nodes; on `port` it is for the test alone.
    """

    def __init__(
        self,
        server: RedisServer,
        folder: Path,
        port: Callable[[], int],
        options: Sequence[str],
        tls: Tls | None = None,
    ) -> None:
        self.port, self.bus_port = port(), port()
        self.tls_port = 0 if tls is None else port()
        if tls is not None:
            encrypted = {"tls-cluster": "yes", "tls-replication": "yes"}
            directives = {**tls(self.tls_port), **encrypted, "port": str(self.port)}
            flags = [word for name, value in directives.items() for word in (f"--{name}", value)]
            options = [*options, *flags]
        self.client: Any = redis.Redis(port=self.port, socket_timeout=30)
        of_a_cluster = (
            *("--cluster-enabled", "yes", "--cluster-port", str(self.bus_port)),
            *("--cluster-node-timeout", str(NODE_TIMEOUT_MS), "--cluster-replica-validity-factor", "0"),
            # A replica is not named before it has been sent something.
            *("--repl-ping-replica-period", "1"),
            *("--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"),
        )
        self._command = (*server.on(self.port), "--dir", str(folder), *of_a_cluster, *options)
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = Process("redis", self._command)
        eventually(self._answers)

    def end(self) -> None:
        """End it as SIGKILL does."""
        self.process.stop(grace_seconds=0)

    def close(self) -> None:
        """End it for good."""
        self.client.close()
        self.end()

    @property
    def id(self) -> str:
        """Its id in the cluster."""
        found: bytes | str = self.client.execute_command("CLUSTER MYID")
        return found if isinstance(found, str) else found.decode()

    @property
    def is_primary(self) -> bool:
        """Say whether it is one, and has the slots of one."""
        return bool(self.client.role()[0] == b"master")

    def is_copy(self) -> bool:
        """Say whether it is a replica that has its primary's data."""
        role = self.client.role()
        return bool(role[0] == b"slave" and role[3] == b"connected")

    def _answers(self) -> bool:
        assert self.process.exit_code is None, "\n".join(self.process.tail)
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


class RedisCluster:
    """The first nodes are primaries; each has its replica among the rest, in the same order."""

    def __init__(
        self,
        server: RedisServer,
        folder: Path,
        port: Callable[[], int],
        *options: str,
        tls: Tls | None = None,
    ) -> None:
        self.nodes: list[Node] = []
        try:
            for number in range(2 * PRIMARIES):
                own = folder / f"node-{number}"
                own.mkdir()
                self.nodes.append(Node(server, own, port, options, tls))
            self._form()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        """The URL of two nodes that serve different slots, one of them a replica."""
        return f"redis+cluster://{HOST}:{self.nodes[-1].port},{HOST}:{self.nodes[0].port}/0"

    def tls_url(self, query: str) -> str:
        """Return the same URL for TLS."""
        ports = self.nodes[-1].tls_port, self.nodes[0].tls_port
        return f"rediss+cluster://{HOST}:{ports[0]},{HOST}:{ports[1]}/0?{query}"

    def primary_of(self, key: str) -> Node:
        """Return the primary that has a key's slot, as itself says."""
        return next(node for node in self.nodes if node.is_primary and self._has(node, key))

    def replica_of(self, key: str) -> Node:
        """Return the replica of that primary."""
        primary = self.primary_of(key)
        return next(each for each in self.nodes if _primary_port(each) in (primary.port, primary.tls_port))

    def other_primary(self, key: str) -> Node:
        """Return a primary of other slots."""
        owner = self.primary_of(key)
        return next(node for node in self.nodes if node.is_primary and node is not owner)

    def fail_over(self, key: str) -> None:
        """Have the replica of a key's primary take over, in agreement with the primary; wait for it."""
        replica = self.replica_of(key)
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            # It is given up after five seconds, for example if the others do not know the replica yet.
            with contextlib.suppress(redis.ResponseError):
                replica.client.execute_command("CLUSTER FAILOVER")
            with contextlib.suppress(AssertionError):
                eventually(lambda: replica.is_primary, GIVEN_UP_SECONDS)
                return
        raise AssertionError("the replica did not take over")

    def await_primary(self, node: Node) -> None:
        """Wait until a node is a primary."""
        eventually(lambda: node.is_primary, SETTLE_SECONDS)

    def await_whole(self) -> None:
        """Wait until every slot is served, every replica has its primary's data, and all nodes know both.

        Before, a replica that was asked to take over might not be elected.
        """
        eventually(lambda: all(map(_is_settled, self.nodes)), SETTLE_SECONDS)
        eventually(lambda: len(set(map(_epoch, self.nodes))) == 1, SETTLE_SECONDS)

    def migrate(self, key: str, target: Node, between: Callable[[], object] = lambda: None) -> None:
        """Move a key's slot to another primary key by key, as `redis-cli --cluster reshard` does.

        `between` is called after each step.
        """
        source, slot = self.primary_of(key), key_slot(key.encode())
        target.client.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", source.id)
        source.client.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", target.id)
        while keys := source.client.execute_command("CLUSTER GETKEYSINSLOT", slot, MIGRATED_AT_ONCE):
            source.client.execute_command(
                "MIGRATE", HOST, target.port, "", 0, 30_000, "REPLACE", "KEYS", *keys
            )
            between()
        owner = target.id
        for node in (target, source):
            node.client.execute_command("CLUSTER SETSLOT", slot, "NODE", owner)

    def migrate_at_once(self, key: str, target: Node) -> bool:
        """Move a key's slot in one step; return False if this server has no command for that."""
        source, slot = self.primary_of(key), key_slot(key.encode())
        try:
            source.client.execute_command("CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target.id)
        except redis.ResponseError:
            try:
                target.client.execute_command("CLUSTER MIGRATION", "IMPORT", slot, slot)
            except redis.ResponseError:
                return False
        eventually(lambda: self._has(target, key) and not self._has(source, key), SETTLE_SECONDS)
        return True

    def close(self) -> None:
        """End all nodes."""
        for node in self.nodes:
            node.close()

    def _form(self) -> None:
        first, *others = self.nodes
        for epoch, node in enumerate(self.nodes, 1):
            node.client.execute_command("CLUSTER SET-CONFIG-EPOCH", epoch)
        for node in others:
            first.client.execute_command("CLUSTER MEET", HOST, node.port, node.bus_port)
        bounds = [SLOTS * number // PRIMARIES for number in range(PRIMARIES + 1)]
        for node, start, end in zip(self.nodes[:PRIMARIES], bounds, bounds[1:], strict=False):
            node.client.execute_command("CLUSTER ADDSLOTS", *range(start, end))
        eventually(lambda: all(_nodes_known(node) == len(self.nodes) for node in self.nodes), SETTLE_SECONDS)
        for primary, replica in zip(self.nodes[:PRIMARIES], self.nodes[PRIMARIES:], strict=True):
            replica.client.execute_command("CLUSTER REPLICATE", primary.id)
        self.await_whole()

    @staticmethod
    def _has(node: Node, key: str) -> bool:
        """Say whether a node would carry out a command with this key."""
        try:
            node.client.execute_command("EXISTS", key)
        except redis.ResponseError:
            return False
        return True


def _primary_port(node: Node) -> int | None:
    role = node.client.role()
    return int(role[2]) if role[0] == b"slave" else None


def _nodes_known(node: Node) -> int:
    return int(node.client.execute_command("CLUSTER INFO")["cluster_known_nodes"])


def _epoch(node: Node) -> int:
    return int(node.client.execute_command("CLUSTER INFO")["cluster_current_epoch"])


def _is_settled(node: Node) -> bool:
    try:
        info = node.client.execute_command("CLUSTER INFO")
        is_whole = info["cluster_state"] == "ok" and int(info["cluster_slots_ok"]) == SLOTS
        slots = node.client.execute_command("CLUSTER SLOTS")
        is_known = {len(servers) for _, _, *servers in slots} == {2}
        return is_whole and is_known and (node.is_primary or node.is_copy())
    except redis.RedisError:
        return False
