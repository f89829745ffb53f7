"""The codec: bytes to values and back, and what is allowed in them. Pure.

`packet` has Socket.IO's packets, and records as packets; `parsers` knows the parsers that the gateway does
not have. `protocol` has the gateway's own part of the protocol: the names of its events, acknowledgements
and their codes, the rooms in a request. `past` has what a request asks of the past, and its answer.
`node_message` and `python_message` read what emitters publish, as values of `emission`.
Connections, rooms and handlers belong elsewhere.
https://socket.io/docs/v4/socket-io-protocol/
"""
