"""`make bench`: measure, print the table, write `bench/results.md`.

Exits with 0; 1 if a server failed or a count was wrong (the page is written if it was not ours); 2 if the
machine or the command line is unsuitable;
130 after Ctrl-C.
"""

import argparse
import asyncio
import gc
import resource
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import uvloop

from bench import builds, report
from bench.contest import MEASURES, Contest
from bench.contestants import ALL, BUN, CENTRIFUGO, GATEWAY, NODE, OXIDE, STREAMS, Contestant
from bench.footprint import footprint
from bench.load import QUICK, SMALL, Load
from bench.machine import NODE_PACKAGES, PYTHON_PACKAGES, RUST_PACKAGES, processor, versions
from bench.preparation import Unsuitable, pinned_cores, prepare, raise_open_files, say

SPARE_FILES = 500
"""The open files that a server needs besides its connections."""

RESULTS = Path(__file__).parent / "results.md"
SMALL_RESULTS = builds.FOLDER / "results-small.md"


def main() -> int:
    """Run the contest; return the exit code."""
    options = _options()
    try:
        redis = prepare()
    except Unsuitable as exc:
        say(str(exc))
        return 2
    remarks: list[str] = []
    load = SMALL if options.small else QUICK if options.quick else Load()
    if options.rounds:
        load = replace(load, rounds=options.rounds)
    load = _bounded(load, remarks)
    contestants = present([one for one in ALL if one.name in options.only], say, remarks)
    cores = pinned_cores()
    contest = Contest(contestants, options.rows, load, redis, cores, say)
    gc.disable()  # reference counting frees what the crowd makes; a collection would show as latency
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_signal(contest))
    except Stopped as stopped:
        say(f"stopped by {stopped}; nothing was written")
        return 130
    standing = contest.standing
    page = report.page(
        standing,
        contestants,
        load,
        _command(sys.argv[1:]),
        processor(),
        versions(
            redis,
            PYTHON_PACKAGES,
            NODE_PACKAGES if {NODE, STREAMS, BUN}.intersection(contestants) else (),
            RUST_PACKAGES if OXIDE in contestants else (),
            go=CENTRIFUGO in contestants,
        ),
        {one.title: str(footprint(one)) for one in contestants},
        remarks,
    )
    say("\n" + page)
    failed = {*standing.failures, *(name for name, _ in standing.failed_rows)}
    if GATEWAY.name not in failed:
        output = options.output or (SMALL_RESULTS if options.small else RESULTS)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(page, "utf-8")
        say(f"written to {output}")
    return 1 if failed else 0


class Stopped(Exception):
    """A signal asked for the end; the message is the signal's name."""


async def _until_signal(contest: Contest) -> None:
    """Run the contest. Raises `Stopped` after a signal, once all servers have ended."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # this code runs in a task
    heard: list[str] = []

    def stop(number: signal.Signals) -> None:
        heard.append(number.name)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    try:
        await contest.run()
    except asyncio.CancelledError:
        if heard:
            raise Stopped(heard[0]) from None
        raise


def _command(options: Sequence[str]) -> str:
    return f"make bench OPTIONS={shlex.quote(' '.join(options))}" if options else "make bench"


def _options() -> argparse.Namespace:
    def names_of(allowed: Sequence[str]) -> "type[list[str]]":
        class Names(list[str]):
            def __init__(self, text: str) -> None:
                super().__init__(text.split(","))
                if unknown := set(self).difference(allowed):
                    raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(allowed)}")

        return Names

    servers, rows = [one.name for one in ALL], list(MEASURES)
    parser = argparse.ArgumentParser(prog="make bench OPTIONS=…", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--only", type=names_of(servers), default=servers, help="servers, comma separated")
    parser.add_argument("--rows", type=names_of(rows), default=rows, help="rows, comma separated")
    parser.add_argument("--small", action="store_true", help="check that all of it works, in about a minute")
    parser.add_argument("--rounds", type=int, help="rounds of the main rows")
    parser.add_argument("--output", type=Path, help="where the page goes")
    return parser.parse_args()


def _bounded(load: Load, remarks: list[str]) -> Load:
    """Raise the limit of open files as far as possible; return a load that fits it."""
    hard = raise_open_files()
    most = hard - SPARE_FILES - load.quiet_sockets
    if hard == resource.RLIM_INFINITY or load.idle_sockets <= most:
        return load
    remarks.append(f"The limit of {hard:,} open files leaves room for {most:,} idle connections.")
    return replace(load, idle_sockets=most)


def present(
    contestants: Sequence[Contestant], say: Callable[[str], None], remarks: list[str]
) -> list[Contestant]:
    """Return the contestants that can run here, once they are built; say why of the others."""
    here = []
    for contestant in contestants:
        why = contestant.missing()
        if not why:
            try:
                contestant.build()
            except RuntimeError as exc:
                say(str(exc))
                why = str(exc).partition(":")[0]
        if why:
            say(f"{contestant.title} is skipped: {why}")
            remarks.append(f"{contestant.title} was skipped: {why}.")
        else:
            here.append(contestant)
    return here


if __name__ == "__main__":
    sys.exit(main())
