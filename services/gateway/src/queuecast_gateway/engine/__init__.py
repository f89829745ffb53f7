"""Engine.IO v4 for the gateway: one object per connection, and every byte as the protocol's text has it.

https://socket.io/docs/v4/engine-io-protocol/
"""
