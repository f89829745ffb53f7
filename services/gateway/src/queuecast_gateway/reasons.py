"""Why connections are closed and requests are refused: two closed sets, the labels of metrics. Pure."""

from typing import Literal, get_args

CloseReason = Literal[
    "frame",
    "fragments",
    "not_utf8",
    "too_big",
    "engine_packet",
    "slow_body",
    "slow_message",
    "backlog",
    "parser",
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
"""Why a connection was closed. Most names say it all. `slow_message`: the rest of a message, or the
attachments of a packet, did not come in time. `backlog`: too many bytes wait for the client's handlers.
`parser`: the client has another parser than the default one. `unexpected`: a packet that is not allowed at
this point. `no_connect`: the client joined no namespace in time. `tries`: its address has shown too many
forged tokens.
"""

CLOSE_REASONS: tuple[CloseReason, ...] = get_args(CloseReason)

RefusalReason = Literal[
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
"""Why a request was refused. The first five are the stock client's own. `host`: the Host header names another
host. `too_big`, `slow`: the head of the request is. `full`: the replica has all the connections it may have.
`address`: so has the client's address. `connects`: that address connects too often.
"""

REFUSAL_REASONS: tuple[RefusalReason, ...] = get_args(RefusalReason)
