"""Both services as the local overlay's pods would run them, as far as possible without a cluster.

Each gets only the environment and files of its container. Redis is a real one, with the component's options
and users; the queue is on an SQS emulator.
"""

import json
import os
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.claims import eventually
from tests.reservation import PortBlock
from websockets.sync.client import connect

from queuecast_local import sqs
from queuecast_local.processes import Process

from .conftest import LocalRedis
from .kustomize import K8S, containers, environment, needs_kubectl, rendered

HOST = "127.0.0.1"
KEPT = ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV")

Start = Callable[..., Process]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start processes without this process's variables; they end with the test."""
    started: list[Process] = []
    for name in set(os.environ) - set(KEPT):
        monkeypatch.delenv(name)

    def run(name: str, command: list[str], variables: dict[str, str]) -> Process:
        started.append(Process(name, command, variables))
        return started[-1]

    yield run
    for process in started:
        process.stop(grace_seconds=0)


def told(service: str, local_redis: LocalRedis, ports: PortBlock, **more: str) -> dict[str, str]:
    """Return a container's environment, with the cluster's ports replaced by local ones."""
    documents = rendered("overlays/local")
    (container,) = [each for name, each in containers(documents) if name == f"queuecast-{service}/{service}"]
    made = environment(documents, container)
    url = made["QUEUECAST_REDIS_URL"]
    url = url.replace("s3cret", local_redis.secrets[f"queuecast-{service}"]["redis-password"])
    assert "@queuecast-redis:6379/" in url
    made["QUEUECAST_REDIS_URL"] = url.replace("queuecast-redis:6379", f"{HOST}:{local_redis.port}")
    return {**made, "QUEUECAST_ADMIN_PORT": str(ports.port()), **more}


def ready(variables: dict[str, str], process: Process) -> bool:
    assert process.exit_code is None, "\n".join(process.tail)
    try:
        with urllib.request.urlopen(
            f"http://{HOST}:{variables['QUEUECAST_ADMIN_PORT']}/readyz", timeout=3
        ) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


@needs_kubectl
def test_a_message_reaches_a_browser(
    local_redis: LocalRedis, ports: PortBlock, tmp_path: Path, start: Start
) -> None:
    """If it does, users, rights, settings and the SDK's file are all correct."""
    queue_port, port = ports.port(), str(ports.port())
    start("sqs", list(sqs.emulator(queue_port)), dict(sqs.IMPORTS_FROM))
    eventually(lambda: is_open(queue_port))
    client: Any = sqs.client(queue_port)
    url, _ = sqs.create_queues(client)

    config = tmp_path / "config"
    text = (K8S / "components" / "elasticmq" / "config").read_text("utf-8")
    assert "http://queuecast-elasticmq:9324" in text
    config.write_text(text.replace("http://queuecast-elasticmq:9324", f"http://{HOST}:{queue_port}"))

    gateway = told("gateway", local_redis, ports, QUEUECAST_PORT=port)
    poller = told("poller", local_redis, ports)
    assert poller["AWS_CONFIG_FILE"] == "/etc/aws/config"
    poller["AWS_CONFIG_FILE"] = str(config)
    for name, variables in (("gateway", gateway), ("poller", poller)):
        process = start(name, [sys.executable, "-m", f"queuecast_{name}"], variables)
        eventually(lambda: ready(variables, process))  # noqa: B023  # it is called at once

    with connect(f"ws://{HOST}:{port}/socket.io/?EIO=4&transport=websocket") as browser:
        assert str(browser.recv(timeout=10)).startswith("0{")
        browser.send("40")
        assert str(browser.recv(timeout=10)).startswith("40{")
        client.send_message(QueueUrl=url, MessageBody='{"id": 7}')
        heard = (str(browser.recv(timeout=20)) for _ in range(10))
        # Pings and offsets come in between.
        events = (json.loads(packet[2:]) for packet in heard if packet.startswith("42"))
        assert any(event[:2] == ["item_added", {"id": 7}] for event in events)
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(f"http://{HOST}:{port}/socket.io/?EIO=4&transport=polling", timeout=30)
