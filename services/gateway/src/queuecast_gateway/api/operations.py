"""Every operation of the HTTP API: its path, what it needs, and how it may end. Pure.

Requests are routed by this table, metrics take their labels from it, and `openapi` describes it, so that no
operation is missing anywhere.
"""

from collections.abc import Mapping
from typing import NamedTuple

WITH_BODY = (200, 400, 401, 403, 408, 413, 415, 422, 429, 500, 503)
WITHOUT_BODY = (200, 400, 401, 403, 429, 500, 503)

NO_ROUTE = "none"
"""Stands for an operation where a request is for none."""

NO_ROUTE_STATUSES = (400, 404, 405, 408, 431)


class Operation(NamedTuple):
    """One operation. `right` is what its token has to allow; None needs no token.

    `request` and `response` name the schemas of their bodies in the description. `is_idempotent` says that it
    takes an `Idempotency-Key`. `parameters` are those of its query.
    """

    name: str
    method: str
    path: str
    right: str | None
    summary: str
    response: str
    statuses: tuple[int, ...]
    request: str | None = None
    parameters: tuple[str, ...] = ()
    is_idempotent: bool = False


def _command(name: str, request: str, summary: str) -> Operation:
    return Operation(
        name, "POST", f"/v1/{name}", "command", summary, "Stored", WITH_BODY, request, is_idempotent=True
    )


OPERATIONS = (
    Operation(
        "publish",
        "POST",
        "/v1/publish",
        "publish",
        "Publish an event to everyone, or to some rooms",
        "Stored",
        WITH_BODY,
        "Event",
        is_idempotent=True,
    ),
    Operation(
        "publish_batch",
        "POST",
        "/v1/publish-batch",
        "publish",
        "Publish several events in their order: all of them, or none",
        "StoredBatch",
        WITH_BODY,
        "Batch",
        is_idempotent=True,
    ),
    _command("disconnect", "Disconnect", "Disconnect all sessions of a user, or in a room"),
    _command("join", "Move", "Have the sessions of a user, or in a room, join rooms"),
    _command("leave", "Move", "Have the sessions of a user, or in a room, leave rooms"),
    Operation(
        "rooms",
        "GET",
        "/v1/rooms",
        "view",
        "Count the sessions in some rooms, or in the largest ones, over all replicas",
        "Rooms",
        WITHOUT_BODY,
        parameters=("namespace", "room"),
    ),
    Operation(
        "presence",
        "GET",
        "/v1/presence",
        "view",
        "Count the people in some rooms, or in the whole namespace, over all replicas",
        "Presence",
        (*WITHOUT_BODY[:4], 404, *WITHOUT_BODY[4:]),
        parameters=("namespace", "room"),
    ),
    Operation(
        "history",
        "GET",
        "/v1/history",
        "history",
        "Read the past events of rooms",
        "History",
        (*WITHOUT_BODY[:4], 404, *WITHOUT_BODY[4:]),
        parameters=("namespace", "room", "last", "since", "latest"),
    ),
    Operation(
        "openapi", "GET", "/openapi.json", None, "Read this description", "Description", (200, 400, 500)
    ),
)

BY_PATH: Mapping[str, Mapping[str, Operation]] = {
    path: {operation.method: operation for operation in OPERATIONS if operation.path == path}
    for path in {operation.path for operation in OPERATIONS}
}
