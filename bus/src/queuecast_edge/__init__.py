"""The edge of a Queuecast process: what it is told (environment) and what it shows (logs, health, metrics).

Both services use it; it knows neither of them, nor the bus.
"""
