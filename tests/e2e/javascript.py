"""Stock JavaScript clients in a Node process, controlled from Python, which asks what they received."""

import itertools
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.claims import eventually

from .script import JS, Script

INSTALLED = JS / "node_modules" / "installed"
ACK_SECONDS = 12.0
QUICK_RETURN: Mapping[str, Any] = {"reconnectionDelay": 100, "reconnectionDelayMax": 500}
"""The stock back-off, shortened, so that a test need not wait five seconds for the next attempt."""


OFFSET_EVENT = "queuecast:offset"


def missing() -> str | None:
    """Return what this machine lacks for these tests, or None if they can run."""
    if shutil.which("node") is None:
        return "Node is missing: there is no `node` on PATH"
    if not INSTALLED.exists():
        return "the stock JavaScript client is missing: `make node` installs it"
    return None


@dataclass(frozen=True)
class Target:
    """Where a client connects (the path of `url` is the namespace), the options of `io(url, options)`, and
    the token that its `auth` function gives at first.
    """

    url: str
    options: Mapping[str, Any] = field(default_factory=dict)
    token: str | None = None


class Client:
    """One stock client, and what it has reported so far."""

    def __init__(self, node: "Node", index: int, target: Target) -> None:
        self.url = target.url
        self._node = node
        self._index = index

    def events(self, name: str | None = None) -> list[list[Any]]:
        """Return the arguments of every event received, or of those with one name, in order.

        Without the offset at the end, and without events that carry only an offset: a page's handlers use
        neither. See `raw_events`.
        """
        return [
            _without_offset(args)
            for each, args in self.raw_events()
            if each != OFFSET_EVENT and name in (None, each)
        ]

    def raw_events(self) -> list[tuple[str, list[Any]]]:
        """Return the name and arguments of every event received, unchanged."""
        return [(event["name"], event["args"]) for event in self._reports("event")]

    def missed(self, connect: int) -> list[list[Any]]:
        """Return the arguments of the events between the connect with this number and the newest offset."""
        return eventually(lambda: self._missed(connect))[:-1]

    def _missed(self, connect: int) -> list[list[Any]] | None:
        """Return these events and the offset, None while that has not come."""
        reports = self._node.reports(self._index)
        began = [at for at, report in enumerate(reports) if report["report"] == "connect"][connect]
        events = [report for report in reports[began:] if report["report"] == "event"]
        last = next((at for at, event in enumerate(events) if event["name"] == OFFSET_EVENT), None)
        return None if last is None else [_without_offset(event["args"]) for event in events[: last + 1]]

    @property
    def connects(self) -> list[dict[str, Any]]:
        """Every connect: `sid`, `recovered`, and the `transport` at that moment."""
        return self._reports("connect")

    @property
    def disconnects(self) -> list[str]:
        """The reason of every disconnect."""
        return [report["reason"] for report in self._reports("disconnect")]

    @property
    def connect_errors(self) -> list[str]:
        """The message of every failed attempt to connect."""
        return [report["message"] for report in self._reports("connect_error")]

    @property
    def refusals(self) -> list[tuple[str | None, bool]]:
        """The code of every failed attempt to connect, and whether the client retries by itself."""
        return [(report.get("code"), report["active"]) for report in self._reports("connect_error")]

    @property
    def connected(self) -> bool:
        """Whether it is connected now."""
        return len(self.connects) > len(self.disconnects)

    @property
    def transport(self) -> str:
        """The transport in use: that of the last connect, or the one it was upgraded to."""
        changes = [report for report in self._node.reports(self._index) if "transport" in report]
        name: str = changes[-1]["transport"]
        return name

    def emit(self, name: str, *args: Any) -> Any:
        """Emit an event and return its acknowledgement."""
        ack = self._node.ask(self._index, name, args)
        assert ack["error"] is None, f"{name} was not acknowledged: {ack['error']}"
        assert len(ack["args"]) == 1, f"{name} was acknowledged with {ack['args']!r}"
        return ack["args"][0]

    def acknowledge(self) -> None:
        """Call the callback of the oldest event that came with one."""
        self._node.command({"do": "acknowledge", "client": self._index})

    def break_off(self) -> None:
        """Lose the connection, as on a bad network; the client comes back by itself."""
        self._node.command({"do": "break_off", "client": self._index})

    def disconnect(self) -> None:
        """Disconnect with `socket.disconnect()`."""
        self._node.command({"do": "disconnect", "client": self._index})

    def reconnect(self) -> None:
        """Connect again after `disconnect`, with `socket.connect()`."""
        self._node.command({"do": "connect", "client": self._index})

    def give(self, token: str) -> None:
        """Make its `auth` function give this token from now on."""
        self._node.command({"do": "token", "client": self._index, "token": token})

    def _reports(self, kind: str) -> list[dict[str, Any]]:
        return [report for report in self._node.reports(self._index) if report["report"] == kind]

    def history(self) -> str:
        """Return all that it has reported: a line, the last 2,000 characters."""
        return f"{self!r}: {json.dumps(self._node.reports(self._index))[-2000:]}"

    def __repr__(self) -> str:
        return f"<client {self._index} of {self.url}: {len(self.events())} events>"


def _without_offset(args: list[Any]) -> list[Any]:
    last = args[-1] if args else None
    return args[:-1] if isinstance(last, str) and re.fullmatch(r"\d+-\d+", last) else args


class Node(Script):
    """The Node process, as a context manager: at its end the process and every client end."""

    def __init__(self, targets: Sequence[Target]) -> None:
        described = [
            {"url": target.url, "options": dict(target.options), "token": target.token} for target in targets
        ]
        self.clients = [Client(self, index, target) for index, target in enumerate(targets)]
        self._reports: list[list[dict[str, Any]]] = [[] for _ in targets]
        self._ids = itertools.count()
        super().__init__("client.mjs", described, self._hear)

    def reports(self, index: int) -> list[dict[str, Any]]:
        """Return everything that one client reported, in order."""
        return list(self._reports[index])

    def command(self, command: Mapping[str, Any]) -> None:
        """Send a command to a client."""
        self.tell(json.dumps(command))

    def ask(self, index: int, name: str, args: Sequence[Any]) -> dict[str, Any]:
        """Make one client emit an event; return the report of its acknowledgement."""
        number = next(self._ids)
        self.command({"do": "emit", "client": index, "id": number, "name": name, "args": list(args)})
        answer: dict[str, Any] = eventually(lambda: self._ack(index, number), ACK_SECONDS)
        return answer

    def _ack(self, index: int, number: int) -> dict[str, Any] | None:
        acks = (report for report in self.reports(index) if report["report"] == "ack")
        return next((ack for ack in acks if ack["id"] == number), None)

    def _hear(self, report: dict[str, Any]) -> None:
        self._reports[report["client"]].append(report)
