"""The table of measured faults in docs/guarantees.md. Pure, except for that page.

It never prints a zero: none among N deliveries means fewer than 3/N, at 95 % confidence (the rule of three).
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.faults.books import Account
from tests.faults.fault import Sign
from tests.faults.residue import Footprint
from tests.faults.run import Load, Outcome

PAGE = Path(__file__).parents[2] / "docs" / "guarantees.md"
BEGIN, END = "<!-- made by `make faults` -->", "<!-- end of what `make faults` makes -->"
COUNTS = ("deliveries", "lost", "silently lost", "duplicated", "unexpected", "out of order")
COLUMNS = (
    "fault",
    *COUNTS,
    "longest silence",
    "recovered after",
    "memory left behind",
    "seen on",
)
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def merged(outcomes: Sequence[Outcome]) -> Outcome:
    """Merge repeated runs of one fault: counts are added, and the worst times are kept."""
    return Outcome(
        outcomes[0].name,
        sum(outcome.sent for outcome in outcomes),
        sum((outcome.account for outcome in outcomes), Account()),
        max(outcome.silence_seconds for outcome in outcomes),
        max(outcome.recovery_seconds for outcome in outcomes),
        Footprint(
            max(outcome.growth.resident_kib for outcome in outcomes),
            max(outcome.growth.descriptors for outcome in outcomes),
        ),
        tuple(trouble for outcome in outcomes for trouble in outcome.troubles),
    )


def row(outcome: Outcome, sign: Sign | None) -> str:
    """Return one fault's line; the sign is the metric that moved."""
    cells = [
        outcome.name,
        *counted(outcome.account),
        _seconds(outcome.silence_seconds),
        _seconds(outcome.recovery_seconds),
        f"{outcome.growth.resident_kib / 1024:.1f} MiB",
        f"`{sign}`" if sign else "",
    ]
    return line(cells)


def counted(account: Account) -> list[str]:
    """Return the cells of the columns `COUNTS`."""
    counts = (account.lost, account.silent, account.duplicated, account.unexpected, account.out_of_order)
    return [f"{account.deliveries:,}", *(shown(count, account.deliveries) for count in counts)]


def shown(count: int, deliveries: int) -> str:
    """Return a count; for zero, the upper bound that this number of deliveries supports."""
    if count or not deliveries:
        return f"**{count:,}**" if count else "–"
    exponent = math.floor(math.log10(3 / deliveries))
    # Rounded up: a bound may be too high, but never too low.
    factor = math.ceil(3 / deliveries / 10.0**exponent * 10) / 10
    return f"< {factor:.1f}·10{str(exponent).translate(SUPERSCRIPTS)}"


def table(load: Load, rows: Sequence[str]) -> str:
    """Return the generated part of the page."""
    lines = [
        BEGIN,
        f"{load.clients} stock JavaScript clients over two gateways, 200 messages a second, "
        f"{load.before_seconds:.0f} s before the fault and {load.after_seconds:.0f} s after its end. "
        "`< x` means none was seen, which gives this upper bound at 95 % confidence.",
        "",
        line(COLUMNS),
        line(["---", *["--:"] * (len(COLUMNS) - 2), "---"]),
        *rows,
        END,
    ]
    return "\n".join(lines)


def renewed(page: str, load: Load, names: Sequence[str], rows: Mapping[str, str]) -> str:
    """Return the page with these rows; faults that were not run keep theirs."""
    before, rest = page.split(BEGIN)
    old, after = rest.split(END)
    kept = {match[1]: match[0] for match in re.finditer(r"^\| (.+?) \|.*$", old, re.MULTILINE)}
    present = {**kept, **rows}
    return before + table(load, [present[name] for name in names if name in present]) + after


def line(cells: Sequence[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"


def _seconds(seconds: float) -> str:
    return "never" if math.isinf(seconds) else f"{seconds:.1f} s"
