"""The figures as a page: medians, ratios and goals. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.intake.contestants import NODE, POLLER, Consumer
from bench.intake.measures import Figure, Load


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: a figure's property, its format, and the goal."""

    name: str
    title: str
    form: str
    of_node: float | None = None
    itself: float | None = None
    more_is_better: bool = False


ROWS = (
    Row("cpu_us", "CPU per message", "{:.1f} µs", of_node=0.5),
    Row("per_core", "messages a second of one core", "{:,.0f}", of_node=2.0, more_is_better=True),
    Row("calls_each", "calls of SQS per message, on a full queue", "{:.3f}", itself=0.2),
    Row("per_second", "messages a second, as it was here", "{:,.0f}"),
    Row("other_core_busy", "the other core: stub and Redis", "{:.0%}"),
    Row("others_busy", "what is no part of the bench, of a core", "{:.0%}"),
)

Figures = Mapping[str, Sequence[Figure]]


def page(
    figures: Figures,
    consumers: Sequence[Consumer],
    load: Load,
    command: str,
    processor: str,
    versions: Iterable[tuple[str, str]],
    remarks: Iterable[str],
) -> str:
    """Return `results-intake.md`."""
    ran = " · ".join(f"{name} {number}" for name, number in versions)
    said = "".join(f"* {remark}\n" for remark in remarks)
    return f"""# Results: the intake

Made by `{command}`.
Medians of {load.rounds} round(s) of {load.seconds:g} s each, after {load.warm_messages:,} warm-up messages.
Each consumer in turn on one core, alone there but for what is no part of the bench. A stub of SQS, which
always has ten messages, and a Redis of its own are on the other. CPU is the consumer's user + system time
from the kernel's books.

{processor} · {ran}

{_table(figures, consumers)}
## Goals

{_goals(figures)}
## Between the rounds

{_spread(figures, consumers)}
## What to know

* A message is a JSON object of about 150 bytes with the attribute `rooms`.
* This poller checks both MD5 sums, looks for an envelope, asks a route for the event, judges the message,
  stores it on a stream, once, in one atomic step per batch, and deletes it after Redis has confirmed; with
  all its other settings as they ship.
* sqs-consumer receives, hands each message to `@socket.io/redis-emitter`, which publishes it and waits for
  nothing, and deletes the batch. The SDK beneath it checks the MD5 of the body.
* Stock aiobotocore is one loop that awaits an emit of python-socketio for each message and deletes the batch.
* A message that nobody hears when it is published is lost with both of them; with this poller it is on the
  stream.
{said}"""


def _value(figures: Figures, consumer: Consumer, row: Row) -> float | None:
    found = figures.get(consumer.name)
    return median(getattr(figure, row.name) for figure in found) if found else None


def _table(figures: Figures, consumers: Sequence[Consumer]) -> str:
    lines = [
        _line(["", *(one.title for one in consumers), f"ours / {NODE.title}"]),
        _line(["---", *("---:" for _ in consumers), "---:"]),
    ]
    for row in ROWS:
        values = [_value(figures, one, row) for one in consumers]
        cells = ["–" if value is None else row.form.format(value) for value in values]
        ours, theirs = _value(figures, POLLER, row), _value(figures, NODE, row)
        compared = row.of_node is not None and ours is not None and theirs
        lines.append(
            _line([row.title, *cells, f"{ours / theirs:.2f}" if compared and ours and theirs else "–"])
        )
    return "\n".join(lines) + "\n"


def _goals(figures: Figures) -> str:
    lines = [_line(["goal", "", "is", ""]), _line(["---", "---:", "---:", "---"])]
    for row in ROWS:
        ours, theirs = _value(figures, POLLER, row), _value(figures, NODE, row)
        for goal, base, unit in ((row.of_node, theirs, f" × {NODE.title}"), (row.itself, 1.0, "")):
            if goal is None:
                continue
            bound = f"at {'least' if row.more_is_better else 'most'} {goal:g}{unit}"
            if ours is None or not base:
                lines.append(_line([row.title, bound, "–", "not measured"]))
                continue
            # Compare the printed value: no goal is met or missed by a digit that nobody sees.
            reached = round(ours / base, 3)
            met = reached >= goal if row.more_is_better else reached <= goal
            lines.append(_line([row.title, bound, f"{reached:.2f}", "met" if met else "**not met**"]))
    return "\n".join(lines) + "\n"


def _spread(figures: Figures, consumers: Sequence[Consumer]) -> str:
    lines = [
        _line(["from … to", *(one.title for one in consumers)]),
        _line(["---", *("---:" for _ in consumers)]),
    ]
    for row in ROWS:
        cells = [row.title]
        for one in consumers:
            values = [getattr(figure, row.name) for figure in figures.get(one.name, ())]
            written = [row.form.format(value) for value in (min(values), max(values))] if values else []
            cells.append(" … ".join(written) or "–")
        lines.append(_line(cells))
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
