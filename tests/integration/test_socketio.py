"""The gateway on the wire, over both transports: the bytes of the published Socket.IO v5 text.

https://socket.io/docs/v4/socket-io-protocol/
"""

import asyncio
import base64
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from socketio.exceptions import ConnectionRefusedError as Refused
from tests.claims import eventually

from queuecast_gateway.access.grant import EVERY_ROOM
from queuecast_gateway.access.guard import OpenGuard
from queuecast_gateway.app import _recovery
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.replicas import GatewayBus
from queuecast_gateway.server import SocketServer
from queuecast_gateway.sessions import Sessions
from queuecast_gateway.settings import Settings
from queuecast_local.redis_server import RedisServer

from . import wire
from .conftest import Redis, Service, free_port
from .wire import Polling, WebSocket, soon

CONNECT_SECONDS = 1.0
PLACEHOLDER = '{"_placeholder":true,"num":0}'

BOTH = pytest.mark.parametrize("transport", ["polling", "websocket"])

WATCHED = """
from queuecast_gateway.__main__ import main
from queuecast_gateway.server import SocketServer
make = SocketServer.__init__
def make_watched(self, *arguments):
    make(self, *arguments)
    self.instrument(auth=False, server_stats_interval=0.2)
SocketServer.__init__ = make_watched
main()
"""
"""A gateway with python-socketio's admin UI on."""


class Client:
    """One connection, whatever carries it: packets are Socket.IO's, bytes are attachments.

    In the namespaces of `recovers` it is given a private id.
    """

    recovers = frozenset({"/", "/shop", "/admin"})

    def __init__(self, connection: Polling | WebSocket, eio_sid: str) -> None:
        self.connection = connection
        self.eio_sid = eio_sid

    @classmethod
    @asynccontextmanager
    async def open(cls, port: int, transport: str = "websocket") -> AsyncIterator["Client"]:
        if transport == "polling":
            session = await Polling.open(port)
            try:
                yield cls(session, session.sid)
            finally:
                await session.post("1")
        else:
            async with await WebSocket.open(port) as one:
                yield cls(one, (await one.opening())["sid"])

    async def say(self, *packets: str | bytes) -> None:
        if isinstance(self.connection, WebSocket):
            self.connection.send(*(f"4{item}" if isinstance(item, str) else item for item in packets))
        else:
            await self.connection.say(
                *(f"4{item}" if isinstance(item, str) else f"b{_base64(item)}" for item in packets)
            )

    async def hear(self) -> str | bytes:
        """Return the next packet, as a client without recovery would have it: see `wire.without_offset`."""
        packet = await self.connection.receive()
        if isinstance(packet, bytes):
            return packet
        if packet[0] == "b":
            return base64.b64decode(packet[1:])
        assert packet[0] == "4", packet
        return wire.without_offset(packet)[1:]

    async def join(self, namespace: str = "/") -> str:
        """Join a namespace; return the session id there."""
        prefix = "" if namespace == "/" else f"{namespace},"
        await self.say(f"0{prefix}")
        packet = await self.hear()
        assert isinstance(packet, str)
        assert packet.startswith(f"0{prefix}{{"), packet
        answer = json.loads(packet[1 + len(prefix) :])
        assert list(answer) == (["sid", "pid"] if namespace in self.recovers else ["sid"])
        assert len({*answer.values(), self.eio_sid}) == len(answer) + 1, (
            "each opens the way to something else"
        )
        sid = answer["sid"]
        return str(sid)

    async def is_closed(self) -> bool:
        """Read on to the end; say whether it is the one for what a client must not say."""
        if isinstance(self.connection, WebSocket):
            return await self.connection.close_code() == 1008
        answer = await self.connection.get()
        return answer.status == 400 and answer.json["message"] == "Session ID unknown"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture(scope="module")
