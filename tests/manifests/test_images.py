"""The Dockerfiles and the Compose file, checked by their linters."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .kustomize import ROOT, containers, needs_kubectl, rendered

BIN = Path(sys.executable).parent
DOCKERFILES = sorted(ROOT.glob("services/*/Dockerfile"))
both = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)


def hadolint(path: Path) -> tuple[int, str]:
    run = subprocess.run(
        [BIN / "hadolint", "--no-color", "--failure-threshold", "style", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


def compose(path: Path) -> tuple[int, str]:
    """Check a file against the schema in check-jsonschema, without the network."""
    run = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


@both
def test_hadolint_has_nothing_to_say(path: Path) -> None:
    """It does not even complain about style."""
    assert hadolint(path) == (0, "")


def test_hadolint_would_say_something(tmp_path: Path) -> None:
    """It finds an image without a version, and commands that need a shell."""
    path = tmp_path / "Dockerfile"
    path.write_text("FROM python:latest\nRUN cd /tmp && pip install x\nCMD python\n")
    code, said = hadolint(path)
    assert code != 0
    for rule in ("DL3007", "DL3025"):
        assert rule in said


@both
def test_an_image_runs_as_nobody_and_hears_the_signal(path: Path) -> None:
    """In exec form the service is process 1; a shell would not pass SIGTERM on."""
    text = path.read_text("utf-8")
    user = re.search(r"^USER (\d+):(\d+)$", text, re.MULTILINE)
    assert user is not None
    assert min(int(user[1]), int(user[2])) >= 10_000
    (entrypoint,) = re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)
    assert json.loads(entrypoint) == [f"queuecast-{path.parent.name}"]
    assert re.search(r"^STOPSIGNAL SIGTERM$", text, re.MULTILINE)


@needs_kubectl
def test_pods_run_as_the_user_of_the_images() -> None:
    """Another user could not read that user's files."""
    users = {re.search(r"^USER (\d+)", path.read_text("utf-8"), re.MULTILINE)[1] for path in DOCKERFILES}  # type: ignore[index]
    for each in rendered("base"):
        if each["kind"] == "Deployment":
            assert {str(each["spec"]["template"]["spec"]["securityContext"]["runAsUser"])} == users
    assert len(containers(rendered("base"))) == 2


def test_the_compose_file_is_valid() -> None:
    """A machine without Docker can check it too."""
    assert compose(ROOT / "docker-compose.yml")[0] == 0


def test_a_compose_file_with_a_mistake_is_not(tmp_path: Path) -> None:
    """The test above can fail."""
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    document["services"]["redis"]["healthchek"] = {}
    path = tmp_path / "docker-compose.yml"
    path.write_text(yaml.safe_dump(document))
    code, said = compose(path)
    assert code == 1
    assert "healthchek" in said
