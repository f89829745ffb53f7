"""Starts and stops all processes in order: Redis, the emulator, gateways and a poller."""

import json
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from queuecast_local import sqs
from queuecast_local.ports import HOST, Ports
from queuecast_local.processes import LineSink, Process, Start, child
from queuecast_local.redis_server import RedisServer

START_SECONDS = 60.0

RESTART_SECONDS = 5.0
"""A service that ends by itself sooner after its start is not started again: it would end the same way."""


class StackFailed(Exception):
    """The stack could not start, or a part of it ended; the message says which and has its last output."""


class Stack:
    """All processes. Used as a context, it stops whatever it has started."""

    def __init__(
        self,
        ports: Ports,
        redis: RedisServer,
        sink: LineSink | None = None,
        *,
        gateway_settings: Mapping[str, str] | None = None,
        poller_settings: Mapping[str, str] | None = None,
        start_service: Start = child,
    ) -> None:
        self.ports = ports
        self.redis: Process
        self.emulator: Process
        self.gateways: list[Process] = []
        self.poller: Process
        self._redis_server = redis
        self._sink = sink
        self._gateway_settings = dict(gateway_settings or {})
        self._poller_settings = dict(poller_settings or {})
        self._start_service = start_service
        self._running: list[Process] = []

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start_redis(self) -> None:
        """Start Redis and wait until it answers."""
        self.redis = self._run("redis", self._redis_server.on(self.ports.redis), quiet=True)
        self._until("Redis", self.redis, lambda: _unreachable(self.ports.redis, b"PING\r\n"))

    def start_gateway(self, index: int) -> Process:
        """Start one gateway; `ready` waits until it is ready."""
        apis = self.ports.gateway_apis
        return self._run(
            f"gateway-{index + 1}",
            (sys.executable, "-m", "queuecast_gateway"),
            {
                "QUEUECAST_PORT": str(self.ports.gateways[index]),
                "QUEUECAST_ADMIN_PORT": str(self.ports.gateway_admins[index]),
                "QUEUECAST_REPLICA": f"gateway-{index + 1}",
                **self._gateway_settings,
                **({"QUEUECAST_API_PORT": str(apis[index])} if apis else {}),
            },
            start=self._start_service,
        )

    def start_poller(self) -> Process:
        """Start the poller; `ready` waits until it is ready."""
        return self._run(
            "poller",
            (sys.executable, "-m", "queuecast_poller"),
            {
                **sqs.environment(self.ports.sqs),
                "QUEUECAST_QUEUES": sqs.QUEUE,
                "QUEUECAST_ADMIN_PORT": str(self.ports.poller_admin),
                "QUEUECAST_REPLICA": "poller",
                **self._poller_settings,
            },
            start=self._start_service,
        )

    def start_balancer(self) -> None:
        """Start the load balancer and wait until it listens."""
        ports = ("--port", str(self.ports.balancer), "--gateways", *map(str, self.ports.gateways))
        command = (sys.executable, "-m", "queuecast_local.balancer", *ports)
        balancer = self._run("balancer", command, sqs.IMPORTS_FROM)
        self._until("the load balancer", balancer, lambda: _unreachable(self.ports.balancer))

    def ready(self, process: Process, admin_port: int) -> None:
        """Wait until the process reports on `/readyz` that it is ready. Raises `StackFailed`."""
        self._until(process.name, process, lambda: unready(admin_port))

    def revive(self) -> list[tuple[Process, Process]]:
        """Start each service anew that was killed or has ended; return what ended, with its successor.

        Raises `StackFailed` if a service ended by itself right after its start, or if Redis, the emulator or
        the balancer ended.
        """
        revived = []
        for process in [process for process in self._running if process.exit_code is not None]:
            has_run = time.monotonic() - process.started > RESTART_SECONDS
            may_run = has_run or process.exit_code == -signal.SIGKILL
            if process in self.gateways and may_run:
                index = self.gateways.index(process)
                successor = self.gateways[index] = self.start_gateway(index)
            elif process is self.poller and may_run:
                successor = self.poller = self.start_poller()
            else:
                raise StackFailed(
                    f"{process.name} ended by itself {how_it_ended(process)}:\n{_last_output(process)}"
                )
            revived.append((process, successor))
        return revived

    def stop(self) -> None:
        """Stop everything: the services first, then what they depend on."""
        services = [process for process in self._running if process.name not in ("redis", "sqs")]
        for process in services:
            process.signal(signal.SIGTERM)
        for process in services:
            process.wait(2)
        # A poller in a long poll ends as soon as the emulator closes the connection.
        for process in sorted(self._running, key=lambda process: process.name != "sqs"):
            if process.exit_code is None:
                process.stop(grace_seconds=5)
        self._running.clear()

    def _start(self) -> None:
        self.emulator = self._run("sqs", sqs.emulator(self.ports.sqs), sqs.IMPORTS_FROM, quiet=True)
        self.start_redis()
        self._until("the SQS emulator", self.emulator, lambda: _unreachable(self.ports.sqs))
        sqs.create_queues(sqs.client(self.ports.sqs))
        self.gateways = [self.start_gateway(index) for index in range(len(self.ports.gateways))]
        self.poller = self.start_poller()
        for gateway, port in zip(self.gateways, self.ports.gateway_admins, strict=True):
            self.ready(gateway, port)
        self.ready(self.poller, self.ports.poller_admin)

    def _run(
        self,
        name: str,
        command: tuple[str, ...],
        environment: Mapping[str, str] | None = None,
        quiet: bool = False,
        start: Start = child,
    ) -> Process:
        common = {
            "QUEUECAST_REDIS_URL": f"redis://{HOST}:{self.ports.redis}/0",
            "QUEUECAST_HOST": HOST,
            "PYTHONUNBUFFERED": "1",
        }
        sink = None if quiet else self._sink
        process = Process(name, command, {**common, **(environment or {})}, sink, start)
        self._running = [other for other in self._running if other.name != name] + [process]
        return process

    def _until(self, what: str, process: Process, trouble: Callable[[], str | None]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while why := trouble():
            if process.exit_code is not None:
                raise StackFailed(f"{what} ended with code {process.exit_code}:\n{_last_output(process)}")
            if time.monotonic() > deadline:
                raise StackFailed(
                    f"{what} is not ready after {START_SECONDS:.0f} s: {why}\n{_last_output(process)}"
                )
            time.sleep(0.1)


def how_it_ended(process: Process) -> str:
    """Return how a process ended: with which code, or by which signal."""
    code = process.exit_code
    return f"by {signal.Signals(-code).name}" if code is not None and code < 0 else f"with code {code}"


def unready(admin_port: int) -> str | None:
    """Return the reasons that `/readyz` on this admin port gives; None if it is ready."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{admin_port}/readyz", timeout=2):
            return None
    except urllib.error.HTTPError as exc:
        reasons: list[str] = json.load(exc)["reasons"]
        return "; ".join(reasons)
    except OSError as exc:
        return str(exc)


def _unreachable(port: int, request: bytes = b"") -> str | None:
    """Return why nothing answers on this port; None if something does."""
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            if request:
                connection.sendall(request)
                return None if connection.recv(64) else "it closed the connection"
    except OSError as exc:
        return str(exc)
    return None


def _last_output(process: Process) -> str:
    return "\n".join(f"  {process.name} | {line}" for line in list(process.tail)[-20:])
