"""Makes the model of a routes file from its text, or lists everything that is wrong with it. Pure."""

import difflib
from collections.abc import Callable, Collection, Mapping
from itertools import pairwise
from typing import Any, TypeVar

from queuecast_bus.names import BadName, check_namespace, check_published_event
from queuecast_edge.schemas import NO_SCHEMAS, Schemas
from queuecast_poller.route.acknowledgement import check_ack
from queuecast_poller.route.address import BadAddress, check_rooms
from queuecast_poller.route.document import BadDocument, Mistake, Node, read_document
from queuecast_poller.route.expression import BadExpression, Expression, Failed, compile_expression
from queuecast_poller.route.model import (
    MAX_HOLD_SECONDS,
    MAX_RECEIVES,
    PARTS,
    QueueSettings,
    Route,
    RoutesFile,
    queue_name,
)

MAX_ROUTES = 1_000
"""Most routes in one list: every message may have to be matched against each of them."""

MAX_RATE = 1_000_000
MAX_SCHEMA_VALUES = 10_000
"""Most values in the data of an event with a schema: a value costs 15 µs, for which all messages wait."""

Value = TypeVar("Value")


def read_routes(text: str, queues: Collection[str] | None = None) -> RoutesFile:
    """Return the model of a routes file, for a poller of these queues (None: of any).

    Raises `BadDocument`.
    """
    reading = _Reading(queues)
    file = reading.file(read_document(text))
    if reading.mistakes:
        raise BadDocument(reading.mistakes)
    return file


