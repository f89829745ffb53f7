"""Reads and checks SQS requests: fields, entries of a batch, sizes. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from queuecast_local.sqs_emulator.digests import value_of
from queuecast_local.sqs_emulator.errors import Refused

Json = dict[str, Any]

BATCH = 10
MAX_BYTES = 1_048_576
"""Largest message with its attributes, and largest batch: 1 MiB since August 2025."""
MAX_ATTRIBUTES = 10
ATTRIBUTE_TYPES = ("String", "Number", "Binary")
TRACE_HEADER = "AWSTraceHeader"
"""The only system attribute that a sender can set."""


def required(request: Mapping[str, Any], name: str) -> str:
    """Return a required text."""
    value = request.get(name)
    if not value:
        raise Refused("MissingParameter", f"The request must contain the parameter {name}.")
    return str(value)


def mapping(request: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object; an empty one if it is missing."""
    value = request.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused("InvalidParameterValue", f"The parameter {name} must be an object.")
    return value


def number(request: Mapping[str, Any], name: str, default: int | None, least: int, most: int) -> int:
    """Return a number within its bounds. Without a default it is required."""
    value = request.get(name)
    if value is None:
        value = default
    if value is None:
        raise Refused("MissingParameter", f"The request must contain the parameter {name}.")
    try:
        found = int(value)
    except (ValueError, TypeError):
        found = least - 1
    if not least <= found <= most:
        reason = f"Must be >= {least} and <= {most}."
        raise Refused(
            "InvalidParameterValue", f"Value {value} for parameter {name} is invalid. Reason: {reason}"
        )
    return found


def entries(request: Mapping[str, Any]) -> list[Json]:
    """Return the entries of a batch: one to ten, each with an Id of its own."""
    found: list[Json] = request.get("Entries") or []
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise Refused("InvalidParameterValue", "The parameter Entries must be a list of objects.")
    ids = [required(entry, "Id") for entry in found]
    if not found:
        raise Refused("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(found) > BATCH:
        raise Refused("TooManyEntriesInBatchRequest", f"{len(found)} entries are more than {BATCH}.")
    if bad := [name for name in ids if not re.fullmatch(r"[\w-]{1,80}", name, re.ASCII)]:
        raise Refused("InvalidBatchEntryId", f"Id {bad[0]} is invalid.")
    if twice := [name for place, name in enumerate(ids) if name in ids[:place]]:
        raise Refused("BatchEntryIdsNotDistinct", f"Id {twice[0]} repeated.")
    return found


def size(entry: Mapping[str, Any]) -> int:
    """Return the size of a message as the limit counts it: body, and attributes with names and types."""
    attributes = mapping(entry, "MessageAttributes")
    return len(required(entry, "MessageBody").encode()) + sum(
        len(name.encode()) + len(str(attribute.get("DataType", ""))) + len(value_of(attribute))
        for name, attribute in attributes.items()
    )


def attributes_of(entry: Mapping[str, Any]) -> dict[str, Json]:
    """Return the attributes of a message to be sent: up to ten, each with a type and a value."""
    attributes: dict[str, Json] = mapping(entry, "MessageAttributes")
    if len(attributes) > MAX_ATTRIBUTES:
        raise Refused(
            "InvalidParameterValue", f"{len(attributes)} attributes are more than {MAX_ATTRIBUTES}."
        )
    for name, attribute in attributes.items():
        if attribute.get("DataType", "").partition(".")[0] not in ATTRIBUTE_TYPES:
            raise Refused("InvalidParameterValue", f"The message attribute '{name}' has no valid type.")
        if not value_of(attribute):
            raise Refused("InvalidParameterValue", f"The message attribute '{name}' must contain a value.")
    return attributes


def trace_header_of(entry: Mapping[str, Any]) -> str | None:
    """Return the X-Ray header of a message to be sent, None if there is none."""
    attributes = mapping(entry, "MessageSystemAttributes")
    if unknown := attributes.keys() - {TRACE_HEADER}:
        raise Refused(
            "InvalidParameterValue", f"{unknown.pop()} is not a system attribute: expected {TRACE_HEADER}."
        )
    return str(attributes[TRACE_HEADER]["StringValue"]) if attributes else None
