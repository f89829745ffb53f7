"""`python docs/metrics_reference.py`: write docs/metrics.md from the services' registries."""

from collections.abc import Callable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from queuecast_edge.metrics import LATENCY_BUCKETS
from queuecast_gateway.api.metrics import ApiMetrics
from queuecast_gateway.metrics import Metrics as GatewayMetrics
from queuecast_poller.metrics import Metrics as PollerMetrics

TARGET = Path(__file__).with_name("metrics.md")

INTRODUCTION = f"""# Metrics

Both services serve their metrics at `/metrics` on the admin port, in base units. Every series exists from the
start. Clients cannot choose the value of any label.

These are the stages of a message's path, all with the same buckets
({", ".join(f"{bound:g}" for bound in LATENCY_BUCKETS)} s):

| stage | from … to | metric |
|---|---|---|
| queue wait | SQS accepted it … received | `queuecast_poller_queue_wait_seconds` |
| judge and publish | received … stored on the bus | `queuecast_poller_handling_seconds` |
| bus | stored … read by a gateway | `queuecast_gateway_bus_lag_seconds` |
| fan-out | read … handed to all connections | `queuecast_gateway_fanout_seconds` |
| write | handed over … written to all sockets | `queuecast_gateway_write_seconds` |
| **the whole path** | accepted … written | `queuecast_gateway_delivery_seconds{{redelivered="false"}}` |

These sums hold for each queue or replica, except for changes while Prometheus scrapes:

* received = published + duplicates + left + dropped + returned + in flight (poller),
* connects = disconnects + connections (gateway).

The gateway's metrics of the HTTP API (`queuecast_gateway_api_…`) exist only with `QUEUECAST_API_PORT`.

Each service also has `<service>_build_info` and the usual process metrics: `process_open_fds` and
`process_max_fds`, `process_resident_memory_bytes`, `process_cpu_seconds_total`, `python_gc_*`.

If SQS's timestamp of a message is ahead of our clock, its time counts as 0. Queuecast has no metric for
clock differences, because the node exporter has one (`node_timex_offset_seconds`). It has no metric for the
poller's connections to Redis either: the effects of a lost connection show in
`queuecast_poller_publish_failures_total` and, for gateways, in `queuecast_gateway_bus_resumes_total`.

`make docs` generates this page from the code.
"""


def page() -> str:
    """Return docs/metrics.md."""
    sections = [INTRODUCTION]
    for title, declare, each, label in (
        ("The gateway", _gateway, "replica", None),
        ("The poller", _poller, "queue of each replica", "queue"),
    ):
        sections.append(_section(title, _families(declare), each, label))
    return "\n".join(sections)


def _gateway(registry: CollectorRegistry) -> None:
    GatewayMetrics(registry)
    ApiMetrics(registry)


def _poller(registry: CollectorRegistry) -> None:
    PollerMetrics(registry).for_queue("…")


def _families(declare: Callable[[CollectorRegistry], object]) -> list[Metric]:
    registry = CollectorRegistry()
    declare(registry)
    return sorted(registry.collect(), key=lambda family: family.name)


def _section(title: str, families: Sequence[Metric], each: str, label: str | None) -> str:
    samples = [sample for family in families for sample in family.samples]
    # The services show no `_created`.
    shown = [sample for sample in samples if not sample.name.endswith("_created")]
    of_each = sum(label is None or label in sample.labels for sample in shown)
    beside = "" if of_each == len(shown) else f" and {len(shown) - of_each} more for each replica,"
    rows = [
        f"| `{_name(family)}` | {family.type} | {_labels(family)} | {family.documentation} |"
        for family in families
    ]
    told = f"{of_each} series for each {each},{beside} however many clients connect and whatever they send."
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
