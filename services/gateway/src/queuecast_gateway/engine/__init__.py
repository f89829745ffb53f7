"""Engine.IO v4: handshakes, sessions over WebSocket and long-polling, frames, packets, pings and timeouts.

What the protocol says belongs here, without Socket.IO, the bus, settings or metrics: this package could serve
any Engine.IO application. An idle connection costs one object and its heartbeat.
https://socket.io/docs/v4/engine-io-protocol/
"""