class _Reading:
    """One pass over a document. It collects the mistakes."""

    def __init__(self, queues: Collection[str] | None) -> None:
        self.mistakes: list[Mistake] = []
        self._queues = queues

    def file(self, root: Node) -> RoutesFile:
        members = self._members(root, (*_QUEUE_KEYS, "queues", "schemas"))
        common = {key: node for key, node in members.items() if key in _QUEUE_KEYS}
        return RoutesFile(
            self._settings(common),
            self._each_queue(members.get("queues")),
            self._schemas(members.get("schemas")),
        )

    def _each_queue(self, node: Node | None) -> Mapping[str, QueueSettings]:
        found: dict[str, QueueSettings] = {}
        for name, inner in self._object(node).items():
            if self._queues is not None and not any(
                name in (queue, queue_name(queue)) for queue in self._queues
            ):
                polled = ", ".join(map(queue_name, self._queues))
                self._mistake(inner, f"no such queue is polled (QUEUECAST_QUEUES: {polled})")
            found[name] = self._settings(self._members(inner, _QUEUE_KEYS))
        return found

    def _settings(self, members: Mapping[str, Node]) -> QueueSettings:
        event = self._read(members.get("event"), self._event)
        envelopes = self._read(members.get("envelopes"), self._choice("auto", "none"))
        unaddressed = self._read(members.get("unaddressed"), self._choice("broadcast", "leave"))
        names = self._list(members.get("application_attributes"))
        return QueueSettings(
            event=event,
            unwraps=None if envelopes is None else envelopes == "auto",
            broadcasts=None if unaddressed is None else unaddressed == "broadcast",
            receives=self._read(members.get("receives"), self._whole_number(1, MAX_RECEIVES)),
            rate=self._read(members.get("rate"), self._number(0, MAX_RATE)),
            application_attributes=frozenset(
                name for name in (self._text(node) for node in names) if name is not None
            ),
            routes=self._routes(members.get("routes")),
        )

    def _routes(self, node: Node | None) -> tuple[Route, ...]:
        items = self._list(node)
        if node is not None and len(items) > MAX_ROUTES:
            self._mistake(node, f"{len(items)} routes, at most {MAX_ROUTES} are tried")
        routes = tuple(self._route(item) for item in items)
        for item, later in pairwise(items):
            if isinstance(item.value, dict) and "when" not in item.value:
                self._mistake(
                    later, f"never tried: {item.path}, before it, has no `when` and matches everything"
                )
        return routes

    def _route(self, node: Node) -> Route:
        members = self._members(node, _ROUTE_KEYS)
        if isinstance(node.value, dict) and not set(members).difference(("name", "when")):
            self._mistake(node, f"the route sets nothing: expected one of {', '.join(_ROUTE_KEYS[2:])}")
        return Route(
            place=node.path,
            name=self._read(members.get("name"), self._text) or "",
            when=self._expression(members.get("when")),
            event=self._expression(members.get("event"), _check_event),
            namespace=self._expression(members.get("namespace"), _check_namespace),
            rooms=self._rooms(members.get("rooms")),
            data=self._expression(members.get("data")),
            max_age_seconds=self._seconds(members.get("max_age"), 86_400 * 14),
            latest=self._expression(members.get("latest")),
            volatile=self._volatile(members.get("volatile")),
            ack=self._expression(members.get("ack"), _check_ack),
            hold_seconds=self._seconds(members.get("hold"), MAX_HOLD_SECONDS),
        )

    def _rooms(self, node: Node | None) -> tuple[Expression, ...] | None:
        if node is None:
            return None
        if not isinstance(node.value, list):
            found = self._expression(
                node, lambda value: check_rooms(value if isinstance(value, list) else [value])
            )
            return None if found is None else (found,)
        if not node.value:
            self._mistake(node, "the list is empty; leave it out to address everyone")
        items = [self._expression(item, lambda value: check_rooms([value])) for item in node.value]
        return tuple(item for item in items if item is not None)

    def _seconds(self, node: Node | None, most: float) -> Expression | float | None:
        if node is None or isinstance(node.value, str):
            return self._expression(node)
        return self._read(node, self._number(0, most))

    def _volatile(self, node: Node | None) -> Expression | bool | None:
        if node is not None and isinstance(node.value, bool):
            return node.value
        return self._expression(node)

    def _schemas(self, node: Node | None) -> Schemas:
        validators: dict[str, Any] = {}
        for event, inner in self._object(node).items():
            try:
                check_published_event(event)
                validators[event] = inner.plain()
                Schemas.compile({event: inner.plain()})
            except ValueError as exc:
                validators.pop(event, None)
                self._mistake(inner, str(exc))
        return Schemas.compile(validators, max_values=MAX_SCHEMA_VALUES) if validators else NO_SCHEMAS

    def _expression(
        self, node: Node | None, check: Callable[[Any], object] | None = None
    ) -> Expression | None:
        """Read an expression. If it is constant, its value is checked now."""
        if node is None:
            return None
        if not isinstance(node.value, str):
            self._mistake(node, "expected a JMESPath expression; text in one is quoted: \"'sku:7'\"")
            return None
        try:
            found = compile_expression(node.value, PARTS)
            if found.is_constant and check is not None:
                check(found({}))
        except (BadExpression, Failed, BadName, BadAddress) as exc:
            self._mistake(node, str(exc))
            return None
        return found

    def _read(self, node: Node | None, read: Callable[[Node], Value | None]) -> Value | None:
        return None if node is None else read(node)

    def _event(self, node: Node) -> str | None:
        name = self._text(node)
        try:
            return None if name is None else check_published_event(name)
        except BadName as exc:
            self._mistake(node, str(exc))
            return None

    def _text(self, node: Node) -> str | None:
        if isinstance(node.value, str) and node.value:
            return node.value
        self._mistake(node, "expected text")
        return None

    def _choice(self, *choices: str) -> Callable[[Node], str | None]:
        def read(node: Node) -> str | None:
            if node.value in choices:
                return str(node.value)
            self._mistake(node, f"expected {' or '.join(choices)}")
            return None

        return read

    def _whole_number(self, least: int, most: int) -> Callable[[Node], int | None]:
        def read(node: Node) -> int | None:
            value = node.value
            if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
                return value
            self._mistake(node, f"expected a whole number from {least} to {most}")
            return None

        return read

    def _number(self, above: float, most: float) -> Callable[[Node], float | None]:
        def read(node: Node) -> float | None:
            value = node.value
            if isinstance(value, int | float) and not isinstance(value, bool) and above < value <= most:
                return float(value)
            self._mistake(node, f"expected a number above {above:g}, up to {most:g}")
            return None

        return read

    def _list(self, node: Node | None) -> list[Node]:
        if node is None:
            return []
        if isinstance(node.value, list):
            return node.value
        self._mistake(node, "expected a list")
        return []

    def _object(self, node: Node | None) -> Mapping[str, Node]:
        if node is None:
            return {}
        if isinstance(node.value, dict):
            return node.value
        self._mistake(node, "expected an object")
        return {}

    def _members(self, node: Node, known: Collection[str]) -> Mapping[str, Node]:
        members = self._object(node)
        for key, inner in members.items():
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"expected {', '.join(known)}"
                self._mistake(inner, f"{key!r} is not known here: {hint}")
        return members

    def _mistake(self, node: Node, text: str) -> None:
        self.mistakes.append(node.mistake(text))


_QUEUE_KEYS = ("event", "envelopes", "unaddressed", "application_attributes", "receives", "rate", "routes")
_ROUTE_KEYS = (
    "name",
    "when",
    "event",
    "namespace",
    "rooms",
    "data",
    "max_age",
    "latest",
    "volatile",
    "ack",
    "hold",
)


def _check_event(value: Any) -> None:
    if not isinstance(value, str):
        raise BadName(f"event {str(value)[:80]!r}: expected text")
    check_published_event(value)


def _check_ack(value: Any) -> None:
    if value is not None and value is not False:
        check_ack(value)


def _check_namespace(value: Any) -> None:
    if not isinstance(value, str):
        raise BadName(f"namespace {str(value)[:80]!r}: expected text")
    check_namespace(value)
