"""The forms of bodies, of requests and answers, as JSON Schema: https://json-schema.org/draft/2020-12. Pure.

Requests are not validated with these: `messages` and `commanding` read them, which is faster and says more.
The tests compare the two.
"""

from typing import Any

from queuecast_bus.bounds import MAX_ATTACHMENTS
from queuecast_bus.names import MAX_BYTES, MAX_ROOMS, SUBJECT_ROOM
from queuecast_gateway.api.messages import MAX_KEY_CHARACTERS
from queuecast_gateway.api.problems import MAX_FLAWS, TITLES, TYPE_PREFIX

OFFSET = {
    "type": "string",
    "pattern": r"^\d{1,15}-\d{1,15}$",
    "description": "The place in the order of all events: browsers receive it with the event.",
}
NAMESPACE = {"type": "string", "pattern": "^/[^,?]*$", "maxLength": MAX_BYTES, "default": "/"}
ROOM = {
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
    items = {"type": "array", "items": ROOM, "minItems": 1, "maxItems": MAX_ROOMS}
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
        "namespace": NAMESPACE,
        "key": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_BYTES,
            "description": "Of the events of a room with the same key, the newest is kept for pages that "
            "subscribe with `latest`; needs `QUEUECAST_KEEP_LATEST_SECONDS`.",
        },
        "volatile": {
            "type": "boolean",
            "default": False,
            "description": "Only for browsers that are connected now: never replayed, and among no past "
            "events.",
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


def schemas(max_batch: int) -> dict[str, Any]:
    """Return the schemas by name; a batch has at most so many events."""
    key = {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS + 2}
    item = {
        **_event(),
        "idempotency_key": {**key, "description": "Counts instead of the request's key for this event."},
    }
    stored = _object(
        "offset duplicate",
        {
            "offset": OFFSET,
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
        "Disconnect": _object("", {"user": _USER, "room": ROOM, "namespace": NAMESPACE}, oneOf=_WHO),
        "Move": _object(
            "rooms",
            {
                "user": _USER,
                "room": ROOM,
                "namespace": NAMESPACE,
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
        "Presence": _object(
            "rooms",
            {
                "rooms": {
                    "type": "array",
                    "items": _object(
                        "namespace count sessions complete",
                        {
                            "namespace": {"type": "string"},
                            "room": {"type": "string", "description": "Absent for the whole namespace."},
                            "count": {
                                **members,
                                "description": "People: each identity once, and each session without one.",
                            },
                            "sessions": members,
                            "users": {
                                "type": "array",
                                "items": {"type": "string"},
                                "description": "Their identities, if the token allows `identities` too.",
                            },
                            "complete": {
                                "type": "boolean",
                                "description": "False if a limit makes `count` inexact or `users` shorter.",
                            },
                        },
                    ),
                },
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
                            "offset": OFFSET,
                            "key": {"type": "string"},
                        },
                    ),
                },
                "complete": {
                    "type": "boolean",
                    "description": "Whether these are all that were asked for.",
                },
                "offset": {**OFFSET, "description": "Ask for what came `since` this offset the next time."},
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
