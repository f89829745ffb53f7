"""All the processes that a run needs, with a network between them that can fail.

sender → SQS emulator ← pollers → proxy → Redis ← proxies ← gateways ← balancer ← crowd

A sender that publishes over HTTP reaches the gateways' APIs directly.
Behind sentinels and in a cluster the services reach Redis directly, at the address that is named to them.
"""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.claims import eventually
from tests.faults.balancer import Balancer
from tests.faults.emulator import Emulator
from tests.faults.http_sender import TOKEN
from tests.faults.network import Network
from tests.faults.sentinels import Sentinels
from tests.faults.service import Service
from tests.faults.store import DURABLE, NEVER_ALONE, Store
from tests.redis_cluster import RedisCluster
from tests.reservation import PortBlock

from queuecast_bus.keys import Keys
from queuecast_local import redis_server
from queuecast_local.ports import HOST
from queuecast_local.redis_server import RedisServer

GATEWAYS = 2
SENTINELS = 3
USER, PASSWORD = "queuecast", "first"
ROUTES = Path(__file__).with_name("routes.yaml")


class Redises(Enum):
    """The number of Redis servers, and how the services find the primary."""

    ONE = "one"
    PAIR = "a primary and its replica, behind names that can be moved"
    SENTINELS = "a primary and its replica, behind sentinels"
    CLUSTER = "a cluster, in which the replica of the primary takes over"
    RESHARDED = "a cluster, in which the slot moves to another primary"


IN_A_CLUSTER = (Redises.CLUSTER, Redises.RESHARDED)
KEY = Keys().stream


@dataclass(frozen=True)
class Shape:
    """The stack that a fault needs."""

    redises: Redises = Redises.ONE
    fifo: bool = False
    keeps_data: bool = True
    password: bool = False
    """Whether the services need one for Redis, which they have in a file."""
    never_alone: bool = False
    """Whether a primary without a replica refuses writes (`min-replicas-to-write`)."""
    reads_replica: bool = False
    """Whether gateways follow the stream at the replica."""
    pollers: int = 1
    visibility_seconds: int = 5
    max_receives: int = 50
    """High, so that only bad messages go to the dead-letter queue."""
    gateway: Mapping[str, str] = field(default_factory=dict)
    poller: Mapping[str, str] = field(default_factory=dict)
    balancer: Callable[[Mapping[int, int]], Balancer] = Balancer
    api: bool = False
    """Whether the messages come by the gateways' HTTP API, and none by the queue."""


