"""The figures as a page: medians, ratios, goals, and evidence that the generator was no bottleneck."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.contestants import GATEWAY, LOOP, NODE, OXIDE, Contestant
from bench.measures import Load
from bench.standing import NOISE, Standing


@dataclass(frozen=True, slots=True)
class Goal:
    """The gateway's goal: an absolute limit, or a ratio to another server's figure."""

    most: float
    of: Contestant | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table, its unit and its goals."""

    name: str
    title: str
    unit: str
    goals: tuple[Goal, ...] = ()


def rows(load: Load) -> tuple[Row, ...]:
    """Return the table's rows."""
    crowd = f"{load.sockets:,} sockets"
    return (
        Row(
            "steady",
            f"CPU per delivery, steady, {crowd}",
            "µs",
            (Goal(0.5, OXIDE), Goal(0.6, NODE), Goal(1.7, LOOP)),
        ),
        Row(
            "burst",
            f"CPU per delivery, {load.burst_events} events at once, {crowd}",
            "µs",
            (Goal(0.35, OXIDE), Goal(0.06, NODE)),
        ),
        Row("p50", "latency, steady, p50", "ms", (Goal(1, OXIDE),)),
        Row("p99", "latency, steady, p99", "ms", (Goal(1, OXIDE), Goal(0.5, NODE))),
        Row("max", "latency, steady, longest", "ms"),
        Row(
            "rss", f"RSS per idle connection, at {load.idle_sockets:,}", "KiB", (Goal(3.6), Goal(0.45, NODE))
        ),
        Row("connect", "CPU per WebSocket connect", "µs", (Goal(1, OXIDE), Goal(0.7, NODE))),
        Row("nobody", "CPU per record for nobody here", "µs", (Goal(1, OXIDE), Goal(1.2, NODE))),
    )


def figures(standing: Standing, contestants: Sequence[Contestant], load: Load) -> str:
    """Return the table of medians with the gateway's ratios."""
    lines = [
        _line(
            ["", *(contestant.title for contestant in contestants), "ours / Rust", "ours / Node", "ours / C"]
        ),
        _line(["---", *("---:" for _ in contestants), "---:", "---:", "---:"]),
    ]
    notes: list[str] = []
    for row in rows(load):
        cells = [row.title]
        for contestant in contestants:
            value = standing.value(contestant.name, row.name)
            cell = "–" if value is None else f"{value:.2f} {row.unit}"
            if value is not None and (note := standing.notes(contestant.name, row.name)):
                said = f"{contestant.title}: {note}"
                if said not in notes:
                    notes.append(said)
                cell += f" [{notes.index(said) + 1}]"
            cells.append(cell)
        cells += [_ratio(standing, row, other) for other in (OXIDE, NODE, LOOP)]
        lines.append(_line(cells))
    lines += [""] + [f"[{number}] {note}  " for number, note in enumerate(notes, 1)]
    lines += [f"{name}: FAILED: {why}  " for name, why in standing.failures.items()]
    return "\n".join(lines).rstrip() + "\n"


def spread(standing: Standing, contestants: Sequence[Contestant], load: Load) -> str:
    """Return the least and the greatest of the figures that count."""
    lines = [
        _line(["from … to", *(contestant.title for contestant in contestants)]),
        _line(["---", *("---:" for _ in contestants)]),
    ]
    for row in rows(load):
        cells = [row.title]
        for contestant in contestants:
            values = [figure.value for figure in standing.counting(contestant.name, row.name)]
            cells.append(f"{min(values):.2f} … {max(values):.2f} ({len(values)})" if values else "–")
        lines.append(_line(cells))
    return "\n".join(lines) + "\n"


