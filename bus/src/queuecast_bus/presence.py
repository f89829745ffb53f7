"""Counts the sessions in rooms now, by asking all gateways; each answers for itself.

Question and answers are control messages. A gateway that cannot reach Redis at that time does not answer.
"""

import asyncio
import json
import uuid
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, cast

from queuecast_bus.manager import BusManager

ANSWER_SECONDS = 2.0
"""How long to wait for answers. Nobody knows how many gateways there are."""

ASK_SECONDS = 0.25
"""How often the question is repeated: the first answers may come before the subscription."""


async def count_sessions(
    bus: BusManager, namespace: str, rooms: Sequence[str], seconds: float = ANSWER_SECONDS
) -> dict[str, int]:
    """Return for each gateway that answers how many sessions are in any of these rooms; no rooms means all.

    Raises `BusUnavailable` if the question cannot be published.
    """
    question_id = uuid.uuid4().hex
    counts: dict[str, int] = {}
    question = {"method": "callback", "host_id": bus.host_id, "count": question_id, "namespace": namespace}
    listening = asyncio.create_task(_listen(bus, question_id, counts))
    try:
        for _ in range(round(seconds / ASK_SECONDS)):
            await bus._publish({**question, "rooms": list(rooms)})
            await asyncio.sleep(ASK_SECONDS)
    finally:
        listening.cancel()
        await asyncio.wait([listening])
    return counts


def count_answer(message: dict[str, Any], replica: str, sessions: int) -> dict[str, Any]:
    """Return a gateway's answer to such a question."""
    return {"method": "callback", "counted": message["count"], "replica": replica, "sessions": sessions}


async def _listen(bus: BusManager, question_id: str, counts: dict[str, int]) -> None:
    async with aclosing(cast(Any, bus._listen())) as messages:
        async for text in messages:
            message = json.loads(text)
            if isinstance(message, dict) and message.get("counted") == question_id:
                counts[message["replica"]] = message["sessions"]
