"""What the admission policy of `deletion-cost` lets a gateway change, evaluated by a CEL library.

https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

import copy
from typing import Any

import celpy
import pytest
import yaml
from tests.manifests.kustomize import ROOT

POLICY = ROOT / "deploy" / "k8s" / "components" / "deletion-cost" / "policy.yaml"
GATEWAY = "system:serviceaccount:queuecast:queuecast-gateway"
NAME = "authentication.kubernetes.io/pod-name"
POD: dict[str, Any] = {
    "metadata": {
        "name": "gateway-1",
        "labels": {"app.kubernetes.io/name": "queuecast-gateway"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "gateway", "uid": "1"}],
    },
    "spec": {"containers": [{"name": "gateway", "image": "gateway:1"}]},
}
REQUEST = {"userInfo": {"username": GATEWAY, "extra": {NAME: ["gateway-1"]}}}


def spec() -> dict[str, Any]:
    policy, binding = yaml.safe_load_all(POLICY.read_text("utf-8"))
    assert binding["spec"] == {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}
    found: dict[str, Any] = policy["spec"]
    return found


def holds(expression: str, **values: Any) -> bool:
    environment = celpy.Environment()
    program = environment.program(environment.compile(expression))
    return bool(program.evaluate({name: celpy.json_to_cel(value) for name, value in values.items()}))


def refusals(new: dict[str, Any], request: dict[str, Any] | None = None) -> list[str]:
    """Return why a change of the pod to `new` is refused."""
    values = {"object": new, "oldObject": POD, "request": request or REQUEST}
    return [each["message"] for each in spec()["validations"] if not holds(each["expression"], **values)]


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the pod with another value at a path; None removes it."""
    pod = copy.deepcopy(POD)
    *way, last = path.split(".")
    place = pod
    for name in way:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return pod


def test_a_gateway_may_set_its_cost() -> None:
    """The policy is there to allow only this."""
    cost = {"controller.kubernetes.io/pod-deletion-cost": "-999993"}
    assert refusals(changed("metadata.annotations", cost)) == []


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("spec.containers", [{"name": "gateway", "image": "other:1"}], "its metadata"),
        ("metadata.labels", {"app.kubernetes.io/name": "queuecast-poller"}, "its labels"),
        ("metadata.labels", None, "its labels"),
        ("metadata.ownerReferences", [], "its owner"),
        ("metadata.ownerReferences", None, "its owner"),
        ("metadata.finalizers", ["example.com/never"], "its finalizers"),
    ],
)
def test_a_gateway_that_was_taken_over_changes_nothing_else(path: str, value: Any, message: str) -> None:
    """With a poller's labels, NetworkPolicies and Pod Identity would treat it as one."""
    (refusal,) = refusals(changed(path, value))
    assert message in refusal


@pytest.mark.parametrize("extra", [{NAME: ["gateway-2"]}, {NAME: ["gateway-1", "gateway-2"]}, {}])
def test_a_token_of_another_pod_changes_nothing(extra: dict[str, list[str]]) -> None:
    """The API server knows the pod of a bound token by name."""
    assert refusals(POD, {"userInfo": {"username": GATEWAY, "extra": extra}}) == [
        "a gateway may change only itself"
    ]


@pytest.mark.parametrize(("user", "is_meant"), [(GATEWAY, True), ("system:node:one", False)])
def test_it_is_about_gateways_alone(user: str, is_meant: bool) -> None:
    """Controllers and the kubelet are not affected."""
    (condition,) = spec()["matchConditions"]
    assert holds(condition["expression"], request={"userInfo": {"username": user}}) is is_meant