def goals(standing: Standing, load: Load) -> str:
    """Return which goals are met."""
    lines = [_line(["goal", "at most", "is", ""]), _line(["---", "---:", "---:", "---"])]
    for row in rows(load):
        for goal in row.goals:
            ours = standing.value(GATEWAY.name, row.name)
            base = 1.0 if goal.of is None else standing.value(goal.of.name, row.name)
            most = f"{goal.most:g} {row.unit}" if goal.of is None else f"{goal.most:g} × {goal.of.title}"
            if ours is None or not base:
                lines.append(_line([row.title, most, "–", "not measured"]))
            else:
                is_ = f"{ours / base:.2f}" + (f" {row.unit}" if goal.of is None else " ×")
                lines.append(
                    _line([row.title, most, is_, "met" if ours / base <= goal.most else "**not met**"])
                )
    return "\n".join(lines) + "\n"


def generator(standing: Standing, contestants: Sequence[Contestant], load: Load) -> str:
    """Return how busy the generator was and, in brackets, its core with Redis. The worst round counts."""
    lines = [
        _line(["the load generator's core", *(contestant.title for contestant in contestants)]),
        _line(["---", *("---:" for _ in contestants)]),
    ]
    for row in rows(load):
        if row.name in ("p50", "p99", "max"):
            continue
        cells = [row.title]
        for contestant in contestants:
            spent = [figure.spent for figure in standing.counting(contestant.name, row.name)]
            worst = max(spent, key=lambda one: one.generator_busy, default=None)
            cells.append(f"{worst.generator_busy:.0%} ({worst.core_busy:.0%})" if worst else "–")
        lines.append(_line(cells))
    return "\n".join(lines) + "\n"


def page(
    standing: Standing,
    contestants: Sequence[Contestant],
    load: Load,
    command: str,
    processor: str,
    versions: Iterable[tuple[str, str]],
    remarks: Iterable[str],
) -> str:
    """Return `results.md`."""
    ran = " · ".join(f"{name} {number}" for name, number in versions)
    said = "".join(f"* {remark}\n" for remark in remarks)
    return f"""# Results

Made by `{command}`.
Medians of {load.rounds} round(s), row by row over all servers. Each server on one core while the others idle,
with a Redis of its own; load generator and Redis on another core. CPU is the server's user + system time from
the kernel's books.

{standing.left_out()} figures do not count, because what is no part of the bench, or the machine's host,
used more than {NOISE:.0%} of a core while they were taken.

{processor} · {ran}

{figures(standing, contestants, load)}
## Goals

{goals(standing, load)}
## Between the rounds

The number of figures that count is in brackets.

{spread(standing, contestants, load)}
## Was the load generator in the way?

{generator(standing, contestants, load)}
{HOW_ONE_KNOWS}
## What to know

{NOTES}{said}"""


HOW_ONE_KNOWS = """The share of its core that the generator was busy, and in brackets generator and Redis
together; the worst round. Well below 100 % in the steady row it had time to spare, so that latencies are the
server's: the C loop's median is about the time of half its 1,000 writes, as it must be. Where it has more to
do than the server (bursts of a server that joins frames), it lengthens the run and nothing else: only a
server's own CPU is charged to it, and a burst fits the sockets' buffers, so that no write waits for a reader.
"""

NOTES = """* Each socket heard each event once and in order, or there is no figure.
* An event is a JSON object of about 150 bytes. Every row is taken after a warm-up, on a server with nothing
  left to do.
* The clients are raw WebSockets that offer no permessage-deflate. Browsers do, and stock python-socketio
  would then compress each frame for each of them: its figures are better here than there.
* socketioxide runs on one thread, with 4,096 packets of buffer for each client (128 by default, which a
  burst exceeds). No emitter of another process reaches it: its program subscribes and emits what comes.
* The C loop is no server: it frames a message once, calls `write()` once per client and event,
  and checks nothing.
* Records for nobody: a server is stopped while 1,000 are published, then has to catch up; 20 times. Node's
  adapter has a channel per room, so that it looks at the channel's name only.
"""


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _ratio(standing: Standing, row: Row, other: Contestant) -> str:
    ours, theirs = standing.value(GATEWAY.name, row.name), standing.value(other.name, row.name)
    return f"{ours / theirs:.2f}" if ours is not None and theirs else "–"
