"""The HTTP API: back ends publish without a queue, and operators' scripts ask and command.

`operations` lists every operation; `openapi` describes them, and `application` answers requests for them.
`access` checks tokens, `publishing`, `commanding`, `rooms` and `history` do the work, and `problems` says
what is wrong with a request. `messages` and `queries` read requests. `server` is the listener of its own.
Code belongs here if only this API needs it.
"""
