"""deploy/k8s, rendered by `kubectl kustomize` as a cluster would get it."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"
COMPONENTS = sorted(path.name for path in (K8S / "components").iterdir() if path.is_dir())
OVERLAYS = sorted(path.name for path in (K8S / "overlays").iterdir() if path.is_dir())

NEEDS = {"polling-sticky": ["alb"]}
"""Components that follow others and do not render without them."""

ALTERNATIVES = [("keda", "hpa-connections"), ("pod-identity", "irsa"), ("managed-redis", "redis")]
"""A cluster has one of each pair. "everything" takes the first of each, "the rest" the second."""

OLDEST_KUBECTL = (1, 27)
"""Debian 12's own, 1.20, has a kustomize without components."""

PLACEHOLDER = re.compile(r"REPLACE-WITH-[A-Z0-9-]*[A-Z0-9]|replace-with-[a-z-]+\.example")

SITE = {
    "REPLACE-WITH-THE-REGION": "eu-west-1",
    "REPLACE-WITH-THE-CIDR-OF-THE-LOAD-BALANCER": "10.20.3.0/24",
    "REPLACE-WITH-THE-CIDR-OF-THE-VPC": "10.20.0.0/16",
    "REPLACE-WITH-THE-ARN-OF-THE-QUEUE": "arn:aws:sqs:eu-west-1:123456789012:orders",
    "REPLACE-WITH-THE-HOST-OF-REDIS": "master.bus.abc123.euw1.cache.amazonaws.com",
    "REPLACE-WITH-THE-HOST-NAME": "live.shop.example",
    "REPLACE-WITH-THE-ARN-OF-THE-CERTIFICATE": "arn:aws:acm:eu-west-1:123456789012:certificate/1",
    "REPLACE-WITH-THE-ISSUER": "login.shop.example",
    "REPLACE-WITH-THE-AUDIENCE": "live",
    "REPLACE-WITH-YOUR-REGISTRY": "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
    "REPLACE-WITH-THE-DIGEST-OF-THE-GATEWAY": "a" * 64,
    "REPLACE-WITH-THE-DIGEST-OF-THE-POLLER": "b" * 64,
}
"""The values that you fill in to install on AWS."""

MOUNTED = Path(__file__).with_name("mounted-secrets.txt")
TOKENS = Path(__file__).with_name("mounted-tokens.txt")

Document = dict[str, Any]
Documents = list[Document]


class NotRendered(Exception):
    """Kustomize failed or printed a warning."""


