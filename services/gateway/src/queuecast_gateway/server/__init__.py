"""The Socket.IO server. Only this package knows python-socketio's.

`socketio_server` reads packets (`packet_assembler`) and refuses those over the rate. `connect_requests`
answers CONNECT, by `authentication`; `handlers` answer the events of browsers, `subscriptions` those for
rooms; `relay` publishes those for everyone, and `drain` closes connections. `foreign_parsers` answers
clients with another parser, and `refused_requests` reports what the engine refused. What a browser receives
from the bus is `delivery`'s.
"""
