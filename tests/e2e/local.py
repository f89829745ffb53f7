"""`make run` and `make send` with ports of their own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.claims import eventually
from tests.reservation import PortBlock

from queuecast_local.processes import Process

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 180.0
"""`make run` starts six processes, one after another, while other tests use the cores."""


def variables(block: PortBlock) -> dict[str, str]:
    """Return the environment in which every part has a port that nobody else takes."""
    ports = block.ports()
    return {
        "GATEWAY_PORTS": ",".join(map(str, ports.gateways)),
        "ADMIN_PORT": str(ports.admin),
        "SQS_PORT": str(ports.sqs),
        "REDIS_PORT": str(ports.redis),
        "BALANCER_PORT": str(ports.balancer),
        "PYTHONPATH": str(REPOSITORY / "deploy" / "local"),
    }


def wait_until_started(process: Process) -> None:
    """Wait until `make run` says that everything runs; fail with its output if it ends before."""

    def started() -> bool:
        assert process.exit_code is None, "\n".join(process.tail)
        return any("Ctrl-C stops everything" in line for line in process.tail)

    eventually(started, START_SECONDS)


OF_SEND = {"N", "DATA", "EVENT", "ROOM", "NAMESPACE"}
"""The variables of `make send`. `make test-repeat N=10` passes its own N on to every test."""


def run(module: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a module until it ends."""
    inherited = {name: value for name, value in os.environ.items() if name not in OF_SEND}
    return subprocess.run(
        (sys.executable, "-m", module),
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
