"""`make run` and `make send` with ports of their own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.reservation import PortBlock

REPOSITORY = Path(__file__).parents[2]


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
