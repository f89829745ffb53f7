"""The API's description: OpenAPI 3.1, https://spec.openapis.org/oas/v3.1.1. Pure.

Its operations come from `operations`, its limits from the settings. `docs/openapi.json` has it with the
defaults.
"""

from importlib.metadata import version
from typing import Any

from queuecast_bus.bounds import MAX_ATTACHMENTS
from queuecast_bus.names import MAX_BYTES, MAX_ROOMS, SUBJECT_ROOM
from queuecast_gateway.api.messages import MAX_KEY_CHARACTERS
from queuecast_gateway.api.operations import OPERATIONS, Operation
from queuecast_gateway.api.problems import MAX_FLAWS, TITLES, TYPE_PREFIX

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

_OFFSET = {
    "type": "string",
    "pattern": r"^\d{1,15}-\d{1,15}$",
    "description": "The place in the order of all events: browsers receive it with the event.",
}
_NAMESPACE = {"type": "string", "pattern": "^/[^,?]*$", "maxLength": MAX_BYTES, "default": "/"}
_ROOM = {
    "type": "string",
    "pattern": r"^[^,\x00-\x1f\x7f]*[^,\s][^,\x00-\x1f\x7f]*$",
    "maxLength": MAX_BYTES + len(SUBJECT_ROOM),
}
_USER = {"type": "string", "minLength": 1, "maxLength": MAX_BYTES, "description": "The subject of tokens."}


def _object(required: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
        **more,
    }


def _rooms(description: str) -> dict[str, Any]:
    items = {"type": "array", "items": _ROOM, "minItems": 1, "maxItems": MAX_ROOMS}
    return {**items, "description": description}


def _event() -> dict[str, Any]:
    return {
        "event": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_BYTES,
            "description": "The event's name. Names that Socket.IO or the gateway reserve are refused.",
        },
        "data": {"description": "The event's one argument, any JSON."},
        "args": {"type": "array", "description": "Instead of `data`: the list of its arguments."},
        "rooms": _rooms("Who gets it. Without `rooms`, everyone in the namespace."),
        "namespace": _NAMESPACE,
        "key": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_BYTES,
            "description": "Of the events of a room with the same key, the newest is kept for pages that "
            "subscribe with `latest`; needs `QUEUECAST_KEEP_LATEST_SECONDS`.",
        },
        "attachments": {
            "type": "array",
            "items": {"type": "string", "contentEncoding": "base64"},
            "maxItems": MAX_ATTACHMENTS,
            "description": "Binary data, in the order of the placeholders "
            '`{"_placeholder": true, "num": 0}` in `data` or `args`.',
        },
    }


_DATA_OR_ARGS = [{"required": ["data"]}, {"required": ["args"]}]
_WHO = [{"required": ["user"]}, {"required": ["room"]}]


def _schemas(max_batch: int) -> dict[str, Any]:
    key = {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS + 2}
    item = {
        **_event(),
        "idempotency_key": {**key, "description": "Counts instead of the request's key for this event."},
    }
    stored = _object(
        "offset duplicate",
        {
            "offset": _OFFSET,
            "duplicate": {
                "type": "boolean",
                "description": "Whether Redis had it already, from a request with the same Idempotency-Key.",
            },
        },
    )
    members = {"type": "integer", "minimum": 0}
    return {
        "Event": _object("event", _event(), oneOf=_DATA_OR_ARGS),
        "Batch": _object(
            "messages",
            {
                "messages": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": max_batch,
                    "items": _object("event", item, oneOf=_DATA_OR_ARGS),
                }
            },
        ),
        "Stored": stored,
        "StoredBatch": _object(
            "results",
            {"results": {"type": "array", "items": {"$ref": "#/components/schemas/Stored"}, "minItems": 1}},
        ),
        "Disconnect": _object("", {"user": _USER, "room": _ROOM, "namespace": _NAMESPACE}, oneOf=_WHO),
        "Move": _object(
            "rooms",
            {
                "user": _USER,
                "room": _ROOM,
                "namespace": _NAMESPACE,
                "rooms": _rooms("The rooms to join or leave."),
            },
            oneOf=_WHO,
        ),
        "Rooms": _object(
            "rooms replicas complete",
            {
                "rooms": {
                    "type": "array",
                    "items": _object(
                        "namespace room sessions",
                        {"namespace": {"type": "string"}, "room": {"type": "string"}, "sessions": members},
                    ),
                },
                "replicas": {**members, "description": "How many replicas have answered."},
                "complete": {"type": "boolean", "description": "Whether all replicas have answered."},
            },
        ),
        "History": _object(
            "events complete offset attachments",
            {
                "events": {
                    "type": "array",
                    "items": _object(
                        "event args offset",
                        {
                            "event": {"type": "string"},
                            "args": {"type": "array"},
                            "offset": _OFFSET,
                            "key": {"type": "string"},
                        },
                    ),
                },
                "complete": {
                    "type": "boolean",
                    "description": "Whether these are all that were asked for.",
                },
                "offset": {**_OFFSET, "description": "Ask for what came `since` this offset the next time."},
                "attachments": {
                    "type": "array",
                    "items": {"type": "string", "contentEncoding": "base64"},
                    "description": "Binary data, by the `num` of its placeholder.",
                },
            },
        ),
        "Description": {"type": "object", "required": ["openapi", "info", "paths"]},
        "Problem": _object(
            "type title status detail",
            {
                "type": {"type": "string", "enum": [TYPE_PREFIX + kind for kind in TITLES]},
                "title": {"type": "string"},
                "status": {"type": "integer", "minimum": 400, "maximum": 599},
                "detail": {"type": "string"},
                "errors": {
                    "type": "array",
                    "maxItems": MAX_FLAWS,
                    "items": _object(
                        "pointer detail",
                        {
                            "pointer": {
                                "type": "string",
                                "pattern": "^#",
                                "description": "The place in the body, a JSON pointer.",
                            },
                            "detail": {"type": "string"},
                        },
                    ),
                },
            },
            description="Problem details, RFC 9457.",
        ),
    }


_PARAMETERS: dict[str, dict[str, Any]] = {
    "namespace": {"schema": _NAMESPACE},
    "room": {
        "schema": {"type": "array", "items": _ROOM, "maxItems": MAX_ROOMS},
        "style": "form",
        "explode": True,
        "description": "May be given several times.",
    },
    "last": {"schema": {"type": "integer", "minimum": 1}, "description": "The last so many of each room."},
    "since": {"schema": _OFFSET, "description": "All after this offset."},
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
            "schemas": _schemas(max_batch),
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
