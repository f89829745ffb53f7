import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_bus import BadRecord, Record
from queuecast_bus import record as module
from queuecast_bus.awaited import FIRST_ID, LAST_ID, AckMode, AckWanted
from queuecast_bus.batch import Entry
from queuecast_bus.record import (
    MAX_CACHED_BYTES,
    Address,
    TracedRecord,
    known_text,
    offset_key,
    offset_ms,
    read_address,
)

names = st.text(min_size=1, max_size=40)
wishes = st.builds(
    AckWanted,
    mode=st.sampled_from(AckMode),
    ack_id=st.integers(FIRST_ID, LAST_ID),
    inbox=st.uuids().map(lambda inbox: inbox.hex),
    limit_ms=st.integers(0, 10**6),
)
records = st.builds(
    Record,
    event=names,
    arguments=st.binary(max_size=60),
    namespace=names.map(lambda name: f"/{name}"),
    rooms=st.lists(names, max_size=5).map(tuple),
    skip_sids=st.lists(names, max_size=3).map(tuple),
    attachments=st.lists(st.binary(max_size=20), max_size=12).map(tuple),
    sent_ms=st.none() | st.integers(0, 2**53),
    redelivered=st.booleans(),
    volatile=st.booleans(),
    ack=st.none() | wishes,
).map(lambda record: record._replace(volatile=record.volatile and record.ack is None))


def as_stored(record: Record) -> dict[bytes, bytes]:
    """Return the fields as Redis returns them."""
    fields = record.to_fields()
    return dict(zip(fields[::2], fields[1::2], strict=True))


def stored(**changes: bytes | None) -> dict[bytes, bytes]:
    fields = {b"a": b'["/"]', b"e": b"item_added", b"d": b"[]"}
    fields |= {name.encode(): value for name, value in changes.items() if value is not None}
    return {name: value for name, value in fields.items() if changes.get(name.decode(), b"") is not None}


@given(records)
def test_a_record_comes_back_from_its_fields_as_it_was(record: Record) -> None:
    """What the poller stored is what each gateway delivers."""
    assert Record.from_fields(as_stored(record)) == record


@given(records)
def test_no_field_is_written_twice(record: Record) -> None:
    """Redis keeps both, and readers would disagree about which one counts."""
    names = record.to_fields()[::2]
    assert len(names) == len(set(names))


def test_what_says_nothing_is_absent() -> None:
    """A plain broadcast, the common case, takes three fields of the stream's memory."""
    assert as_stored(Record("item_added", b"[1]")) == {b"a": b'["/"]', b"e": b"item_added", b"d": b"[1]"}


def test_the_moment_zero_is_present() -> None:
    """0 is a time; only None means that there is none."""
    assert as_stored(Record("e", b"[]", sent_ms=0))[b"t"] == b"0"


def test_the_stream_format_is_the_one_that_is_on_redis_already() -> None:
    """During a roll-out old gateways read what new pollers write: a renamed field is an outage."""
    record = Record("e", b"[1]", "/n", ("a", "ü"), ("s",), (b"\x00", b"\xff"), 5, redelivered=True)
    assert as_stored(record) == {
        b"a": '["/n",["a","ü"],["s"]]'.encode(),
        b"e": b"e",
        b"d": b"[1]",
        b"b0": b"\x00",
        b"b1": b"\xff",
        b"t": b"5",
        b"x": b"1",
    }


@given(records, names)
def test_the_trace_of_a_record_is_beside_it(record: Record, traceparent: str) -> None:
    """A gateway without traces reads the same record. One with traces finds the trace context at any
    position.
    """
    traced = TracedRecord.from_record(record, traceparent)
    assert Record.from_fields(as_stored(traced)) == record
    assert _entry(traced).traceparent == traceparent
    assert _entry(record).traceparent is None


def test_a_trace_is_one_field_more() -> None:
    """No other field has its name. Only the reader checks the value."""
    record = Record("e", b"[]", "/n", ("r",), ("s",), (b"c",), 1, redelivered=True)
    assert as_stored(TracedRecord.from_record(record, "t")) == {**as_stored(record), b"c": b"t"}
    broken = Entry("1-0", Address("/"), [b"p", b"0-0", *record.to_fields(), b"c", b"\xff"])
    assert broken.traceparent == "\ufffd"


def test_the_link_to_the_record_before_is_no_part_of_the_record() -> None:
    """The append script adds it to every entry; it must not get in the way."""
    assert Record.from_fields({**stored(), b"p": b"1-0"}) == Record("item_added", b"[]")


def test_the_address_is_the_first_field() -> None:
    """Readers find it by its position, behind the link that the append script puts first."""
    assert Record("e", b"[]", rooms=("a",), sent_ms=5).to_fields()[0] == b"a"


def test_whoever_is_skipped_of_everyone_is_not_taken_for_a_room() -> None:
    """No room still means everyone."""
    record = Record("e", b"[]", skip_sids=("s",))
    assert as_stored(record)[b"a"] == b'["/",null,["s"]]'


@pytest.mark.parametrize("name", ["a", "e", "d"])
def test_a_missing_field_is_named(name: str) -> None:
    """The log line has to lead to the writer of the entry."""
    with pytest.raises(BadRecord, match=f"'{name}' is missing"):
        Record.from_fields(stored(**{name: None}))


