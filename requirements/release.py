"""`make release VERSION=0.2.0`: writes a version wherever one stands, and dates the changelog.

It changes files and nothing else. CONTRIBUTING.md says what comes before and after.
"""

import argparse
import datetime
import re
import sys
import tomllib
from pathlib import Path

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).parents[1]
PROJECTS = ("bus/pyproject.toml", "services/gateway/pyproject.toml", "services/poller/pyproject.toml")
MANIFESTS = ("deploy/k8s", "deploy/observability")
SUFFIXES = {".md", ".yaml"}

UNRELEASED = "## [Unreleased]\n"

PLACES = (
    r'(?m)^version = "{}"$',
    r"queuecast-bus(?:\[\w+\])?=={}",
    r"app\.kubernetes\.io/version: {}\b",
    r"queuecast-(?:gateway|poller|\$name):{}\b",
    r"\?ref=v{}\b",
)
"""Where a version stands in these files; the braces are for the version."""


class NotReleased(Exception):
    """The version cannot be released; nothing was changed."""


def release(root: Path, version: str, today: datetime.date) -> list[Path]:
    """Write the version into the files below a folder; return those that changed. Raises `NotReleased`."""
    before = tomllib.loads((root / PROJECTS[0]).read_text("utf-8"))["project"]["version"]
    _check(version, before)
    log = root / "CHANGELOG.md"
    changed = {log: _dated(log.read_text("utf-8"), version, today)}
    places = re.compile("|".join(place.format(re.escape(before)) for place in PLACES))
    for path in _files(root):
        text = path.read_text("utf-8")
        if (new := places.sub(lambda found: found[0].replace(before, version), text)) != text:
            changed[path] = new
    for path, text in changed.items():
        path.write_text(text, "utf-8")
    return list(changed)


def _check(version: str, before: str) -> None:
    try:
        newer = Version(version) > Version(before)
    except InvalidVersion:
        newer = False
    if not newer or not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise NotReleased(f"VERSION: {version!r} is no version like 0.2.0 that comes after {before}")


def _dated(log: str, version: str, today: datetime.date) -> str:
    """Return the changelog with its unreleased part under a version. Raises `NotReleased`."""
    _, found, rest = log.partition(UNRELEASED)
    if not found or not rest.partition("\n## ")[0].strip():
        raise NotReleased(f"CHANGELOG.md: nothing stands under `{UNRELEASED.strip()}`")
    return log.replace(UNRELEASED, f"{UNRELEASED}\n## [{version}] - {today.isoformat()}\n", 1)


def _files(root: Path) -> list[Path]:
    manifests = [path for folder in MANIFESTS for path in sorted((root / folder).rglob("*"))]
    return [root / name for name in PROJECTS] + [path for path in manifests if path.suffix in SUFFIXES]


def main() -> int:
    """Release; return the exit code: 2 if the version cannot be released."""
    parser = argparse.ArgumentParser(prog="make release VERSION=…", description=__doc__)
    parser.add_argument("version")
    version = parser.parse_args().version
    try:
        changed = release(ROOT, version, datetime.datetime.now(datetime.UTC).date())
    except NotReleased as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    listed = "".join(f"{path.relative_to(ROOT)}\n" for path in changed)
    then = f"make docs check test manifests, commit, make release-check, git tag v{version}"
    sys.stdout.write(f"{listed}\n{version} is written. Next: {then}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
