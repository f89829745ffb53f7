"""The API's description: OpenAPI 3.1, https://spec.openapis.org/oas/v3.1.1. Pure.

Its operations come from `operations`, its limits from the settings. `docs/openapi.json` has it with the
defaults.
"""

from importlib.metadata import version
from typing import Any

from queuecast_bus.names import MAX_ROOMS
from queuecast_gateway.api.messages import MAX_KEY_CHARACTERS
from queuecast_gateway.api.operations import OPERATIONS, Operation
from queuecast_gateway.api.schemas import NAMESPACE, OFFSET, ROOM, schemas

INTRODUCTION = (
    "Publishes events to browsers without a queue, and lets operators' scripts ask and command. A 2xx means "
    "that Redis has stored it: every browser that may see it gets it, also one that is away for a moment. "
    "After any other answer, or none, send the same request with the same Idempotency-Key again."
)

REASONS = {
    400: "The request cannot be read.",
    401: "The token is missing or unknown.",
    403: "The token does not allow this.",
    404: "There is none here.",
    408: "The body did not arrive in time.",
    413: "The body or the events are too large.",
    415: "The body is not `application/json`.",
    422: "The body is not valid, or the Idempotency-Key was used for another request. Nothing was stored.",
    429: "Too much: come back after the seconds of `Retry-After`. Nothing was stored.",
    500: "The gateway failed. Send the same request with the same Idempotency-Key again.",
    503: "Redis did not confirm, or the gateway cannot take more now. Send the same request with the same "
    "Idempotency-Key again, after the seconds of `Retry-After`.",
}

_PARAMETERS: dict[str, dict[str, Any]] = {
    "namespace": {"schema": NAMESPACE},
    "room": {
        "schema": {"type": "array", "items": ROOM, "maxItems": MAX_ROOMS},
        "style": "form",
        "explode": True,
        "description": "May be given several times.",
    },
    "last": {"schema": {"type": "integer", "minimum": 1}, "description": "The last so many of each room."},
    "since": {"schema": OFFSET, "description": "All after this offset."},
    "latest": {
        "schema": {"const": "true"},
        "description": "The newest of each key; needs `QUEUECAST_KEEP_LATEST_SECONDS`.",
    },
}


def description(max_batch: int, max_body_bytes: int) -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, max_body_bytes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Queuecast",
            "version": version("queuecast-gateway"),
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas(max_batch),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation, max_body_bytes: int) -> dict[str, Any]:
    parameters = [{"name": name, "in": "query", **_PARAMETERS[name]} for name in operation.parameters]
    if operation.is_idempotent:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS + 2},
                "description": "Names this request, a UUID for instance. For `QUEUECAST_DEDUP_SECONDS`, the "
                "same request with the same key is stored once.",
            }
        )
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {str(status): _response(operation, status) for status in operation.statuses},
    }
    if operation.right is None:
        described["security"] = []
    else:
        described["description"] = f"The token has to allow `{operation.right}`."
    if parameters:
        described["parameters"] = parameters
    if operation.request is not None:
        described["requestBody"] = {
            "required": True,
            "description": f"At most {max_body_bytes} bytes.",
            "content": {"application/json": {"schema": _reference(operation.request)}},
        }
    return described


def _response(operation: Operation, status: int) -> dict[str, Any]:
    if status == 200:
        content = {"application/json": {"schema": _reference(operation.response)}}
        return {"description": "Done.", "content": content}
    response: dict[str, Any] = {
        "description": REASONS[status],
        "content": {"application/problem+json": {"schema": _reference("Problem")}},
    }
    if status in (429, 503):
        response["headers"] = {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}}
    return response


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
