"""The images of the pods: ours as the README builds them, those of others, and the cluster's own programs."""

import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.running import run

ROOT = Path(__file__).parents[2]
OURS = "queuecast-"


@dataclass(frozen=True)
class Origin:
    """Where an image comes from; `pulled` is False if it was made on this machine."""

    name: str
    pulled: bool


@dataclass(frozen=True)
class Program:
    """An image of one program, under the name by which it is started there, as a user or as root."""

    image: str
    path: Path
    name: str
    user: str = ""


def named(documents: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the images of all pods. Pure."""
    found = set()
    for document in documents:
        if document["kind"] == "Deployment":
            pod = document["spec"]["template"]["spec"]
            found |= {each["image"] for each in (*pod.get("initContainers", ()), *pod["containers"])}
    return found


def of_the_overlay(kubectl: Path) -> set[str]:
    """Return the images that the overlay `local` names."""
    return named(
        yaml.safe_load_all(
            run(str(kubectl), "kustomize", str(ROOT / "deploy" / "k8s" / "overlays" / "local"))
        )
    )


def make(names: Iterable[str], programs: Sequence[Program], archive: Path) -> list[Origin]:
    """Write an archive with these images, and one for each program; return where those of others come from.

    Raises `AssertionError` if one cannot be built or pulled.
    """
    origins = []
    for name in sorted(names):
        if name.startswith(OURS):
            service = name.removeprefix(OURS).partition(":")[0]
            dockerfile = ROOT / "services" / service / "Dockerfile"
            run("docker", "build", "--quiet", "--tag", name, "--file", str(dockerfile), str(ROOT))
        else:
            origins.append(Origin(name, _is_pulled(name)))
    for program in programs:
        _import(program)
    run("docker", "save", "--output", str(archive), *sorted(names), *(each.image for each in programs))
    return origins


def _is_pulled(name: str) -> bool:
    """Pull an image unless it is there; return whether it is a registry's."""
    asked = ("docker", "image", "inspect", "--format={{json .RepoDigests}}", name)
    if subprocess.run(asked, capture_output=True, check=False).returncode:
        run("docker", "pull", "--quiet", name)
    return bool(json.loads(run(*asked)))


def _import(program: Program) -> None:
    """Make an image of one program that needs nothing else."""
    changes = [f'ENTRYPOINT ["/{program.name}"]', *([f"USER {program.user}"] if program.user else [])]
    options = [option for change in changes for option in ("--change", change)]
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as layer:
            layer.add(program.path, program.name)
        file.seek(0)
        subprocess.run(
            ("docker", "import", *options, "-", program.image), stdin=file, check=True, capture_output=True
        )
