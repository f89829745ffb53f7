"""How long a message waits while nobody is in its rooms, from its attribute `hold`. Pure.

A message that would be shown to nobody, although its sender wanted it to wait, is left instead.
"""

import math
from collections.abc import Collection, Mapping, Set

from queuecast_poller.route.address import BadAddress

HOLD = "hold"
"""The message attribute."""

NOT_HOLDING = "this poller holds no messages (QUEUECAST_HOLD_SECONDS=3600 would)"


def hold_in(
    attributes: Mapping[str, str],
    unreadable: Collection[str],
    application_attributes: Set[str],
    *,
    most_seconds: float,
) -> float | None:
    """Return for how many seconds after it was sent a message waits for somebody; None if it does not.

    `true` means as long as is allowed, and 0 `most_seconds` that nothing is held. Raises `BadAddress`.
    """
    if HOLD in application_attributes or not (HOLD in attributes or HOLD in unreadable):
        return None
    if not most_seconds:
        raise BadAddress(
            f"attribute hold: {NOT_HOLDING}; if it is an attribute of your application, name it in "
            "`application_attributes` of the routes file"
        )
    text = attributes.get(HOLD, "")
    return most_seconds if text.strip().casefold() == "true" else check_hold(text, most_seconds)


def check_hold(value: object, most_seconds: float) -> float:
    """Return a number of seconds. Raises `BadAddress`."""
    try:
        seconds = float(value) if isinstance(value, str | int | float) else math.nan
    except ValueError:
        seconds = math.nan
    if isinstance(value, bool) or not 0 < seconds <= most_seconds:
        raise BadAddress(
            f"hold {str(value)[:80]!r}: expected true or a number of seconds, {most_seconds:g} at most "
            "(QUEUECAST_HOLD_SECONDS)"
        )
    return seconds
