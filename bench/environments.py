"""Virtual environments for the compared interpreters, in `build/bench`, with what both services need.

They get the versions of the images, by the same hashes, and only wheels, as the images do.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import builds

ROOT = Path(__file__).parents[1]
PACKAGES = ("bus", "services/gateway", "services/poller")
REQUIREMENTS = ("gateway", "poller", "build")
FOLDER = builds.FOLDER / "interpreters"

DESCRIBE = """
import json, platform, sys, sysconfig
variables = sysconfig.get_config_vars()
tails = variables.get("Py_TAIL_CALL_INTERP") or variables.get("_Py_TAIL_CALL_INTERP")
version, compiler = platform.python_version(), platform.python_compiler()
print(json.dumps([sys.executable, sys.version, version, compiler, bool(tails)]))
"""


@dataclass(frozen=True, slots=True)
class Environment:
    """An interpreter with the services' packages; `title` says which one."""

    python: Path
    title: str


def environment(python: str) -> Environment:
    """Return an interpreter's environment, which is made unless it is there. Raises `RuntimeError`."""
    found = shutil.which(python)
    if found is None:
        raise RuntimeError(f"there is no {python} here")
    described = builds.run(found, "-c", DESCRIBE).splitlines()[-1]
    executable, build, version, compiler, has_tail_calls = json.loads(described)
    title = f"{version} ({compiler}{', tail calls' if has_tail_calls else ''})"
    wanted = [ROOT / "requirements" / f"{name}.txt" for name in REQUIREMENTS]
    digest = hashlib.sha256(f"{executable} {build}".encode())
    for path in wanted:
        digest.update(path.read_bytes())
    folder = FOLDER / f"{version}-{digest.hexdigest()[:12]}"
    if not (folder / "installed").exists():
        _make(found, folder, wanted)
    return Environment(folder / "bin" / "python", title)


def _make(python: str, folder: Path, wanted: Sequence[Path]) -> None:
    builds.run(python, "-m", "venv", "--clear", str(folder))
    pip = (str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    files = [argument for path in wanted for argument in ("--requirement", str(path))]
    builds.run(*pip, "--require-hashes", "--only-binary", ":all:", *files)
    editable = [argument for package in PACKAGES for argument in ("--editable", str(ROOT / package))]
    builds.run(*pip, "--no-build-isolation", "--no-deps", *editable)
    (folder / "installed").touch()
