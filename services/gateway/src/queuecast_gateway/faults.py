"""What a client can do wrong: two closed sets, which are the labels of metrics. Pure."""

from typing import Literal, get_args

Fault = Literal[
    "frame",
    "fragments",
    "not_utf8",
    "too_big",
    "engine_packet",
    "slow_body",
    "slow_message",
    "backlog",
    "packet_type",
    "ack_id",
    "attachments",
    "json",
    "number",
    "nesting",
    "payload",
    "event_name",
    "unexpected",
    "no_connect",
    "flood",
    "tries",
]
"""Why a connection was closed. Most are what their names say; `slow_message` is one, or a packet with its
attachments, whose rest did not come in time, `backlog` more bytes that wait here than may, `unexpected` a
packet that is none for this moment, `no_connect` a connection that joined no namespace in time, `tries` one
of an address that shows too many tokens which are none.
"""

FAULTS: tuple[Fault, ...] = get_args(Fault)

Turn = Literal[
    "bad_request",
    "transport",
    "session",
    "method",
    "version",
    "origin",
    "host",
    "too_big",
    "slow",
    "leaving",
    "full",
    "address",
    "connects",
    "descriptors",
]
"""Why a request was turned away: the first five are the stock client's own, `host` is a name that is none of
ours, `too_big` and `slow` are heads of requests, `full` is the replica, `address` has enough connections,
`connects` were too many of it in a time.
"""

TURNS: tuple[Turn, ...] = get_args(Turn)
