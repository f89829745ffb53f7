"""`python -m bench.interpreters --python PATH …`: both services under several interpreters and event loops.

The gateway's main rows and the poller's intake, in rounds in which all take turns. Only the service that is
measured runs under the given interpreters; clients, stub and Redis are the same for all.

Exits with 0; 1 if an interpreter is left out or failed in a row; 2 if the machine or command line is
unsuitable; 130 after Ctrl-C.
"""

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import uvloop

from bench.builds import FOLDER
from bench.contest import Contest
from bench.contestants import GATEWAY, Contestant
from bench.environments import Environment, environment
from bench.intake.contest import contest as intake_contest
from bench.intake.contestants import POLLER, Consumer
from bench.intake.measures import Figure as Intake
from bench.intake.measures import Load as IntakeLoad
from bench.load import SMALL, Load
from bench.machine import processor
from bench.preparation import Unsuitable, pinned_cores, prepare, raise_open_files, say
from bench.standing import Standing

RESULTS = FOLDER / "interpreters.md"
LOOPS = ("uvloop", "asyncio")
ON_ASYNCIO = (
    "import asyncio, runpy, uvloop; uvloop.new_event_loop = asyncio.new_event_loop; "
    "runpy.run_module({module!r}, run_name='__main__')"
)
"""The services run on uvloop alone; this gives them asyncio's own loop in its place."""

INTAKE_ROW = "intake"
ROWS = ("steady", "burst", "nobody", "connect", INTAKE_ROW)
FIGURES = {
    "steady": "steady, µs",
    "p99": "p99, ms",
    "steady_400": "at 400/s, µs",
    "p99_400": "p99 there, ms",
    "burst": "burst, µs",
    "nobody": "nobody, µs",
    "connect": "connect, µs",
    INTAKE_ROW: "intake, µs",
}
"""The table's columns, by the names of the figures; `report.rows` says what those of the gateway are."""

LOAD = Load(
    steady_seconds=3,
    other_seconds=1,
    bursts=3,
    warm_connects=500,
    connects=1_000,
    strange_windows=10,
    waits_for_quiet=False,
)
INTAKE = IntakeLoad(seconds=4.0)
SMALL_INTAKE = IntakeLoad(rounds=1, warm_messages=100, seconds=0.5)

Found = Mapping[str, Sequence[float]]
"""The values of one variant, by the names of the figures."""


@dataclass(frozen=True, slots=True)
class Variant:
    """An interpreter with an event loop."""

    environment: Environment
    loop: str

    @property
    def title(self) -> str:
        return f"{self.environment.title}, {self.loop}"

    def command(self, module: str) -> Sequence[str]:
        """Return what runs a service."""
        python = str(self.environment.python)
        if self.loop == "asyncio":
            return (python, "-c", ON_ASYNCIO.format(module=module))
        return (python, "-m", module)

    def gateway(self) -> Contestant:
        return replace(
            GATEWAY, name=self.title, title=self.title, command=lambda _: self.command("queuecast_gateway")
        )

    def poller(self) -> Consumer:
        return replace(
            POLLER, name=self.title, title=self.title, command=lambda _: self.command("queuecast_poller")
        )


def main() -> int:
    """Measure; return the exit code."""
    options = _options()
    try:
        redis = prepare()
    except Unsuitable as exc:
        say(str(exc))
        return 2
    remarks: list[str] = []
    environments = _environments(options.python, remarks)
    variants = [Variant(one, loop) for loop in options.loops for one in environments]
    raise_open_files()
    cores = pinned_cores()
    load, intake_load = (SMALL, SMALL_INTAKE) if options.small else (LOAD, INTAKE)
    rounds = options.rounds or load.rounds
    load, intake_load = replace(load, rounds=rounds), replace(intake_load, rounds=rounds)
    rows = [row for row in options.rows if row != INTAKE_ROW]
    contest = Contest([one.gateway() for one in variants], rows, load, redis, cores, say)
    pollers = [one.poller() for one in variants] if INTAKE_ROW in options.rows else []
    taken: Mapping[str, Sequence[Intake]] = {}
    failures: Mapping[str, str] = {}
    load_average = os.getloadavg()[0]
    gc.disable()  # reference counting frees what the crowd makes; a collection would show as latency
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            if rows:
                runner.run(contest.run())
            if pollers:
                taken, failures = runner.run(intake_contest(pollers, intake_load, redis, cores, say))
    except KeyboardInterrupt:
        say("stopped; nothing was written")
        return 130
    remarks += _failed(contest.standing, failures)
    found = {one.title: _values(contest.standing, taken, one.title) for one in variants}
    page = f"{table(found)}\nMedians of {rounds} round(s); {_noise(contest.standing, taken)}; "
    page += f"load average {load_average:.1f} before. {processor()}, {redis.description}.\n"
    page += "".join(f"* {remark}\n" for remark in remarks)
    say("\n" + page)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(page, "utf-8")
    return 1 if remarks else 0


