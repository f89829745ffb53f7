"""A browser as gateways see it: after a disconnect it resumes its session at the next gateway."""

import itertools
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from tests.claims import eventually
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

PATH = "/socket.io/?EIO=4&transport=websocket"


class Browser:
    """One session, in its own thread. https://socket.io/docs/v4/socket-io-protocol/"""

    def __init__(self, addresses: Sequence[str], number: int) -> None:
        self.events = 0
        self.recovered = 0
        self._ticket: Mapping[str, str] = {}
        self._ways = itertools.islice(itertools.cycle(addresses), number, None)
        self._connection: ClientConnection | None = None
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        return self._connection is not None

    def emit(self, event: str, *args: Any) -> None:
        """Send an event if connected. An event that is sent as the connection ends is lost, as on a page."""
        if connection := self._connection:
            with suppress(WebSocketException):
                connection.send(f"42{json.dumps([event, *args])}")

    def leave(self) -> None:
        self._left.set()
        if connection := self._connection:
            connection.close()
        self._thread.join(10)

    def _live(self) -> None:
        for address in self._ways:
            try:
                with connect(
                    f"{address}{PATH}", proxy=None, ping_interval=None, open_timeout=10
                ) as connection:
                    self._talk(connection)
            except (OSError, WebSocketException):
                # The gateway is away, or the connection has ended. Either way, try the next one.
                self._left.wait(0.2)
            self._connection = None
            if self._left.is_set():
                return

    def _talk(self, connection: ClientConnection) -> None:
        for packet in connection:
            match packet[:2]:
                case "2":
                    connection.send("3")
                case "40":
                    self._welcome(json.loads(packet[2:]))
                    self._connection = connection
                case "42":
                    *_, offset = json.loads(packet[2:])
                    self._ticket = {**self._ticket, "offset": offset}
                    self.events += 1
                case _ if packet.startswith("0"):
                    connection.send(f"40{json.dumps(self._ticket)}")

    def _welcome(self, session: Mapping[str, str]) -> None:
        self.recovered += session["pid"] == self._ticket.get("pid")
        self._ticket = {**self._ticket, "pid": session["pid"]}


@contextmanager
def browsers(addresses: Sequence[str], count: int) -> Iterator[list[Browser]]:
    """Connect browsers, spread over the gateways, until the context ends."""
    there = [Browser(addresses, number) for number in range(count)]
    try:
        eventually(lambda: all(browser.connected for browser in there))
        yield there
    finally:
        for browser in there:
            browser.leave()
