"""Past events in an acknowledgement, as stock clients read them."""

import json
from typing import Any

import pytest
from socketio.packet import ACK, BINARY_ACK, Packet

from queuecast_bus import BadRecord, Record
from queuecast_bus.bounds import MAX_NESTING
from queuecast_gateway.engine.frames import TEXT, split
from queuecast_gateway.wire.past import (
    LEVELS,
    PastAck,
    PastEvent,
    PastEvents,
    joined,
    newest_that_fit,
    past_event,
)

HELD = b'[{"a":{"_placeholder":true,"num":0},"b":[{"_placeholder":true,"num":1}]},"text"]'


def made(*records: Record, namespace: str = "/") -> Packet:
    """Return the acknowledgement with these events, read by python-socketio's own parser."""
    events = [past_event(record, f"{number}-0", 1_000) for number, record in enumerate(records)]
    sent = list(split(PastAck(["a"], PastEvents(joined(events), False, "9-0")).frames(namespace, 12)))
    opcode, text = sent[0]
    assert opcode == TEXT
    packet = Packet(encoded_packet=text.decode()[1:])
    for _, attachment in sent[1:]:
        packet.add_attachment(attachment)
    return packet


def test_the_documented_shape() -> None:
    """Arguments are a list, whatever their number; nothing but JSON."""
    packet = made(
        Record("price", b'[{"eur":3,"x":"\xc3\xa9"}]'), Record('b"x', b" [ ] "), Record("c", b"[1,[2]]")
    )
    assert (packet.packet_type, packet.id, packet.namespace) == (ACK, 12, None)
    assert packet.data == [
        {
            "ok": True,
            "rooms": ["a"],
            "complete": False,
            "offset": "9-0",
            "events": [
                {"event": "price", "args": [{"eur": 3, "x": "é"}], "offset": "0-0"},
                {"event": 'b"x', "args": [], "offset": "1-0"},
                {"event": "c", "args": [1, [2]], "offset": "2-0"},
            ],
        }
    ]
    assert made(namespace="/shop").namespace == "/shop"
    assert made().data[0]["events"] == []


def test_attachments_are_numbered_anew() -> None:
    """Each event numbers its own; a packet has all of them."""
    first = Record("e", HELD, attachments=(b"1", b"2"))
    packet = made(first, Record("e", b"[0]"), Record("e", HELD, attachments=(b"3", b"4")))
    assert packet.packet_type == BINARY_ACK
    assert [event["args"] for event in packet.data[0]["events"]] == [
        [{"a": b"1", "b": [b"2"]}, "text"],
        [0],
        [{"a": b"3", "b": [b"4"]}, "text"],
    ]


@pytest.mark.parametrize(
    "record",
    [
        Record("e", b"[NaN]"),
        Record("e", b"{}"),
        Record("e", b'["%b"]' % (b"x" * 1_000)),
        Record("disconnect", b"[]"),
        Record("e", b"[1]", attachments=(b"x",)),
    ],
)
def test_what_no_client_was_sent_is_in_no_answer(record: Record) -> None:
    """One event that a client cannot read would cost it the whole answer."""
    with pytest.raises(BadRecord):
        past_event(record, "1-0", 1_000)


def test_an_answer_is_no_deeper_than_clients_can_read() -> None:
    """.NET's parser reads 64 levels, and an answer has some of its own."""

    def nested(levels: int) -> Record:
        return Record("e", b"[" * levels + b"]" * levels)

    text = past_event(nested(MAX_NESTING - LEVELS), "1-0", 1_000).text
    ack = json.loads(f'[{{"events":[{text}]}}]')
    assert depth(ack) == MAX_NESTING
    with pytest.raises(BadRecord, match="nested"):
        past_event(nested(MAX_NESTING - LEVELS + 1), "1-0", 1_000)


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def test_the_size_is_that_of_the_packet() -> None:
    """In bytes, attachments included."""
    event = past_event(Record("e", '["ü😀"]'.encode()), "1-0", 1_000)
    assert event.size == len(event.text.encode())
    held = past_event(Record("e", HELD, attachments=(b"12", b"345")), "1-0", 1_000)
    assert held.size == len(held.text) + 5


def test_the_newest_events_that_fit_are_given() -> None:
    """By bytes, and by the ten attachments that a packet may have."""
    small = [PastEvent(f"{number}", 10) for number in range(5)]
    assert newest_that_fit(small, 50) == small
    assert newest_that_fit(small, 49) == small[1:]
    assert newest_that_fit(small, 9) == []
    held = [PastEvent(f"{number}", 10, (b"x",) * 3) for number in range(5)]
    assert newest_that_fit(held, 1_000) == held[2:]
