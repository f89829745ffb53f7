"""Traces, or none: what the services need of them, without a word of OpenTelemetry's.

Without traces nothing of it is imported, and the services are made of their plain classes; the traced kinds
of these are in a module `traced` of each service.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, Protocol

from queuecast_edge.settings import EdgeSettings
from queuecast_edge.trace_context import TraceContext

Kind = Literal["consumer", "producer"]
Attributes = Mapping[str, str | int | bool]


class Span(Protocol):
    """A part of a trace that has begun. Its moments are Unix times in nanoseconds."""

    @property
    def traceparent(self) -> str:
        """How whoever comes next names it."""

    def end(self, at_ns: int, *, error: str | None = None, attributes: Attributes | None = None) -> None:
        """Say when it ended and with what error, one of a closed set, if with any. Never waits."""


class Traces(Protocol):
    """Where spans begin. For any thread."""

    def begin(
        self, name: str, kind: Kind, at_ns: int, parent: TraceContext | None, attributes: Attributes
    ) -> Span:
        """Begin a span, of a new trace if it has no parent. Never waits."""


@contextmanager
def open_traces(package: str, settings: EdgeSettings) -> Iterator[Traces | None]:
    """Have a service's traces for as long as the context lasts, None if there are to be none.

    What is still to be exported at its end is waited for, in bounds; not after an error.
    """
    if settings.traces == "none" or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield None
        return
    from queuecast_edge import otlp  # only here: it imports the SDK

    traces = otlp.exported(package, settings.replica)
    yield traces
    traces.close()
