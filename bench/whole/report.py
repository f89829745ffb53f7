"""The figures of the whole way as a page: medians, ratios and goals. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.whole.measures import RATES, Figure, Load
from bench.whole.systems import OURS, System

Figures = Mapping[tuple[str, str], Sequence[Figure]]
"""By system and row."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: its measure, the figure's property, and the goal beside each other system."""

    measure: str
    title: str
    value: Callable[[Figure], float]
    form: str
    goal: float | None = None
    more_is_better: bool = False


def rows(load: Load) -> tuple[Row, ...]:
    """Return the table's rows."""
    low, high = (str(rate) for rate in RATES)
    few = load.pages // load.rooms
    at = {
        low: f"{RATES[0]} messages/s to {load.pages:,} pages",
        high: f"{RATES[1]:,} messages/s to {few} each",
    }
    full = f"{load.backlog:,} messages at once to {few} each"
    steady = [
        row
        for rate in (low, high)
        for row in (
            Row(rate, f"{at[rate]}: CPU per delivered event", lambda one: one.cpu_us, "{:.1f} µs", 0.5),
            Row(rate, "from SentTimestamp to the page, p50", lambda one: one.p50_ms, "{:.1f} ms"),
            Row(rate, "p99", lambda one: one.p99_ms, "{:.1f} ms", 0.5),
            Row(rate, "longest", lambda one: one.max_ms, "{:.1f} ms"),
            Row(rate, "pages and stub, of a core", lambda one: one.outside_busy, "{:.0%}"),
            Row(rate, "what is no part of the bench, of a core", lambda one: one.others_busy, "{:.0%}"),
        )
    ]
    return (
        *steady,
        Row("backlog", f"{full}: CPU per delivered event", lambda one: one.cpu_us, "{:.1f} µs", 0.5),
        Row("backlog", "messages a second", lambda one: one.per_second, "{:,.0f}", 2.0, more_is_better=True),
        Row("backlog", "pages and stub, of a core", lambda one: one.outside_busy, "{:.0%}"),
        Row("backlog", "what is no part of the bench, of a core", lambda one: one.others_busy, "{:.0%}"),
    )


def page(
    figures: Figures,
    systems: Sequence[System],
    load: Load,
    command: str,
    processor: str,
    versions: Iterable[tuple[str, str]],
    remarks: Iterable[str],
) -> str:
    """Return `results-whole.md`."""
    ran = " · ".join(f"{name} {number}" for name, number in versions)
    said = "".join(f"* {remark}\n" for remark in remarks)
    return f"""# Results: the whole way

Made by `{command}`.
From a message on a queue to the pages: a stub of SQS, what takes messages from it, a Redis, two gateways and
{load.pages:,} pages, each system in turn, on all cores of this machine, which the pages and the stub use too.
Medians of {load.rounds} round(s) of {load.seconds:g} s, of the backlog {load.backlog_rounds}.
CPU is the user + system time of gateways, consumer and Redis together, from the kernel's books.

{processor} · {ran}

{_table(figures, systems, load)}
## Goals

{_goals(figures, systems, load)}
## Whose CPU it is

Microseconds per delivered event.

{_shares(figures, systems)}
## What to know

* Every page got each of its events exactly once, and every message was deleted, or there is no figure. With
  two rates and a backlog that is {_checked(load):,} deliveries a system and round.
* A message is a JSON object of about 150 bytes; the room is in an attribute. At the lower rate all pages are
  in one room, else they are in {load.rooms} rooms, each with pages on both gateways.
* The stub sends messages in time, whoever reads them. Each call takes at least 10 ms, as to SQS. A receive
  brings what has come by then, ten at most; one that waits is answered 5 ms after the first message has come.
* The time of a message is its SentTimestamp; {load.pages // 20:,} pages or more record latencies.
* Queuecast: its poller, and its gateways with recovery for two minutes, as they ship. A message that is
  received twice is published once.
* Node: sqs-consumer, four loops of it in one process; two Socket.IO servers with the Redis Streams adapter
  and connection state recovery for two minutes. There is no emitter for this adapter, so the consumer adds to
  the stream what the adapter would, and deletes what Redis has confirmed. A message that is received twice is
  published twice.
* Centrifugo: its own SQS consumer, four of it in each of both nodes, ten messages of a batch at a time;
  channels with history and recovery for two minutes, and an idempotency key for each message.
{said}"""


