"""`python -m requirements.audit`: ask pip-audit whether a vulnerability is known in what is in the images.

pip-audit says "No known vulnerabilities found" as well when its service knows none of the packages, as behind
a mirror of the index that answers 404 for advisories. So a package that everybody knows to be vulnerable is
asked about along with ours: where nothing is known against that one, silence about ours means nothing.

Exits with 0 if nothing is known, 1 if something is, 2 if the tool failed, 75 if there was nobody to ask.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

from requirements.pins import EXTRAS, SERVICES, pinned

# An advisory's id and why it does not concern us. It goes when the package is renewed.
IGNORED: dict[str, str] = {}

# Seven years known: https://osv.dev/vulnerability/PYSEC-2019-179
CANARY = ("flask", "0.5")

CLEAN, VULNERABLE, FAILED, UNREACHABLE = 0, 1, 2, 75

SOCKET_SECONDS = 10
SECONDS = 180
"""For all packages: about forty requests, one after another."""

NO_ANSWER = re.compile(
    r"requests\.exceptions\.|ConnectionError: |ServiceError|Could not connect|not redirecting"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the audit ends: the process's exit code, and what it says."""

    code: int
    text: str


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m requirements.audit", description=__doc__.split("\n")[0])
    parser.add_argument("--service", choices=["pypi", "osv"], default="pypi", help="whom to ask")
    parser.add_argument(
        "--offline-ok", action="store_true", help="exit with 0 if there is nobody to ask, having said so"
    )
    options = parser.parse_args(arguments)
    pins = {pin for part in (*SERVICES, *EXTRAS) for pin in pinned(part).items()}
    verdict = _ask(pins, options.service)
    sys.stdout.write(f"audit: {verdict.text}\n")
    return CLEAN if options.offline_ok and verdict.code == UNREACHABLE else verdict.code


def _ask(pins: set[tuple[str, str]], service: str) -> Verdict:
    with tempfile.TemporaryDirectory() as directory:
        wanted = Path(directory) / "pins.txt"
        wanted.write_text(
            "".join(f"{name}=={version}\n" for name, version in sorted({*pins, CANARY})), "utf-8"
        )
        try:
            ran = subprocess.run(  # noqa: S603, the words are ours
                command(wanted, service), capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return unreachable(f"{service} did not answer all within {SECONDS} s")
    return judge(pins, ran.stdout, ran.stderr)


def command(wanted: Path, service: str) -> list[str]:
    """Return how pip-audit is called, without a resolver or an index: the file has every package there is."""
    ignored = [word for advisory in IGNORED for word in ("--ignore-vuln", advisory)]
    asked = ["--requirement", str(wanted), "--no-deps", "--disable-pip"]
    bounds = [
        "--timeout",
        str(SOCKET_SECONDS),
        "--progress-spinner",
        "off",
        "--format",
        "json",
        "--desc",
        "off",
    ]
    return [sys.executable, "-m", "pip_audit", "--vulnerability-service", service, *asked, *bounds, *ignored]


def judge(pins: set[tuple[str, str]], stdout: str, stderr: str) -> Verdict:
    """Judge what pip-audit wrote; its exit code is 1 for a vulnerability and for a failure alike."""
    last = shorten((stderr.strip().splitlines() or ["it said nothing"])[-1], 200)
    try:
        rows = json.loads(stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return unreachable(last) if NO_ANSWER.search(stderr) else Verdict(FAILED, f"pip-audit failed: {last}")
    known = {(row["name"], row["version"]): row["vulns"] for row in rows if "version" in row}
    if not known.get(CANARY):
        return unreachable(f"nothing came back against {' '.join(CANARY)}, which is known to be vulnerable")
    found = [
        f"  {name} {version}: {flaw['id']} ({', '.join(flaw['aliases']) or 'no other name'}),"
        f" fixed in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for (name, version), flaws in sorted(known.items())
        for flaw in flaws
        if (name, version) in pins
    ]
    if found:
        return Verdict(VULNERABLE, "\n".join(["known vulnerabilities in what is in the images:", *found]))
    unknown = sorted(name for name, version in pins if (name, version) not in known)
    if unknown:
        return Verdict(FAILED, f"no answer about {', '.join(unknown)}")
    ignored = f"; ignored: {', '.join(IGNORED)}" if IGNORED else ""
    return Verdict(CLEAN, f"nothing is known against the {len(pins)} packages in the images{ignored}")


def unreachable(why: str) -> Verdict:
    """Return the verdict that there is none."""
    return Verdict(UNREACHABLE, f"NOT AUDITED, advisories are out of reach from here: {why}")


if __name__ == "__main__":
    sys.exit(main())
