"""Turns traces on or off for a process, as its settings say.

With traces off, OpenTelemetry is never imported and the services use their plain classes. The traced variants
of those are in each service's modules `traced`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from queuecast_edge.settings import EdgeSettings
from queuecast_edge.spans import Traces


@contextmanager
def open_traces(package: str, settings: EdgeSettings) -> Iterator[Traces | None]:
    """Yield a service's traces for as long as the context lasts, or None if traces are off.

    At the end it waits, for a limited time, until the last spans are exported; after an error it does not.
    """
    if settings.traces == "none" or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield None
        return
    from queuecast_edge import otlp  # only here: it imports the SDK

    traces = otlp.exporting_traces(package, settings.replica)
    yield traces
    traces.close()
