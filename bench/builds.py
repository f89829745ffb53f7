"""What is compiled for the bench, into `build/bench`: socketioxide, Centrifugo and the C loop.

Nothing of it is committed. Cargo and Go fetch pinned versions through their own registries, once.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from queuecast_local.processes import Process

SERVERS = Path(__file__).parent / "servers"
FOLDER = Path(__file__).parents[1] / "build" / "bench"
COMPILE_SECONDS = 1_200.0
CENTRIFUGO_MODULE = "github.com/centrifugal/centrifugo/v6"
CENTRIFUGO_VERSION = "6.9.1"

LOOP = FOLDER / "loop"
OXIDE = FOLDER / "oxide" / "release" / "oxide"
CENTRIFUGO = FOLDER / f"centrifugo-{CENTRIFUGO_VERSION}" / "centrifugo"


def loop() -> None:
    """Compile the C loop. Raises `RuntimeError`."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    run("cc", "-O2", "-o", str(LOOP), str(SERVERS / "loop.c"))


def oxide() -> None:
    """Compile socketioxide's server; Cargo does nothing if it is up to date. Raises `RuntimeError`."""
    target = FOLDER / "oxide"
    # A copy: Cargo writes its lock file beside the manifest.
    source = shutil.copytree(SERVERS / "oxide", target / "source", dirs_exist_ok=True)
    manifest = str(source / "Cargo.toml")
    run("cargo", "build", "--release", "--manifest-path", manifest, "--target-dir", str(target))


def centrifugo() -> None:
    """Compile Centrifugo, unless it is there. Raises `RuntimeError`."""
    if not CENTRIFUGO.exists():
        module = f"{CENTRIFUGO_MODULE}@v{CENTRIFUGO_VERSION}"
        run("go", "install", module, environment={"GOBIN": str(CENTRIFUGO.parent)})


def run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a command to its end; return the last lines of its output. Raises `RuntimeError`."""
    compiler = Process(command[0], command, environment)
    try:
        code = compiler.wait(COMPILE_SECONDS)
    finally:
        if compiler.exit_code is None:
            compiler.stop(grace_seconds=2)
    if code != 0:
        why = f"did not end in {COMPILE_SECONDS:.0f} s" if code is None else "failed"
        raise RuntimeError(f"`{' '.join(command[:3])}` {why}:\n" + "\n".join(list(compiler.tail)[-10:]))
    return "\n".join(compiler.tail)
