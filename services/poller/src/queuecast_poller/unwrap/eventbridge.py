"""Amazon EventBridge's envelope, as a rule's target receives it without an input transformer. Pure.

https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
"""

from typing import Any

from queuecast_poller.unwrap.contents import Layer, Payload

_STRINGS = ("version", "id", "detail-type", "source", "time", "region")


def open_eventbridge(body: dict[str, Any]) -> Layer | None:
    """Open an event; None if the body is not one. `account` is ignored, as emulators leave it out."""
    if not isinstance(body.get("detail"), dict) or not isinstance(body.get("resources"), list):
        return None
    if not all(isinstance(body.get(name), str) for name in _STRINGS):
        return None
    metadata = {name: value for name, value in body.items() if name != "detail"}
    return Layer("eventbridge", Payload(body["detail"]), metadata)
