"""What records of awaited events carry, and what gateways report of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_bus import BadRecord, Record
from queuecast_bus.awaited import FIRST_ID, LAST_ID, AckMode, AckReport, AckWanted
from queuecast_bus.record import ADDRESS, read_address

WANTED = AckWanted(AckMode.ALL, FIRST_ID, "inbox", 10_000)
names = st.lists(st.text(max_size=5), max_size=3).map(tuple)


def test_a_record_keeps_its_namespace_and_its_wish() -> None:
    """Browsers are in the namespace; only gateways that can wait for them know the one in its address."""
    record = Record("order", b"[1]", "/shop", ("a",), ack=WANTED)
    fields = record.to_fields()
    found = dict(zip(fields[::2], fields[1::2], strict=True))
    assert read_address(found[ADDRESS]) == ("?/shop", ("a",), ())
    assert Record.from_fields(found) == record


@given(st.sampled_from(AckMode), st.integers(FIRST_ID, LAST_ID), st.integers(0, 10**9))
def test_a_wish_is_read_again(mode: AckMode, ack_id: int, limit_ms: int) -> None:
    """The poller writes it, every gateway reads it."""
    wanted = AckWanted(mode, ack_id, "0a1b", limit_ms)
    assert AckWanted.from_text(wanted.to_text()) == wanted


@pytest.mark.parametrize(
    "text",
    [b"", b"any 1 inbox 10", b"some 1073741824 inbox 10", b"any 2147483648 inbox 10", b"any 1073741824  10"],
)
def test_a_wish_that_cannot_be_read_is_no_event(text: bytes) -> None:
    """Shown without it, the event would be acknowledged by nobody and come again and again."""
    with pytest.raises(BadRecord):
        AckWanted.from_text(text)


@given(st.builds(AckReport, st.integers(), st.text(), st.integers(), st.integers(), names, names))
def test_a_report_is_read_again(report: AckReport) -> None:
    """Sessions' ids are text."""
    assert AckReport.from_text(report.to_text().encode()) == report


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[1]", b'[1,"r",true,0,[],[]]', b'[1,"r",1,0,"sid",[]]', b"\xff"]
)
def test_a_report_that_cannot_be_read_is_an_error_of_its_own(text: bytes) -> None:
    """A later version may write others; its messages come back."""
    with pytest.raises(BadRecord):
        AckReport.from_text(text)
