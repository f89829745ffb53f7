"""How many sessions are in rooms now: asked of all gateways, each of which answers for itself.

It is control, not a record: a gateway that cannot hear Redis just then does not answer.
"""

import asyncio
import json
import uuid
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, cast

from queuecast_bus.manager import BusManager

ANSWER_SECONDS = 2.0
"""How long answers are waited for: who asks does not know how many gateways there are."""

ASK_SECONDS = 0.25
"""How often it is asked: the first time nobody may be listening for the answers yet."""


async def count_sessions(
    bus: BusManager, namespace: str, rooms: Sequence[str], seconds: float = ANSWER_SECONDS
) -> dict[str, int]:
    """Return, for each gateway that answers, how many sessions are in any of these rooms; none is all.

    Raises `BusUnavailable` if Redis does not take the question.
    """
    question = uuid.uuid4().hex
    counts: dict[str, int] = {}
    asked = {"method": "callback", "host_id": bus.host_id, "count": question, "namespace": namespace}
    listening = asyncio.create_task(_listen(bus, question, counts))
    try:
        for _ in range(round(seconds / ASK_SECONDS)):
            await bus._publish({**asked, "rooms": list(rooms)})
            await asyncio.sleep(ASK_SECONDS)
    finally:
        listening.cancel()
        await asyncio.wait([listening])
    return counts


def counted(message: dict[str, Any], replica: str, sessions: int) -> dict[str, Any]:
    """Return a gateway's answer to such a question."""
    return {"method": "callback", "counted": message["count"], "replica": replica, "sessions": sessions}


async def _listen(bus: BusManager, question: str, counts: dict[str, int]) -> None:
    async with aclosing(cast(Any, bus._listen())) as messages:
        async for text in messages:
            message = json.loads(text)
            if isinstance(message, dict) and message.get("counted") == question:
                counts[message["replica"]] = message["sessions"]
