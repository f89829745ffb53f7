import json
from typing import Any

import pytest

from queuecast_bus import BadRecord, Record
from queuecast_bus.bounds import MAX_ATTACHMENTS, MAX_NESTING, check_nesting, read_arguments, read_json
from queuecast_bus.errors import FLAWS
from queuecast_bus.names import MAX_BYTES, RESERVED_EVENTS

LARGEST = 1_000
PLACEHOLDERS = [{"_placeholder": True, "num": number} for number in range(MAX_ATTACHMENTS + 1)]


def nested(depth: int, opened: str = "[", closed: str = "]") -> str:
    return opened * depth + closed * depth


def flaw_of(record: Record) -> str | None:
    """Return why some client could not read a record; None if all can."""
    try:
        record.check(LARGEST)
    except BadRecord as exc:
        return exc.flaw
    return None


def test_every_flaw_is_a_label() -> None:
    """The set is closed: a metric has one series for each."""
    assert set(FLAWS) == {"fields", "event_name", "json", "number", "nesting", "attachments", "too_large"}


def made(arguments: Any = (), **more: Any) -> Record:
    return Record(**{"event": "e", "arguments": json.dumps(arguments).encode(), **more})


def with_attachments(count: int, arguments: Any = None) -> Record:
    return made(PLACEHOLDERS[:count] if arguments is None else arguments, attachments=(b"x",) * count)


@pytest.mark.parametrize("count", [1, 2, MAX_ATTACHMENTS])
def test_as_many_attachments_as_a_client_takes_are_taken(count: int) -> None:
    """With one more, the JavaScript client closes its connection."""
    assert flaw_of(with_attachments(count)) is None
    assert flaw_of(with_attachments(count, {"a": [PLACEHOLDERS[:count]]})) == "json", "no list"
    assert flaw_of(with_attachments(count, [{"a": [PLACEHOLDERS[:count]]}])) is None
    assert flaw_of(with_attachments(MAX_ATTACHMENTS + 1)) == "attachments"


@pytest.mark.parametrize(
    "arguments",
    [
        PLACEHOLDERS[:1],
        [PLACEHOLDERS[0], PLACEHOLDERS[0], PLACEHOLDERS[1]],
        [PLACEHOLDERS[1], PLACEHOLDERS[0]],
        [PLACEHOLDERS[0], PLACEHOLDERS[2]],
        [*PLACEHOLDERS[:2], {"_placeholder": 1, "num": 0}],
        [*PLACEHOLDERS[:2], {"_placeholder": True}],
        [PLACEHOLDERS[0], {"_placeholder": True, "num": 1.0}],
        [PLACEHOLDERS[0], {"_placeholder": True, "num": True}],
    ],
)
def test_each_of_two_attachments_stands_once_and_in_order(arguments: Any) -> None:
    """A client replaces every placeholder; some accept as one what others do not, and would fail."""
    assert flaw_of(with_attachments(2, arguments)) == "attachments"


def test_without_attachments_a_placeholder_is_an_object() -> None:
    """No client looks for attachments in an event that says that it has none."""
    assert flaw_of(made([PLACEHOLDERS[5], {"_placeholder": 1, "num": -1}])) is None


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_nesting_ends_where_the_strictest_parser_gives_up(opened: str, closed: str) -> None:
    """The list of arguments is the first level."""
    inner = f"[{opened * (MAX_NESTING - 1)}1{closed * (MAX_NESTING - 1)}]"
    assert flaw_of(Record("e", inner.encode())) is None
    deeper = f"[{opened * MAX_NESTING}1{closed * MAX_NESTING}]"
    assert flaw_of(Record("e", deeper.encode())) == "nesting"


def test_many_brackets_are_not_deep() -> None:
    """A page of a catalogue has hundreds, and brackets in text do not count."""
    assert flaw_of(made([[[]] * 200])) is None
    assert flaw_of(made(["[" * 500])) is None
    text = nested(5)
    check_nesting(json.loads(text), text, 5)
    with pytest.raises(BadRecord):
        check_nesting(json.loads(nested(6)), nested(6), 5)


@pytest.mark.parametrize(
    ("arguments", "flaw"),
    [
        (b"[NaN]", "json"),
        (b"[-Infinity]", "json"),
        (b"{}", "json"),
        (b"[1", "json"),
        (b'["\xff"]', "json"),
        (b"[1e999]", "number"),
        (b"[" + b"9" * 101 + b"]", "number"),
        (b"[-" + b"9" * 100 + b"]", "number"),
        (b'{"a":[' + b" " * 77 + b"9" * 5_000 + b"]}", "number"),
        (b"[" * 100_000, "nesting"),
    ],
)
def test_what_is_no_json_to_some_client_is_refused(arguments: bytes, flaw: str) -> None:
    """The reasons are the labels of a metric."""
    with pytest.raises(BadRecord) as refused:
        read_arguments(arguments, 0)
    assert refused.value.flaw == flaw


@pytest.mark.parametrize(
    "text",
    [
        "1e308",
        "9" * 100,
        "-" + "9" * 99,
        f'"{"9" * 5_000}"',
        f'["{"9" * 200}",{"9" * 100}]',
        f"0.{'9' * 500}",
        '"\\u0000\\u2028"',
        '{"__proto__":{"a":1}}',
    ],
)
def test_what_every_client_can_read_is_taken(text: str) -> None:
    """However odd it looks."""
    assert read_json(text) == json.loads(text)


@pytest.mark.parametrize("event", ["", "e" * (MAX_BYTES + 1), "\ud800", *RESERVED_EVENTS])
def test_an_event_that_no_client_can_be_sent_is_refused(event: str) -> None:
    """A JavaScript client disconnects at a reserved name."""
    assert flaw_of(made(event=event)) == "event_name"


@pytest.mark.parametrize("event", ["e", "e" * MAX_BYTES, "constructor", "__proto__", "é", '"'])
def test_any_other_event_is_taken(event: str) -> None:
    """Names are the application's."""
    assert flaw_of(made(event=event)) is None


@pytest.mark.parametrize(
    "record",
    [
        made(["x" * LARGEST]),
        with_attachments(1),
        made(rooms=("r" * 500, "s" * 500)),
        made(skip_sids=("é" * 500,)),
        made(event="x" * (LARGEST + 1)),
    ],
)
def test_all_of_a_record_counts_for_its_size(record: Record) -> None:
    """Redis stores all of it and each replica reads it, whichever part is long."""
    if record.attachments:
        record = made(PLACEHOLDERS[:1], attachments=(b"x" * LARGEST,))
    assert record.size > LARGEST
    assert flaw_of(record) == "too_large"
    record.check(record.size) if len(record.event) <= MAX_BYTES else None


def test_a_record_that_is_just_as_large_as_it_may_be_is_taken() -> None:
    """The bound is the one in the settings, in bytes."""
    record = made(["é" * 10], rooms=("ü",))
    record.check(record.size)
    with pytest.raises(BadRecord, match=f"at most {record.size - 1}"):
        record.check(record.size - 1)
