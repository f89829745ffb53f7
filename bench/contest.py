"""All contestants, row by row in turn and several times over, so that a noisy minute affects all of them."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.accounting import cores_ns
from bench.arena import Arena, ArenaFailed, arena
from bench.contestants import Contestant
from bench.extra_measures import EXTRA
from bench.ledger import WrongCount
from bench.load import Load
from bench.measures import MAIN, warm
from bench.preparation import Cores
from bench.standing import NOISE, Standing
from queuecast_local.redis_server import RedisServer

MEASURES = {**MAIN, **EXTRA}
FRESH = ("connect", "rss", "shared", "start")
"""Rows that need a fresh server."""

TURN_SECONDS = 120.0
"""If one row of one server takes longer, it has failed."""

PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.4
"""The total time to wait for a quiet machine, and the length of one check."""


@dataclass
class Contest:
    """What is measured and where; `standing` has the results."""

    contestants: Sequence[Contestant]
    rows: Sequence[str]
    load: Load
    redis: RedisServer
    cores: Cores
    say: Callable[[str], None]
    standing: Standing = field(default_factory=Standing)
    _waited_seconds: float = 0.0

    async def run(self) -> None:
        """Measure every contestant in every round.

        One that cannot be started is left out; one that fails in a row has no figures of that row.
        """
        with tempfile.TemporaryDirectory(prefix="queuecast-bench-") as workshop:
            for number in range(1, self.load.rounds + 1):
                self.say(f"round {number} of {self.load.rounds}")
                here = [one for one in self.contestants if number <= (one.most_rounds or number)]
                measures = MEASURES if number <= self.load.extra_rounds else MAIN
                rows = [row for row in measures if row in self.rows]
                await self._shared(here, [row for row in rows if row not in FRESH], Path(workshop))
                await self._fresh(here, [row for row in rows if row in FRESH], Path(workshop))

    async def _shared(self, here: Sequence[Contestant], rows: Sequence[str], workshop: Path) -> None:
        """Measure the rows for which each contestant has one server, idle during the others' turns."""
        async with AsyncExitStack() as stack:
            places: dict[str, Arena] = {}

            async def start(one: Contestant) -> None:
                place = arena(one, self.redis, self.cores, workshop, calm_interval=self.load.calm_interval)
                places[one.name] = await stack.enter_async_context(place)
                await warm(places[one.name], self.load)

            for one in here:
                if set(rows).intersection(one.rows):
                    await self._turn(one, "", partial(start, one))
            for row in rows:
                for one in here:
                    if row in one.rows and one.name in places:
                        await self._turn(one, row, partial(self._measure, one, row, places[one.name]))

    async def _fresh(self, here: Sequence[Contestant], rows: Sequence[str], workshop: Path) -> None:
        """Measure the rows for which each contestant gets a fresh server that runs alone."""

        async def visit(one: Contestant, row: str) -> None:
            async with arena(
                one,
                self.redis,
                self.cores,
                workshop,
                redis_core=self.cores.server if row == "shared" else None,
                calm_interval=self.load.calm_interval,
            ) as place:
                await self._measure(one, row, place)

        for row in rows:
            for one in here:
                if row in one.rows:
                    await self._turn(one, row, partial(visit, one, row))

    async def _measure(self, one: Contestant, row: str, place: Arena) -> None:
        if self.load.waits_for_quiet:
            await self._quiet()
        figures = await MEASURES[row](place, self.load)
        self.standing.add(one.name, row, figures)
        values = "  ".join(f"{figure.name} {figure.value:.2f}" for figure in figures)
        self.say(f"  {one.title}: {values}  (others {figures[0].spent.others_busy:.0%})")

    async def _quiet(self) -> None:
        """Wait until nothing else uses our cores; in the whole contest for `PATIENCE_SECONDS` at most."""
        cores = (self.cores.server, self.cores.generator)
        while self._waited_seconds < PATIENCE_SECONDS:
            before = cores_ns(cores)
            await asyncio.sleep(LOOK_SECONDS)
            if cores_ns(cores) - before <= NOISE * LOOK_SECONDS * 1e9:
                return
            self._waited_seconds += LOOK_SECONDS

    async def _turn(self, one: Contestant, row: str, turn: Callable[[], Awaitable[None]]) -> None:
        """Let a contestant do something: a row, or start if there is none."""
        if one.name in self.standing.failures or (one.name, row) in self.standing.failed_rows:
            return
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await turn()
        except* (ArenaFailed, WrongCount, OSError, RuntimeError) as group:
            why = "; ".join(sorted({f"{type(exc).__name__}: {exc}" for exc in _leaves(group)}))
            if row:
                self.standing.fail(one.name, row, why)
            else:
                self.standing.failures[one.name] = why
            self.say(f"  {one.title} FAILED{f' in {row}' if row else ''}: {why}")


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for exc in group.exceptions:
        leaves += _leaves(exc) if isinstance(exc, BaseExceptionGroup) else [exc]
    return leaves