def redis(any_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """One Redis for all of these: they leave it alive."""
    started = Redis(any_redis, tmp_path_factory.mktemp("redis"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def gateway_port(redis: Redis) -> Iterator[int]:
    """A gateway whose clients get one second to say what they want."""
    port = free_port()
    service = Service(
        "queuecast_gateway",
        {
            "QUEUECAST_REDIS_URL": redis.url,
            "QUEUECAST_PORT": str(port),
            "QUEUECAST_NAMESPACES": "/,/shop",
            "QUEUECAST_CONNECT_SECONDS": f"{CONNECT_SECONDS}",
        },
    )
    eventually(service.ready)
    yield port
    log = service.log()
    service.process.stop(grace_seconds=0)
    assert "Traceback" not in log


# Connection to a namespace


@BOTH
async def test_connect_is_answered_with_a_session_id(gateway_port: int, transport: str) -> None:
    """Each namespace has its own, and neither is the connection's."""
    async with Client.open(gateway_port, transport) as one:
        assert len({await one.join(), await one.join("/shop")}) == 2


async def test_connect_may_carry_a_payload(gateway_port: int) -> None:
    """The stock client's `auth`; and a query, which older ones put behind the namespace."""
    async with Client.open(gateway_port) as one:
        await one.say('0{"token":"123"}')
        assert str(await one.hear()).startswith('0{"sid":"')
        await one.say('0/shop?token=1,{"token":"123"}')
        assert str(await one.hear()).startswith('0/shop,{"sid":"')


@BOTH
@pytest.mark.parametrize("ask", ["0/x,", "0/x", '0/x,{"token":"123"}'])
async def test_an_unknown_namespace_is_refused(gateway_port: int, transport: str, ask: str) -> None:
    """With the text that the published suite expects; the connection goes on."""
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
    """The published suite: so does the JavaScript server."""
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
async def test_who_leaves_a_namespace_can_come_back(gateway_port: int, transport: str) -> None:
    """With a new id, in no room of before; the connection and other namespaces go on."""
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
async def test_who_joins_nothing_is_closed(gateway_port: int, transport: str) -> None:
    """A connection that says nothing, or asks in vain, keeps its place for a second and no longer."""
    began = asyncio.get_running_loop().time()
    async with Client.open(gateway_port, transport) as silent, Client.open(gateway_port) as joined:
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
    """An id is echoed as it is; an event without one gets no answer."""
    async with Client.open(gateway_port, transport) as one:
        await one.join()
        await one.say('2["subscribe","a"]', '20["subscribe","b"]', '2/,999999999999999["subscribe","c"]')
        assert await one.hear() == '30[{"ok":true,"rooms":["b"]}]'
        assert await one.hear() == '3999999999999999[{"ok":true,"rooms":["c"]}]'


@BOTH
async def test_a_binary_event_is_acknowledged_and_comes_back_binary(
    gateway_port: int, transport: str
) -> None:
    """Through Redis and out again, attachment after attachment, in every client's own way."""
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
    """The published suite: an invalid packet, a missing attachment."""
    async with Client.open(gateway_port, transport) as one:
        await one.join()
        await one.say(*packets)
        assert await one.is_closed()


async def test_rooms_and_their_events_survive_the_upgrade(gateway_port: int) -> None:
    """The stock client joins over long-polling, then moves."""
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


class InProcess:
    """A server without a bus that is read: what is emitted stays here."""

    def __init__(self, redis: Redis) -> None:
        self.port = 0
        channel = f"test-{uuid.uuid4().hex}"
        settings = Settings(redis_url=redis.url, channel=channel, namespaces=("/", "/shop"))
        self.bus = GatewayBus(settings)
        metrics = Metrics(CollectorRegistry())
        recovery = _recovery(settings, self.bus, Sessions(self.bus, ttl_seconds=60, away_seconds=30), metrics)
        self.server = SocketServer(self.bus, settings, metrics, recovery, OpenGuard(EVERY_ROOM))

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        await self.server.eio.handle_request(scope, receive, send)

    @property
    def nothing_is_left(self) -> bool:
        server = self.server
        return not any(
            (server.eio.sockets, server.environ, server.manager.rooms, server.manager.pending_disconnect)
        )


@pytest.fixture
async def here(redis: Redis) -> AsyncIterator[InProcess]:
    """A Socket.IO server in this process, for handlers that are this test's."""
    made = InProcess(redis)
    async with wire.serving(made.app, made.server.eio.websocket_protocol) as made.port:
        yield made
        await made.server.shutdown()
        await made.bus.aclose()


@BOTH
async def test_connect_comes_before_what_its_handler_emits(here: InProcess, transport: str) -> None:
    """The stock client drops events of a namespace that it is not in yet."""

    async def connect(sid: str, environ: Any) -> None:
        for number in range(3):
            await here.server.manager.emit("hello", number, namespace="/", room=sid, ignore_queue=True)
            await asyncio.sleep(0.01)

    here.server.on("connect", connect, "/")
    async with Client.open(here.port, transport) as one:
        await one.join()
        assert [await one.hear() for _ in range(3)] == [f'2["hello",{number}]' for number in range(3)]


@BOTH
async def test_a_refused_connect_says_why(here: InProcess, transport: str) -> None:
    """CONNECT_ERROR with the message and data of the exception; other namespaces are open."""

    async def connect(sid: str, environ: Any, auth: Any) -> None:
        if auth != {"ticket": "right"}:
            raise Refused("not you", {"retry": False})

    here.server.on("connect", connect, "/shop")
    async with Client.open(here.port, transport) as one:
        await one.join()
        await one.say('0/shop,{"ticket":"wrong"}')
        assert await one.hear() == '4/shop,{"message":"not you","data":{"retry":false}}'
        assert "/shop" not in here.server.manager.rooms
        await one.say('0/shop,{"ticket":"right"}')
        assert str(await one.hear()).startswith('0/shop,{"sid":"')


@BOTH
async def test_who_leaves_while_its_connect_handler_waits_is_in_no_room(
    here: InProcess, transport: str
) -> None:
    """The stock server keeps such a session for ever, and delivers to it."""
    began, going_on = asyncio.Event(), asyncio.Event()

    async def connect(sid: str, environ: Any) -> None:
        await here.server.enter_room(sid, "before")
        began.set()
        await going_on.wait()
        await here.server.enter_room(sid, "after")

    here.server.on("connect", connect, "/")
    if transport == "websocket":
        async with await WebSocket.open(here.port) as one:
            await one.opening()
            one.send("40")
            await began.wait()
    else:
        session = await Polling.open(here.port)
        posting = asyncio.create_task(session.post("40"))
        await began.wait()
        closing = asyncio.create_task(session.post("1"))
    await soon(lambda: not here.server.eio.sockets)
    going_on.set()
    if transport == "polling":
        await asyncio.gather(posting, closing)
    await soon(lambda: here.nothing_is_left)


async def test_a_disconnect_handler_that_raises_leaves_nobody_in_a_room(here: InProcess) -> None:
    """Rooms are left whatever the application does, and every way of leaving is one."""

    async def disconnect(sid: str, reason: str) -> None:
        raise ZeroDivisionError

    here.server.on("disconnect", disconnect, "/")
    here.server.on("disconnect", disconnect, "/shop")
    for last_words in ("41", "41/shop,", "1", "abc", ""):
        async with await WebSocket.open(here.port) as one:
            await one.opening()
            one.send("40", "40/shop,")
            await one.text()
            await one.text()
            if last_words:
                one.send(last_words)
        await soon(lambda: here.nothing_is_left)


@BOTH
async def test_the_server_can_ask_and_gets_an_answer(here: InProcess, transport: str) -> None:
    """Acknowledgements go both ways, with attachments too; `call` is not for a server without tasks."""
    async with Client.open(here.port, transport) as one:
        sid = await one.join()
        answers: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

        async def answered(*arguments: Any) -> None:
            answers.put_nowait(arguments)

        await here.server.emit("question", {"a": 1}, to=sid, callback=answered)
        question = re.fullmatch(r'2(\d+)\["question",\{"a":1\}\]', str(await one.hear()))
        assert question
        await one.say(f'3{question[1]}["answer"]')
        assert await answers.get() == ("answer",)
        await here.server.emit("question", b"\x01", to=sid, callback=answered)
        attached = re.fullmatch(
            r'51-(\d+)\["question",\{"_placeholder":true,"num":0\}\]', str(await one.hear())
        )
        assert attached
        assert await one.hear() == b"\x01"
        await one.say(f"61-{attached[1]}[{PLACEHOLDER},2]", b"\xff")
        assert await answers.get() == (b"\xff", 2)
        await one.say(f'3{question[1]}["again"]', f"3{attached[1]}[]")
        await one.join("/shop")
        assert answers.empty(), "each question has one answer"


async def test_an_answer_that_nobody_asked_for_changes_nothing(here: InProcess) -> None:
    """A client can guess the ids of acknowledgements."""
    here.server.on("add", lambda sid, a, b: a + b, "/")
    async with Client.open(here.port) as one:
        await one.join()
        await one.say('37["x"]', "37[]", '27["add",2,3]')
        assert await one.hear() == "37[5]"


@BOTH
async def test_the_request_is_forgotten_after_connect(here: InProcess, transport: str) -> None:
    """The handler reads it; kept on, it would be most of what an idle connection costs."""
    seen: list[dict[str, Any]] = []

    async def connect(sid: str, environ: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        seen.append(dict(environ))

    here.server.on("connect", connect, "/")
    async with Client.open(here.port, transport) as one:
        await one.join()
        assert not here.server.environ[one.eio_sid]
    assert seen[0]["PATH_INFO"] == wire.PATH
    assert seen[0]["REMOTE_ADDR"] == "127.0.0.1"
    assert f"transport={transport}" in seen[0]["QUERY_STRING"]


async def test_the_admin_ui_works(redis: Redis, start: Callable[..., Service]) -> None:
    """python-socketio's own instrumentation reaches into the server; it must find what it looks for."""
    port = free_port()
    service = start(
        "queuecast_gateway",
        {
            "QUEUECAST_REDIS_URL": redis.url,
            "QUEUECAST_CHANNEL": f"test-{uuid.uuid4().hex}",
            "QUEUECAST_PORT": str(port),
            "QUEUECAST_NAMESPACES": "/,/admin",
        },
        WATCHED,
    )
    eventually(service.ready)
    async with Client.open(port) as one, Client.open(port) as admin:
        watched = await one.join()
        await one.say('20["subscribe","a"]')
        assert await one.hear() == '30[{"ok":true,"rooms":["a"]}]'
        watching = await admin.join("/admin")
        heard: dict[str, Any] = {}
        while "all_sockets" not in heard or "server_stats" not in heard:
            name, *arguments = json.loads(str(await admin.hear()).removeprefix("2/admin,"))
            heard[name] = arguments
        sockets = {each["id"]: each for each in heard["all_sockets"][0]}
        assert set(sockets) == {watched, watching}
        assert sockets[watched]["transport"] == "websocket"
        assert sorted(sockets[watched]["rooms"]) == sorted(["a", watched])
        assert heard["server_stats"][0]["clientsCount"] == 2
    assert "Traceback" not in service.log()
