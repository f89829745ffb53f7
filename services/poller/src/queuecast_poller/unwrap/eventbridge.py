"""Amazon EventBridge's envelope, where a rule's target takes its events as they are. Pure.

https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
"""

from typing import Any

from queuecast_poller.unwrap.contents import Layer, Payload

_STRINGS = ("version", "id", "detail-type", "source", "time", "region")


def open_eventbridge(body: dict[str, Any]) -> Layer | None:
    """Open an event; None if the body is none. `account` is not looked at: an emulator has none."""
    if not isinstance(body.get("detail"), dict) or not isinstance(body.get("resources"), list):
        return None
    if not all(isinstance(body.get(name), str) for name in _STRINGS):
        return None
    outside = {name: value for name, value in body.items() if name != "detail"}
    return Layer("eventbridge", Payload(body["detail"]), outside)
