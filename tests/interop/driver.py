"""A client in whatever language, controlled from Python: see README.md for the lines between them."""

import base64
import itertools
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.claims import eventually
from tests.e2e.script import Program
from tests.faults.books import Connect, Page
from tests.interop.clients import Client

START_SECONDS = 120.0
ACK_SECONDS = 60.0
LOAD = "item_added"
LISTEN = (LOAD, "price", "item_removed", "end")

Report = dict[str, Any]


class Driver(Program):
    """The program of one client, as a context manager. `log` gets what it writes to standard error."""

    def __init__(self, client: Client, log: Path) -> None:
        self.client = client
        self.sockets: dict[str, Socket] = {}
        self._ready: Report = {}
        self._log = log
        self._errors = log.open("w", encoding="utf-8")
        super().__init__(client.command, client.kit.folder, self._hear, self._errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, exc, trace)
        self._errors.close()

    @property
    def version(self) -> str:
        """The version of the client's package."""
        return str(self._ready["version"])

    @property
    def runtime(self) -> str:
        """What the client runs on, with its version."""
        return str(self._ready["runtime"])

    @property
    def log(self) -> str:
        """The end of what it has written to standard error."""
        return self._log.read_text("utf-8", errors="replace")[-2000:]

    def await_ready(self) -> None:
        """Wait until it has started."""
        eventually(lambda: self._ready or self._process.poll() is not None, START_SECONDS)
        assert self._ready, f"{self.client.name} did not start:\n{self.log}"

    def open(
        self,
        url: str,
        token: str,
        *,
        namespace: str = "/",
        room: int | None = None,
        advised: bool = True,
    ) -> "Socket":
        """Connect; with `room`, it also joins `quarter-ROOM`, again whenever it was not recovered.

        Without `advised`, it does not say what docs/clients.md advises it to say.
        """
        name = f"socket-{len(self.sockets)}"
        socket = self.sockets[name] = Socket(self, name, room)
        self.command(
            do="open",
            socket=name,
            url=url,
            namespace=namespace,
            auth={"token": token, **(self.client.auth if advised else {})},
            options=dict(self.client.options),
            listen=LISTEN,
        )
        return socket

    def command(self, **command: Any) -> None:
        """Send a command."""
        self.tell(json.dumps(command))

    def _hear(self, report: Report) -> None:
        if report["report"] == "ready":
            self._ready = report
        else:
            self.sockets[report["socket"]].hear(report)


class Socket:
    """One connection of a driver to one namespace, and what it has reported so far."""

    def __init__(self, driver: Driver, name: str, room: int | None) -> None:
        self._driver = driver
        self._name = name
        self._room = room
        self._reports: list[Report] = []
        self._acks = itertools.count()
        self._subscribed: dict[int, int] = {}
        self._connects: list[Connect] = []

    @property
    def connects(self) -> Sequence[Connect]:
        """Every connect, the newest last."""
        return [
            connect._replace(subscribed_ms=self._subscribed.get(number, connect.subscribed_ms))
            for number, connect in enumerate(list(self._connects))
        ]

    @property
    def disconnects(self) -> list[str]:
        """The reason of every disconnect."""
        return [report["reason"] for report in self.reports("disconnect")]

    @property
    def errors(self) -> list[str]:
        """What was said of every failed attempt to connect, and of every other error."""
        return [report["message"] for report in self.reports("error")]

    @property
    def connected(self) -> bool:
        """Whether it is connected now, and in its room."""
        reports = [report["report"] for report in self.reports("connect", "disconnect")]
        if not reports or reports[-1] == "disconnect":
            return False
        return self._room is None or self.connects[-1].subscribed_ms is not None

    @property
    def ended(self) -> bool:
        """Whether it has heard what comes after the load."""
        return bool(self.events("end"))

    @property
    def last(self) -> str:
        """What it reported last, for when something is wrong."""
        return f"{self._reports[-3:]}, {self._driver.log[-500:]}"

    def reports(self, *kinds: str) -> list[Report]:
        """Return all reports of these kinds, in order."""
        return [report for report in list(self._reports) if report["report"] in kinds]

    def events(self, name: str) -> list[list[Any]]:
        """Return the arguments of every event of this name."""
        return [report["args"] for report in self.reports("event") if report["name"] == name]

    def tell(self, event: str, *args: Any) -> None:
        """Emit an event without asking for an acknowledgement."""
        self._emit(event, args, None)

    def ask(self, event: str, *args: Any) -> list[Any]:
        """Emit an event; return the arguments of its acknowledgement."""
        number = next(self._acks)
        self._emit(event, args, number)
        answer: Report = eventually(
            lambda: next((one for one in self.reports("ack") if one["ack"] == number), None), ACK_SECONDS
        )
        args_: list[Any] = answer["args"]
        return args_

    def close(self) -> None:
        """Disconnect."""
        self._driver.command(do="close", socket=self._name)

    def page(self) -> Page:
        """Return what it has received of the load, for the books."""
        items = [report for report in self.reports("event") if report["name"] == LOAD]
        return Page(
            self._room or 0,
            [item["args"][0]["n"] for item in items],
            [item["at"] for item in items],
            self.connects,
        )

    def hear(self, report: Report) -> None:
        """Take a report."""
        report["at"] = round(time.time() * 1000)
        if report["report"] == "connect":
            self._connected(report)
        if report["report"] == "ack" and report["ack"] < 0:
            self._joined(-1 - report["ack"], report)
            return
        self._reports.append(report)

    def _connected(self, report: Report) -> None:
        number, recovered = len(self._connects), report["recovered"] is True
        there = self._room is None or (recovered and number - 1 in self._subscribed)
        self._connects.append(Connect(report["at"], recovered, None))
        if there:
            self._subscribed[number] = report["at"]
        else:
            self._emit("subscribe", (f"quarter-{self._room}",), -1 - number)

    def _joined(self, connect: int, report: Report) -> None:
        assert report["args"][0]["ok"], f"{self._driver.client.name} may not subscribe: {report['args']}"
        self._subscribed[connect] = report["at"]

    def _emit(self, event: str, args: Sequence[Any], ack: int | None) -> None:
        self._driver.command(
            do="emit", socket=self._name, event=event, args=[coded(arg) for arg in args], ack=ack
        )


def coded(value: Any) -> Any:
    """Return a value as a line has it: bytes are `{"base64": …}`."""
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def without_offset(args: Sequence[Any]) -> Mapping[str, Any]:
    """Return the only argument of an event, whether an offset follows it or not."""
    assert len(args) <= 2, args
    only: Mapping[str, Any] = args[0]
    return only
