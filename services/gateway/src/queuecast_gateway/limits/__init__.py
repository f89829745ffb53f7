"""Limits: how much one connection, address or identity may use of the gateway, and a client's address.

Only counters and rules belong here, no connection, metric or answer. A limiter says whether something exceeds
its limit; its caller refuses it, closes the connection or stays silent.
"""
