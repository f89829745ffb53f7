"""What this tier's tests start: Redis, a queue, a service as a process. The fixtures are in `conftest`."""

import json
import socket
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis as sync_redis
from tests import preloaded
from tests.claims import eventually
from tests.exposition import samples_of
from tests.reservation import PortBlock

from queuecast_bus import BusSettings
from queuecast_local import redis_server as servers
from queuecast_local import sqs
from queuecast_local.processes import Process, child
from queuecast_local.redis_server import RedisServer

HOST = "127.0.0.1"


free_port = PortBlock().port
"""Returns a port that nobody listens on, and never the same one twice."""


class Redis:
    """A Redis server of our own that can be killed and started again on the same port."""

    def __init__(self, server: RedisServer, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.client: Any = sync_redis.Redis(port=self.port, socket_timeout=30)
        self._command = (*server.on(self.port), "--dir", str(folder), *options)
        self.start()

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        self.process = Process("redis", self._command)
        eventually(self._answers)

    def kill(self) -> None:
        self.process.stop(grace_seconds=0)

    def close(self) -> None:
        """End it for good."""
        self.client.close()
        self.kill()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except sync_redis.RedisError:
            assert self.process.exit_code is None, "\n".join(self.process.tail)
            return False


def _available() -> dict[str, RedisServer]:
    found = {"path": servers.from_path(), "pip": servers.from_pip()}
    return {name: server for name, server in found.items() if server is not None}


AVAILABLE = _available()


def bus_settings(url: str, **changes: Any) -> BusSettings:
    """Return bus settings with a channel that no other test uses."""
    return BusSettings.model_validate({"redis_url": url, "channel": f"test-{uuid.uuid4().hex}", **changes})


def listening(command: tuple[str, ...], port: int) -> Iterator[int]:
    process = Process("sqs", command, sqs.IMPORTS_FROM)
    eventually(lambda: is_open(port))
    yield port
    process.stop(grace_seconds=1)


class Queue:
    """The sender's side of a queue on the emulator."""

    def __init__(self, port: int, name: str, visibility_seconds: int = 30, max_receives: int = 5) -> None:
        self.name = name
        self.client = sqs.client(port)
        self.environment = sqs.environment(port)
        self.url, self.dead_url = sqs.create_queues(
            self.client, queue=name, visibility_seconds=visibility_seconds, max_receives=max_receives
        )

    def send(self, *bodies: str, **attributes: str) -> list[str]:
        """Put messages on the queue; return their ids."""
        values = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        return [
            self.client.send_message(QueueUrl=self.url, MessageBody=body, MessageAttributes=values)[
                "MessageId"
            ]
            for body in bodies
        ]

    def depth(self) -> int:
        """Return how many messages are on the queue, visible or not."""
        # One call for both: between two calls a message could move from one number to the other.
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        answer = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def visible(self) -> int:
        """Return how many messages can be received now."""
        return self._attribute(self.url, "ApproximateNumberOfMessages")

    def dead(self) -> int:
        """Return how many messages are on the dead-letter queue."""
        return self._attribute(self.dead_url, "ApproximateNumberOfMessages")

    def _attribute(self, url: str, name: str) -> int:
        answer = self.client.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(answer["Attributes"][name])


def is_open(port: int) -> bool:
    """Say whether somebody listens on this port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


class Service:
    """One of the two services as a process, and requests to its admin port."""

    def __init__(self, module: str, settings: dict[str, str], code: str | None = None) -> None:
        self.admin = free_port()
        command = (sys.executable, "-m", module) if code is None else (sys.executable, "-c", code)
        # A test may patch modules, which has to happen before anything else imports them.
        start = preloaded.start if code is None else child
        common = {"QUEUECAST_HOST": HOST, "QUEUECAST_ADMIN_PORT": str(self.admin), "PYTHONUNBUFFERED": "1"}
        self.process = Process(module, command, {**common, **settings}, start=start)

    def ask(self, path: str) -> tuple[int, str]:
        """Return the status and body of an admin page; the status is 0 while nothing answers."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.admin}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, exc.read().decode()
        except OSError as exc:
            return 0, str(exc)

    def ready(self) -> bool:
        """Say whether `/readyz` answers 200."""
        return self.ask("/readyz")[0] == 200

    def reasons(self) -> list[str]:
        """Return why it is not ready."""
        status, body = self.ask("/readyz")
        reasons: list[str] = json.loads(body)["reasons"] if status else [body]
        return reasons

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples with these labels."""
        found = [
            sample.value
            for sample in samples_of(name, self.ask("/metrics")[1])
            if labels.items() <= sample.labels.items()
        ]
        if not found:
            raise KeyError(f"{name}{labels}")
        return sum(found)

    def log(self) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.process.tail)