@pytest.mark.parametrize("names", [b"[]", b'"room"', b"{}", b"[1]", b"[null]", b"0", b"[["])
@pytest.mark.parametrize("shape", [b'["/",%b]', b'["/",null,%b]'])
def test_a_list_of_names_that_is_none_is_refused(shape: bytes, names: bytes) -> None:
    """Read as "no room" it would turn a private event into a broadcast."""
    with pytest.raises(BadRecord):
        Record.from_fields(stored(a=shape % names))


@pytest.mark.parametrize(
    "address", [b"[]", b"[1]", b"{}", b'{"/":1}', b'"/"', b'["/",null,null,null]', b"", b"\xff"]
)
def test_an_address_that_is_none_is_refused(address: bytes) -> None:
    """A guess could show an event to somebody who may not see it."""
    with pytest.raises(BadRecord):
        Record.from_fields(stored(a=address))


@pytest.mark.parametrize("changes", [{"t": b"soon"}, {"e": b"\xff"}])
def test_a_field_that_cannot_be_read_is_a_bad_record(changes: dict[str, bytes]) -> None:
    """The reader skips bad records; any other exception would end it."""
    with pytest.raises(BadRecord):
        Record.from_fields(stored(**changes))


def test_a_list_of_names_nested_too_deeply_is_a_bad_record() -> None:
    """One entry of another writer would end the reader of every gateway."""
    with pytest.raises(BadRecord):
        Record.from_fields(stored(a=b"[" * 100_000))


offsets = st.tuples(st.integers(0, 2**48), st.integers(0, 2**20))


@given(offsets, offsets)
def test_offsets_are_ordered_as_the_stream_orders_them(one: tuple[int, int], other: tuple[int, int]) -> None:
    """As text, 10-0 would come before 9-0, and a gap would look like a rewind."""
    assert (offset_key(_offset(one)) < offset_key(_offset(other))) == (one < other)


@pytest.mark.parametrize(("offset", "key"), [("5-3", (5, 3)), ("5", (5, 0)), ("0-0", (0, 0))])
def test_an_offset_without_a_sequence_is_the_first_of_its_millisecond(
    offset: str, key: tuple[int, int]
) -> None:
    """Redis reads it that way."""
    assert offset_key(offset) == key


def test_an_offset_tells_when_redis_stored_the_record() -> None:
    """The lag of the bus is measured with it."""
    assert offset_ms("1700000000123-4") == 1_700_000_000_123


def test_field_names_are_short() -> None:
    """They are stored with each record."""
    record = Record("e", b"[]", "/n", ("r",), ("s",), (b"",), 1, redelivered=True)
    assert all(len(name) <= 2 and chr(name[0]) in string.ascii_lowercase for name in as_stored(record))


def _entry(record: Record) -> Entry:
    address = Address(record.namespace, record.rooms, record.skip_sids)
    return Entry("1-0", address, [b"p", b"0-0", *record.to_fields()])


def _offset(key: tuple[int, int]) -> str:
    return f"{key[0]}-{key[1]}"


plain_or_not = st.text(alphabet='ab/é😀"\\\n\x00,[] ', max_size=12)


@given(plain_or_not, st.lists(plain_or_not, max_size=2), st.lists(plain_or_not, max_size=1))
def test_a_plain_address_is_read_as_any_other(namespace: str, rooms: list[str], sids: list[str]) -> None:
    """There is a faster way for most addresses."""
    address = Address(namespace, tuple(rooms), tuple(sids))
    assert read_address(address.to_text()) == address
    assert read_address(json.dumps([namespace, rooms or None, sids or None]).encode()) == address


@given(st.text(alphabet='["a/\\,] ', max_size=12))
def test_what_is_no_address_is_refused(text: str) -> None:
    """Also if it looks like a plain one."""
    try:
        parts = json.loads(text)
        is_address = isinstance(parts, list) and all(isinstance(part, str | list) for part in parts)
    except ValueError:
        is_address = False
    if not is_address:
        with pytest.raises(BadRecord):
            read_address(text.encode())


def test_the_known_addresses_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be any number of rooms."""
    monkeypatch.setattr(module, "MOST_KNOWN", 3)
    for number in range(10):
        assert read_address(b'["/",["%d"]]' % number) == Address("/", (str(number),))
        assert len(module.known_addresses) <= 3


def test_only_short_addresses_are_kept_as_text() -> None:
    """Applications choose names, so the cache is bounded in bytes. A cached text equals a new one."""
    known_text.cache_clear()
    for address in (
        Address("/", ("r" * MAX_CACHED_BYTES,)),
        Address("/", ("a", "b")),
        Address("/", (), ("s",)),
    ):
        assert read_address(address.to_text()) == address
    assert known_text.cache_info().currsize == 0
    for address in (Address("/"), Address("/shop", ("é",))):
        assert address.to_text() == address.to_text()
        assert read_address(address.to_text()) == address
    assert known_text.cache_info().currsize == 2


def test_a_volatile_record_is_not_among_those_of_its_namespace() -> None:
    """So whatever looks for these, to replay them or to show the past, does not find it."""
    for namespace in ("/", "/shop"):
        record = Record("e", b"[]", namespace, ("a",), volatile=True)
        fields = record.to_fields()
        assert read_address(fields[1]).namespace == f"~{namespace}"
        assert Record.from_fields(dict(zip(fields[::2], fields[1::2], strict=True))) == record
