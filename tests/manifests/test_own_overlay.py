"""An overlay in a repository of one's own, as Argo CD and Flux render it."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from .kustomize import K8S, find, kustomization, needs_kubectl, render

AWS = K8S / "overlays" / "aws"


def copied(folder: Path) -> str:
    r"""Copy deploy/k8s beside the overlay; return how a kustomization names the folder `\1` in it."""
    shutil.copytree(K8S, folder / "vendor" / "queuecast")
    return r"vendor/queuecast/\1"


def by_git(folder: Path) -> str:
    r"""Make a repository with deploy/k8s; return how a kustomization names the folder `\1` in it."""
    repository = folder.parent / "mirror"
    shutil.copytree(K8S, repository / "deploy" / "k8s")
    name = ("-c", "user.name=somebody", "-c", "user.email=somebody@shop.example")
    for words in (
        ("init", "--quiet", "--initial-branch", "main"),
        ("add", "."),
        ("commit", "--quiet", "-m", "-"),
    ):
        subprocess.run(("git", *name, *words), cwd=repository, check=True)
    return rf"file://{repository}//deploy/k8s/\1?ref=main"


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is missing")


@needs_kubectl
@pytest.mark.parametrize("way", [copied, pytest.param(by_git, marks=needs_git)])
def test_an_overlay_elsewhere_renders_the_same(tmp_path: Path, way: Callable[[Path], str]) -> None:
    """Whoever keeps manifests in a repository of their own need not fork this one."""
    own = shutil.copytree(AWS, tmp_path / "own")
    path = own / "kustomization.yaml"
    path.write_text(re.sub(r"\.\./\.\./(\S+)", way(own), path.read_text("utf-8")))
    assert "../" not in path.read_text("utf-8")
    assert render(own) == render(AWS)


@needs_kubectl
def test_routes_of_ones_own_take_the_place_of_the_components(tmp_path: Path) -> None:
    """As its README says: in one kustomization, components come after what it generates itself."""
    said = (K8S / "components" / "routes" / "README.md").read_text("utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", said, re.DOTALL)
    overlay = kustomization(tmp_path / "own", ["routes"])
    mine = tmp_path / "own" / "mine"
    mine.mkdir()
    (mine / "kustomization.yaml").write_text(example)
    (mine / "routes.yaml").write_text("routes: [{event: \"'mine'\"}]\n")
    content = yaml.safe_load((overlay / "kustomization.yaml").read_text("utf-8"))
    content["components"].append("mine")
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(content))
    (found,) = find(render(overlay), "ConfigMap", "queuecast-routes")
    assert "'mine'" in found["data"]["routes.yaml"]
