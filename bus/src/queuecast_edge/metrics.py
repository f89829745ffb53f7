"""The parts of a metrics registry that every Queuecast process has."""

import platform
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds. All stages share the buckets, so that they can be compared. The delivery objective is 1 s."""


def total(metric: Counter | Gauge) -> float:
    """Return the value of a counter or a gauge, all of whose labels are given."""
    return next(sample.value for family in metric.collect() for sample in family.samples)


def new_registry(package: str, revision: str) -> CollectorRegistry:
    """Return a registry with the process's own metrics and `<package>_build_info`."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no annotation
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
