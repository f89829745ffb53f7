"""What the benches' clients count, and the protocols that they speak: a figure rests on them."""

import json

import pytest
from bench.addressed import Addressed
from bench.dialects import CENTRIFUGO, SOCKET_IO
from bench.events import FIRST, compact, moment_ns, tick
from bench.ledger import Ledger, WrongCount
from bench.publishers import centrifugo_message, node_entry
from bench.wire import frames, masked


def test_an_event_for_a_room_comes_once_to_each_member() -> None:
    """The number of deliveries to wait for is that of the members of the rooms."""
    books = Addressed(3, ordered=True)
    pages = [books.join(frozenset({0, 1})), books.join(frozenset({1}))]
    numbers = range(FIRST, FIRST + 3)
    assert sorted(map(books.room_of, numbers)) == [0, 1, 2]
    assert books.expected(FIRST, 3) == 3
    for number in numbers:
        for page in pages:
            if books.room_of(number) in page.rooms:
                books.take(page, number)
    assert (books.heard, books.mistakes) == (3, [])


@pytest.mark.parametrize(
    ("numbers", "mistake"),
    [
        ((FIRST, FIRST), "twice"),
        ((FIRST + 2, FIRST), "after event"),
        ((FIRST + 1,), "not in its room"),
    ],
)
def test_what_comes_wrongly_is_a_mistake(numbers: tuple[int, ...], mistake: str) -> None:
    """Twice, out of order, or to somebody else: then there is no figure."""
    ledger = Ledger()
    ledger.addressed = books = Addressed(2, ordered=True)
    page = books.join(frozenset({books.room_of(FIRST)}))
    for number in numbers:
        books.take(page, number)
    with pytest.raises(WrongCount, match=mistake):
        ledger.check()


def test_order_does_not_count_where_the_queue_gives_none() -> None:
    """A standard queue delivers in any order."""
    books = Addressed(1, ordered=False)
    page = books.join(frozenset({0}))
    for number in (FIRST + 1, FIRST):
        books.take(page, number)
    assert books.mistakes == []


@pytest.mark.parametrize("size", [0, 1_000, 10_000])
def test_an_event_has_the_size_that_was_asked_for(size: int) -> None:
    """A row about kilobytes is about kilobytes."""
    event = tick(FIRST, 5, size=size)
    text = compact(event.argument)
    assert len(text) == (size or 136)
    assert moment_ns(text[text.index(b'"at":') + 5 :][:16]) == 5


@pytest.mark.parametrize("length", [3, 125, 126, 1_000, 65_535])
def test_a_clients_frame_says_its_length(length: int) -> None:
    """A subscription to a hundred rooms is longer than a short frame."""
    frame = masked(b"x" * length)
    mask, body = frame[-length - 4 : -length], frame[-length:]
    assert bytes(byte ^ mask[index % 4] for index, byte in enumerate(body)) == b"x" * length
    size = frame[1] & 0x7F
    assert (int.from_bytes(frame[2:4], "big") if size == 126 else size) == length


def test_a_servers_long_frame_is_read() -> None:
    """Centrifugo joins messages in one frame, which may be longer than 64 KiB."""
    payload = b"y" * 70_000
    data = b"\x81\x7f" + len(payload).to_bytes(8, "big") + payload
    assert list(frames(data)) == [(1, payload, len(data))]
    assert list(frames(data[:-1])) == []


def test_each_protocol_recognises_its_answers() -> None:
    """The end of the connecting, and whether rooms were joined."""
    session = SOCKET_IO.session(b'40{"sid":"a","pid":"b"}')
    assert session == ("a", "b")
    assert CENTRIFUGO.session(b'{"id":1,"connect":{"client":"x"}}') is None
    assert CENTRIFUGO.session(b'{"id":2,"subscribe":{}}') is not None
    assert SOCKET_IO.answered(b'430[{"ok":false,"error":{"code":"too_many_rooms"}}]') is False
    assert SOCKET_IO.answered(b'430[{"ok":true}]') is True
    assert CENTRIFUGO.answered(b'{"id":3,"error":{"code":103}}') is False
    assert SOCKET_IO.subscribe(["a", "b"])[1] == 1
    assert CENTRIFUGO.subscribe(["a", "b"])[1] == 2


def test_a_publication_is_what_centrifugo_writes() -> None:
    """A length of more than 127 takes two bytes in Protobuf."""
    _, channel, message = centrifugo_message(tick(FIRST, 0))
    assert channel == b"centrifugo.client.bench"
    data = compact(tick(FIRST, 0).argument)
    assert message == b"\x22" + bytes((0x80 | len(data) & 0x7F, len(data) >> 7)) + data


def test_an_entry_is_what_the_streams_adapter_writes() -> None:
    """Its servers parse `data` as JSON."""
    entry = node_entry(tick(FIRST, 0, room="sku-7"))
    assert entry[:2] == (b"XADD", b"socket.io")
    data = json.loads(entry[-1])
    assert data["opts"]["rooms"] == ["sku-7"]
    assert data["packet"]["data"][0] == "tick"


def test_the_offset_of_an_event_is_its_last_argument() -> None:
    """A client recovers from it."""
    ledger = Ledger()
    ledger.warmed(b'42["warm",{},"1790000000000-3"]')
    assert (ledger.warm, ledger.offset) == (1, "1790000000000-3")
