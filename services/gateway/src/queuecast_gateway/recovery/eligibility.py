"""Whether a claimed session may be recovered, and from which offset on. Pure."""

import re
from typing import Any

from queuecast_bus.record import offset_key, offset_ms
from queuecast_gateway.recovery.replay import NotRecovered
from queuecast_gateway.recovery.session_state import Claimed

RECOVERIES_AT_ONCE, RECOVERIES_PER_SECOND = 30, 0.2
"""How often one session may be recovered: for a while as fast as the stock client retries on a bad network.
Each time can cost `QUEUECAST_MAX_REPLAY_BYTES`, for a few bytes of the client's."""

_OFFSET = re.compile(r"\d{1,15}-\d{1,15}", re.ASCII)


def replay_start(offset: Any, claimed: Claimed, window_seconds: float) -> str:
    """Return the offset after which a session's replay begins, given the one that the client sent, or None.

    Raises `NotRecovered` if the session cannot be recovered from there.
    """
    began = claimed.state.offset
    after = began if offset is None else offset
    if not isinstance(after, str) or not _OFFSET.fullmatch(after):
        raise NotRecovered("malformed")
    # The client may send any offset, but events from before its session are not for it.
    start: str = max(after, began, key=offset_key)
    key, tail, lost_up_to = map(offset_key, (start, claimed.tail, claimed.lost_up_to))
    age_seconds = (tail[0] - offset_ms(began)) / 1000
    if claimed.number > RECOVERIES_AT_ONCE + RECOVERIES_PER_SECOND * age_seconds:
        raise NotRecovered("too_often")
    # Records after `lost_up_to` may be lost too: it is only how far some replica had read.
    if key > tail or (any(lost_up_to) and key <= lost_up_to):
        raise NotRecovered("lost")
    # Redis's clock alone decides: every two seconds each gateway adds a record of its own.
    if tail[0] - key[0] > window_seconds * 1000:
        raise NotRecovered("expired")
    return start
