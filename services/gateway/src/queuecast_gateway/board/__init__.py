"""What the live board asks its gateway, beyond events and rooms: who may do what, and the answers.

`requests` checks rights and answers. `past` reads what came before the page was opened, `sending` reads what
a person sends. `replicas` has the figures of all replicas, and `rooms_by_size` their largest rooms; `queues`
has the pollers' reports. Code belongs here if only the board needs it. What is measured all the time is in
`replica`.
"""
