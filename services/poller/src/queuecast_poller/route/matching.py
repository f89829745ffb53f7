"""Finds the first route that matches a message, and applies it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from queuecast_bus.awaited import AckMode
from queuecast_bus.names import BadName, check_namespace, check_published_event
from queuecast_poller.route.acknowledgement import ACK, check_ack
from queuecast_poller.route.address import Address, BadAddress, check_rooms
from queuecast_poller.route.expression import Expression, Failed, is_true
from queuecast_poller.route.hold import HOLD
from queuecast_poller.route.model import Route
from queuecast_poller.sqs.message import Message
from queuecast_poller.unwrap import Payload, Unwrapped


class BadRoute(ValueError):
    """A route cannot be applied to this message; the text says which, and why."""


class Matched(NamedTuple):
    """What a route makes of one message; `route` is None if none matched.

    `payload` is what browsers receive. `max_age_seconds`, `latest`, `volatile` and `ack` are None if it does
    not set them, all but `volatile` also if its expression finds nothing.
    """

    route: Route | None
    address: Address
    payload: Payload
    max_age_seconds: float | None = None
    latest: str | None = None
    volatile: bool | None = None
    ack: AckMode | None = None
    hold: float | None = None


def match(
    routes: Sequence[Route],
    found: Unwrapped,
    payload: Payload,
    message: Message,
    queue: str,
    default: Address,
) -> Matched | None:
    """Return what the first matching route makes of a message; None if none matches.

    Message attributes take precedence over the route, whose expressions for the same parts are then skipped.
    Raises `BadAddress` for an invalid address and `BadRoute` for everything else. An error in a condition is
    raised too, because the next route might address everyone.
    """
    parts = _parts(found, payload, message, queue)
    for route in routes:
        if route.when is None or is_true(_found(route, "when", route.when, parts)):
            return _matched(route, found.attributes, payload, parts, default)
    return None


def _parts(found: Unwrapped, payload: Payload, message: Message, queue: str) -> dict[str, Any]:
    return {
        **found.envelopes,
        "data": payload.value,
        "attributes": found.attributes,
        "envelopes": list(found.envelopes),
        "queue": queue,
        "message": {
            "id": message.id,
            "group": message.group,
            "receives": message.receives,
            "sent_ms": message.sent_ms,
        },
    }


def _matched(
    route: Route, attributes: Mapping[str, str], payload: Payload, parts: Mapping[str, Any], default: Address
) -> Matched:
    try:
        where = Address(
            _event(route, attributes, parts, default),
            _namespace(route, attributes, parts, default),
            _rooms(route, attributes, parts),
        )
    except (BadName, BadAddress) as exc:
        raise BadAddress(f"{route}: {exc}") from exc
    return Matched(
        route,
        where,
        _payload(route, payload, parts),
        _max_age(route, parts),
        _latest(route, parts),
        _volatile(route, parts),
        _ack(route, attributes, parts),
        _hold(route, attributes, parts),
    )


def _event(route: Route, attributes: Mapping[str, str], parts: Mapping[str, Any], default: Address) -> str:
    if route.event is None or "event" in attributes:
        return default.event
    return check_published_event(_text(route, "event", route.event, parts))


def _namespace(
    route: Route, attributes: Mapping[str, str], parts: Mapping[str, Any], default: Address
) -> str:
    if route.namespace is None or "namespace" in attributes:
        return default.namespace
    return check_namespace(_text(route, "namespace", route.namespace, parts))


def _rooms(route: Route, attributes: Mapping[str, str], parts: Mapping[str, Any]) -> tuple[str, ...]:
    if route.rooms is None or "rooms" in attributes:
        return ()
    names: list[Any] = []
    for expression in route.rooms:
        value = _found(route, "rooms", expression, parts)
        if value is None or value == []:
            # If a missing one were skipped, the message would go to fewer rooms, or without any to everyone.
            raise BadAddress(f"rooms: {expression.text} finds nothing")
        names += value if isinstance(value, list) else [value]
    return check_rooms(names)


def _text(route: Route, key: str, expression: Expression, parts: Mapping[str, Any]) -> str:
    value = _found(route, key, expression, parts)
    if not isinstance(value, str):
        raise BadAddress(f"{key}: {expression.text} finds {_shown(value)}, expected text")
    return value


def _payload(route: Route, payload: Payload, parts: Mapping[str, Any]) -> Payload:
    if route.data is None:
        return payload
    value = _found(route, "data", route.data, parts)
    if value is None:
        raise BadRoute(f"{route}: data: {route.data.text} finds nothing")
    return Payload(value)


def _max_age(route: Route, parts: Mapping[str, Any]) -> float | None:
    if not isinstance(route.max_age_seconds, Expression):
        return route.max_age_seconds
    value = _found(route, "max_age", route.max_age_seconds, parts)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise BadRoute(
            f"{route}: max_age: {route.max_age_seconds.text} finds {_shown(value)}, expected seconds"
        )
    return float(value)


def _latest(route: Route, parts: Mapping[str, Any]) -> str | None:
    if route.latest is None:
        return None
    value = _found(route, "latest", route.latest, parts)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise BadRoute(
            f"{route}: latest: {route.latest.text} finds {_shown(value)}, expected text or a number"
        )
    return value


def _volatile(route: Route, parts: Mapping[str, Any]) -> bool | None:
    if not isinstance(route.volatile, Expression):
        return route.volatile
    return is_true(_found(route, "volatile", route.volatile, parts))


def _ack(route: Route, attributes: Mapping[str, str], parts: Mapping[str, Any]) -> AckMode | None:
    if route.ack is None or ACK in attributes:
        return None
    value = _found(route, "ack", route.ack, parts)
    try:
        return None if value is None or value is False else check_ack(value)
    except BadAddress as exc:
        raise BadRoute(f"{route}: {exc}") from exc


def _hold(route: Route, attributes: Mapping[str, str], parts: Mapping[str, Any]) -> float | None:
    if HOLD in attributes:
        return None
    if not isinstance(route.hold_seconds, Expression):
        return route.hold_seconds
    value = _found(route, "hold", route.hold_seconds, parts)
    if value is None or value is False:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise BadRoute(f"{route}: hold: {route.hold_seconds.text} finds {_shown(value)}, expected seconds")
    return float(value)


def _found(route: Route, key: str, expression: Expression, parts: Mapping[str, Any]) -> Any:
    try:
        return expression(parts)
    except Failed as exc:
        raise BadRoute(f"{route}: {key}: {exc}") from exc


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"{str(value)[:80]!r}"
