"""What both drivers for python-socketio share: JSON lines, in which bytes are `{"base64": …}`."""

import base64
import json
import platform
import threading
from importlib.metadata import version
from typing import Any

QUICK_RETURN = {"reconnection_delay": 0.1, "reconnection_delay_max": 0.5}
PATIENCE_SECONDS = 60
"""How long connecting may take; the default of a second is little where forty clients start at once."""

_writing = threading.Lock()


def report(kind: str, **more: Any) -> None:
    """Write one report."""
    line = json.dumps({"report": kind, **more})
    with _writing:
        print(line, flush=True)


def ready() -> None:
    """Report which version this is, and on what it runs."""
    report("ready", version=version("python-socketio"), runtime=f"Python {platform.python_version()}")


def coded(args: Any) -> list[Any]:
    """Return arguments as a report has them."""
    return [{"base64": base64.b64encode(arg).decode()} if isinstance(arg, bytes) else arg for arg in args]


def decoded(args: list[Any]) -> list[Any]:
    """Return the arguments of a command."""
    return [
        base64.b64decode(arg["base64"]) if isinstance(arg, dict) and "base64" in arg else arg for arg in args
    ]
