"""What a client can do wrong: two closed sets, which are the labels of metrics. Pure."""

from typing import Literal, get_args

Fault = Literal[
    "frame",
    "fragments",
    "not_utf8",
    "too_big",
    "engine_packet",
    "slow_body",
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
]
"""Why a connection was closed. Most are what their names say; `unexpected` is a packet that is none for this
moment, `no_connect` a connection that joined no namespace in time.
"""

FAULTS: tuple[Fault, ...] = get_args(Fault)

Turn = Literal[
    "bad_request",
    "transport",
    "session",
    "method",
    "version",
    "origin",
    "too_big",
    "slow",
    "leaving",
    "full",
    "address",
    "tries",
    "descriptors",
]
"""Why a request was turned away: the first five are the stock client's own, `too_big` and `slow` are heads of
requests, `full` is the replica, `address` has enough connections, `tries` were too many tokens that are none.
"""

TURNS: tuple[Turn, ...] = get_args(Turn)
