"""Which tests a worker takes together, and which are begun first.

A worker takes a scope at a time: as a rule a file, with all that its tests share. What takes long begins, and
the quick files of the unit tier fill what time is left at the end.
"""

from typing import Any

import pytest

ORDER = (
    "tests/faults/",
    "tests/e2e/",
    "tests/observability/",
    "tests/unit/test_fuzz.py",
    "tests/integration/",
    "tests/manifests/",
    "tests/unit/",
)

TOGETHER = ("tests/faults/", "tests/e2e/")
"""Their tests have a stack under load each, or share one: side by side they would measure each other."""

APART = ("tests/unit/test_fuzz.py",)
"""Their tests share nothing, and take long."""


def scope(nodeid: str) -> str:
    """Return what a test goes together with."""
    if nodeid.startswith(APART):
        return nodeid
    return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.partition("::")[0])


def rank(nodeid: str) -> int:
    """Return how early a test is begun; 0 is the earliest."""
    return next((at for at, start in enumerate(ORDER) if nodeid.startswith(start)), len(ORDER))


def scheduler(config: pytest.Config, log: Any) -> Any:
    """Return what hands out scopes to pytest-xdist's workers, in the order in which tests were collected."""
    from xdist.scheduler import LoadScopeScheduling  # pytest-xdist may be off

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope(nodeid)

    config.option.loadscopereorder = False
    return Scheduling(config, log)
