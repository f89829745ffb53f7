"""`python docs/metrics_reference.py`: write docs/metrics.md from the services' registries."""

from collections.abc import Callable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from queuecast_edge.metrics import LATENCY_BUCKETS
from queuecast_gateway.metrics import Metrics as GatewayMetrics
from queuecast_poller.metrics import Metrics as PollerMetrics

TARGET = Path(__file__).with_name("metrics.md")

INTRODUCTION = f"""# Metrics

Both services show their metrics at `/metrics` on the admin port, in base units, all of them from the start.
No label has a value that a client chooses.

The way of a message in stages, all in the same buckets
({", ".join(f"{bound:g}" for bound in LATENCY_BUCKETS)} s):

| stage | from … to | metric |
|---|---|---|
| queue wait | SQS accepted it … received | `queuecast_poller_queue_wait_seconds` |
| judge and publish | received … stored on the bus | `queuecast_poller_handling_seconds` |
| bus | stored … read by a gateway | `queuecast_gateway_bus_lag_seconds` |
| fan-out | read … handed to all connections | `queuecast_gateway_fanout_seconds` |
| write | handed over … written to all sockets | `queuecast_gateway_write_seconds` |
| **all of it** | accepted … the sockets | `queuecast_gateway_delivery_seconds{{redelivered="false"}}` |

These add up, for each queue or replica, but for what happens while Prometheus reads them:

* received = published + duplicates + left + dropped + returned + in flight (the poller's),
* connects = disconnects + connections (the gateway's).

Beside these each has `<service>_build_info` and the process's own: `process_open_fds` against
`process_max_fds`, `process_resident_memory_bytes`, `process_cpu_seconds_total`, `python_gc_*`.

A message whose time on SQS is ahead of our clock counts as one that took no time. How far clocks are apart
is the node's to tell (`node_timex_offset_seconds`), so there is no figure of it here. Nor is there one of how
often the poller connects to Redis: what comes of a lost connection is in
`queuecast_poller_publish_failures_total`, for the gateways in `queuecast_gateway_bus_resumes_total`.

This page is made from the code by `make docs`.
"""


def page() -> str:
    """Return docs/metrics.md."""
    sections = [INTRODUCTION]
    for title, declare, each, label in (
        ("The gateway", GatewayMetrics, "replica", None),
        ("The poller", _poller, "queue of each replica", "queue"),
    ):
        sections.append(_section(title, _families(declare), each, label))
    return "\n".join(sections)


def _poller(registry: CollectorRegistry) -> None:
    PollerMetrics(registry).of("…")


def _families(declare: Callable[[CollectorRegistry], object]) -> list[Metric]:
    registry = CollectorRegistry()
    declare(registry)
    return sorted(registry.collect(), key=lambda family: family.name)


def _section(title: str, families: Sequence[Metric], each: str, label: str | None) -> str:
    samples = [sample for family in families for sample in family.samples]
    # The services show no `_created`.
    shown = [sample for sample in samples if not sample.name.endswith("_created")]
    of_each = sum(label is None or label in sample.labels for sample in shown)
    beside = "" if of_each == len(shown) else f" and {len(shown) - of_each} beside these for each replica,"
    rows = [
        f"| `{_name(family)}` | {family.type} | {_labels(family)} | {family.documentation} |"
        for family in families
    ]
    told = f"{of_each} series for each {each},{beside} whatever anybody sends."
    return "\n".join(
        [f"## {title}", "", told, "", "| metric | type | labels | |", "|---|---|---|---|", *rows, ""]
    )


def _name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def _labels(family: Metric) -> str:
    values: dict[str, dict[str, None]] = {}
    for sample in family.samples:
        for label, value in sample.labels.items():
            if label != "le":
                values.setdefault(label, {})[value] = None
    return "; ".join(
        f"`{label}`" if set(found) == {"…"} else f"`{label}`: {', '.join(found)}"
        for label, found in values.items()
    )


if __name__ == "__main__":
    TARGET.write_text(page(), "utf-8")
