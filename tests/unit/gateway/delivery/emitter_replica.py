"""A gateway's server that hears emitters, without Redis."""

import json
from typing import Any

from prometheus_client import CollectorRegistry
from tests.unit.browser import Browser, make_server
from tests.unit.fakes import Figures
from tests.unit.gateway.fakes import FakeSessions

from queuecast_gateway.delivery.commands import Commands
from queuecast_gateway.delivery.emitters import Emitters
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.delivery.skipped_records import SkippedRecords
from queuecast_gateway.metrics import EMITTER_OUTCOMES, Metrics
from queuecast_gateway.server.socketio_server import SocketServer

LARGEST = 2_000


class Replica:
    """A server with its emitters; `counted` are their metrics."""

    def __init__(self, **settings: Any) -> None:
        registry = CollectorRegistry()
        self.server: SocketServer = make_server(
            registry, FakeSessions(), max_record_bytes=LARGEST, **settings
        )
        counted = CollectorRegistry()
        self.counted = Figures(counted, "queuecast_gateway")
        metrics = Metrics(counted)
        self.bus: GatewayBus = self.server.manager
        self.bus.history.on_skipped = SkippedRecords(metrics).skip
        namespaces = frozenset({"/", "/shop"})
        self.emitters = self.bus.emitters = Emitters(
            self.bus, Commands(self.server, 2, metrics), metrics, namespaces
        )

    async def browser(self, *rooms: str, namespace: str = "/") -> Browser:
        """Connect a browser, in these rooms."""
        made = Browser(self.server)
        sid = await made.joined(namespace)
        for room in rooms:
            self.bus.basic_enter_room(sid, namespace, room)
        return made

    async def hears(self, message: Any) -> None:
        """Handle a message on the control channel as python-socketio's listener does."""
        if (
            read := self.bus._read(message if isinstance(message, bytes) else json.dumps(message).encode())
        ) is None:
            return
        await getattr(self.bus, f"_handle_{read['method']}")(read)

    def outcomes(self) -> dict[str, float]:
        """Return how many messages had each outcome; those that none had are left out."""
        counts = {name: self.counted("emitter_messages_total", outcome=name) for name in EMITTER_OUTCOMES}
        return {name: count for name, count in counts.items() if count}

    def texts(self, browser: Browser) -> list[str]:
        """Return the events that a browser received."""
        self.server.eio.outbox.flush()
        return [text for text in browser.texts if text.startswith("4")]
