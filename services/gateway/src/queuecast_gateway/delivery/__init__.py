"""From a record of the bus to the sockets of this replica.

`gateway_bus` reads the bus, and is python-socketio's manager. `fanout` hands each record to its audience,
which `rooms` knows; `write_delay` says how long events gather for a write. `history` keeps the newest
records, bounded by `history_size`, and `room_index` says which of them are for which room. `commands` and
`membership` carry out join, leave and disconnect; `skipped_records` reports what no client is given.
`emitters` follows what other processes publish on Redis's channels; `node_emitters` listens to those of Node.
Tokens and HTTP do not belong here; a session is only where bytes are written to.
"""
