"""What each server is to install, without its language's runtime: the number of packages, and the bytes."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from bench import builds
from bench.contestants import (
    BUN,
    CENTRIFUGO,
    GATEWAY,
    LOOP,
    NODE,
    NODE_MODULES,
    OXIDE,
    STOCK,
    STREAMS,
    Contestant,
)

ROOT = Path(__file__).parents[1]
OURS = ("services/gateway/src", "bus/src")
PYTHON, NODE_RUNTIME = "Python", "Node"
ROOTS = {
    STOCK.name: ("python-socketio", "uvicorn", "redis"),
    NODE.name: ("socket.io", "@socket.io/redis-adapter", "redis"),
    STREAMS.name: ("socket.io", "@socket.io/redis-streams-adapter", "redis"),
    BUN.name: ("socket.io", "@socket.io/bun-engine", "@socket.io/redis-adapter", "redis"),
}


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one server pulls in. `runtime` is what it needs besides, "" for nothing."""

    packages: int
    size: int
    runtime: str = ""

    def __str__(self) -> str:
        text = (
            f"{self.size / 1e6:.1f} MB in {self.packages} packages"
            if self.packages
            else f"{self.size / 1e6:.1f} MB"
        )
        return f"{text}, and {self.runtime}" if self.runtime else text


def footprint(contestant: Contestant) -> Footprint:
    """Measure what is installed for a contestant on this machine."""
    match contestant.name:
        case GATEWAY.name:
            names = re.findall(
                r"(?m)^([a-z0-9_.-]+)==", (ROOT / "requirements/gateway.txt").read_text("utf-8")
            )
            packages, size = _python(names)
            ours = sum(_size(ROOT / folder, "*.py") + _size(ROOT / folder, "*.lua") for folder in OURS)
            return Footprint(packages + len(OURS), size + ours, PYTHON)
        case STOCK.name:
            return Footprint(*_python(_required(ROOTS[STOCK.name])), PYTHON)
        case NODE.name | STREAMS.name:
            return Footprint(*_node(ROOTS[contestant.name]), NODE_RUNTIME)
        case BUN.name:
            packages, size = _node(ROOTS[BUN.name])
            return Footprint(packages + 1, size + (NODE_MODULES / ".bin" / "bun").stat().st_size)
        case OXIDE.name:
            lock = (builds.FOLDER / "oxide" / "source" / "Cargo.lock").read_text("utf-8")
            return Footprint(lock.count("[[package]]"), builds.OXIDE.stat().st_size)
        case CENTRIFUGO.name:
            listed = subprocess.run(  # noqa: S603  # the bench's own binary
                ("go", "version", "-m", str(builds.CENTRIFUGO)),  # noqa: S607
                capture_output=True,
                text=True,
                check=True,
            )
            return Footprint(listed.stdout.count("\n\tdep\t") + 1, builds.CENTRIFUGO.stat().st_size)
        case LOOP.name:
            return Footprint(0, builds.LOOP.stat().st_size)
    raise AssertionError(contestant.name)


def _size(folder: Path, pattern: str = "*") -> int:
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())


def _python(names: Iterable[str]) -> tuple[int, int]:
    """Return how many of these are installed (some are for other systems), and the bytes of their files."""
    count = size = 0
    for name in names:
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            continue
        count += 1
        paths = (Path(str(file.locate())) for file in files if "__pycache__" not in file.parts)
        size += sum(path.stat().st_size for path in paths if path.is_file())
    return count, size


def _required(roots: Iterable[str]) -> set[str]:
    """Return some Python packages with all that they require, without extras."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        if name not in found:
            found.add(name)
            waiting += [re.split(r"[ ;<>=!~\[(]", line)[0] for line in requires if "extra ==" not in line]
    return found


def _node(roots: Iterable[str]) -> tuple[int, int]:
    """Return the number of Node packages with all that they depend on, and the bytes of their files."""
    found: dict[Path, int] = {}
    waiting = [(name, NODE_MODULES) for name in roots]
    while waiting:
        name, modules = waiting.pop()
        nested, shared = modules / name, NODE_MODULES / name
        folder = nested if nested.is_dir() else shared
        if folder in found or not folder.is_dir():
            continue
        found[folder] = sum(
            path.stat().st_size
            for path in folder.rglob("*")
            if path.is_file() and "node_modules" not in path.relative_to(folder).parts
        )
        manifest = json.loads((folder / "package.json").read_text("utf-8"))
        waiting += [(needed, folder / "node_modules") for needed in manifest.get("dependencies", {})]
    return len(found), sum(found.values())


if __name__ == "__main__":
    from bench.contestants import ALL

    for one in ALL:
        sys.stdout.write(f"{one.title}: {footprint(one)}\n")
