"""`make bench-whole`: measure, print the table, write `bench/results-whole.md`.

Exits with 0; 1 if a system failed or lost something (the page is written if it was not ours); 2 if the
machine or command line is unsuitable;
130 after Ctrl-C.
"""

import argparse
import asyncio
import gc
import shlex
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import uvloop

from bench import builds
from bench.arena import ArenaFailed
from bench.ledger import WrongCount
from bench.machine import processor, versions
from bench.preparation import Unsuitable, prepare, raise_open_files, say
from bench.whole import report
from bench.whole.measures import QUICK, RATES, SMALL, Figure, Load, Numbers, at_rate, backlog
from bench.whole.run import running
from bench.whole.systems import ALL, CENTRIFUGO, NODE, OURS, System
from queuecast_local import redis_server

RESULTS = Path(__file__).parents[1] / "results-whole.md"
SMALL_RESULTS = builds.FOLDER / "results-whole-small.md"
PYTHON_PACKAGES = (
    "queuecast-gateway",
    "queuecast-poller",
    "uvicorn",
    "aiohttp",
    "redis",
    "hiredis",
    "uvloop",
)
NODE_PACKAGES = (
    "socket.io",
    "@socket.io/redis-streams-adapter",
    "sqs-consumer",
    "@aws-sdk/client-sqs",
    "redis",
)

Figures = dict[tuple[str, str], list[Figure]]


def main() -> int:
    """Run the contest; return the exit code."""
    options = _options()
    try:
        redis = prepare()
    except Unsuitable as exc:
        say(str(exc))
        return 2
    raise_open_files()
    load = SMALL if options.small else QUICK if options.quick else Load()
    if options.backlog is not None:
        load = replace(load, backlog=options.backlog)
    systems, remarks = _present([one for one in ALL if one.name in options.only])
    gc.disable()  # reference counting frees what the pages make; a collection would show as latency
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures, failures = runner.run(_contest(systems, load, redis))
    except KeyboardInterrupt:
        say("stopped; nothing was written")
        return 130
    remarks += [f"{name} FAILED: {why}" for name, why in failures.items()]
    ran = versions(
        redis,
        PYTHON_PACKAGES,
        NODE_PACKAGES if NODE in systems else (),
        go=CENTRIFUGO in systems,
    )
    command = "make bench-whole"
    if len(sys.argv) > 1:
        command += f" OPTIONS={shlex.quote(' '.join(sys.argv[1:]))}"
    page = report.page(figures, systems, load, command, processor(), ran, remarks)
    say("\n" + page)
    if OURS.title not in failures:
        output = options.output or (SMALL_RESULTS if options.small else RESULTS)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(page, "utf-8")
        say(f"written to {output}")
    return 1 if failures else 0


async def _contest(
    systems: list[System], load: Load, redis: redis_server.RedisServer
) -> tuple[Figures, dict[str, str]]:
    """Measure all systems in turn, several times over, so that a noisy minute affects all of them."""
    figures: Figures = {}
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="queuecast-bench-") as folder:
        for number in range(1, load.rounds + 1):
            say(f"round {number} of {load.rounds}")
            for one in systems:
                if one.title in failures:
                    continue
                try:
                    await _visit(one, load, redis, Path(folder), number, figures)
                except* (ArenaFailed, WrongCount, OSError, RuntimeError) as group:
                    failures[one.title] = "; ".join(sorted({str(exc)[:200] for exc in _leaves(group)}))
                    say(f"  {one.title} FAILED: {failures[one.title]}")
    return figures, failures


async def _visit(
    one: System, load: Load, redis: redis_server.RedisServer, folder: Path, number: int, figures: Figures
) -> None:
    numbers = Numbers()
    async with running(one, redis, folder) as system:
        for rate in RATES:
            _keep(figures, one, str(rate), await at_rate(system, load, numbers, rate))
        if number <= load.backlog_rounds:
            _keep(figures, one, "backlog", await backlog(system, load, numbers))


def _keep(figures: Figures, one: System, name: str, figure: Figure) -> None:
    figures.setdefault((one.name, name), []).append(figure)
    say(
        f"  {one.title}, {name}: {figure.cpu_us:.1f} µs  p50 {figure.p50_ms:.1f}  "
        f"p99 {figure.p99_ms:.1f} ms  {figure.per_second:,.0f}/s  "
        f"{figure.deliveries:,} deliveries  (others {figure.others_busy:.0%})"
    )


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for exc in group.exceptions:
        leaves += _leaves(exc) if isinstance(exc, BaseExceptionGroup) else [exc]
    return leaves


def _present(wanted: list[System]) -> tuple[list[System], list[str]]:
    here, remarks = [], []
    for one in wanted:
        why = one.missing()
        if not why:
            try:
                one.gateway.build()
            except RuntimeError as exc:
                say(str(exc))
                why = str(exc).partition(":")[0]
        if why:
            say(f"{one.title} is skipped: {why}")
            remarks.append(f"{one.title} was skipped: {why}.")
        else:
            here.append(one)
    return here, remarks


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-whole OPTIONS=…", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--small", action="store_true", help="check that all of it works, in about a minute")
    parser.add_argument("--backlog", type=int, help="the messages of the backlog")
    names = [one.name for one in ALL]
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=names, help="systems, comma separated"
    )
    parser.add_argument("--output", type=Path, help="where the page goes")
    options = parser.parse_args()
    if unknown := set(options.only).difference(names):
        parser.error(f"{', '.join(sorted(unknown))}: not one of {', '.join(names)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
