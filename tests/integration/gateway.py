"""A gateway as a process, a raw client for it, and functions that publish to it."""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.claims import POLL_SECONDS, WITHIN_SECONDS
from websockets.sync.client import ClientConnection, connect

from queuecast_bus import BusManager, BusUnavailable, Record, Stored

from .services import HOST, Redis, Service, bus_settings, free_port
from .wire import PATIENCE_SECONDS, TOLD, without_offset

GATEWAY = "queuecast_gateway"


ITEM = Record(event="item_added", arguments=b'[{"id":1}]')


class Gateway(Service):
    """A gateway process and its public port."""

    def __init__(self, redis_url: str, **more: str) -> None:
        self.port = free_port()
        super().__init__(
            GATEWAY, {"QUEUECAST_REDIS_URL": redis_url, "QUEUECAST_PORT": str(self.port), **more}
        )


class Browser:
    """A raw Socket.IO client over WebSocket, in the packets of the published protocol.

    It skips pings and offsets: test_recovery tests what recovery needs of them.
    https://socket.io/docs/v4/socket-io-protocol/
    """

    def __init__(self, connection: ClientConnection, namespace: str = "/") -> None:
        self._connection = connection
        self._prefix = "" if namespace == "/" else f"{namespace},"
        self.handshake: dict[str, Any] = json.loads(self.receive()[1:])
        self.send(f"40{self._prefix}")
        self.sid: str = json.loads(self.receive()[2 + len(self._prefix) :])["sid"]

    def send(self, packet: str) -> None:
        self._connection.send(packet)

    def receive(self, seconds: float = PATIENCE_SECONDS) -> str:
        while True:
            packet = self._connection.recv(timeout=seconds)
            assert isinstance(packet, str)
            if packet == "2":
                self.send("3")
            elif not TOLD.fullmatch(packet):
                return without_offset(packet)

    def ask(self, event: str, *arguments: Any) -> Any:
        """Emit and return the acknowledgement."""
        self.send(f"42{self._prefix}7{json.dumps([event, *arguments])}")
        packet = self.receive()
        assert packet.startswith(f"43{self._prefix}7"), packet
        return json.loads(packet[3 + len(self._prefix) :])[0]

    def event(self) -> list[Any]:
        """Return the next event: its name and arguments."""
        packet = self.receive()
        assert packet.startswith(f"42{self._prefix}"), packet
        event: list[Any] = json.loads(packet[2 + len(self._prefix) :])
        return event


@contextmanager
def browser(port: int, namespace: str = "/", **options: Any) -> Iterator[Browser]:
    with connect(f"ws://{HOST}:{port}/socket.io/?EIO=4&transport=websocket", **options) as connection:
        yield Browser(connection, namespace)


def over_the_bus(redis: Redis, say: Callable[[BusManager], Any], channel: str = "socketio") -> Any:
    """Use a write-only manager, as another process would."""

    async def run() -> Any:
        manager = BusManager(bus_settings(redis.url, channel=channel), write_only=True)
        try:
            return await say(manager)
        finally:
            await manager.aclose()

    return asyncio.run(run())


async def stored_once(manager: BusManager, *records: Record) -> list[Stored]:
    """Store records, by ids of their own, however late Redis or this process is with the answer."""
    batch = [(record, uuid.uuid4().hex) for record in records]
    async with asyncio.timeout(WITHIN_SECONDS):
        while True:
            with suppress(BusUnavailable):
                return await manager.publish(batch)
            await asyncio.sleep(POLL_SECONDS)


def publish(redis: Redis, *records: Record) -> None:
    over_the_bus(redis, lambda manager: stored_once(manager, *records))
