"""The trace context of a message, from its sender's headers."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from queuecast_edge.trace_context import TraceContext, read_traceparent, read_xray

W3C = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
XRAY = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


def digits(count: int) -> st.SearchStrategy[str]:
    """Hexadecimal digits, not all 0."""
    return st.text("0123456789abcdef", min_size=count, max_size=count).filter(lambda text: text.strip("0"))


contexts = st.builds(TraceContext, digits(32), digits(16), st.integers(0, 3))
nearly = st.text(st.sampled_from("0123456789abcdefABF-_=;:?. \n\0RootPantSmpled"), max_size=80)
mangled = st.builds(
    lambda text, start, end, put: text[:start] + put + text[end:],
    st.sampled_from([W3C, XRAY]),
    st.integers(0, 80),
    st.integers(0, 80),
    st.text(string.printable, max_size=3),
)


@given(contexts)
def test_a_traceparent_is_read_as_it_was_written(context: TraceContext) -> None:
    """The gateway's span has to become a child of the poller's."""
    assert read_traceparent(context.to_text()) == context


@given(contexts.map(lambda context: context._replace(flags=context.flags & 1)))
def test_xrays_header_is_the_same_trace_in_another_spelling(context: TraceContext) -> None:
    """The backend joins X-Ray's spans and ours."""
    root = f"1-{context.trace_id[:8]}-{context.trace_id[8:]}"
    assert read_xray(f"Root={root};Parent={context.span_id};Sampled={context.flags}") == context


@given(st.text() | nearly | mangled)
def test_whatever_a_sender_writes_is_a_span_or_none(text: str) -> None:
    """No message is left because of it, and nothing malformed is passed on."""
    for context in (read_traceparent(text), read_xray(text)):
        if context is not None:
            assert re.fullmatch("[0-9a-f]{32}", context.trace_id)
            assert re.fullmatch("[0-9a-f]{16}", context.span_id)
            assert read_traceparent(context.to_text()) == context


@given(st.one_of(nearly, mangled, contexts.map(TraceContext.to_text)))
def test_the_sdks_own_reader_says_the_same_of_a_traceparent(text: str) -> None:
    """An independent implementation of the specification; it strips the white space that HTTP allows."""
    text = text.strip()
    sdk = get_current_span(TraceContextTextMapPropagator().extract({"traceparent": text})).get_span_context()
    ours = read_traceparent(text)
    if ours is None:
        assert not sdk.is_valid
    else:
        assert (int(ours.trace_id, 16), int(ours.span_id, 16)) == (sdk.trace_id, sdk.span_id)
        assert ours.flags & 1 == sdk.trace_flags & 1


@pytest.mark.parametrize(
    ("flags", "known"), [("01", 1), ("00", 0), ("03", 3), ("02", 2), ("fe", 2), ("ff", 3)]
)
def test_flags_that_mean_nothing_yet_do_not_go_on(flags: str, known: int) -> None:
    """The specification demands it: passing on an unknown flag would assert it."""
    assert read_traceparent(f"{W3C[:-2]}{flags}") == TraceContext(W3C[3:35], W3C[36:52], known)


@pytest.mark.parametrize("more", ["", "-", "-what-comes-later"])
def test_a_later_version_may_say_more(more: str) -> None:
    """A sender that is upgraded first must not lose its traces."""
    assert read_traceparent(f"01{W3C[2:]}{more}") == read_traceparent(W3C)


@pytest.mark.parametrize(
    "text",
    [
        "",
        W3C.upper(),
        f"{W3C}-more",
        f"{W3C}0",
        f"ff{W3C[2:]}",
        f"01{W3C[2:]}more",
        W3C.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        W3C.replace("00f067aa0ba902b7", "0" * 16),
        W3C[:-1],
        W3C.replace("4bf9", "4bg9"),
    ],
)
def test_a_malformed_traceparent_is_none(text: str) -> None:
    """The specification demands that a new trace begins."""
    assert read_traceparent(text) is None


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (XRAY, True),
        ("Sampled=1; Parent=53995C3F42CD8AD8; Root=1-5759E988-BD862E3FE1BE46A994272793", True),
        (f"Self=1-67891234-12456789abcdef012345678;{XRAY};Lineage=a87bd80c:0", True),
        (XRAY.replace("Sampled=1", "Sampled=0"), False),
        (XRAY.replace("Sampled=1", "Sampled=?"), False),
        (XRAY.replace(";Sampled=1", ""), False),
    ],
)
def test_xrays_header_has_its_parts_in_any_order_and_others_beside_them(
    header: str, *, sampled: bool
) -> None:
    """AWS's own services add to it on the way."""
    assert read_xray(header) == TraceContext(
        "5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8", int(sampled)
    )


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
        "Parent=53995c3f42cd8ad8;Sampled=1",
        XRAY.replace("Root=1-", "Root=2-"),
        XRAY.replace("-bd86", "bd86"),
        XRAY.replace("53995c3f42cd8ad8", "0" * 16),
        XRAY.replace("5759e988-bd862e3fe1be46a994272793", f"{'0' * 8}-{'0' * 24}"),
        XRAY.replace("Root", "root"),
        W3C,
    ],
)
def test_a_malformed_header_of_xrays_is_none(header: str) -> None:
    """A trace id alone is not a parent."""
    assert read_xray(header) is None
