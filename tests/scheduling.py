"""Which tests a worker runs together, and which start first.

A worker runs one scope at a time, usually a file with all that its tests share. Long scopes start first, and
the quick files of the unit tier fill the remaining time at the end.
"""

from typing import Any

import pytest

ORDER = (
    "tests/faults/",
    "tests/e2e/",
    "tests/interop/",
    "tests/observability/",
    "tests/unit/tools/test_fuzz.py",
    "tests/integration/test_dead_letters.py",
    "tests/integration/test_new_sessions.py",
    "tests/integration/test_poller_faults.py",
    "tests/integration/",
    "tests/unit/gateway/delivery/test_history_memory.py",
    "tests/manifests/",
    "tests/unit/",
)

TOGETHER = ("tests/faults/", "tests/e2e/", "tests/interop/")
"""Each of their tests has a stack under load, or they share one: in parallel they would affect each other."""

OWN_STACK = (
    "tests/e2e/test_console.py",
    "tests/e2e/test_identity.py",
    "tests/e2e/test_order_tracker.py",
    "tests/e2e/test_presence.py",
    "tests/e2e/test_tutorial.py",
)
"""Files of these folders whose tests have a stack with settings of its own, and little load."""

APART = ("tests/unit/tools/test_fuzz.py",)
"""Their tests share nothing and take long."""


def scope(nodeid: str) -> str:
    """Return the scope of a test."""
    if nodeid.startswith(APART):
        return nodeid
    file = nodeid.partition("::")[0]
    if file in OWN_STACK:
        return file
    return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def rank(nodeid: str) -> int:
    """Return a test's position in the order; 0 starts first."""
    return next((at for at, start in enumerate(ORDER) if nodeid.startswith(start)), len(ORDER))


def scheduler(config: pytest.Config, log: Any) -> Any:
    """Return pytest-xdist's scheduler, which hands out scopes in the order of collection."""
    from xdist.scheduler import LoadScopeScheduling  # pytest-xdist may be off

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope(nodeid)

    config.option.loadscopereorder = False
    return Scheduling(config, log)
