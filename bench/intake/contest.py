"""All consumers in turn and several times over, so that a noisy minute affects all of them."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.arena import ArenaFailed
from bench.intake.contestants import Consumer
from bench.intake.measures import Figure, Load, measure
from bench.preparation import Cores
from queuecast_local.redis_server import RedisServer


async def contest(
    consumers: Sequence[Consumer], load: Load, redis: RedisServer, cores: Cores, say: Callable[[str], None]
) -> tuple[dict[str, list[Figure]], dict[str, str]]:
    """Measure every consumer in every round; return their figures, and why the others failed."""
    figures: dict[str, list[Figure]] = {one.name: [] for one in consumers}
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="queuecast-bench-") as folder:
        for number in range(1, load.rounds + 1):
            say(f"round {number} of {load.rounds}")
            for one in consumers:
                if one.name in failures:
                    continue
                try:
                    figure = await measure(one, redis, cores, load, Path(folder))
                except ArenaFailed as exc:
                    failures[one.name] = str(exc)
                    say(f"  {one.title} FAILED: {exc}")
                    continue
                figures[one.name].append(figure)
                say(
                    f"  {one.title}: {figure.cpu_us:.1f} µs  {figure.per_second:,.0f}/s  "
                    f"{figure.calls_each:.3f} calls  (others {figure.others_busy:.0%})"
                )
    return figures, failures
