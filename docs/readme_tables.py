"""Copies measured tables into README.md, between its marks: part of `make docs`."""

import re
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
END = "<!-- end of what `make docs` makes -->"

FAULTS = (
    "Redis restarts with its data",
    "Redis is cut off silently for 30 s",
    "Redis loses its data",
    "a gateway gets SIGTERM",
    "a gateway is killed",
    "a poller is killed between publish and delete",
    "SQS throttles",
    "SQS delivers twice",
)
FAULT_COLUMNS = (
    "fault",
    "deliveries",
    "lost",
    "silently lost",
    "duplicated",
    "out of order",
    "longest silence",
)

FIGURES = (
    "CPU per delivery, at 100/s, 1,000 sockets",
    "latency, at 100/s, p50",
    "latency, at 100/s, p99",
    "CPU per delivery, 200 events at once",
    "CPU per delivery, 10,000 rooms of 10, 200 records/s",
    "RSS per idle connection, at 9,000",
    "CPU per connect",
    "CPU per connect that recovers 2 KiB",
    "CPU per record for nobody here",
)
FIGURE_COLUMNS = (
    "",
    "this gateway",
    "socketioxide",
    "Centrifugo",
    "Socket.IO on Bun",
    "Node Socket.IO",
    "Node with recovery",
)


def page(text: str) -> str:
    """Return README.md with the present tables. Raises `ValueError` if a mark, table or row is missing."""
    text = _replaced(text, "docs/guarantees.md", faults((ROOT / "docs" / "guarantees.md").read_text("utf-8")))
    return _replaced(text, "bench/results.md", figures((ROOT / "bench" / "results.md").read_text("utf-8")))


def faults(source: str) -> str:
    """Return some rows and columns of what `make faults` has measured."""
    marked = source.partition("<!-- made by `make faults` -->")[2]
    return _chosen(marked, "docs/guarantees.md", FAULTS, FAULT_COLUMNS)


def figures(source: str) -> str:
    """Return some rows and columns of the first table that `make bench` has made, without its notes."""
    table = _chosen(source, "bench/results.md", FIGURES, FIGURE_COLUMNS)
    return re.sub(r" \[\d+\]", "", table)


def _chosen(source: str, name: str, rows: Sequence[str], columns: Sequence[str]) -> str:
    header, found = _table(source)
    places = [header.index(column) for column in columns]
    by_name = {row[0]: row for row in found}
    if absent := [row for row in rows if row not in by_name]:
        raise ValueError(f"{name} has no measured row {absent[0]!r}")
    return _written(columns, [[by_name[row][place] for place in places] for row in rows])


def _table(text: str) -> tuple[list[str], list[list[str]]]:
    found = re.search(r"^\|.*\|\n\|[ :|-]+\|\n(?:\|.*\|\n?)+", text, re.MULTILINE)
    if found is None:
        raise ValueError("there is no table")
    header, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in found[0].splitlines()]
    return header, rows


def _written(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["--:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))


def _replaced(text: str, source: str, table: str) -> str:
    mark = f"<!-- made by `make docs` from {source} -->"
    before, found, rest = text.partition(mark)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"README.md has no mark {mark!r} with an end")
    return f"{before}{mark}\n{table}\n{END}{after}"


if __name__ == "__main__":
    README.write_text(page(README.read_text("utf-8")), "utf-8")
