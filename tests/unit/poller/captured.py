"""Messages of other software, as they were captured on a queue."""

import json
from pathlib import Path
from typing import Any

from tests.unit.poller.fakes import message

from queuecast_poller.sqs.message import Message

FOLDER = Path(__file__).parents[2] / "envelopes"


def captured(name: str, **details: Any) -> Message:
    """Return a captured message as a receive would."""
    raw = json.loads((FOLDER / name).read_text("utf-8"))
    attributes = raw["MessageAttributes"].items()
    return message(
        raw["Body"],
        attributes={name: value["StringValue"] for name, value in attributes if "StringValue" in value},
        unreadable=tuple(name for name, value in attributes if "StringValue" not in value),
        **details,
    )
