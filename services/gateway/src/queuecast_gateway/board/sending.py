"""Reads what a person sends from the live board: events for the bus, or a message for a queue. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from queuecast_bus.names import MAX_ROOMS, BadName, check_published_event, check_room
from queuecast_gateway.wire.protocol import Refusal

MAX_COUNT = 1_000
"""Events of one request."""

MAX_BODY_BYTES = 200_000
"""Bytes of a message's body: with its attributes it must fit into SQS's 256 KiB."""

MAX_HOLD_SECONDS = 43_200

MAX_REQUESTS = 20
"""Requests in one question for what came of them."""

_REQUEST = re.compile(r"[0-9a-f]{32}", re.ASCII)


class Sending(NamedTuple):
    """An event, the rooms that it is for (none: everyone), its data, and how many times it is sent."""

    event: str
    rooms: tuple[str, ...]
    data: Any
    times: int

    def data_of(self, number: int) -> Any:
        """Return the data of one of the events, counted from 1: of many, each has an id of its own."""
        if self.times > 1 and isinstance(self.data, Mapping) and "id" in self.data:
            return {**self.data, "id": f"{self.data['id']}-{number}"}
        return self.data


class QueueSending(NamedTuple):
    """A message for a queue, with its attributes."""

    queue: str
    body: str
    attributes: Mapping[str, str]

    @property
    def size(self) -> int:
        """Its size in bytes."""
        texts = (self.body, *self.attributes, *self.attributes.values())
        return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)

    def to_text(self) -> str:
        """Return it as pollers read it."""
        return json.dumps({"queue": self.queue, "body": self.body, "attributes": self.attributes})


def read_sending(request: Any) -> Sending:
    """Return what a request asks to send: `{event, rooms, data, count}`. Raises `Refusal`."""
    if not isinstance(request, Mapping) or "data" not in request:
        raise Refusal("bad_payload", "expected {event, rooms, data, count}")
    count = request.get("count", 1)
    if type(count) is not int or not 1 <= count <= MAX_COUNT:
        raise Refusal("bad_payload", f"count: expected a number from 1 to {MAX_COUNT}")
    event, rooms = _address(request)
    return Sending(event, rooms, request["data"], count)


def read_queue_sending(request: Any) -> QueueSending:
    """Return what a request asks to put on a queue: `{queue, event, rooms, data, ack, hold}`, of which `ack`
    is `any`, `all` or null, and `hold` a number of seconds or null. Raises `Refusal`.
    """
    if not isinstance(request, Mapping) or "data" not in request or not isinstance(request.get("queue"), str):
        raise Refusal("bad_payload", "expected {queue, event, rooms, data, ack, hold}")
    ack, hold = request.get("ack"), request.get("hold")
    if ack not in (None, "any", "all"):
        raise Refusal("bad_payload", "ack: expected any, all or null")
    if hold is not None and not (type(hold) in (int, float) and 0 < hold <= MAX_HOLD_SECONDS):
        raise Refusal("bad_payload", f"hold: expected a number of seconds up to {MAX_HOLD_SECONDS}, or null")
    event, rooms = _address(request)
    attributes = {
        "event": event,
        **({"rooms": ",".join(rooms)} if rooms else {}),
        **({} if ack is None else {"ack": ack}),
        **({} if hold is None else {"hold": f"{hold:g}"}),
    }
    sending = QueueSending(request["queue"], json.dumps(request["data"]), attributes)
    if sending.size > MAX_BODY_BYTES:
        raise Refusal("bad_payload", f"{sending.size} bytes, at most {MAX_BODY_BYTES} are allowed on a queue")
    return sending


def read_requests(request: Any) -> list[str]:
    """Return the ids of earlier requests. Raises `Refusal`."""
    is_list = isinstance(request, list) and len(request) <= MAX_REQUESTS
    if not is_list or not all(isinstance(each, str) and _REQUEST.fullmatch(each) for each in request):
        raise Refusal("bad_payload", f"expected a list of at most {MAX_REQUESTS} ids")
    return list(request)


def _address(request: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    event, rooms = request.get("event"), request.get("rooms", [])
    if not isinstance(rooms, list) or len(rooms) > MAX_ROOMS or not all(isinstance(r, str) for r in rooms):
        raise Refusal("bad_room", f"rooms: expected a list of at most {MAX_ROOMS} names")
    if not isinstance(event, str):
        raise Refusal("bad_payload", "event: expected its name")
    try:
        return check_published_event(event), tuple(map(check_room, rooms))
    except BadName as exc:
        raise Refusal("bad_payload", str(exc)) from exc
