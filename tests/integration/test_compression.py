"""permessage-deflate on the wire, RFC 7692: agreed on exactly, events compressed once, and input bounded."""

import json
from collections.abc import Callable

import pytest
from tests.claims import eventually
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from queuecast_bus import Record

from .counts import EVENTS_REFUSED, Counts
from .echo import MAX_BYTES, Echo
from .gateway import Gateway, browser, publish
from .page import Page, page
from .services import Redis
from .site import Site, until
from .wire import BINARY, CLOSE, CONTINUATION, DEFLATE, PING, PONG, TEXT, WebSocket, deflated

AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
EXTENSIONS = "sec-websocket-extensions"
BYTES = "queuecast_gateway_compression_bytes_total"
TEXTS = [f"{number} " + "price of teapot sku " * 60 for number in range(3)]


def offer(*offers: str) -> dict[str, str | None]:
    """Return the headers of a client that makes these offers; each offer has a header of its own."""
    return {"Sec-WebSocket-Extensions": "\r\nSec-WebSocket-Extensions: ".join(offers)}


def large(text: str, *attachments: bytes, **address: object) -> Record:
    marks = [{"_placeholder": True, "num": number} for number in range(len(attachments))]
    return Record("e", json.dumps([text, *marks]).encode(), attachments=attachments, **address)  # type: ignore[arg-type]


async def opened(echo: Echo, *offers: str) -> WebSocket:
    one = await WebSocket.open(echo.port, headers=offer(*offers))
    assert one.accepted, one.answer
    await one.opening()
    return one


# What is agreed on


@pytest.mark.parametrize(
    ("offers", "agreed"),
    [
        ((DEFLATE,), AGREED),
        ((f"{DEFLATE}; client_max_window_bits",), AGREED),
        ((f"{DEFLATE}; server_max_window_bits=15",), f"{AGREED}; server_max_window_bits=15"),
        ((f"{DEFLATE}; server_max_window_bits=10", "other", DEFLATE), AGREED),
        ((f"{DEFLATE}; server_max_window_bits=10",), None),
        ((f"{DEFLATE}; unknown",), None),
        (("other",), None),
    ],
)
async def test_the_first_offer_that_can_be_honoured_is_answered(
    patient: Echo, offers: tuple[str, ...], agreed: str | None
) -> None:
    """Over several headers as in one; a client would fail the connection at any other answer."""
    one = await opened(patient, *offers)
    assert one.answer.headers.get(EXTENSIONS) == agreed
    one.send("4hello")
    assert await one.text() == "4hello"
    await one.leave()


async def test_a_header_of_another_form_is_refused(patient: Echo) -> None:
    """RFC 6455, section 9.1."""
    one = await WebSocket.open(patient.port, headers=offer(f"{DEFLATE};"))
    assert (one.answer.status, one.answer.json["code"]) == (400, 3)
    await one.leave()


async def test_without_an_agreement_a_compressed_message_is_refused(patient: Echo) -> None:
    """It would look like noise."""
    one = await opened(patient, "other")
    one.send_compressed("4hello")
    assert await one.close_code() == 1002
    await one.leave()


async def test_an_upgrade_agrees_like_a_new_connection(patient: Echo) -> None:
    """Chromium compresses every message, the probe and pongs too."""
    session = await patient.polling()
    one = await session.upgrade(headers=offer(DEFLATE))
    assert one.answer.headers[EXTENSIONS] == AGREED
    one.send_compressed("2probe")
    assert await one.text() == "3probe"
    one.send_compressed("5")
    one.send_compressed("4hello")
    assert await one.text() == "4hello"
    await one.leave()


# What clients send


async def test_messages_may_be_compressed_whole_and_in_fragments(patient: Echo) -> None:
    """With control frames between, which are not compressed."""
    one = await opened(patient, DEFLATE)
    one.send_compressed("4" + TEXTS[0])
    one.send("4plain")
    one.send_compressed(b"binary" * 100)
    payload = deflated(("4" + TEXTS[1]).encode())
    one.send_frame(TEXT, payload[:5], final=False, reserved=4)
    one.send_frame(PING, b"p")
    one.send_frame(CONTINUATION, payload[5:])
    came = [await one.next_frame() for _ in range(5)]
    assert came.pop([opcode for opcode, _ in came].index(PONG)) == (PONG, b"p")
    assert came == [
        (TEXT, b"4" + TEXTS[0].encode()),
        (TEXT, b"4plain"),
        (BINARY, b"binary" * 100),
        (TEXT, b"4" + TEXTS[1].encode()),
    ]
    await one.leave()


@pytest.mark.parametrize("is_fragmented", [False, True])
async def test_a_message_is_bounded_by_what_it_becomes(patient: Echo, is_fragmented: bool) -> None:
    """The largest message passes; with one byte more, it closes the connection."""
    one = await opened(patient, DEFLATE)
    one.send_compressed(bytes(MAX_BYTES))
    assert await one.receive() == bytes(MAX_BYTES)
    payload = deflated(bytes(MAX_BYTES + 1))
    if is_fragmented:
        one.send_frame(BINARY, payload[:99], final=False, reserved=4)
        one.send_frame(CONTINUATION, payload[99:])
    else:
        one.send_frame(BINARY, payload, reserved=4)
    assert await one.close_code() == 1009
    await one.leave()


