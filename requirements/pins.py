"""What is installed in an image: the lines of its requirements file that hold there, whatever runs this."""

from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
SERVICES = ("gateway", "poller")

# What either image can be built with besides: a build argument each.
EXTRAS = ("traces", "iam")

# The images' Python, not this one: the licence page and the audit say the same on every machine.
PYTHON = "3.13"
IMAGE = {
    "implementation_name": "cpython",
    "implementation_version": f"{PYTHON}.0",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "python_full_version": f"{PYTHON}.0",
    "python_version": PYTHON,
    "sys_platform": "linux",
}


def pins(text: str) -> dict[str, str]:
    """Return the version of each package that a requirements file of uv's installs in an image.

    Raises `ValueError` for a line that pins nothing, or a package that is pinned twice.
    """
    versions: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith((" ", "#")):  # a hash of the line above, or a comment
            continue
        requirement = Requirement(line.rstrip("\\ "))
        if requirement.marker is not None and not requirement.marker.evaluate(IMAGE):
            continue
        exact = [clause.version for clause in requirement.specifier if clause.operator == "=="]
        if len(exact) != len(requirement.specifier) or len(exact) != 1 or "*" in exact[0]:
            raise ValueError(f"this pins no version: {line}")
        name = canonicalize_name(requirement.name)
        if name in versions:
            raise ValueError(f"{name} is pinned twice")
        versions[name] = exact[0]
    return versions


def pinned(name: str) -> dict[str, str]:
    """Return the packages of a service's image, or of an extra, and their versions, our own apart."""
    return pins((HERE / f"{name}.txt").read_text("utf-8"))
