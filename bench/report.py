"""The figures as a page: medians, ratios, goals, and evidence that the generator was no bottleneck."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.contestants import CENTRIFUGO, GATEWAY, LOOP, NODE, OXIDE, STREAMS, Contestant
from bench.load import Load
from bench.standing import NOISE, Standing

BESIDE = {OXIDE.name: "Rust", CENTRIFUGO.name: "Go", NODE.name: "Node", LOOP.name: "C"}
"""The servers with a column of ratios."""


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
    at = {10: ", at 10/s", 400: ", at 400/s"}
    return (
        Row(
            "steady",
            f"CPU per delivery, at 100/s, {crowd}",
            "µs",
            (Goal(0.5, OXIDE), Goal(0.6, NODE), Goal(1.7, LOOP)),
        ),
        Row("p50", "latency, at 100/s, p50", "ms", (Goal(1, OXIDE),)),
        Row("p99", "latency, at 100/s, p99", "ms", (Goal(1, OXIDE), Goal(0.5, NODE))),
        Row("max", "latency, at 100/s, longest", "ms"),
        Row("steady_400", f"CPU per delivery{at[400]}", "µs", (Goal(0.5, OXIDE), Goal(0.5, CENTRIFUGO))),
        Row("p50_400", f"latency{at[400]}, p50", "ms"),
        Row("p99_400", f"latency{at[400]}, p99", "ms", (Goal(0.5, OXIDE), Goal(0.5, CENTRIFUGO))),
        Row("max_400", f"latency{at[400]}, longest", "ms"),
        Row("steady_10", f"CPU per delivery{at[10]}", "µs"),
        Row("p50_10", f"latency{at[10]}, p50", "ms"),
        Row("p99_10", f"latency{at[10]}, p99", "ms"),
        Row("max_10", f"latency{at[10]}, longest", "ms"),
        Row(
            "burst",
            f"CPU per delivery, {load.burst_events} events at once",
            "µs",
            (Goal(0.35, OXIDE), Goal(0.06, NODE)),
        ),
        Row("bytes_1000", "CPU per delivery of 1 kB, at 50/s", "µs"),
        Row("bytes_10000", "CPU per delivery of 10 kB, at 10/s", "µs"),
        Row(
            "rooms",
            f"CPU per delivery, {load.rooms:,} rooms of {load.room_members}, 200 records/s",
            "µs",
        ),
        Row("rooms_p99", "latency there, p99", "ms"),
        Row(
            "rss", f"RSS per idle connection, at {load.idle_sockets:,}", "KiB", (Goal(3.6), Goal(0.45, NODE))
        ),
        Row("connect", "CPU per connect", "µs", (Goal(1, OXIDE), Goal(0.7, NODE))),
        Row("recovered", "CPU per connect that recovers 2 KiB", "µs", (Goal(0.5, STREAMS),)),
        Row("recovered_ratio", "the same by a plain connect", "×", (Goal(1.5),)),
        Row("storm_rate", f"connects a second, {load.storm_connects:,} during deliveries", "/s"),
        Row("calm_p99", "latency before, p99", "ms"),
        Row("storm_p99", "latency meanwhile, p99", "ms"),
        Row("storm_max", "latency meanwhile, longest", "ms"),
        Row("storm_ratio", "p99 meanwhile by p99 before", "×", (Goal(2),)),
        Row("nobody", "CPU per record for nobody here", "µs", (Goal(1, OXIDE), Goal(1.2, NODE))),
        Row("spread", "the same, of 100,000 rooms", "µs"),
        Row("shared", "one core with Redis: CPU of both per delivery, at 100/s", "µs"),
        Row("shared_p50", "latency there, p50", "ms"),
        Row("shared_p99", "latency there, p99", "ms"),
        Row("start", "from its start to its first client", "s"),
        Row("empty", "RSS without clients", "MiB"),
    )


def figures(standing: Standing, contestants: Sequence[Contestant], load: Load) -> str:
    """Return the table of medians with the gateway's ratios."""
    ratios = [f"ours / {other}" for other in BESIDE.values()]
    lines = [
        _line(["", *(contestant.title for contestant in contestants), *ratios]),
        _line(["---", *("---:" for _ in contestants), *("---:" for _ in ratios)]),
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
        cells += [_ratio(standing, row, other) for other in BESIDE]
        lines.append(_line(cells))
    lines += [""] + [f"[{number}] {note}  " for number, note in enumerate(notes, 1)]
    lines += [f"{name}: FAILED: {_brief(why)}  " for name, why in standing.failures.items()]
    lines += [f"{name}: {row} FAILED: {_brief(why)}  " for (name, row), why in standing.failed_rows.items()]
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
        if row.unit != "µs":
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
    footprints: Mapping[str, str],
    remarks: Iterable[str],
) -> str:
    """Return `results.md`."""
    ran = " · ".join(f"{name} {number}" for name, number in versions)
    said = "".join(f"* {remark}\n" for remark in remarks)
    installed = "".join(f"* {title}: {each}\n" for title, each in footprints.items())
    fewer = "; ".join(f"{one.title}: {one.most_rounds}" for one in contestants if one.most_rounds)
    few = f" ({fewer})" if fewer else ""
    return f"""# Results

Made by `{command}`.
Medians of {load.rounds} round(s){few}, row by row over all servers;
of the rows about sizes, rooms, recovery, storms, the shared core and the start, {load.extra_rounds} round(s).
Each server on one core while the others idle, with a Redis of its own; load generator and Redis on another
core. CPU is the server's user + system time from the kernel's books.

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
## What each pulls in

What is installed for a server on this machine, without the source of its programs for the bench. No image is
built here; an image has its system and its language's runtime besides.

{installed}
## What to know

{NOTES}{said}"""


