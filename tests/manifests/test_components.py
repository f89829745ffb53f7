"""Components: their versions, labels, quantities, files and READMEs."""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from .kustomize import COMPONENTS, K8S, OVERLAYS, PLACEHOLDER, ROOT, needs_kubectl, plain_files, rendered, the
from .services import SERVICES, container_of, every

QUANTITIES = ("averageValue", "cpu", "memory", "ephemeral-storage", "storage", "sizeLimit")


def quantities(part: Any) -> Iterator[str]:
    """Yield the quantities in a part of a document."""
    if isinstance(part, list):
        for each in part:
            yield from quantities(each)
    elif isinstance(part, dict):
        for name, value in part.items():
            if name in QUANTITIES and not isinstance(value, dict | list):
                yield str(value)
            yield from quantities(value)


@needs_kubectl
@every
def test_quantities_are_written_as_the_api_server_stores_them(name: str) -> None:
    """Otherwise a second `kubectl apply` reports changes where there are none: 10000 is stored as 10k."""
    found = [each for document in rendered(name) for each in quantities(document)]
    assert found
    for each in found:
        number, unit = re.fullmatch(r"(\d+)([A-Za-z]*)", each).groups()  # type: ignore[union-attr]  # it fails then
        step = 1024 if unit.endswith("i") else 1000
        assert int(number) == 0 or int(number) % step, each


@needs_kubectl
@every
def test_the_version_is_the_one_of_the_packages(name: str) -> None:
    """The labels and our own image tags have it."""
    documents = rendered(name)
    for service in SERVICES:
        project = tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text("utf-8"))[
            "project"
        ]
        deployment = the(documents, "Deployment", f"queuecast-{service}")
        assert deployment["metadata"]["labels"]["app.kubernetes.io/version"] == project["version"]
        image = container_of(documents, service)["image"]
        assert image == f"queuecast-{service}:{project['version']}" or "@" in image


@needs_kubectl
@every
def test_a_component_changes_no_label_of_what_was_there_before(name: str) -> None:
    """A component that labels everything rendered so far would give Redis our version."""
    for document in rendered(name):
        if document["kind"] in ("Deployment", "StatefulSet"):
            pods = document["spec"]["template"]["metadata"]["labels"]
            for label, value in document["metadata"]["labels"].items():
                assert pods.get(label, value) == value, f"{document['metadata']['name']}: {label}"


@needs_kubectl
@pytest.mark.parametrize(
    ("app", "kind"), [("redis", "redis"), ("elasticmq", "softwaremill/elasticmq-native")]
)
def test_components_for_trying_out_match_compose(app: str, kind: str) -> None:
    """Both have the same versions, so one manual test covers both."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    deployment = the(rendered("overlays/local"), "Deployment", f"queuecast-{app}")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == compose["services"][app]["image"]
    assert container["image"] == f"{kind}:{deployment['metadata']['labels']['app.kubernetes.io/version']}"


def test_elasticmq_has_the_queues_that_compose_has() -> None:
    """Kustomize cannot use files outside its folder, so there are two copies."""
    ours = (K8S / "components" / "elasticmq" / "elasticmq.conf").read_text("utf-8")
    assert ours == (ROOT / "deploy" / "compose" / "elasticmq.conf").read_text("utf-8")


@needs_kubectl
def test_redis_keeps_nothing_and_drops_nothing() -> None:
    """Messages only pass through it; and an evicted record would be a lost event."""
    (container,) = the(rendered("overlays/local"), "Deployment", "queuecast-redis")["spec"]["template"][
        "spec"
    ]["containers"]
    given = dict(zip(container["args"][::2], container["args"][1::2], strict=True))
    assert given["--save"] == ""
    assert given["--appendonly"] == "no"
    assert given["--maxmemory-policy"] == "noeviction"
    assert int(given["--maxmemory"].removesuffix("mb")) < int(container["resources"]["limits"]["memory"][:-2])
    assert given["--aclfile"] == "/etc/queuecast/users.acl"


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_says_what_it_is_what_it_needs_and_what_to_edit(name: str) -> None:
    """Its README names each value that you have to change."""
    folder = K8S / "components" / name
    text = (folder / "README.md").read_text("utf-8")
    for heading in ("## Needs", "## Edit"):
        assert heading in text
    assert f"[`{name}`](components/{name}/README.md)" in (K8S / "README.md").read_text("utf-8")
    for path in folder.glob("*.yaml"):
        for placeholder in PLACEHOLDER.findall(path.read_text("utf-8")):
            assert placeholder in text, path.name


def test_the_readme_names_every_overlay() -> None:
    """It names no file that does not exist."""
    text = (K8S / "README.md").read_text("utf-8")
    for name in OVERLAYS:
        assert f"deploy/k8s/overlays/{name}" in text
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (K8S / target).exists(), target


def test_every_file_is_used() -> None:
    """Editing a file that no recipe names would have no effect, unless the README tells you to apply it."""
    for recipe in K8S.rglob("kustomization.yaml"):
        # Loading it drops the comments.
        text = json.dumps(yaml.safe_load(recipe.read_text("utf-8")))
        others = {path.name for path in recipe.parent.iterdir() if path.is_file()}
        readme = recipe.with_name("README.md")
        by_hand = readme.read_text("utf-8") if readme.exists() else ""
        for name in others - {"kustomization.yaml", "README.md"}:
            is_applied = f"]({name})" in by_hand or f"{recipe.parent.relative_to(ROOT)}/{name}" in by_hand
            assert is_applied or re.search(rf"\b{re.escape(name)}\b", text), recipe.parent / name
    assert len(plain_files()) > 30
