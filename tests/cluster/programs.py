"""The programs of the cluster, built once from the Go module proxy, and where the files of modules are.

Nothing of another project is copied here: a module's own go.mod says what it is built from.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KUBERNETES, COREDNS, KEDA = "v1.37.2", "v1.15.0", "v2.21.0"
STAGED = "v0." + KUBERNETES.removeprefix("v1.")
"""The version of Kubernetes' libraries, which all programs here share, so that each is compiled once."""

PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)
LIBRARIES = tuple(f"k8s.io/{name}" for name in ("api", "apimachinery", "client-go"))
OWN = Path(__file__).with_name("go")
MODULE = "queuecast.test/cluster"

Json = Mapping[str, Any]


class NotBuilt(Exception):
    """Go refused, in its own words."""


@dataclass(frozen=True)
class Recipe:
    """Programs that are built together: packages of the module (`tools`), or ours from a folder of `go`.

    `version_in` is the package whose variables say which version a program is.
    """

    module: str
    version: str
    tools: tuple[str, ...] = ()
    own: str | None = None
    requires: Mapping[str, str] = field(default_factory=dict)
    version_in: str | None = None

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.module.removesuffix('/v2').rpartition('/')[2]}-{self.version}"

    @property
    def ldflags(self) -> str:
        """Strip the programs; tell them their version."""
        if self.version_in is None:
            return "-s -w"
        major, minor = self.version.removeprefix("v").split(".")[:2]
        told = {"gitVersion": self.version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        return " ".join(("-s -w", *(f"-X {self.version_in}.{name}={value}" for name, value in told.items())))


CLUSTER = Recipe(
    "k8s.io/kubernetes",
    KUBERNETES,
    tuple(f"k8s.io/kubernetes/cmd/{name}" for name in PROGRAMS),
    version_in="k8s.io/component-base/version",
)
NAMES = Recipe("github.com/coredns/coredns", COREDNS, own="names", requires=dict.fromkeys(LIBRARIES, STAGED))
AUTOSCALER = Recipe(
    "github.com/kedacore/keda/v2",
    KEDA,
    tuple(f"github.com/kedacore/keda/v2/cmd/{name}" for name in ("operator", "adapter", "webhooks")),
)


GATEWAY_API = Recipe("sigs.k8s.io/gateway-api", "v1.6.3")
PROMETHEUS_OPERATOR = Recipe("github.com/prometheus-operator/prometheus-operator", "v0.85.0")


def go_mod(recipe: Recipe, upstream: Json) -> str:
    """Return the go.mod that builds these programs with the versions that upstream builds them with. Pure.

    Kubernetes replaces its libraries with folders of its repository, which are no part of its module.
    They are published as modules of the matching version, which take their place.
    """
    folders = {each["Old"]["Path"] for each in upstream.get("Replace") or () if _is_folder(each)}
    required = {each["Path"]: each["Version"] for each in upstream.get("Require") or ()}
    required |= dict.fromkeys(folders, STAGED)
    lines = [
        f"module {MODULE}",
        f"go {upstream['Go']}",
        *(f"godebug {each['Key']}={each['Value']}" for each in upstream.get("GoDebug") or ()),
        *(f"tool {package}" for package in recipe.tools),
        f"require {recipe.module} {recipe.version}",
        *(f"require {path} {version}" for path, version in {**required, **recipe.requires}.items()),
        *(f"replace {path} => {path} {STAGED}" for path in sorted(folders)),
        *(
            f"replace {_named(each['Old'])} => {_named(each['New'])}"
            for each in upstream.get("Replace") or ()
            if not _is_folder(each)
        ),
    ]
    return "\n".join(lines) + "\n"


def build(recipe: Recipe, cache: Path) -> Path:
    """Return the folder of the programs, and build them if they are not there. Raises `NotBuilt`."""
    folder = cache / recipe.name
    if folder.exists():
        return folder
    print(f"building {recipe.name} from the Go module proxy (once; up to an hour)", flush=True)
    source, made = cache / "source" / recipe.name, cache / "unfinished" / recipe.name
    for each in (source, made):
        shutil.rmtree(each, ignore_errors=True)
        each.mkdir(parents=True)
    upstream = json.loads(_go("mod", "edit", "-json", _downloaded(recipe)["GoMod"], cwd=source))
    (source / "go.mod").write_text(go_mod(recipe, upstream), "utf-8")
    what = "tool"
    if recipe.own:
        shutil.copytree(OWN / recipe.own, source, dirs_exist_ok=True)
        what = "./..."
    _go("install", "-trimpath", "-ldflags", recipe.ldflags, what, cwd=source, GOBIN=str(made))
    made.rename(folder)
    return folder


def files(recipe: Recipe) -> Path:
    """Return the folder with the files of a module. Raises `NotBuilt`."""
    return Path(_downloaded(recipe)["Dir"])


def _downloaded(recipe: Recipe) -> Json:
    told: Json = json.loads(
        _go("mod", "download", "-json", f"{recipe.module}@{recipe.version}", cwd=Path("/"))
    )
    return told


def _is_folder(replace: Json) -> bool:
    path: str = replace["New"]["Path"]
    return path.startswith("./")


def _named(module: Json) -> str:
    return f"{module['Path']} {module['Version']}" if module.get("Version") else str(module["Path"])


def _go(*arguments: str, cwd: Path, **variables: str) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod -buildvcs=false", **variables}
    done = subprocess.run(
        ("go", *arguments), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotBuilt(f"go {' '.join(arguments)}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout
