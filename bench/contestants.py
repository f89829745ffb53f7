"""The compared servers: how each is started, how to publish to it, and what it needs on this machine."""

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.publishers import Bus, Publisher, PubSub, loop_message, node_message, oxide_message, stock_message
from queuecast_local.processes import Process
from queuecast_local.stack import unready

SERVERS = Path(__file__).parent / "servers"
NODE_MODULES = Path(__file__).parent / "node_modules"
EVERY_ROW = ("steady", "burst", "rss", "connect", "nobody")
BUILDS = Path(__file__).parents[1] / "build" / "bench"
"""What is compiled for more than one run."""
COMPILE_SECONDS = 1_200.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server runs, on 127.0.0.1; `workshop` is a folder for what has to be built."""

    port: int
    admin_port: int
    redis_port: int
    workshop: Path


@dataclass(frozen=True)
class Contestant:
    """A server. `missing` says why it cannot run here, `trouble` why it listens but does not serve."""

    name: str
    title: str
    command: Callable[[Place], Sequence[str]]
    publisher: Callable[[int], Publisher]
    environment: Callable[[Place], Mapping[str, str]] = field(default=lambda _: {})
    missing: Callable[[], str | None] = field(default=lambda: None)
    trouble: Callable[[Place], str | None] = field(default=lambda _: None)
    rows: tuple[str, ...] = EVERY_ROW
    most_rounds: int | None = None


def _stock_command(place: Place) -> Sequence[str]:
    return (sys.executable, "-m", "bench.servers.stock", str(place.port), str(place.redis_port))


def _node_command(place: Place) -> Sequence[str]:
    return ("node", str(SERVERS / "node.mjs"), str(place.port), str(place.redis_port))


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


def _compiled(binary: Path, *command: str) -> str:
    """Return the path of a binary, which the command makes if it is not there. Raises `RuntimeError`."""
    if not binary.exists():
        compiler = Process(command[0], command)
        if compiler.wait(COMPILE_SECONDS) != 0:
            raise RuntimeError(f"{binary.name} cannot be compiled:\n" + "\n".join(compiler.tail))
    return str(binary)


def _loop_command(place: Place) -> Sequence[str]:
    binary = place.workshop / "loop"
    compiled = _compiled(binary, "cc", "-O2", "-o", str(binary), str(SERVERS / "loop.c"))
    return (compiled, str(place.port), str(place.redis_port))


def _oxide_command(place: Place) -> Sequence[str]:
    manifest, target = SERVERS / "oxide" / "Cargo.toml", BUILDS / "oxide"
    folder = shutil.copytree(manifest.parent, target / "source", dirs_exist_ok=True)
    cargo = ("cargo", "build", "--release", "--manifest-path", str(folder / "Cargo.toml"))
    compiled = _compiled(target / "release" / "oxide", *cargo, "--target-dir", str(target))
    return (compiled, str(place.port), str(place.redis_port))


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
)
NODE = Contestant(
    name="node",
    title="Node Socket.IO",
    command=_node_command,
    publisher=partial(PubSub, message=node_message),
    environment=lambda _: {"NODE_ENV": "production"},
    missing=node_missing,
)
LOOP = Contestant(
    name="loop",
    title="C loop",
    command=_loop_command,
    publisher=partial(PubSub, message=loop_message),
    missing=lambda: None if shutil.which("cc") else "there is no C compiler (cc) here",
    rows=("steady", "burst"),
)
OXIDE = Contestant(
    name="oxide",
    title="socketioxide",
    command=_oxide_command,
    publisher=partial(PubSub, message=oxide_message),
    missing=lambda: None if shutil.which("cargo") else "there is no Rust (cargo) here",
)
BUN = Contestant(
    name="bun",
    title="Socket.IO on Bun",
    command=_bun_command,
    publisher=partial(PubSub, message=node_message),
    missing=_bun_missing,
)
STOCK = Contestant(
    name="stock",
    title="stock python-socketio",
    command=_stock_command,
    publisher=partial(PubSub, message=stock_message),
    most_rounds=1,  # it takes long, and its figures are far from all others
)

ALL = (GATEWAY, OXIDE, NODE, BUN, LOOP, STOCK)
