"""The figures of all replicas, for whoever operates them: one replica asks, and each answers for itself.

Question and answers are control messages. Nothing is asked, counted or kept while nobody wants to know.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from queuecast_bus import BusUnavailable

log = logging.getLogger(__name__)

ANSWER_SECONDS = 0.5
"""How long to wait for answers if not all replicas that were asked have answered before."""

FRESH_SECONDS = 1.0
"""Within this time everybody who asks gets the same answers."""

SILENT_SECONDS = 60.0
"""A replica that does not answer is listed for so long, with its last figures."""

MAX_REPLICAS = 1_000

QUESTION, ANSWER = "figures", "figures_of"
"""The keys by which these control messages are told from others."""

Figures = dict[str, Any]


class Bus(Protocol):
    """The part of a gateway's bus that is needed here."""

    host_id: str

    async def ask_replicas(self, message: dict[str, Any]) -> int: ...
    async def send_to_replica(self, replica: str, data: dict[str, Any]) -> int: ...


class ReplicaFigures:
    """Asks for figures, and answers when asked.

    `own` returns this replica's figures; its argument is what the question is about in particular. They have
    at least the replica's name as `replica`.
    """

    def __init__(
        self,
        bus: Bus,
        own: Callable[[Any], Awaitable[Figures]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._own = own
        self._clock = clock
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._question: str | None = None
        self._expected = 0
        self._answered: set[str] = set()
        self._complete = asyncio.Event()
        self._last: dict[str, tuple[float, Figures]] = {}

    async def of_all(self, about: Any) -> list[Figures]:
        """Return the figures of all replicas, by name.

        Each has an `id` of its own, `answered`, whether it has answered now, and `age_s`, how many seconds
        ago. Raises `BusUnavailable`.
        """
        async with self._asking:
            if self._clock() - self._asked_at >= FRESH_SECONDS:
                await self._ask(about)
        now = self._clock()
        self._last = {key: seen for key, seen in self._last.items() if now - seen[0] <= SILENT_SECONDS}
        found = [
            {**figures, "id": key, "answered": key in self._answered, "age_s": round(now - at, 1)}
            for key, (at, figures) in self._last.items()
        ]
        return sorted(found, key=lambda figures: str(figures["replica"]))

    async def _ask(self, about: Any) -> None:
        self._question, self._answered = uuid.uuid4().hex, set()
        self._complete.clear()
        message = {QUESTION: self._question, "about": about, "host_id": self._bus.host_id}
        self._expected = await self._bus.ask_replicas(message)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                while len(self._answered) < self._expected:
                    await self._complete.wait()
                    self._complete.clear()
        except TimeoutError:
            pass  # also with emitters of other servers among those that were asked
        self._question = None
        self._asked_at = self._clock()

    async def answer(self, message: Mapping[str, Any]) -> None:
        """Answer a question."""
        figures = await self._own(message["about"])
        answer = {ANSWER: message[QUESTION], "from": self._bus.host_id, "answer": figures}
        try:
            await self._bus.send_to_replica(message["host_id"], {"method": "callback", **answer})
        except BusUnavailable as exc:
            log.info("cannot answer how this replica is: %s", exc)

    def receive(self, message: Mapping[str, Any]) -> None:
        """Take an answer. One that comes too late, or of which nothing is known, is ignored."""
        figures = message["answer"]
        if message[ANSWER] != self._question or not isinstance(figures.get("replica"), str):
            return
        # A replica that was started again has another id and its old name.
        for key, (_, known) in list(self._last.items()):
            if known["replica"] == figures["replica"] and key not in self._answered:
                del self._last[key]
        if len(self._last) < MAX_REPLICAS:
            self._last[message["from"]] = self._clock(), figures
        self._answered.add(message["from"])
        self._complete.set()
