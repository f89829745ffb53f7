"""`make cluster`: builds a real Kubernetes, runs everything in it under load, and writes docs/cluster.md.

Exits with 0; with 1 if a row is not clean, or 2 if the machine or the command line is unsuitable.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.cluster import admission, autoscaler, cgroups, host, images, inside, needs, programs
from tests.cluster.cluster import COREDNS, NODES
from tests.cluster.images import Program
from tests.cluster.node import PAUSE
from tests.cluster.programs import NotBuilt
from tests.cluster.rows import ROWS, Row

PREFIX = "queuecast-cluster-"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "queuecast" / "cluster"


def main() -> int:
    """Build everything, and run the rows; return the exit code."""
    options = _options()
    # Ctrl-C and SIGTERM alike end the cluster and put everything back.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    if lines := needs.missing():
        print("make cluster needs", *(f"  {line}" for line in lines), sep="\n", file=sys.stderr)
        return 2
    with ExitStack() as parts:
        state = _state(options.state, parts)
        try:
            plan = _prepared(options, state)
        except (NotBuilt, AssertionError) as exc:
            print(exc, file=sys.stderr)
            return 2
        parts.enter_context(host.restored([cgroups.of(f"node-{number}") for number in NODES]))
        command = (sys.executable, "-m", "tests.cluster.inside", plan.written())
        return subprocess.run(host.isolated(command), check=False).returncode


def _state(folder: Path | None, parts: ExitStack) -> Path:
    """Return a new folder for everything that the cluster writes; it is kept if somebody named its place."""
    if folder is None:
        return Path(parts.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX)))
    folder.mkdir(parents=True, exist_ok=True)
    state = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
    print(f"logs and configuration stay in {state}", flush=True)
    return state


def _prepared(options: argparse.Namespace, state: Path) -> inside.Plan:
    """Build the programs and the images. Raises `NotBuilt` or `AssertionError` with what failed."""
    kubernetes = programs.build(programs.CLUSTER, options.cache)
    own = programs.build(programs.NAMES, options.cache)
    crds = admission.crds() if options.admission else []
    started = [Program(COREDNS, own / "coredns", "coredns"), Program(PAUSE, own / "pause", "pause")]
    wanted = images.of_the_overlay(kubernetes / "kubectl")
    with_keda = any(row.needs_keda for row in options.only)
    if with_keda:
        started += autoscaler.programs(programs.build(programs.AUTOSCALER, options.cache))
        wanted.add(autoscaler.prometheus_image())
    print("making the images", flush=True)
    origins = images.make(wanted, started, state / "images.tar")
    return inside.Plan(
        kubernetes=str(kubernetes),
        plugins=str(needs.plugin_folder()),
        state=str(state),
        keda=str(programs.files(programs.AUTOSCALER)) if with_keda else "",
        crds=[str(path) for path in crds],
        rows=[row.name for row in options.only],
        made_here=[origin.name for origin in origins if not origin.pulled],
        clients=options.clients,
        rate=options.rate,
        keeps=options.keep,
    )


def _options() -> argparse.Namespace:
    def named(text: str) -> Sequence[Row]:
        words = text.split(",")
        chosen = [row for row in ROWS if any(word in row.name for word in words)]
        if not chosen:
            names = "; ".join(row.name for row in ROWS)
            raise argparse.ArgumentTypeError(f"{text!r} is part of no row's name: {names}")
        return chosen

    def folder(variable: str, otherwise: Path | None) -> Path | None:
        given = os.environ.get(variable)
        return Path(given).resolve() if given else otherwise

    parser = argparse.ArgumentParser(prog="make cluster OPTIONS=…", description=__doc__)
    parser.add_argument("--only", type=named, default=ROWS, help="parts of rows' names, comma separated")
    parser.add_argument(
        "--admission", action=argparse.BooleanOptionalAction, default=True, help="apply every rendering"
    )
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--rate", type=int, default=50, help="messages a second")
    parser.add_argument("--keep", action="store_true", help="keep the cluster until Enter is pressed")
    parser.set_defaults(
        cache=folder("CLUSTER_CACHE", CACHE),
        state=folder("CLUSTER_STATE", None),
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