class Stack:
    """A context manager: inside it everything is ready, and after it everything has ended."""

    def __init__(self, shape: Shape, block: PortBlock) -> None:
        self._shape = shape
        self._block = block
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._parts.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()

    @property
    def running(self) -> list[Service]:
        """The running services."""
        return [service for service in (*self.gateways, *self.pollers) if service.running]

    @property
    def stores(self) -> list[Store]:
        """The Redis servers outside of a cluster. The last one is the primary in the end."""
        return [self.redis] if self._shape.redises is Redises.ONE else [self.redis, self.standby]

    @property
    def primary_ports(self) -> list[int]:
        """The port of the primary; and, if another one takes over, the port of that."""
        if self._shape.redises in IN_A_CLUSTER:
            return [self.owner.port, self.successor.port]
        return [store.port for store in self.stores]

    def _start(self) -> None:
        port, shape = self._block.port, self._shape
        self._start_redis()
        self.queue = Emulator(port())
        self._parts.callback(self.queue.stop)
        self.queue.start(
            fifo=shape.fifo,
            visibility_seconds=shape.visibility_seconds,
            max_receives=shape.max_receives,
        )
        public = port()
        self.poller_name, self.replica_name, *self.gateway_names = (port() for _ in range(2 + GATEWAYS))
        """The ports by which the pollers, a replica, and each gateway can reach Redis."""
        self.gateway_ports = [port() for _ in range(GATEWAYS)]
        admins = [port() for _ in range(GATEWAYS)]
        self.url = f"http://{HOST}:{public}"
        self.gateway_urls = [f"http://{HOST}:{own}" for own in self.gateway_ports]
        self.balancer = shape.balancer(dict(zip(self.gateway_ports, admins, strict=True)))
        names = (self.poller_name, self.replica_name, *self.gateway_names)
        self.network = self._parts.enter_context(
            Network(dict.fromkeys(names, self.primary_ports[0]), public, self.balancer)
        )
        apis = self._apis()
        self.gateways = [
            self._service(
                f"gateway-{number}",
                "queuecast_gateway",
                admin,
                own,
                self._read_bus(name),
                {**shape.gateway, **apis[number - 1]},
            )
            for number, (own, admin, name) in enumerate(
                zip(self.gateway_ports, admins, self.gateway_names, strict=True), 1
            )
        ]
        fed = {
            **self._bus(self.poller_name),
            **self.queue.environment,
            "QUEUECAST_QUEUES": self.queue.name,
            "QUEUECAST_WAIT_SECONDS": "1",
            "QUEUECAST_ROUTES": str(ROUTES),
        }
        self.pollers = [
            self._service(f"poller-{number}", "queuecast_poller", port(), None, fed, shape.poller)
            for number in range(1, shape.pollers + 1)
        ]
        for service in self.running:
            service.await_ready()
        # Otherwise all clients might be on the gateway without the fault.
        eventually(lambda: self.network.is_balanced)

    def _apis(self) -> list[dict[str, str]]:
        """Return the settings of each gateway's HTTP API; `api_urls` has their addresses."""
        self.api_urls: list[str] = []
        if not self._shape.api:
            return [{}] * GATEWAYS
        tokens = self._folder() / "tokens"
        tokens.write_text(f"back-end publish {TOKEN}\n")
        ports = [self._block.port() for _ in range(GATEWAYS)]
        self.api_urls = [f"http://{HOST}:{port}" for port in ports]
        file = str(tokens)
        return [{"QUEUECAST_API_PORT": str(port), "QUEUECAST_API_TOKEN_FILE": file} for port in ports]

    def _start_redis(self) -> None:
        server = redis_server.find()
        assert server.real, "the faults need a real Redis: put redis-server or valkey-server in PATH"
        if self._shape.redises in IN_A_CLUSTER:
            self._start_cluster(server)
            return
        self.redis = self._store(server)
        self.password_file = self._folder() / "password"
        if self._shape.password:
            self.password_file.write_text(PASSWORD)
            self.redis.set_password(USER, PASSWORD)
        if self._shape.redises is Redises.ONE:
            return
        self.standby = self._store(server)
        self.standby.follow(self.redis)
        eventually(lambda: self.standby.is_copy_of(self.redis))
        if self._shape.redises is Redises.SENTINELS:
            ports = [self._block.port() for _ in range(SENTINELS)]
            self.sentinels = Sentinels(server, ports, self.redis.port, self._folder())
            self._parts.callback(self.sentinels.close)
            self.sentinels.start()

    def _start_cluster(self, server: RedisServer) -> None:
        self.cluster = RedisCluster(server, self._folder(), self._block.port, *DURABLE)
        self._parts.callback(self.cluster.close)
        self.owner = self.cluster.primary_of(KEY)
        is_resharded = self._shape.redises is Redises.RESHARDED
        self.successor = (self.cluster.other_primary if is_resharded else self.cluster.replica_of)(KEY)

    def _store(self, server: RedisServer) -> Store:
        options: tuple[str, ...] = DURABLE if self._shape.keeps_data else ()
        options += NEVER_ALONE if self._shape.never_alone else ()
        store = Store(server, self._block.port(), self._folder(), *options)
        store.start()
        self._parts.callback(store.close)
        return store

    def _folder(self) -> Path:
        return Path(self._parts.enter_context(tempfile.TemporaryDirectory()))

    def _bus(self, name: int) -> dict[str, str]:
        if self._shape.password:
            url = f"redis://{USER}@{HOST}:{name}/0"
            return {
                "QUEUECAST_REDIS_URL": url,
                "QUEUECAST_REDIS_PASSWORD_FILE": str(self.password_file),
            }
        if self._shape.redises in IN_A_CLUSTER:
            return {"QUEUECAST_REDIS_URL": self.cluster.url}
        behind_sentinels = self._shape.redises is Redises.SENTINELS
        return {"QUEUECAST_REDIS_URL": self.sentinels.url if behind_sentinels else f"redis://{HOST}:{name}/0"}

    def _read_bus(self, name: int) -> dict[str, str]:
        if not self._shape.reads_replica:
            return self._bus(name)
        behind_sentinels = self._shape.redises is Redises.SENTINELS
        url = self.sentinels.url if behind_sentinels else f"redis://{HOST}:{self.standby.port}/0"
        return {**self._bus(name), "QUEUECAST_REDIS_READ_URL": url}

    def _service(
        self,
        name: str,
        module: str,
        admin: int,
        public: int | None,
        common: Mapping[str, str],
        own: Mapping[str, str],
    ) -> Service:
        listening = {} if public is None else {"QUEUECAST_PORT": str(public)}
        service = Service(name, module, admin, {**common, **listening, **own})
        service.start()
        self._parts.callback(lambda: service.process.stop(grace_seconds=0))
        return service
