"""Past events in an acknowledgement: what a browser asks for, and what it is sent. Pure.

The acknowledgement of `subscribe` with options is
`{ok, rooms, events: [{event, args, offset}], complete, offset}`: plain JSON, which every client of Socket.IO
hands to its callback. See docs/decisions/0011.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from socketio.packet import ACK, BINARY_ACK

from queuecast_bus import BadRecord, Record
from queuecast_bus.bounds import MAX_ATTACHMENTS, MAX_NESTING, PLACEHOLDER, check_nesting, read_arguments
from queuecast_gateway.engine import packets
from queuecast_gateway.wire.packet import event_text
from queuecast_gateway.wire.protocol import Refusal, namespace_prefix

LEVELS = 4
"""How much deeper an event's arguments are nested in an acknowledgement than in an event of their own."""

_OFFSET = re.compile(r"\d{1,15}-\d{1,15}", re.ASCII)


class Wanted(NamedTuple):
    """Which past events of its rooms a browser asks for: the last few of each, all since an offset, or the
    latest of each key.
    """

    last: int = 0
    since: str | None = None
    latest: bool = False


def read_wanted(options: Any, most: int, *, keeps_latest: bool = False) -> Wanted:
    """Return what the second argument of `subscribe` asks for. Raises `Refusal`.

    `most` is how many past events an answer may have; 0 means that this gateway gives none.
    """
    if not most:
        raise Refusal("bad_options", "this gateway gives no past events: subscribe without options")
    if isinstance(options, dict) and len(options) == 1:
        last, since = options.get("last"), options.get("since")
        if type(last) is float and last.is_integer():
            last = int(last)  # some languages have no other numbers
        if type(last) is int and 1 <= last <= most:
            return Wanted(last=last)
        if options.get("latest") is True:
            if keeps_latest:
                return Wanted(latest=True)
            raise Refusal("bad_options", "this gateway keeps no latest events of keys")
        if isinstance(since, str) and _OFFSET.fullmatch(since):
            return Wanted(since=since)
    raise Refusal(
        "bad_options", f"expected {{last: 1 to {most}}}, {{since: an event's offset}} or {{latest: true}}"
    )


class PastEvent(NamedTuple):
    """An event as it stands in an acknowledgement, and how many bytes it adds to that, attachments included.

    The text is "" for an event that cannot be sent in any acknowledgement.
    """

    text: str
    size: int
    attachments: tuple[bytes, ...] = ()
    skip_sids: tuple[str, ...] = ()
    key: str | None = None


UNSENDABLE = PastEvent("", 0)


def past_event(record: Record, offset: str, max_bytes: int) -> PastEvent:
    """Return a record's event, checked as `record_frames` checks it. Raises `BadRecord`."""
    if record.payload_size > max_bytes:
        raise BadRecord(f"an event of {record.payload_size} bytes, at most {max_bytes} are sent", "too_large")
    name = event_text(record.event)
    arguments = read_arguments(record.arguments, len(record.attachments))
    inner = record.arguments.decode()
    check_nesting(arguments, inner, MAX_NESTING - LEVELS)
    key = "" if record.key is None else f',"key":{_encode(record.key)}'
    text = f'{{"event":{name},"args":{inner},"offset":"{offset}"{key}}}'
    size = len(text) - len(inner) + record.payload_size
    return PastEvent(text, size, record.attachments, record.skip_sids, record.key)


class PastRun(NamedTuple):
    """Past events in the stream's order, as they stand in an acknowledgement: joined, `number` of them."""

    text: str
    number: int
    size: int
    attachments: tuple[bytes, ...] = ()


NO_EVENTS = PastRun("", 0, 0)


def joined(events: Sequence[PastEvent]) -> PastRun:
    """Return events of which none is unsendable in one piece; their attachments are numbered anew."""
    attachments: list[bytes] = []
    texts: list[str] = []
    for event in events:
        texts.append(_renumbered(event.text, len(attachments)) if event.attachments else event.text)
        attachments += event.attachments
    return PastRun(",".join(texts), len(events), sum([event.size for event in events]), tuple(attachments))


class PastEvents(NamedTuple):
    """The past events of some rooms up to `offset`; `complete` if they are all that the browser asked for."""

    run: PastRun
    complete: bool
    offset: str


class PastAck(dict[str, Any]):
    """An acknowledgement with past events. As a dictionary it has the rest of it; `frames` has all.

    The events are JSON already, made once for all browsers: taking them apart would cost more than all else.
    """

    def __init__(self, rooms: Sequence[str], past: PastEvents) -> None:
        super().__init__(ok=True, rooms=list(rooms), complete=past.complete, offset=past.offset)
        self.past = past

    def frames(self, namespace: str, packet_id: int) -> bytes:
        """Return the frames of the acknowledgement packet and its attachments."""
        text, _, _, attachments = self.past.run
        kind = f"{BINARY_ACK}{len(attachments)}-" if attachments else f"{ACK}"
        rooms = _encode(self["rooms"]) if self["rooms"] else "[]"
        complete = "true" if self.past.complete else "false"
        packet = (
            f'{kind}{namespace_prefix(namespace)}{packet_id}[{{"ok":true,"rooms":{rooms},"events":[{text}],'
            f'"complete":{complete},"offset":"{self.past.offset}"}}]'
        )
        return b"".join([packets.message(packet), *map(packets.message, attachments)])


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def newest_that_fit(events: Sequence[PastEvent], max_bytes: int) -> Sequence[PastEvent]:
    """Return the last of these events that fit into one acknowledgement, by bytes and attachments."""
    size = attachments = 0
    for index in range(len(events) - 1, -1, -1):
        size += events[index].size
        attachments += len(events[index].attachments)
        if size > max_bytes or attachments > MAX_ATTACHMENTS:
            return events[index + 1 :]
    return events


def _renumbered(text: str, by: int) -> str:
    """Return an event whose placeholders, which were checked, have higher numbers."""
    return _encode(_shifted(json.loads(text), by)) if by else text


def _shifted(value: Any, by: int) -> Any:
    if isinstance(value, list):
        return [_shifted(item, by) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(PLACEHOLDER) is True:
        return {PLACEHOLDER: True, "num": value["num"] + by}
    return {name: _shifted(item, by) for name, item in value.items()}
