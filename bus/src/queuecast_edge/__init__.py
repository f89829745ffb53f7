"""What every Queuecast process has towards its operators: environment, logs, health, metrics, traces.

Both services use it. It knows neither of them, nor the bus. A module belongs here if both services need it
and it does not involve Redis. `schemas` is here because the poller's routes and the gateway share it.
"""
