"""Whether an API would accept an object, field by field: Kubernetes's own kinds and five others."""

import json
from functools import cache
from pathlib import Path

import kubernetes_validate
from jsonschema import Draft202012Validator

from .kustomize import Document

OLDEST = "1.30"
"""The first version with `preStop.sleep` and `ContainerResource` without a feature gate."""

NEWEST = "1.37"

CRDS = Path(__file__).with_name("crds")


def mistakes(document: Document, version: str) -> list[str]:
    """Return what is wrong with an object. An unknown kind is wrong too."""
    return _mistakes(json.dumps(document, sort_keys=True), version)


@cache
def _mistakes(text: str, version: str) -> list[str]:
    document = json.loads(text)
    own = CRDS / f"{document['kind'].lower()}.json"
    if own.exists():
        errors = Draft202012Validator(json.loads(own.read_text("utf-8"))).iter_errors(document)
        return [f"{error.json_path}: {error.message}" for error in errors]
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.SchemaNotFoundError as exc:
        return [exc.message]
    except kubernetes_validate.ValidationError as exc:
        return [f"{exc.json_path}: {exc.message}"]
    return []
