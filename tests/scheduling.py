"""Which tests a worker takes together, and which are begun first.

A worker takes a scope at a time: as a rule a file, with all that its tests share. What takes long begins, and
the quick files of the unit tier fill what time is left at the end.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

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


class Scheduling(LoadScopeScheduling):
    """Hands out scopes in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)