def _values(standing: Standing, taken: Mapping[str, Sequence[Intake]], title: str) -> Found:
    """Return what counts of a variant: every round, since all variants take turns in each."""
    found = {
        name: [one.value for one in each] for (who, name), each in standing.figures.items() if who == title
    }
    if title in standing.failures:
        found = {}
    found[INTAKE_ROW] = [one.cpu_us for one in taken.get(title, ())]
    return found


def _failed(standing: Standing, failures: Mapping[str, str]) -> list[str]:
    """Return a line for each failure."""
    failed = {f"{title}, the gateway": why for title, why in standing.failures.items()}
    failed |= {f"{title}, {row}": why for (title, row), why in standing.failed_rows.items()}
    failed |= {f"{title}, the poller": why for title, why in failures.items()}
    return [f"{what} FAILED: {' '.join(why.split())}" for what, why in failed.items()]


def _noise(standing: Standing, taken: Mapping[str, Sequence[Intake]]) -> str:
    busy = [one.spent.others_busy for each in standing.figures.values() for one in each]
    busy += [one.others_busy for each in taken.values() for one in each]
    if not busy:
        return "nothing was measured"
    return f"others used {min(busy):.0%} to {max(busy):.0%} of a core, the median is {median(busy):.0%}"


def table(found: Mapping[str, Found]) -> str:
    """Return the medians of each variant, and in brackets their ratios to those of the first."""
    lines = [
        "| " + " | ".join(["", *FIGURES.values()]) + " |",
        "| " + " | ".join(["---", *("---:" for _ in FIGURES)]) + " |",
    ]
    first: Found = next(iter(found.values()), {})
    for title, values in found.items():
        cells = [title]
        for name in FIGURES:
            if not values.get(name):
                cells.append("–")
                continue
            cell = f"{median(values[name]):.2f}"
            if values is not first and first.get(name):
                cell += f" ({median(values[name]) / median(first[name]):.2f})"
            cells.append(cell)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _environments(pythons: Sequence[str], remarks: list[str]) -> list[Environment]:
    """Return the environments of the interpreters that can be had; say why the others cannot."""
    here: list[Environment] = []
    for python in pythons:
        say(f"the environment of {python}")
        try:
            here.append(environment(python))
        except RuntimeError as exc:
            remarks.append(f"{python} is left out: {' '.join(str(exc).split())}")
            say(remarks[-1])
    return here


def _options() -> argparse.Namespace:
    def some_of(allowed: Sequence[str]) -> Callable[[str], list[str]]:
        def names(text: str) -> list[str]:
            given = text.split(",")
            if unknown := set(given).difference(allowed):
                raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(allowed)}")
            return given

        return names

    parser = argparse.ArgumentParser(prog="python -m bench.interpreters", description=__doc__)
    parser.add_argument("--python", action="append", required=True, help="an interpreter; more than once")
    parser.add_argument(
        "--loops", type=some_of(LOOPS), default=["uvloop"], help="event loops, comma separated"
    )
    parser.add_argument("--rows", type=some_of(ROWS), default=ROWS, help="rows, comma separated")
    parser.add_argument("--rounds", type=int, help="each measures every interpreter and loop once")
    parser.add_argument("--small", action="store_true", help="check that all of it works")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the table goes")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
