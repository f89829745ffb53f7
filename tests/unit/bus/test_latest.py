"""What is kept of the newest record of a key, as Redis has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_bus import BadRecord, Record
from queuecast_bus.latest import MAX_KEPT_BYTES, read_kept, to_text


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_what_is_kept_is_read_again(event: str, key: str) -> None:
    """Names may have spaces, digits and line breaks."""
    record = Record(event, b'[{"eur": 3}]', "/shop", ("sku:7",), key=key)
    found = read_kept(key.encode(), b"12-3 " + to_text(record), "/shop", "sku:7")
    assert found == ("12-3", record)


@pytest.mark.parametrize("value", [b"", b"1-0", b"1-0 x e[]", b"1-0 1 \xff[]"])
def test_what_cannot_be_read_is_an_error_of_its_own(value: bytes) -> None:
    """Somebody else wrote it; the other keys are read all the same."""
    with pytest.raises(BadRecord):
        read_kept(b"k", value, "/", "a")


def test_of_large_events_and_attachments_nothing_is_kept() -> None:
    """A room has a thousand keys: Redis's memory is bounded by what each may take."""
    assert to_text(Record("e", b"[%b]" % (b"1" * MAX_KEPT_BYTES), key="k")) == b""
    assert to_text(Record("e", b'[{"_placeholder":true,"num":0}]', attachments=(b"x",), key="k")) == b""
    assert to_text(Record("e", b"[1]", key="k")) == b"1 e[1]"
