"""Connection state recovery: a client that reconnects gets its session and the events that it missed.

`recovery` admits a connection: `session_restorer` claims its session, `eligibility` says whether it may
recover, `replay` and `replay_reader` find what it missed. `welcome` is what a connection is sent for
recovery, at CONNECT and with its pings; `live_sessions` sends that, and saves what changes to
`session_store` in Redis, so that any replica can recover it. `past_reader` finds the past events of rooms
for browsers that subscribe, with `past_texts` and `shared_read`. Packets and HTTP do not belong here.
"""