def kubectl_version() -> tuple[int, int] | None:
    """Return kubectl's version, or None without kubectl."""
    if shutil.which("kubectl") is None:
        return None
    answer = subprocess.run(
        ["kubectl", "version", "--client", "--output", "json"], capture_output=True, text=True, check=False
    )
    # An older kubectl, which does not know these options, ends with an error; it is too old in any case.
    match = re.search(r'"gitVersion": "v(\d+)\.(\d+)', answer.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


@cache
def why_not() -> str:
    """Return why this machine cannot render, or an empty string."""
    version = kubectl_version()
    if version is None:
        return "kubectl is missing"
    return "" if version >= OLDEST_KUBECTL else "kubectl is older than 1.27"


needs_kubectl = pytest.mark.skipif(bool(why_not()), reason=why_not())


def parsed(text: str) -> Documents:
    """Return the documents of a YAML text. libyaml reads it in a fraction of the time that Python takes."""
    return list(yaml.load_all(text, yaml.CSafeLoader))


def render(directory: Path) -> Documents:
    """Return what a kustomization renders to. Fails on any warning."""
    run = subprocess.run(
        ["kubectl", "kustomize", str(directory)], capture_output=True, text=True, check=False
    )
    if run.returncode or run.stderr:
        raise NotRendered(run.stderr)
    return [document for document in parsed(run.stdout) if document]


def kustomization(directory: Path, components: list[str], k8s: Path = K8S, **more: Any) -> Path:
    """Write the kustomization of somebody who uses the base and some components."""
    directory.mkdir(parents=True, exist_ok=True)
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        # Kustomize takes relative paths only.
        "resources": [os.path.relpath(k8s / "base", directory)],
        "components": [os.path.relpath(k8s / "components" / name, directory) for name in components],
        **more,
    }
    (directory / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return directory


def filled_in(directory: Path, values: Mapping[str, str] = SITE) -> Path:
    """Return a copy of deploy/k8s in which only the placeholders of the overlay for AWS are replaced."""
    copy = directory / "k8s"
    shutil.copytree(K8S, copy)
    for name in ("site.yaml", "kustomization.yaml"):
        path = copy / "overlays" / "aws" / name
        path.write_text(PLACEHOLDER.sub(lambda match: values[match[0]], path.read_text("utf-8")))
    return copy


def chosen(one_of_each: int) -> list[str]:
    """Return all components but one of each pair; those that need others come after them."""
    left_out = {pair[one_of_each] for pair in ALTERNATIVES}
    return sorted(set(COMPONENTS) - left_out, key=lambda name: (len(NEEDS.get(name, ())), name))


RENDERS = (
    "base",
    *(f"base + {name}" for name in COMPONENTS),
    *(f"overlays/{name}" for name in OVERLAYS),
    "overlays/aws, filled in",
    "everything",
    "the rest",
)


@cache
def rendered(name: str) -> Documents:
    """Return one of `RENDERS`. Do not modify it: it is cached."""
    with TemporaryDirectory() as made:
        folder = Path(made).resolve()
        match name.split(" + "):
            case ["base"]:
                return render(K8S / "base")
            case ["base", component]:
                return render(kustomization(folder, [*NEEDS.get(component, ()), component]))
            case ["overlays/aws, filled in"]:
                return render(filled_in(folder) / "overlays" / "aws")
            case ["everything"]:
                return render(kustomization(folder, chosen(1), namespace="queuecast"))
            case ["the rest"]:
                return render(kustomization(folder, chosen(0), namespace="queuecast"))
            case [overlay]:
                return render(K8S / overlay)
            case _:
                raise ValueError(name)


def plain_files() -> list[tuple[str, Document]]:
    """Return every object that has its own file: no patches, and no files for kustomize itself."""
    found = []
    for directory in [
        K8S / "base",
        *K8S.glob("base/*/"),
        *K8S.glob("components/*/"),
        *K8S.glob("overlays/*/"),
    ]:
        recipe = yaml.safe_load((directory / "kustomization.yaml").read_text("utf-8"))
        for name in recipe.get("resources", []):
            path = directory / name
            if path.suffix == ".yaml":
                documents = parsed(path.read_text("utf-8"))
                found.extend((str(path.relative_to(K8S)), document) for document in documents)
    return found


def find(documents: Documents, kind: str, name: str | None = None) -> Documents:
    """Return the objects of a kind, or only those with a name."""
    return [
        document
        for document in documents
        if document["kind"] == kind and name in (None, document["metadata"]["name"])
    ]


def the(documents: Documents, kind: str, name: str) -> Document:
    (found,) = find(documents, kind, name)
    return found


def pods(documents: Documents) -> list[tuple[str, Document]]:
    """Return the pod templates, each with the name of its workload."""
    return [
        (document["metadata"]["name"], document["spec"]["template"])
        for document in documents
        if "template" in document.get("spec", {})
    ]


def containers(documents: Documents) -> list[tuple[str, Document]]:
    """Return all containers, init containers among them."""
    return [
        (f"{name}/{container['name']}", container)
        for name, template in pods(documents)
        for part in ("initContainers", "containers", "ephemeralContainers")
        for container in template["spec"].get(part, [])
    ]


def environment(documents: Documents, container: Document) -> dict[str, str]:
    """Return a container's environment as the kubelet makes it; a secret is `s3cret`, a field its path."""
    made: dict[str, str] = {}
    for source in container.get("envFrom", []):
        made |= the(documents, "ConfigMap", source["configMapRef"]["name"])["data"]
    # $(NAME) is replaced only by earlier entries of `env`, not by variables from `envFrom`.
    known: dict[str, str] = {}
    for variable in container.get("env", []):
        match variable:
            case {"value": value}:
                text = re.sub(r"\$\((\w+)\)", lambda name: known.get(name[1], name[0]), value)
            case {"valueFrom": {"secretKeyRef": _}}:
                text = "s3cret"
            case {"valueFrom": {"fieldRef": {"fieldPath": path}}}:
                text = path.rpartition(".")[2]
            case _:
                raise ValueError(variable)
        known[variable["name"]] = text
    return {name: _as_a_file(container, name, value) for name, value in (made | known).items()}


def _as_a_file(container: Document, name: str, value: str) -> str:
    """Return a setting; if it names a mounted file, return the path of a local file instead."""
    if not (name.startswith("QUEUECAST_") and name.endswith("_FILE")):
        return value
    (folder,) = (mount for mount in container["volumeMounts"] if value.startswith(f"{mount['mountPath']}/"))
    assert folder["readOnly"]
    return str(TOKENS if name == "QUEUECAST_API_TOKEN_FILE" else MOUNTED)
