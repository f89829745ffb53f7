"""A primary and its replica, and a name for them that can be moved, as a failover moves it."""

from pathlib import Path
from typing import Any

from tests.claims import eventually
from tests.proxy import Proxy

from queuecast_local.redis_server import RedisServer

from .services import HOST, Redis, bus_settings


class RedisPair:
    """`first` is the primary and `second` its replica, until it is promoted."""

    def __init__(self, server: RedisServer, folder: Path, *options: str) -> None:
        folders = [folder / name for name in ("first", "second")]
        for each in folders:
            each.mkdir()
        # No pause before a full copy, as tests wait for it.
        at_once = ("--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", *options)
        self.first, self.second = (Redis(server, each, *at_once) for each in folders)
        self.names: list[Name] = []
        self.second.client.replicaof(HOST, self.first.port)
        self.await_copy()

    async def close(self) -> None:
        """Stop everything."""
        for name in self.names:
            await name.proxy.stop()
        self.first.close()
        self.second.close()

    async def name(self, **settings: Any) -> "Name":
        """Return a name that leads to the first one, and bus settings with it."""
        name = Name(self.first.port)
        self.names.append(name)
        port = await name.proxy.start()
        name.settings = bus_settings(f"redis://{HOST}:{port}/0", **settings)
        return name

    def await_copy(self) -> None:
        """Wait until the second one has everything."""
        eventually(lambda: _is_linked(self.second) and _offset(self.second) == _offset(self.first))

    def promote(self) -> None:
        """Promote the second one: now there are two primaries, each without what the other one stores."""
        self.second.client.replicaof("NO", "ONE")

    def heal(self) -> None:
        """Have the first one follow the second one: what only the first one has is lost."""
        self.first.client.replicaof(HOST, self.second.port)
        eventually(lambda: _is_linked(self.first))


class Name:
    """A name as DNS or a Service has it: where it leads is decided when a connection is made."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.settings: Any = None
        self.proxy = Proxy(lambda: self.port)


def _is_linked(replica: Redis) -> bool:
    return bool(replica.client.info("replication").get("master_link_status") == "up")


def _offset(redis: Redis) -> int:
    info = redis.client.info("replication")
    return int(info.get("slave_repl_offset", info["master_repl_offset"]))
