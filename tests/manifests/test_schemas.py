"""Every object against the schemas of the oldest and the newest supported Kubernetes."""

import copy
import json
from typing import Any

import kubernetes_validate
import pytest
from jsonschema import Draft202012Validator

from .kustomize import K8S, RENDERS, Document, find, needs_kubectl, plain_files, rendered
from .schemas import CRDS, NEWEST, OLDEST, mistakes

versions = pytest.mark.parametrize("version", [OLDEST, NEWEST])


@versions
@pytest.mark.parametrize(
    ("path", "document"),
    plain_files(),
    ids=lambda given: given if isinstance(given, str) else given["kind"],
)
def test_what_stands_in_a_file_is_valid(path: str, document: Document, version: str) -> None:
    """No kubectl is needed to check it."""
    assert not mistakes(document, version)


@needs_kubectl
@versions
@pytest.mark.parametrize("name", RENDERS)
def test_what_is_rendered_is_valid(name: str, version: str) -> None:
    """A patch can break a valid object: the API server silently drops unknown fields."""
    for document in rendered(name):
        assert not mistakes(document, version), document["metadata"]["name"]


def test_the_range_is_the_one_that_is_promised() -> None:
    """The newest is the newest with a schema; the README names both."""
    assert kubernetes_validate.latest_version().startswith(NEWEST)
    assert f"**{OLDEST} to {NEWEST}**" in (K8S / "README.md").read_text("utf-8")


@needs_kubectl
def test_the_base_and_the_local_overlay_need_no_custom_resource() -> None:
    """They work on any cluster without an operator."""
    ours = {path.stem for path in CRDS.glob("*.json")}
    for name in ("base", "overlays/local"):
        assert not [document for document in rendered(name) if document["kind"].lower() in ours]


def test_our_own_schemas_are_strict() -> None:
    """A schema that accepts unknown fields would find no misspelling."""

    def open_objects(schema: Any) -> list[Any]:
        if isinstance(schema, list):
            return [found for part in schema for found in open_objects(part)]
        if not isinstance(schema, dict):
            return []
        inside = [found for part in schema.values() for found in open_objects(part)]
        is_open = "properties" in schema and "additionalProperties" not in schema and "type" in schema
        return [*inside, schema] if is_open else inside

    for path in CRDS.glob("*.json"):
        schema = json.loads(path.read_text("utf-8"))
        Draft202012Validator.check_schema(schema)
        assert not open_objects(schema), path.name


@needs_kubectl
@pytest.mark.parametrize(
    ("kind", "at", "value"),
    [
        ("Deployment", "spec.replica", 3),
        ("Deployment", "spec.template.spec.containers.0.lifecycle.preStop.sleep.secondz", 10),
        ("Frobnicator", "kind", "Frobnicator"),
        ("ScaledObject", "spec.minReplicas", 2),
        ("ScaledObject", "spec.fallback.behavior", "stayAsYouAre"),
        ("ScaledObject", "spec.triggers.0.metadata.scaleOfDelayed", "true"),
        ("ScaledObject", "spec.triggers.0.metadata.ignoreNullValues", False),
        ("TriggerAuthentication", "spec.podIdentity.provider", "aws-eks"),
        ("HTTPRoute", "spec.rules.0.sessionPersistence", {"sessionName": "a"}),
        ("HTTPRoute", "spec.hostnames", ["REPLACE-WITH.example"]),
        ("PodMonitor", "spec.podMetricsEndpoints.0.targetPort", 9000),
    ],
)
def test_a_mistake_is_found(kind: str, at: str, value: Any) -> None:
    """Each check can fail, for every kind of object that it covers."""
    documents = [document for name in ("everything", "the rest") for document in rendered(name)]
    document = copy.deepcopy((find(documents, kind) or find(documents, "Service"))[0])
    *path, last = at.split(".")
    inside: Any = document
    for step in path:
        inside = inside[int(step)] if step.isdigit() else inside.setdefault(step, {})
    inside[last] = value
    assert mistakes(document, NEWEST)
