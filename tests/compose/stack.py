"""The Compose stack, on ports of its own and under a name of its own, for as long as a test lasts."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.reservation import PortBlock

ROOT = Path(__file__).parents[2]
PROJECT = "queuecast-test"

STARTED = ("gateway", "poller", "nginx", "prometheus")
"""What is started, with what it depends on. Grafana is a large image, and has a test of its own."""

START_SECONDS = 180


def missing() -> str | None:
    """Return what these tests lack on this machine; None if they can run."""
    if shutil.which("docker") is None:
        return "Docker is missing: there is none on PATH"
    for command in (("docker", "info"), ("docker", "compose", "version")):
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return f"Docker does not work here: `{' '.join(command)}` fails"
    return None


@dataclass(frozen=True)
class Stack:
    """The running stack. Ports by the variables that set them."""

    ports: Mapping[str, str]

    def compose(self, *arguments: str) -> None:
        """Run a command of Compose. Raises `AssertionError` with its words."""
        command = ("docker", "compose", "--project-name", PROJECT, *arguments)
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **self.ports}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-4000:]}"

    def has(self, service: str) -> bool:
        """Whether the image of a service is here, or could be fetched."""
        try:
            self.compose("pull", "--quiet", "--policy", "missing", service)
        except AssertionError:
            return False
        return True

    def url(self, variable: str) -> str:
        """Return the address of what listens at a port."""
        return f"http://127.0.0.1:{self.ports[variable]}"


@contextmanager
def running(block: PortBlock) -> Iterator[Stack]:
    """Build and start everything but Grafana; leave nothing behind."""
    variables = ("HTTP_PORT", "SQS_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")
    stack = Stack({variable: str(block.port()) for variable in variables})
    try:
        stack.compose("up", "--build", "--detach", "--wait", "--wait-timeout", str(START_SECONDS), *STARTED)
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "10")
