"""Copies measured tables into README.md, between its marks: part of `make docs`."""

import re
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


def page(text: str) -> str:
    """Return README.md with the present tables. Raises `ValueError` if a mark, table or row is missing."""
    text = _replaced(text, "docs/guarantees.md", faults((ROOT / "docs" / "guarantees.md").read_text("utf-8")))
    return _replaced(text, "bench/results.md", figures((ROOT / "bench" / "results.md").read_text("utf-8")))


def faults(source: str) -> str:
    """Return some rows and columns of what `make faults` has measured."""
    header, rows = _table(source.partition("<!-- made by `make faults` -->")[2])
    places = [header.index(name) for name in FAULT_COLUMNS]
    by_name = {row[0]: row for row in rows}
    if absent := [name for name in FAULTS if name not in by_name]:
        raise ValueError(f"docs/guarantees.md has no measured row {absent[0]!r}")
    chosen = [[by_name[name][place] for place in places] for name in FAULTS]
    return _written(list(FAULT_COLUMNS), chosen)


def figures(source: str) -> str:
    """Return the first table that `make bench` has made, without its ratios, and the notes to its figures."""
    header, rows = _table(source)
    places = [place for place, name in enumerate(header) if not name.startswith("ours /")]
    notes = re.findall(r"^\[\d+\] .*$", source.partition("\n## ")[0], re.MULTILINE)
    table = _written([header[place] for place in places], [[row[place] for place in places] for row in rows])
    return "\n".join([table, *(["", *notes] if notes else [])])


def _table(text: str) -> tuple[list[str], list[list[str]]]:
    found = re.search(r"^\|.*\|\n\|[ :|-]+\|\n(?:\|.*\|\n?)+", text, re.MULTILINE)
    if found is None:
        raise ValueError("there is no table")
    header, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in found[0].splitlines()]
    return header, rows


def _written(header: list[str], rows: list[list[str]]) -> str:
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
