"""Who has to acknowledge a message's event, from its attribute `ack`. Pure.

Nothing is guessed: a message that would be deleted although nobody has acknowledged it is left instead.
"""

from collections.abc import Collection, Mapping, Set
from typing import Any

from queuecast_bus.awaited import AckMode
from queuecast_poller.route.address import BadAddress

ACK = "ack"
"""The message attribute."""

NOT_WAITING = "this poller waits for no acknowledgements (QUEUECAST_ACK_SECONDS=10 would)"

_SPELLINGS = frozenset({"ack", "acks"})


def ack_in(
    attributes: Mapping[str, str],
    unreadable: Collection[str],
    application_attributes: Set[str],
    *,
    is_on: bool,
) -> AckMode | None:
    """Return what the attribute says; None without one, or if the application uses it for something else.

    Raises `BadAddress`, also if there is one and acknowledgements are not waited for.
    """
    for name in (*attributes, *unreadable) if is_on else ():
        if name != ACK and name.casefold() in _SPELLINGS and name not in application_attributes:
            raise BadAddress(f"attribute {name!r}: did you mean {ACK!r}?")
    if ACK in application_attributes or not (ACK in attributes or ACK in unreadable):
        return None
    if not is_on:
        raise BadAddress(
            f"attribute ack: {NOT_WAITING}; if it is an attribute of your application, name it in "
            "`application_attributes` of the routes file"
        )
    return check_ack(attributes.get(ACK))


def check_ack(value: Any) -> AckMode:
    """Return who has to acknowledge. Raises `BadAddress`."""
    try:
        return AckMode(value)
    except ValueError as exc:
        raise BadAddress(f"ack {str(value)[:80]!r}: expected any or all") from exc
