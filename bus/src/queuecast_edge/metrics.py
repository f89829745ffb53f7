"""The parts of a metrics registry that every Queuecast process has."""

import platform
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds; shared by every stage, so that stages can be compared. 1 s is the delivery objective."""


def new_registry(package: str, revision: str) -> CollectorRegistry:
    """Return a registry with the process's own metrics and `<package>_build_info`."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library forgot
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    build = Info(f"{package}_build", "What this process was built from", registry=registry)
    build.info(
        {
            "version": version(package.replace("_", "-")),
            "revision": revision,
            "python": platform.python_version(),
        }
    )
    return registry
