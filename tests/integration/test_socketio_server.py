"""The Socket.IO server in this process, with the tests' own handlers."""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from socketio.exceptions import ConnectionRefusedError as Refused
from tests.claims import eventually

from queuecast_gateway.access.authenticator import OpenAuthenticator
from queuecast_gateway.access.grant import EVERY_ROOM
from queuecast_gateway.composition import build_recovery
from queuecast_gateway.delivery.commands import Commands
from queuecast_gateway.delivery.emitters import Emitters
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.recovery.session_store import SessionStore
from queuecast_gateway.server.socketio_server import SocketServer
from queuecast_gateway.settings import Settings

from . import wire
from .services import Redis, Service, free_port
from .socketio_client import PLACEHOLDER, Client
from .wire import Polling, WebSocket, soon

BOTH = pytest.mark.parametrize("transport", ["polling", "websocket"])

WATCHED = """
from queuecast_gateway.__main__ import main
from queuecast_gateway.server.socketio_server import SocketServer
make = SocketServer.__init__
def make_watched(self, *arguments):
    make(self, *arguments)
    self.instrument(auth=False, server_stats_interval=0.2)
SocketServer.__init__ = make_watched
main()
"""
"""A gateway with python-socketio's admin UI enabled."""


class InProcess:
    """A server that does not read the bus: its events stay in this process."""

    def __init__(self, redis: Redis) -> None:
        self.port = 0
        channel = f"test-{uuid.uuid4().hex}"
        settings = Settings(redis_url=redis.url, channel=channel, namespaces=("/", "/shop"))
        self.bus = GatewayBus(settings)
        metrics = Metrics(CollectorRegistry())
        recovery = build_recovery(
            settings, self.bus, SessionStore(self.bus, ttl_seconds=60, away_seconds=30), metrics
        )
        self.server = SocketServer(self.bus, settings, metrics, recovery, OpenAuthenticator(EVERY_ROOM))
        commands = Commands(self.server, settings.max_rooms, metrics)
        self.bus.emitters = Emitters(self.bus, commands, metrics, frozenset(settings.namespaces))

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        await self.server.eio.handle_request(scope, receive, send)

    @property
    def nothing_is_left(self) -> bool:
        server = self.server
        return not any(
            (server.eio.sockets, server.environ, server.manager.rooms, server.manager.pending_disconnect)
        )


@pytest.fixture
async def here(module_redis: Redis) -> AsyncIterator[InProcess]:
    """A Socket.IO server in this process, for the test's own handlers."""
    made = InProcess(module_redis)
    async with wire.serving(made.app, made.server.eio.websocket_protocol) as made.port:
        yield made
        await made.server.shutdown()
        await made.bus.aclose()


@BOTH
async def test_connect_comes_before_what_its_handler_emits(here: InProcess, transport: str) -> None:
    """The stock client drops events of a namespace that it has not joined yet."""

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
    """CONNECT_ERROR has the exception's message and data; other namespaces stay open."""

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
async def test_a_client_that_leaves_during_its_connect_handler_is_in_no_room(
    here: InProcess, transport: str
) -> None:
    """The stock server keeps such a session for ever and delivers to it."""
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
    """Rooms are left whatever the application does and however the client leaves."""

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
    """Acknowledgements work both ways, even with attachments; `call` does not suit a server without tasks."""
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
        assert answers.empty(), "each call has one answer"


async def test_an_answer_that_nobody_asked_for_changes_nothing(here: InProcess) -> None:
    """A client can guess the ids of acknowledgements."""
    here.server.on("add", lambda sid, a, b: a + b, "/")
    async with Client.open(here.port) as one:
        await one.join()
        await one.say('37["x"]', "37[]", '27["add",2,3]')
        assert await one.hear() == "37[5]"


@BOTH
async def test_the_request_is_forgotten_after_connect(here: InProcess, transport: str) -> None:
    """Only the handler reads it; if kept, it would be most of an idle connection's cost."""
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


async def test_the_admin_ui_works(module_redis: Redis, start: Callable[..., Service]) -> None:
    """python-socketio's instrumentation uses the server's internals and must find what it expects."""
    port = free_port()
    service = start(
        "queuecast_gateway",
        {
            "QUEUECAST_REDIS_URL": module_redis.url,
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
