"""The HTTP API: back ends publish without a queue, and operators' scripts ask and command.

`operations` lists every operation; `openapi` and `schemas` describe them, `application` answers requests for
them. `access` checks tokens; `publishing`, `commanding`, `rooms`, `presence` and `history` do the work, and
`problems` says what is wrong. `messages` and `queries` read requests, and `server` is the listener.
Code belongs here if only this API needs it.
"""