async def test_what_cannot_be_inflated_closes_the_connection(site: Site) -> None:
    """And is counted as what it is; the CLOSE frame of either side is never compressed."""
    one = await site.start()
    counts = Counts(one, EVENTS_REFUSED)
    client = await WebSocket.open(one.port, headers=offer(DEFLATE))
    client.send_frame(TEXT, b"\xff\xff", reserved=4)
    while (frame := await client.next_frame())[0] != CLOSE:
        pass
    assert frame[1][:2] == (1002).to_bytes(2, "big")
    assert counts.more() == {"frame": 1}
    await client.leave()


async def test_a_message_counts_with_the_bytes_that_it_becomes(site: Site) -> None:
    """In the rate of bytes: compressed, a client would have a thousand times as much."""
    one = await site.start(max_bytes_per_second=1_000, max_message_bytes=10_000, connect_seconds=60)
    counts = Counts(one, EVENTS_REFUSED)
    client = await WebSocket.open(one.port, headers=offer(DEFLATE))
    await client.opening()
    client.send("40")
    assert (await client.text())[:2] == "40"
    for _ in range(60):
        client.send_compressed('42["subscribe","' + "x" * 9_900 + '"]')
    assert await client.close_code() == 4029
    assert counts.more() == {"flood": 1}
    await client.leave()


# What clients receive


async def test_an_event_is_compressed_for_those_that_agreed(site: Site) -> None:
    """Each event, with its attachments, arrives the same at all; small ones stay as they are."""
    one = await site.start()
    noise = bytes(at * at * 7 % 251 for at in range(600)) * 3
    async with (
        page(one.port, transport="compressed") as agreed,
        page(one.port, transport="compressed") as other,
        page(one.port) as plain,
        page(one.port, transport="polling") as polling,
    ):
        await site.publish(large(TEXTS[0], b"a" * 2_000, noise), large("small"), large(TEXTS[1]))
        expected = [["e", TEXTS[0], b"a" * 2_000, noise], ["e", "small"], ["e", TEXTS[1]]]
        for each in (agreed, other, plain, polling):
            assert await each.events(3) == expected
        connection = agreed.connection
        assert isinstance(connection, WebSocket)
        assert connection.compressed >= 3, "two texts and one attachment at least"
        before, after = one.metric(BYTES, stage="before"), one.metric(BYTES, stage="after")
        assert 0 < after < before / 2
        assert before == pytest.approx(2 * (len("".join(TEXTS[:2])) + 2_000 + len(noise)), rel=0.1)


async def test_a_replay_is_compressed_too(site: Site) -> None:
    """With what the first connection made, or made for it; and it is complete."""
    one = await site.start()
    gone = await Page.open(one.port, transport="compressed")
    ticket = gone.ticket
    await gone.leave()
    await until(lambda: one.metric("queuecast_gateway_connections") == 0)
    await site.publish(*map(large, TEXTS))
    async with page(one.port, ticket, transport="compressed") as back:
        assert back.is_back(ticket)
        assert await back.caught_up(len(TEXTS)) == [["e", text] for text in TEXTS]
        assert isinstance(back.connection, WebSocket)
        assert back.connection.compressed == len(TEXTS)
        await site.publish(large("later " * 200))
        assert await back.event() == ["e", "later " * 200]
        assert back.connection.compressed == len(TEXTS) + 1


async def test_an_event_of_a_stock_manager_is_compressed(site: Site) -> None:
    """What other processes emit goes to all as well."""
    one = await site.start()
    async with page(one.port, transport="compressed") as agreed:
        text = json.dumps(
            {
                "method": "emit",
                "event": "e",
                "data": TEXTS[0],
                "namespace": "/",
                "room": None,
                "skip_sid": None,
                "callback": None,
                "host_id": "another",
            }
        )
        # The gateway may be ready before it listens to other processes.
        await until(lambda: site.redis.client.publish(site.channel, text))
        assert await agreed.event() == ["e", TEXTS[0]]
        assert isinstance(agreed.connection, WebSocket)
        assert agreed.connection.compressed == 1


async def test_compression_can_be_off(site: Site) -> None:
    """In both directions; nothing is agreed on."""
    one = await site.start(compress_bytes=0)
    async with page(one.port, transport="compressed") as plain:
        assert isinstance(plain.connection, WebSocket)
        assert EXTENSIONS not in plain.connection.answer.headers
        await site.publish(large(TEXTS[0]))
        assert await plain.event() == ["e", TEXTS[0]]
        assert one.metric(BYTES, stage="before") == 0


def test_another_implementation_understands_it(
    forgetful_redis: Redis, gateway: Callable[..., Gateway]
) -> None:
    """The package `websockets` as a client; also one that asks for a window that the gateway does not use."""
    one = gateway(forgetful_redis.url)
    eventually(one.ready)
    deflate = ClientPerMessageDeflateFactory(client_max_window_bits=True)
    small = ClientPerMessageDeflateFactory(server_max_window_bits=12)
    with (
        browser(one.port, compression=None, extensions=[deflate]) as agreed,
        browser(one.port, compression=None, extensions=[small]) as declined,
    ):
        assert agreed.ask("subscribe", TEXTS[0][:250]) == {"ok": True, "rooms": [TEXTS[0][:250]]}
        publish(forgetful_redis, large(TEXTS[0]))
        assert agreed.event() == declined.event() == ["e", TEXTS[0]]
        assert 0 < one.metric(BYTES, stage="before") < 1.1 * len(TEXTS[0])
