"""The trace context of a message, from either of the two headers that its sender may have set. Pure.

A malformed header is ignored, never an error: it costs the message its place in a trace and nothing else.
"""

import re
from typing import NamedTuple

_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_XRAY_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
_XRAY_PARENT = re.compile(r"[0-9a-f]{16}")

SAMPLED, RANDOM = 0x01, 0x02
"""The defined flags: the trace is kept, and its id is random. All others are passed on as 0."""


class TraceContext(NamedTuple):
    """A reference to a span: 32 and 16 hexadecimal digits, neither all 0, and its flags."""

    trace_id: str
    span_id: str
    flags: int

    def to_text(self) -> str:
        """Return it as a `traceparent`."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


def read_traceparent(text: str) -> TraceContext | None:
    """Return the span in a W3C `traceparent`, None if there is none.

    Later versions may append more parts, which are ignored.
    https://www.w3.org/TR/trace-context/#traceparent-header
    """
    found = _TRACEPARENT.fullmatch(text)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "00" and more is not None:
        return None
    return _context(trace_id, span_id, int(flags, 16) & (SAMPLED | RANDOM))


def read_xray(text: str) -> TraceContext | None:
    """Return the span in X-Ray's header, `Root=1-…;Parent=…;Sampled=1`, None if there is none.

    An open decision (`Sampled=?`) counts as "not sampled". OpenTelemetry's readers in Python (1.0.2) and
    JavaScript (2.2.0) ignore such a header, and the message would lose its place in the trace.
    https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    """
    parts = dict(part.strip().partition("=")[::2] for part in text.split(";"))
    root = _XRAY_ROOT.fullmatch(parts.get("Root", "").lower())
    parent = _XRAY_PARENT.fullmatch(parts.get("Parent", "").lower())
    if root is None or parent is None:
        return None
    return _context(root[1] + root[2], parent[0], SAMPLED if parts.get("Sampled") == "1" else 0)


def _context(trace_id: str, span_id: str, flags: int) -> TraceContext | None:
    if not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return TraceContext(trace_id, span_id, flags)
