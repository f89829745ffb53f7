"""The running stack and what a test does with it: connect to it, feed it, stop parts of it."""

import logging
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from redis import Redis
from tests import preloaded
from tests.claims import eventually
from tests.reservation import PortBlock

from queuecast_bus.keys import Keys
from queuecast_local import sqs
from queuecast_local.ports import HOST
from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer
from queuecast_local.stack import Stack

from .admin import Admin
from .queue import Queue

GATEWAYS = (0, 1)
SHORT_WAIT = {"QUEUECAST_WAIT_SECONDS": "1"}
"""A long poll of one second, so that a poller stops quickly."""

SHORT_DRAIN = {"QUEUECAST_DRAIN_SECONDS": "1"}

log = logging.getLogger("stack")
log.setLevel(logging.INFO)


class Rig:
    """A stack of two gateways and a poller."""

    def __init__(self, stack: Stack, block: PortBlock) -> None:
        self.stack = stack
        self.sqs: Any = sqs.client(stack.ports.sqs)
        self.queue = Queue.named(self.sqs, sqs.QUEUE)
        self.gateways = [Admin(port) for port in stack.ports.gateway_admins]
        self.poller = Admin(stack.ports.poller_admin)
        self._block = block

    @property
    def services(self) -> list[Admin]:
        """Every service's admin port."""
        return [*self.gateways, self.poller]

    @property
    def redis_url(self) -> str:
        return f"redis://{HOST}:{self.stack.ports.redis}/0"

    def leftovers(self) -> dict[str, float]:
        """Return what is still under way, by name; an empty rig has nothing."""
        found = {
            "messages on the queue": self.queue.depth(),
            "messages in flight": self.poller.total("queuecast_poller_in_flight"),
            **{
                f"connections of gateway {number}": gateway.total("queuecast_gateway_connections")
                for number, gateway in enumerate(self.gateways)
            },
        }
        return {name: count for name, count in found.items() if count}

    def sessions(self) -> set[Any]:
        """Return the keys of the sessions in Redis. A page is connected a moment before its own is saved."""
        with Redis.from_url(self.redis_url, socket_timeout=30) as client:
            return set(client.scan_iter(Keys().session("*"), count=1_000))

    def records_read(self, gateway: int) -> float:
        """Return how many records a gateway has read. What it reads later is news to who is there then."""
        return self.gateways[gateway].total("queuecast_gateway_records_read_total")

    def hears_emitters(self) -> bool:
        """Say whether both gateways hear emitters, in Python and in Node. They are ready before that."""
        with Redis.from_url(self.redis_url, socket_timeout=30) as client:
            ((_, of_python),) = client.pubsub_numsub(Keys().channel)
            of_node = sum(each["psub"] == "2" for each in client.client_list())
            return bool(of_python == of_node == len(self.gateways))

    def url(self, gateway: int, namespace: str = "/") -> str:
        """Return the public URL of a gateway, with a namespace as its path."""
        return f"http://{HOST}:{self.stack.ports.gateways[gateway]}{namespace}"

    def end_gateway(self, gateway: int) -> None:
        """Kill a gateway with SIGKILL."""
        _kill(self.stack.gateways[gateway])

    def start_gateway(self, gateway: int) -> None:
        """Start a gateway again after its end, and wait until it is ready."""
        self.stack.gateways[gateway] = self.stack.start_gateway(gateway)
        self.stack.ready(self.stack.gateways[gateway], self.stack.ports.gateway_admins[gateway])

    def end_redis(self) -> None:
        """Kill Redis, which loses all its data."""
        _kill(self.stack.redis)

    def start_redis(self) -> None:
        """Start an empty Redis."""
        self.stack.start_redis()

    def start_poller(self) -> None:
        """Start the poller again after its end, and wait until it is ready."""
        self.stack.poller = self.stack.start_poller()
        self.stack.ready(self.stack.poller, self.stack.ports.poller_admin)

    @contextmanager
    def own_poller(self, name: str, *, visibility_seconds: int, max_receives: int) -> Iterator["OwnPoller"]:
        """Make a queue of the test's own, with short timeouts; its poller ends with the context."""
        url, dead_url = sqs.create_queues(
            self.sqs, queue=name, visibility_seconds=visibility_seconds, max_receives=max_receives
        )
        environment = {
            **sqs.environment(self.stack.ports.sqs),
            **SHORT_WAIT,
            "QUEUECAST_REDIS_URL": self.redis_url,
            "QUEUECAST_HOST": HOST,
            "QUEUECAST_QUEUES": name,
        }
        poller = OwnPoller(
            self.stack, Queue(self.sqs, url), Queue(self.sqs, dead_url), environment, self._block.port()
        )
        poller.start()
        try:
            yield poller
        finally:
            poller.process.stop(grace_seconds=10)


class OwnPoller:
    """A poller besides the stack's, on a queue of its own."""

    def __init__(
        self, stack: Stack, queue: Queue, dead_letters: Queue, environment: Mapping[str, str], port: int
    ) -> None:
        self.queue = queue
        self.dead_letters = dead_letters
        self.admin = Admin(port)
        self.process: Process
        self._stack = stack
        self._port = port
        self._environment = {**environment, "QUEUECAST_ADMIN_PORT": str(port)}

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.process = Process(
            "own-poller",
            (sys.executable, "-m", "queuecast_poller"),
            self._environment,
            log_line,
            preloaded.start,
        )
        self._stack.ready(self.process, self._port)

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        _kill(self.process)


def empty(rig: Rig) -> Rig:
    """Return a rig once it is empty. If the previous test's leftovers do not go away, fail and name them."""
    left: list[dict[str, float]] = []

    def is_empty() -> bool:
        left[:] = [rig.leftovers()]
        return not left[0]

    try:
        eventually(is_empty)
    except AssertionError:
        raise AssertionError(f"a test begins on a rig that is not empty: {left[0]}") from None
    return rig


@contextmanager
def running(
    block: PortBlock,
    redis: RedisServer,
    gateway_settings: Mapping[str, str] | None = None,
    poller_settings: Mapping[str, str] | None = None,
) -> Iterator[Rig]:
    """Run a stack on ports of its own until the context ends."""
    stack = Stack(
        block.ports(),
        redis,
        log_line,
        gateway_settings={**SHORT_DRAIN, **(gateway_settings or {})},
        poller_settings={**SHORT_WAIT, **(poller_settings or {})},
        start_service=preloaded.start,
    )
    with stack:
        yield Rig(stack, block)


def log_line(process: str, line: str) -> None:
    """Print a line of a process's output; pytest shows it if the test fails."""
    log.info("%s | %s", process, line)


def _kill(process: Process) -> None:
    process.signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL, f"{process.name} had already ended when the test killed it"
