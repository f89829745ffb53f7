"""What renders, and that it renders without a warning."""

import os
from pathlib import Path

import pytest
import yaml

from .kustomize import (
    ALTERNATIVES,
    COMPONENTS,
    K8S,
    NEEDS,
    PLACEHOLDER,
    RENDERS,
    SITE,
    NotRendered,
    chosen,
    filled_in,
    kustomization,
    needs_kubectl,
    render,
    rendered,
)

RECIPES = sorted(K8S.rglob("kustomization.yaml"))
DEPRECATED = {"bases", "commonLabels", "patchesJson6902", "patchesStrategicMerge", "vars", "imageTags"}


@needs_kubectl
@pytest.mark.parametrize("name", RENDERS)
def test_it_renders_without_a_warning(name: str) -> None:
    """It covers the base, each component alone on it, each overlay, and everything that fits together."""
    assert rendered(name)


@needs_kubectl
@pytest.mark.parametrize("name", NEEDS)
def test_a_component_that_goes_after_another_does_not_render_without(name: str, tmp_path: Path) -> None:
    """Long-polling without a sticky load balancer would look right, and every second request would fail."""
    with pytest.raises(NotRendered, match="no matches for"):
        render(kustomization(tmp_path.resolve(), [name]))


def test_every_component_is_in_everything_or_in_the_rest() -> None:
    """A new component that fits into neither has to be listed."""
    assert {*chosen(0), *chosen(1)} == set(COMPONENTS)
    assert {name for pair in ALTERNATIVES for name in pair} <= set(COMPONENTS)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.parent.relative_to(K8S)))
def test_a_recipe_has_nothing_that_kustomize_will_drop(path: Path) -> None:
    """`commonLabels` would also change selectors, which are immutable on a cluster."""
    recipe = yaml.safe_load(path.read_text("utf-8"))
    assert not DEPRECATED & recipe.keys()
    for labels in recipe.get("labels", []):
        assert not labels.get("includeSelectors")
    assert "secretGenerator" not in recipe, "secrets do not belong in the repository"
    assert recipe["kind"] == ("Component" if path.parent.parent.name == "components" else "Kustomization")
    assert ("namespace" in recipe) == (path.parent.parent.name == "overlays"), "only overlays set namespaces"


@needs_kubectl
def test_one_file_and_two_images_are_all_that_is_to_be_filled_in(tmp_path: Path) -> None:
    """To install on AWS, you must not have to search for more places to edit."""
    text = yaml.safe_dump_all(render(filled_in(tmp_path) / "overlays" / "aws"))
    assert not PLACEHOLDER.findall(text)
    for value in SITE.values():
        assert value in text


def test_no_placeholder_can_be_mistaken_for_a_value() -> None:
    """No cluster accepts a placeholder: registries have no capitals; networks and digests are not words."""
    files = [K8S / "overlays" / "aws" / name for name in ("site.yaml", "kustomization.yaml")]
    found = {match for path in files for match in PLACEHOLDER.findall(path.read_text("utf-8"))}
    assert found == SITE.keys()


def test_an_older_kubectl_is_recognised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With Debian 12's kubectl these tests are skipped with a reason and do not fail."""
    from . import kustomize

    fake = tmp_path / "kubectl"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for answer, version in [
        ('printf \'{"clientVersion": {"gitVersion": "v1.20.5"}}\'', (1, 20)),
        ('printf \'{"clientVersion": {"gitVersion": "v1.37.0-rc.1"}}\'', (1, 37)),
        ("echo Error: unknown flag >&2; exit 1", (0, 0)),
    ]:
        fake.write_text(f"#!/bin/sh\n{answer}\n")
        fake.chmod(0o755)
        assert kustomize.kubectl_version() == version
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert kustomize.kubectl_version() is None
