"""The generated part of docs/cluster.md: versions, and what was counted. Pure, except for that page."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster.admission import Admitted
from tests.cluster.course import Load, Outcome
from tests.cluster.rows import ROWS
from tests.cluster.versions import Fact
from tests.faults.report import COUNTS, counted, line

PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"
BEGIN, END = "<!-- made by `make cluster` -->", "<!-- end of what `make cluster` makes -->"
HEADS = ("part", "version")
COLUMNS = (
    "what is done",
    *COUNTS,
    "longest silence",
    "it took",
    "load average",
)


def write(load: Load, facts: Sequence[Fact], admitted: Admitted | None, outcomes: Sequence[Outcome]) -> None:
    """Write the page anew; what was not run is kept."""
    rows = {each.row.name: row(each) for each in outcomes}
    said = None if admitted is None else sentence(admitted)
    text = renewed(PAGE.read_text("utf-8"), load, facts, said, rows)
    PAGE.write_text(text, "utf-8")


def row(outcome: Outcome) -> str:
    """Return one row's line."""
    return line(
        [
            f"**{outcome.row.name}**: {outcome.row.does}",
            *counted(outcome.account),
            f"{outcome.silence_seconds:.1f} s",
            f"{outcome.lasted_seconds:.0f} s",
            f"{outcome.load_average:.1f}",
        ]
    )


def sentence(admitted: Admitted) -> str:
    """Return what the API server said about all renderings, as a line."""
    what = f"{admitted.renderings} renderings with {admitted.objects} objects"
    said = f"**Applied**: {what}, server-side, strictly, where `restricted` is enforced"
    if not admitted.troubles:
        return f"{said}: no error, no warning, and no difference when applied again."
    return f"{said}: {'; '.join(admitted.troubles)}"


def renewed(
    page: str, load: Load, facts: Sequence[Fact], admitted: str | None, rows: Mapping[str, str]
) -> str:
    """Return the page with these versions and rows; None and missing rows keep what is there."""
    before, rest = page.split(BEGIN)
    old, after = rest.split(END)
    kept = {match[1]: match[0] for match in re.finditer(r"^\| \*\*(.+?)\*\*: .*$", old, re.MULTILINE)}
    present = {**kept, **rows}
    versions = dict(re.findall(r"^\| (?!---|part \|)([^*|]+?) \| ([^|]*?) \|$", old, re.MULTILINE))
    versions |= {each.part: each.version for each in facts}
    before_now = re.search(r"^\*\*Applied\*\*: .*$", old, re.MULTILINE)
    applied = admitted or (before_now[0] if before_now else "")
    lines = [
        BEGIN,
        line(HEADS),
        line(["---", "---"]),
        *(line(each) for each in versions.items()),
        "",
        *([applied, ""] if applied else []),
        f"{load.clients} stock JavaScript clients outside of the nodes, {load.rate} messages a second, "
        f"{load.before_seconds:.0f} s before and {load.after_seconds:.0f} s after what is done. "
        "`< x` means none was seen, which gives this upper bound at 95 % confidence.",
        "",
        line(COLUMNS),
        line(["---", *["--:"] * (len(COLUMNS) - 1)]),
        *(present[each.name] for each in ROWS if each.name in present),
        END,
    ]
    return before + "\n".join(lines) + after
