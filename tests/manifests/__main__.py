"""`python -m tests.manifests`: runs checkov on the rendered overlays, on everything, and on the Dockerfiles.

checkov is large and has an environment of its own, so the tests do not include this; see `make manifests`.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from .kustomize import ROOT, rendered, why_not

CHECKOV = ROOT / ".venv" / "checkov" / "bin" / "checkov"

SKIPPED = {
    "CKV_K8S_11": "a CPU limit: throttling is latency for every browser; requests say what a node must have",
    "CKV_K8S_15": "imagePullPolicy Always: what is pinned does not change, and a registry may be away",
    "CKV_K8S_35": "secrets as files: a service's settings are variables, and a password is a part of one",
}
"""Skipped everywhere."""

BY_TAG = {"CKV_K8S_43": "an image by digest: there is no registry of ours; the overlay for AWS has digests"}
"""Skipped everywhere but in the overlay for AWS."""

CHECKED = {
    "overlays/aws, filled in": SKIPPED,
    "overlays/local": SKIPPED | BY_TAG,
    "everything": SKIPPED | BY_TAG,
    "the rest": SKIPPED | BY_TAG,
}


def main() -> int:
    failed = 0
    if reason := why_not():
        sys.stdout.write(f"checkov: nothing is rendered, as {reason}\n")
    for name, skipped in ({} if reason else CHECKED).items():
        with TemporaryDirectory() as made:
            (Path(made) / "rendered.yaml").write_text(yaml.safe_dump_all(rendered(name)))
            failed += report(name, "kubernetes", Path(made), skipped)
    failed += report("services", "dockerfile", ROOT / "services", {})
    return 1 if failed else 0


def report(name: str, framework: str, folder: Path, skipped: dict[str, str]) -> int:
    """Check a folder; print what is wrong, and return how much. If nothing was checked, that is wrong too."""
    command = [str(CHECKOV), "--directory", str(folder), "--framework", framework, "--output", "json"]
    command += ["--quiet", "--skip-download", "--skip-check", ",".join(skipped or ["none"])]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found = json.loads(run.stdout)
        passed = int(found["summary"]["passed"]) if "summary" in found else int(found["passed"])
        wrong = found.get("results", {}).get("failed_checks", [])
    except (ValueError, KeyError, TypeError):
        sys.stdout.write(f"checkov: {name}: no answer: {run.stdout[-500:]}{run.stderr[-500:]}\n")
        return 1
    for check in wrong:
        sys.stdout.write(f"checkov: {name}: {check['check_id']} {check['check_name']}: {check['resource']}\n")
    sys.stdout.write(f"checkov: {name}: {passed} passed, {len(wrong)} failed\n")
    return len(wrong) or int(passed == 0)


if __name__ == "__main__":
    sys.exit(main())
