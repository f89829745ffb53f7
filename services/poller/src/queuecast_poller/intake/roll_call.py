"""Asks the gateways in which rooms somebody is now. The question is a record, so that every gateway hears it.

Questions that come together are asked together: one record for up to a hundred rooms.
"""

import asyncio
import secrets
from collections.abc import Collection, Iterable

from queuecast_bus import BusManager, BusUnavailable, Record
from queuecast_bus.awaited import FIRST_ID, LAST_ID, AckMode, AckWanted
from queuecast_bus.names import MAX_ROOMS, ROLL_CALL_NAMESPACE
from queuecast_poller.intake.ack_inbox import AckInbox
from queuecast_poller.judge.ack_outcome import RollCallRule

ANSWER_SECONDS = 2.0
"""How long gateways have to answer. One that was killed is waited for until it counts as gone."""

GATHER_SECONDS = 0.02


def places(record: Record) -> tuple[str, ...]:
    """Return where a record's recipients are: each a namespace, a comma and a room, or none for everyone."""
    return tuple(f"{record.namespace},{room}" for room in record.rooms or ("",))


class RollCall:
    """The questions of one queue's poller."""

    def __init__(self, bus: BusManager, inbox: AckInbox) -> None:
        self._bus = bus
        self._inbox = inbox
        self._asked: list[tuple[Collection[str], asyncio.Future[bool]]] = []
        self._news = asyncio.Event()

    async def is_anybody_in(self, where: Collection[str]) -> bool:
        """Return whether somebody is in any of these places, as far as gateways have answered.

        Raises `BusUnavailable`.
        """
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._asked.append((where, answer))
        self._news.set()
        return await answer

    async def run(self) -> None:
        """Ask what is to be asked, for ever."""
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._news.clear()
            asked, self._asked = self._asked, []
            try:
                found = await self._ask(dict.fromkeys(place for where, _ in asked for place in where))
            except BusUnavailable as exc:
                for _, answer in asked:
                    if not answer.done():
                        answer.set_exception(exc)
            else:
                for where, answer in asked:
                    if not answer.done():
                        answer.set_result(not found.isdisjoint(where))

    async def _ask(self, where: Iterable[str]) -> set[str]:
        pending = list(where)
        pages = [pending[start : start + MAX_ROOMS] for start in range(0, len(pending), MAX_ROOMS)]
        return set().union(*await asyncio.gather(*map(self._ask_page, pages)))

    async def _ask_page(self, where: list[str]) -> set[str]:
        ack_id = FIRST_ID + secrets.randbelow(LAST_ID - FIRST_ID + 1)
        wanted = AckWanted(AckMode.ANY, ack_id, self._bus.host_id, round(1000 * ANSWER_SECONDS))
        question = Record("roll-call", b"[]", ROLL_CALL_NAMESPACE, tuple(where), ack=wanted)
        with self._inbox.expecting(ack_id, RollCallRule()) as tried:
            (stored,) = await self._bus.publish([(question, None)])
            self._inbox.stored(tried, stored.offset, ANSWER_SECONDS)
            await tried.outcome
            return {place for report in tried.reports.values() for place in report.strays}
