"""The compared servers: how each is started, how to publish to it, and what it needs on this machine."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench import builds
from bench.dialects import CENTRIFUGO as CENTRIFUGO_DIALECT
from bench.dialects import SOCKET_IO, Dialect
from bench.publishers import (
    Bus,
    Pipeline,
    Publisher,
    centrifugo_message,
    loop_message,
    node_entry,
    node_message,
    oxide_message,
    stock_message,
)
from queuecast_local.stack import unready

SERVERS = builds.SERVERS
NODE_MODULES = Path(__file__).parent / "node_modules"
MAIN_ROWS = ("steady", "burst", "nobody", "connect", "rss")
EVERY_ROW = (*MAIN_ROWS, "kilobytes", "rooms", "spread", "storm", "shared", "start")
"""All but `recovered`, for servers that do not recover sessions."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server runs, on 127.0.0.1; `workshop` is a folder for what it needs written."""

    port: int
    admin_port: int
    redis_port: int
    workshop: Path


@dataclass(frozen=True)
class Contestant:
    """A server.

    `missing` says why it cannot run here, `build` makes what is compiled (raises `RuntimeError`), `trouble`
    says why it listens but does not serve.
    """

    name: str
    title: str
    command: Callable[[Place], Sequence[str]]
    publisher: Callable[[int], Publisher]
    environment: Callable[[Place], Mapping[str, str]] = field(default=lambda _: {})
    missing: Callable[[], str | None] = field(default=lambda: None)
    build: Callable[[], object] = field(default=lambda: None)
    trouble: Callable[[Place], str | None] = field(default=lambda _: None)
    dialect: Dialect = SOCKET_IO
    rows: tuple[str, ...] = EVERY_ROW
    most_rounds: int | None = None


def _stock_command(place: Place) -> Sequence[str]:
    return (sys.executable, "-m", "bench.servers.stock", str(place.port), str(place.redis_port))


def _node_command(program: str, place: Place) -> Sequence[str]:
    return ("node", str(SERVERS / program), str(place.port), str(place.redis_port))


def node_missing() -> str | None:
    if shutil.which("node") is None:
        return "there is no Node here"
    if not (NODE_MODULES / "socket.io").is_dir():
        return "its modules are missing: run `npm ci` in bench/"
    return None


def _gateway_environment(place: Place) -> Mapping[str, str]:
    return {
        "QUEUECAST_HOST": "127.0.0.1",
        "QUEUECAST_PORT": str(place.port),
        "QUEUECAST_ADMIN_PORT": str(place.admin_port),
        "QUEUECAST_REDIS_URL": f"redis://127.0.0.1:{place.redis_port}/0",
        # All limits are on, except those by address: all clients have the same one here.
        "QUEUECAST_MAX_CONNECTIONS_PER_ADDRESS": "20000",
        "QUEUECAST_MAX_CONNECTS_PER_SECOND": "100000",
        "QUEUECAST_MAX_SESSION_BYTES_PER_ADDRESS": str(1 << 30),
    }


def _loop_command(place: Place) -> Sequence[str]:
    return (str(builds.LOOP), str(place.port), str(place.redis_port))


def _oxide_command(place: Place) -> Sequence[str]:
    return (str(builds.OXIDE), str(place.port), str(place.redis_port))


def centrifugo_settings(port: int, redis_port: int) -> dict[str, object]:
    """Return Centrifugo's defaults, with Redis, and channels that anybody may subscribe to."""
    return {
        "http_server": {"address": "127.0.0.1", "port": port},
        "engine": {"type": "redis", "redis": {"address": f"redis://127.0.0.1:{redis_port}/0"}},
        "client": {"allow_anonymous_connect_without_token": True},
        "channel": {
            "without_namespace": {"allow_subscribe_for_client": True, "allow_subscribe_for_anonymous": True}
        },
        "log": {"level": "error"},
        "usage_stats": {"disabled": True},
    }


def _centrifugo_command(place: Place) -> Sequence[str]:
    settings = place.workshop / f"centrifugo-{place.port}.json"
    settings.write_text(json.dumps(centrifugo_settings(place.port, place.redis_port)), "utf-8")
    return (str(builds.CENTRIFUGO), "--config", str(settings))


def _bun_command(place: Place) -> Sequence[str]:
    bun = NODE_MODULES / ".bin" / "bun"
    return (str(bun), str(SERVERS / "bun.mjs"), str(place.port), str(place.redis_port))


def _bun_missing() -> str | None:
    return None if (NODE_MODULES / "bun").is_dir() else "Bun is missing: run `npm ci` in bench/"


GATEWAY = Contestant(
    name="gateway",
    title="this gateway",
    command=lambda _: (sys.executable, "-m", "queuecast_gateway"),
    publisher=Bus,
    environment=_gateway_environment,
    trouble=lambda place: unready(place.admin_port),
    rows=(*EVERY_ROW, "recovered"),
)
OXIDE = Contestant(
    name="oxide",
    title="socketioxide",
    command=_oxide_command,
    publisher=partial(Pipeline, command=oxide_message),
    missing=lambda: None if shutil.which("cargo") else "there is no Rust (cargo) here",
    build=builds.oxide,
)
CENTRIFUGO = Contestant(
    name="centrifugo",
    title="Centrifugo",
    command=_centrifugo_command,
    publisher=partial(Pipeline, command=centrifugo_message),
    missing=lambda: None if shutil.which("go") else "there is no Go here",
    build=builds.centrifugo,
    dialect=CENTRIFUGO_DIALECT,
)
NODE = Contestant(
    name="node",
    title="Node Socket.IO",
    command=partial(_node_command, "node.mjs"),
    publisher=partial(Pipeline, command=node_message),
    environment=lambda _: {"NODE_ENV": "production"},
    missing=node_missing,
    most_rounds=2,
)
STREAMS = Contestant(
    name="streams",
    title="Node with recovery",
    command=partial(_node_command, "streams.mjs"),
    publisher=partial(Pipeline, command=node_entry),
    environment=lambda _: {"NODE_ENV": "production"},
    missing=node_missing,
    rows=(*EVERY_ROW, "recovered"),
    most_rounds=1,
)
BUN = Contestant(
    name="bun",
    title="Socket.IO on Bun",
    command=_bun_command,
    publisher=partial(Pipeline, command=node_message),
    missing=_bun_missing,
    most_rounds=1,
)
LOOP = Contestant(
    name="loop",
    title="C loop",
    command=_loop_command,
    publisher=partial(Pipeline, command=loop_message),
    missing=lambda: None if shutil.which("cc") else "there is no C compiler (cc) here",
    build=builds.loop,
    rows=("steady", "burst", "kilobytes", "start"),
    most_rounds=2,
)
STOCK = Contestant(
    name="stock",
    title="stock python-socketio",
    command=_stock_command,
    publisher=partial(Pipeline, command=stock_message),
    rows=(*MAIN_ROWS, "start"),
    most_rounds=1,  # it takes long, and its figures are far from all others
)

ALL = (GATEWAY, OXIDE, CENTRIFUGO, NODE, STREAMS, BUN, LOOP, STOCK)
