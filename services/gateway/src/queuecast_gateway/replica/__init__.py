"""What this replica reports about itself, again and again. Nothing here handles a browser's events.

`announcement` tells pollers which namespaces are served, `backpressure` that this replica is behind,
`bus_probe` proves that it hears the bus, `deletion_cost` tells Kubernetes how full it is, `board` tells live
boards its figures. `figures` asks all replicas for theirs, when somebody wants to know.
"""