HOW_ONE_KNOWS = """The share of its core that the generator was busy, and in brackets generator and Redis
together; the worst round. Well below 100 % in the steady row it had time to spare, so that latencies are the
server's: the C loop's median is about the time of half its 1,000 writes, as it must be. Where it has more to
do than the server (bursts of a server that joins frames), it lengthens the run and nothing else: only a
server's own CPU is charged to it, and a burst fits the sockets' buffers, so that no write waits for a reader.
"""

NOTES = """* Each client heard each event once and in order, or there is no figure.
* An event is a JSON object of about 150 bytes. Every row is taken after a warm-up, on a server with nothing
  left to do.
* The clients are raw WebSockets that offer no permessage-deflate. Browsers do, and stock python-socketio
  would then compress each frame for each of them: its figures are better here than there.
* A server without a figure at 400/s would need more than its core.
* socketioxide runs on one thread, with 4,096 packets of buffer for each client (128 by default, which a
  burst exceeds). No emitter of another process reaches it: its program subscribes and emits what comes.
* Centrifugo keeps no history here, which is its default; its clients speak its JSON protocol, connect and
  subscribe to one channel in the same step, and each room is a channel. It reads from Redis only the channels
  that somebody here has subscribed to.
* Node with recovery: its Redis Streams adapter and connection state recovery, for two minutes. This gateway
  recovers sessions for two minutes in every row; the others do not.
* The C loop is no server: it frames a message once, calls `write()` once per client and event,
  and checks nothing.
* Rooms: each client is in 100 of them. A storm: 256 clients at a time connect as fast as they are let in,
  while 1,000 others receive 20 events/s; the generator's own work for the storm is in the latencies of all.
* Recovered connects: all clients were dropped and missed 13 events; each comes back with its session and gets
  them.
* Records for nobody: a server is stopped while 1,000 are published, then has to catch up; 20 times. Node's
  adapter has a channel per room, so that it looks at the channel's name only. They are for 1,000 rooms, and
  in the next row for 100,000.
"""


def _brief(why: str) -> str:
    return why.splitlines()[0][:200]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _ratio(standing: Standing, row: Row, other: str) -> str:
    ours, theirs = standing.value(GATEWAY.name, row.name), standing.value(other, row.name)
    return f"{ours / theirs:.2f}" if ours is not None and theirs else "–"
