"""Spans and where they begin, as the services see them: protocols without a word of OpenTelemetry's. Pure."""

from collections.abc import Mapping
from typing import Literal, Protocol

from queuecast_edge.trace_context import TraceContext

Kind = Literal["consumer", "producer"]
Attributes = Mapping[str, str | int | bool]


class Span(Protocol):
    """A part of a trace that has begun. Its times are Unix times in nanoseconds."""

    @property
    def traceparent(self) -> str:
        """The W3C `traceparent` by which later spans refer to it."""

    def end(self, at_ns: int, *, error: str | None = None, attributes: Attributes | None = None) -> None:
        """End it, with an error of a closed set if there was one. Never waits."""


class Traces(Protocol):
    """Begins spans. Safe to use from any thread."""

    def begin(
        self, name: str, kind: Kind, at_ns: int, parent: TraceContext | None, attributes: Attributes
    ) -> Span:
        """Begin a span, of a new trace if it has no parent. Never waits."""
