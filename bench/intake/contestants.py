"""The compared consumers: how each is started, and what it needs on this machine."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.contestants import NODE_MODULES, SERVERS, node_missing


@dataclass(frozen=True, slots=True)
class Place:
    """The endpoints between which one consumer works."""

    queue_url: str
    redis_url: str
    admin_port: int
    routes: Path


@dataclass(frozen=True)
class Consumer:
    """A consumer. `missing` says why it cannot run here."""

    name: str
    title: str
    command: Callable[[Place], Sequence[str]]
    environment: Callable[[Place], Mapping[str, str]] = field(default=lambda _: {})
    missing: Callable[[], str | None] = field(default=lambda: None)


def aws(place: Place) -> dict[str, str]:
    """Return the environment that makes AWS's SDKs use the stub."""
    return {
        "AWS_ENDPOINT_URL_SQS": place.queue_url.rsplit("/", 2)[0],
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


ROUTES = """routes:
  - name: shop
    when: data.seq > `0`
    event: "'item_added'"
"""
"""The only route, which every message matches; the rooms are in the message's attribute."""


def poller_environment(place: Place) -> Mapping[str, str]:
    """Return the settings of a poller without a routes file."""
    return {
        "QUEUECAST_QUEUES": place.queue_url,
        "QUEUECAST_REDIS_URL": place.redis_url,
        "QUEUECAST_HOST": "127.0.0.1",
        "QUEUECAST_ADMIN_PORT": str(place.admin_port),
    }


def _routed_environment(place: Place) -> Mapping[str, str]:
    place.routes.write_text(ROUTES, "utf-8")
    return {"QUEUECAST_ROUTES": str(place.routes), **poller_environment(place)}


def consumer_missing() -> str | None:
    if why := node_missing():
        return why
    return (
        None
        if (NODE_MODULES / "sqs-consumer").is_dir()
        else "its modules are missing: run `npm ci` in bench/"
    )


POLLER = Consumer(
    name="poller",
    title="this poller",
    command=lambda _: (sys.executable, "-m", "queuecast_poller"),
    environment=_routed_environment,
)
NODE = Consumer(
    name="node",
    title="sqs-consumer",
    command=lambda place: ("node", str(SERVERS / "consumer.mjs"), place.queue_url, place.redis_url),
    environment=lambda _: {"NODE_ENV": "production"},
    missing=consumer_missing,
)
STOCK = Consumer(
    name="stock",
    title="stock aiobotocore",
    command=lambda place: (sys.executable, "-m", "bench.intake.stock", place.queue_url, place.redis_url),
)

ALL = (POLLER, NODE, STOCK)
