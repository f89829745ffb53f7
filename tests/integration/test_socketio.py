"""The gateway on the wire, over both transports: the bytes of the published Socket.IO v5 text.

https://socket.io/docs/v4/socket-io-protocol/
"""

import asyncio
from collections.abc import Iterator

import pytest
from tests.claims import eventually

from . import wire
from .services import Redis, Service, free_port
from .socketio_client import PLACEHOLDER, Client
from .wire import Polling

CONNECT_SECONDS = 5.0
"""Long enough for a client that joins, however busy the machine is."""

BOTH = pytest.mark.parametrize("transport", ["polling", "websocket"])


def gateway(redis: Redis, **more: str) -> Iterator[int]:
    port = free_port()
    service = Service(
        "queuecast_gateway",
        {
            "QUEUECAST_REDIS_URL": redis.url,
            "QUEUECAST_PORT": str(port),
            "QUEUECAST_NAMESPACES": "/,/shop",
            **more,
        },
    )
    eventually(service.ready)
    yield port
    log = service.log()
    service.process.stop(grace_seconds=0)
    assert "Traceback" not in log


@pytest.fixture(scope="module")
def gateway_port(module_redis: Redis) -> Iterator[int]:
    """A gateway whose clients have time to join a namespace."""
    yield from gateway(module_redis)


@pytest.fixture(scope="module")
def impatient_port(module_redis: Redis) -> Iterator[int]:
    """A gateway whose clients have five seconds to join a namespace."""
    yield from gateway(module_redis, QUEUECAST_CONNECT_SECONDS=f"{CONNECT_SECONDS}")


# Connection to a namespace


@BOTH
async def test_connect_is_answered_with_a_session_id(gateway_port: int, transport: str) -> None:
    """Each namespace has its own id, different from the connection's."""
    async with Client.open(gateway_port, transport) as one:
        assert len({await one.join(), await one.join("/shop")}) == 2


async def test_connect_may_carry_a_payload(gateway_port: int) -> None:
    """It is the stock client's `auth`; older clients put a query after the namespace."""
    async with Client.open(gateway_port) as one:
        await one.say('0{"token":"123"}')
        assert str(await one.hear()).startswith('0{"sid":"')
        await one.say('0/shop?token=1,{"token":"123"}')
        assert str(await one.hear()).startswith('0/shop,{"sid":"')


@BOTH
@pytest.mark.parametrize("ask", ["0/x,", "0/x", '0/x,{"token":"123"}'])
async def test_an_unknown_namespace_is_refused(gateway_port: int, transport: str, ask: str) -> None:
    """The text is the one that the published suite expects; the connection stays open."""
    async with Client.open(gateway_port, transport) as one:
        await one.say(ask)
        assert await one.hear() == '4/x,{"message":"Invalid namespace"}'
        await one.join()


@BOTH
@pytest.mark.parametrize(
    "packet",
    [
        '2["subscribe","a"]',
        '2/shop,["subscribe","a"]',
        "1/shop,",
        "3/shop,7[]",
        '51-["x",' + PLACEHOLDER + "]",
    ],
)
async def test_a_packet_for_a_namespace_that_was_not_joined_closes_the_connection(
    gateway_port: int, transport: str, packet: str
) -> None:
    """The published suite requires it, and the JavaScript server does it."""
    async with Client.open(gateway_port, transport) as one:
        if packet.startswith(("2/", "1/", "3/")):
            await one.join()
        if packet[0] == "5":
            await one.say(packet, b"x")
        else:
            await one.say(packet)
        assert await one.is_closed()


@pytest.mark.parametrize("namespace", ["", "/shop,"])
@BOTH
async def test_a_second_connect_to_a_namespace_closes_the_connection(
    gateway_port: int, transport: str, namespace: str
) -> None:
    """One connection cannot be two sessions of one namespace."""
    async with Client.open(gateway_port, transport) as one:
        await one.join(namespace.rstrip(",") or "/")
        await one.say(f"0{namespace}")
        assert await one.is_closed()


@BOTH
async def test_a_client_that_leaves_a_namespace_can_come_back(gateway_port: int, transport: str) -> None:
    """It gets a new id and none of its old rooms; the connection and other namespaces go on."""
    async with Client.open(gateway_port, transport) as one:
        first, shop = await one.join(), await one.join("/shop")
        await one.say('20["subscribe","a"]')
        assert await one.hear() == '30[{"ok":true,"rooms":["a"]}]'
        await one.say("1")
        second = await one.join()
        assert len({first, shop, second}) == 3
        await one.say('21["unsubscribe","a"]')
        assert await one.hear() == '31[{"ok":true,"rooms":[]}]'
        await one.say('2/shop,2["subscribe","b"]')
        assert await one.hear() == '3/shop,2[{"ok":true,"rooms":["b"]}]'


