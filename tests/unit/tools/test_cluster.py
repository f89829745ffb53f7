"""What `make cluster` decides without a cluster: what Go builds, which images there are, what a pod says."""

import os
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from tests.cluster import addresses, images, needs, programs
from tests.cluster.certificates import Authority
from tests.cluster.cluster import COREDNS, DNS
from tests.cluster.programs import Recipe
from tests.cluster.rows import FALLBACK
from tests.cluster.services import COST, K8S, KEEPS_NODE, Pod, write_overlay
from tests.cluster.versions import number

UPSTREAM = {
    "Go": "1.26.0",
    "GoDebug": [{"Key": "default", "Value": "go1.26"}],
    "Require": [
        {"Path": "k8s.io/api", "Version": "v0.0.0"},
        {"Path": "example.org/other", "Version": "v1.2.3"},
    ],
    "Replace": [
        {"Old": {"Path": "k8s.io/api"}, "New": {"Path": "./staging/src/k8s.io/api"}},
        {"Old": {"Path": "example.org/old"}, "New": {"Path": "example.org/fork", "Version": "v0.1.0"}},
    ],
}
RECIPE = Recipe("k8s.io/kubernetes", programs.KUBERNETES, ("k8s.io/kubernetes/cmd/kubelet",))


def test_folders_of_a_repository_become_the_modules_that_are_published_of_them() -> None:
    """The module proxy has no folders beside a module, and their version is that of Kubernetes."""
    lines = programs.go_mod(RECIPE, UPSTREAM).splitlines()
    assert f"require k8s.io/api {programs.STAGED}" in lines
    assert f"replace k8s.io/api => k8s.io/api {programs.STAGED}" in lines
    assert not [line for line in lines if "./staging" in line or "v0.0.0" in line]


def test_what_upstream_is_built_with_is_what_we_build_with() -> None:
    """Other versions would make other programs than those that everybody runs."""
    lines = programs.go_mod(RECIPE, UPSTREAM).splitlines()
    assert {
        "go 1.26.0",
        "godebug default=go1.26",
        "require example.org/other v1.2.3",
        "replace example.org/old => example.org/fork v0.1.0",
        "tool k8s.io/kubernetes/cmd/kubelet",
        f"require k8s.io/kubernetes {programs.KUBERNETES}",
    } <= set(lines)


def test_a_recipe_of_ours_may_ask_for_other_versions() -> None:
    """Libraries that all programs share are compiled once."""
    recipe = Recipe("example.org/names", "v1.0.0", own="names", requires={"example.org/other": "v2.0.0"})
    lines = programs.go_mod(recipe, UPSTREAM).splitlines()
    assert "require example.org/other v2.0.0" in lines
    assert "require example.org/other v1.2.3" not in lines


def test_a_program_says_which_version_it_is() -> None:
    """A node refuses to be newer than its API server, and goes by what the program says."""
    assert "-X k8s.io/component-base/version.gitVersion=v1." in programs.CLUSTER.ldflags
    assert programs.AUTOSCALER.name == f"keda-{programs.KEDA}"


def test_the_images_are_those_of_all_containers() -> None:
    """An image that no node has keeps its pod from starting."""
    pod = {"containers": [{"image": "a:1"}, {"image": "b:1"}], "initContainers": [{"image": "c:1"}]}
    documents = [
        {"kind": "Deployment", "spec": {"template": {"spec": pod}}},
        {"kind": "Service", "spec": {}},
    ]
    assert images.named(documents) == {"a:1", "b:1", "c:1"}


def test_a_pod_that_is_being_deleted_does_not_run_any_more() -> None:
    """It may be ready and have an address for a minute yet, and has connections."""
    described = {
        "metadata": {"name": "one", "annotations": {COST: "-999990"}},
        "spec": {"nodeName": "node-1"},
        "status": {
            "phase": "Running",
            "podIP": "10.244.1.2",
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }
    pod = Pod.of(described)
    assert pod == Pod("one", "10.244.1.2", "node-1", ready=True, cost=-999_990, running=True)
    described["metadata"]["deletionTimestamp"] = "2026-11-30T20:00:00Z"
    assert not Pod.of(described).running


def test_the_overlay_is_the_repositorys_own_and_keeps_what_is_in_memory_in_one_place(tmp_path: Path) -> None:
    """The drain of the other node must lose neither the queue nor Redis."""
    folder = write_overlay(tmp_path / "overlay", ["routes"])
    content = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    (resource,) = content["resources"]
    assert (folder / resource / "kustomization.yaml").resolve().exists()
    pinned = [yaml.safe_load(each["patch"])["metadata"]["name"] for each in content["patches"]]
    assert pinned == ["queuecast-redis", "queuecast-elasticmq"]


def test_versions_are_found_in_whatever_a_program_says() -> None:
    """Each says it in its own way."""
    assert number("etcd Version: 3.4.23\nGit SHA: Not provided") == "3.4.23"
    assert number("containerd://1.6.20~ds1") == "1.6.20"
    assert number("Redis server v=8.0.2 sha=00000000:1") == "8.0.2"


def test_the_authority_is_one_that_strict_verification_refuses(tmp_path: Path) -> None:
    """Real clusters have such authorities, and gateways have to reach their API servers."""
    pem = Authority(tmp_path, "cluster").pair.certificate.read_bytes()
    extensions = x509.load_pem_x509_certificate(pem).extensions
    assert [each.oid for each in extensions] == [x509.BasicConstraints.oid]


def test_names_are_where_the_kubelets_look_for_them() -> None:
    """The manifest is a plain file, and repeats what the nodes are told."""
    documents = {each["kind"]: each for each in yaml.safe_load_all(DNS.read_text("utf-8"))}
    pod = documents["Deployment"]["spec"]["template"]["spec"]
    assert documents["Service"]["spec"]["clusterIP"] == addresses.DNS
    assert addresses.DOMAIN in documents["ConfigMap"]["data"]["Corefile"]
    assert [each["image"] for each in pod["containers"]] == [COREDNS]
    assert pod["nodeSelector"] == {"kubernetes.io/hostname": KEEPS_NODE}


def test_the_row_of_keda_waits_for_as_many_pods_as_the_component_falls_back_to() -> None:
    """With fewer it would end too early, and with more never."""
    for service in ("gateway", "poller"):
        text = (K8S / "components" / "keda" / f"{service}.yaml").read_text("utf-8")
        assert yaml.safe_load(text)["spec"]["fallback"]["replicas"] == FALLBACK


def test_what_is_missing_is_said_with_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once: nobody wants to learn of the next thing an hour later."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(needs, "PLUGIN_FOLDERS", ())
    lines = "\n".join(needs.missing())
    for word in (
        "as root",
        "apt-get install",
        "etcd-server",
        "containernetworking-plugins",
        "https://go.dev/dl",
    ):
        assert word in lines


def test_another_system_is_told_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of Debian's packages would be of no use there."""
    monkeypatch.setattr(sys, "platform", "darwin")
    (line,) = needs.missing()
    assert "virtual machine" in line
