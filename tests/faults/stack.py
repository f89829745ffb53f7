"""Everything that a run needs, as processes, with a network between them that can fail.

sender → SQS emulator ← pollers → proxy → Redis ← proxy ← gateways ← balancer ← crowd
"""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.claims import eventually
from tests.faults.emulator import Emulator
from tests.faults.network import Network
from tests.faults.service import Service
from tests.faults.store import Store
from tests.reservation import PortBlock

from queuecast_local import redis_server
from queuecast_local.ports import HOST

GATEWAYS = 2
ROUTES = Path(__file__).with_name("routes.yaml")


@dataclass(frozen=True)
class Shape:
    """What a fault needs of the stack."""

    fifo: bool = False
    keeps_data: bool = True
    pollers: int = 1
    visibility_seconds: int = 5
    max_receives: int = 50
    """High, so that only what is wrong in itself goes to the dead-letter queue."""
    gateway: Mapping[str, str] = field(default_factory=dict)
    poller: Mapping[str, str] = field(default_factory=dict)


class Stack:
    """A context: everything is ready in it, and has ended after it."""

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
        """The services that run."""
        return [service for service in (*self.gateways, *self.pollers) if service.running]

    def _start(self) -> None:
        port, shape = self._block.port, self._shape
        self._start_redis(port())
        self.queue = Emulator(port())
        self._parts.callback(self.queue.stop)
        self.queue.start(
            fifo=shape.fifo,
            visibility_seconds=shape.visibility_seconds,
            max_receives=shape.max_receives,
        )
        proxied, public = port(), port()
        bus = {"QUEUECAST_REDIS_URL": f"redis://{HOST}:{proxied}/0"}
        self.gateway_ports = [port() for _ in range(GATEWAYS)]
        admins = [port() for _ in range(GATEWAYS)]
        self.url = f"http://{HOST}:{public}"
        self.gateway_urls = [f"http://{HOST}:{own}" for own in self.gateway_ports]
        self.network = self._parts.enter_context(
            Network((proxied, self.redis.port), public, dict(zip(self.gateway_ports, admins, strict=True)))
        )
        self.gateways = [
            self._service(f"gateway-{number}", "queuecast_gateway", admin, own, bus, shape.gateway)
            for number, (own, admin) in enumerate(zip(self.gateway_ports, admins, strict=True), 1)
        ]
        fed = {
            **bus,
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
        # Else all clients might be where the fault is not.
        eventually(lambda: self.network.is_balanced)

    def _start_redis(self, port: int) -> None:
        server = redis_server.find()
        assert server.real, "the faults need a real Redis: put redis-server or valkey-server in PATH"
        folder = Path(self._parts.enter_context(tempfile.TemporaryDirectory()))
        self.redis = Store(server, port, folder, keeps_data=self._shape.keeps_data)
        self.redis.start()
        self._parts.callback(self.redis.close)

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