def _checked(load: Load) -> int:
    few = load.pages // load.rooms
    at_rates = round(RATES[0] * load.seconds) * load.pages + round(RATES[1] * load.seconds) * few
    return at_rates + load.backlog * few


def _value(figures: Figures, system: System, row: Row) -> float | None:
    found = figures.get((system.name, row.measure))
    return median(row.value(figure) for figure in found) if found else None


def _table(figures: Figures, systems: Sequence[System], load: Load) -> str:
    others = [one for one in systems if one is not OURS]
    lines = [
        _line(["", *(one.title for one in systems), *(f"ours / {one.title}" for one in others)]),
        _line(["---", *("---:" for _ in systems), *("---:" for _ in others)]),
    ]
    notes: list[str] = []
    for row in rows(load):
        cells = [row.title]
        for one in systems:
            value = _value(figures, one, row)
            cell = "–" if value is None else row.form.format(value)
            behind = max(
                (each.behind_seconds for each in figures.get((one.name, row.measure), ())), default=0
            )
            if value is not None and behind > 1:
                note = f"{one.title} fell {behind:.1f} s behind at {int(row.measure):,} messages/s"
                if note not in notes:
                    notes.append(note)
                cell += f" [{notes.index(note) + 1}]"
            cells.append(cell)
        ours = _value(figures, OURS, row)
        for one in others:
            theirs = _value(figures, one, row)
            compared = row.goal is not None or "p50" in row.title
            cells.append(f"{ours / theirs:.2f}" if compared and ours is not None and theirs else "–")
        lines.append(_line(cells))
    lines += ["", *(f"[{number}] {note}  " for number, note in enumerate(notes, 1))]
    return "\n".join(lines).rstrip() + "\n"


def _goals(figures: Figures, systems: Sequence[System], load: Load) -> str:
    lines = [_line(["goal", "", "is", ""]), _line(["---", "---:", "---:", "---"])]
    title = ""
    for row in rows(load):
        title = row.title if ":" in row.title else f"{title.partition(':')[0]}: {row.title}"
        for one in systems:
            if row.goal is None or one is OURS:
                continue
            bound = f"at {'least' if row.more_is_better else 'most'} {row.goal:g} × {one.title}"
            ours, theirs = _value(figures, OURS, row), _value(figures, one, row)
            if ours is None or not theirs:
                lines.append(_line([title, bound, "–", "not measured"]))
                continue
            # Compare the printed value: no goal is met or missed by a digit that nobody sees.
            reached = round(ours / theirs, 2)
            met = reached >= row.goal if row.more_is_better else reached <= row.goal
            lines.append(_line([title, bound, f"{reached:.2f}", "met" if met else "**not met**"]))
    return "\n".join(lines) + "\n"


def _shares(figures: Figures, systems: Sequence[System]) -> str:
    names = [str(rate) for rate in RATES] + ["backlog"]
    lines = [
        _line(["", *(f"at {name}/s" if name.isdigit() else name for name in names)]),
        _line(["---", *("---:" for _ in names)]),
    ]
    for one in systems:
        found = [figures.get((one.name, name), ()) for name in names]
        for process in next((each[0].cpu_ns for each in found if each), {}):
            values = [
                median(figure.cpu_ns[process] / 1e3 / figure.deliveries for figure in each) if each else None
                for each in found
            ]
            cells = ["–" if value is None else f"{value:.2f}" for value in values]
            lines.append(_line([f"{one.title}: {process}", *cells]))
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