@BOTH
async def test_a_connection_that_joins_no_namespace_is_closed(impatient_port: int, transport: str) -> None:
    """A connection that sends nothing, or is refused, may stay for five seconds and no longer."""
    began = asyncio.get_running_loop().time()
    async with Client.open(impatient_port, transport) as silent, Client.open(impatient_port) as joined:
        await joined.join()
        await silent.say("0/x,")
        assert await silent.hear() == '4/x,{"message":"Invalid namespace"}'
        if isinstance(silent.connection, Polling):
            assert (await silent.connection.get()).body == "1"
        assert await silent.is_closed()
        assert asyncio.get_running_loop().time() - began > CONNECT_SECONDS / 2
        await joined.say('20["subscribe","a"]')
        assert await joined.hear() == '30[{"ok":true,"rooms":["a"]}]'


# Events and acknowledgements


@BOTH
async def test_events_are_acknowledged_in_their_order(gateway_port: int, transport: str) -> None:
    """The id comes back unchanged; an event without an id gets no answer."""
    async with Client.open(gateway_port, transport) as one:
        await one.join()
        await one.say('2["subscribe","a"]', '20["subscribe","b"]', '2/,999999999999999["subscribe","c"]')
        assert await one.hear() == '30[{"ok":true,"rooms":["b"]}]'
        assert await one.hear() == '3999999999999999[{"ok":true,"rooms":["c"]}]'


@BOTH
async def test_a_binary_event_is_acknowledged_and_comes_back_binary(
    gateway_port: int, transport: str
) -> None:
    """Its attachments go through Redis and arrive in order, in each transport's own encoding."""
    async with Client.open(gateway_port, transport) as sender, Client.open(gateway_port) as other:
        await sender.join()
        await other.join()
        packet = '["item_removed",{"png":' + PLACEHOLDER + ',"more":[{"_placeholder":true,"num":1}]}]'
        await sender.say(f"52-7{packet}", b"\x00\xff", b"")
        heard: list[str | bytes] = [await sender.hear() for _ in range(4)]
        heard.remove('37[{"ok":true}]')
        expected = [f"52-{packet}", b"\x00\xff", b""]
        assert heard == expected
        assert [await other.hear() for _ in range(3)] == expected


async def test_an_event_with_one_attachment_has_the_published_bytes(gateway_port: int) -> None:
    """`451-["item_removed",{"_placeholder":true,"num":0}]` and one binary frame."""
    async with Client.open(gateway_port) as one:
        await one.join()
        await one.say(f'51-["item_removed",{PLACEHOLDER}]', b"\x01\x02\x03")
        assert await one.hear() == f'51-["item_removed",{PLACEHOLDER}]'
        assert await one.hear() == b"\x01\x02\x03"


@BOTH
@pytest.mark.parametrize(
    "packets",
    [
        ("9",),
        ("",),
        ("2",),
        ("2{}",),
        ("abc",),
        (b"x",),
        ('51-["x",' + PLACEHOLDER + "]", '2["subscribe","a"]'),
    ],
)
async def test_what_is_no_packet_closes_the_connection(
    gateway_port: int, transport: str, packets: tuple[str | bytes, ...]
) -> None:
    """The published suite sends an invalid packet and omits an attachment."""
    async with Client.open(gateway_port, transport) as one:
        await one.join()
        await one.say(*packets)
        assert await one.is_closed()


async def test_rooms_and_their_events_survive_the_upgrade(gateway_port: int) -> None:
    """The stock client joins over long-polling and then upgrades."""
    session = await Polling.open(gateway_port)
    one = Client(session, session.sid)
    await one.join()
    await one.say('20["subscribe","a"]')
    assert await one.hear() == '30[{"ok":true,"rooms":["a"]}]'
    async with await session.upgrade() as upgraded:
        upgraded.send("2probe")
        assert await upgraded.text() == "3probe"
        await one.say('21["subscribe","b"]')
        upgraded.send("5", '42["item_removed",1]')
        assert await upgraded.text() == '431[{"ok":true,"rooms":["b"]}]'
        assert wire.without_offset(await upgraded.text()) == '42["item_removed",1]'


# Cases that need handlers of their own
