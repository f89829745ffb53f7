"""The emulator with its faults as a process of its own."""

import os
import sys
from pathlib import Path

from queuecast_local.processes import Process

ROOT = Path(__file__).parents[2]
PYTHONPATH = os.pathsep.join((str(ROOT), str(ROOT / "deploy" / "local")))


def start(port: int) -> Process:
    """Start it on 127.0.0.1; it listens a moment later."""
    command = (sys.executable, "-m", "tests.emulator.server", "--port", str(port))
    return Process("sqs", command, {"PYTHONPATH": PYTHONPATH})
