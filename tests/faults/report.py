"""The table of what the runs have shown, in docs/guarantees.md. Pure but for that page.

A zero is never printed as such: none among N deliveries means fewer than 3/N at 95 % (the rule of three).
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.faults.books import Account
from tests.faults.faults import Sign
from tests.faults.residue import Burden
from tests.faults.run import Load, Outcome

PAGE = Path(__file__).parents[2] / "docs" / "guarantees.md"
BEGIN, END = "<!-- made by `make faults` -->", "<!-- end of what `make faults` makes -->"
COLUMNS = (
    "fault",
    "deliveries",
    "lost",
    "silently",
    "duplicated",
    "unexpected",
    "out of order",
    "longest silence",
    "recovered after",
    "memory left behind",
    "seen on",
)
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def merged(outcomes: Sequence[Outcome]) -> Outcome:
    """Return repeated runs of one fault as one: counts are added, of times the worst counts."""
    return Outcome(
        outcomes[0].name,
        sum(outcome.sent for outcome in outcomes),
        sum((outcome.account for outcome in outcomes), Account()),
        max(outcome.silence_seconds for outcome in outcomes),
        max(outcome.recovery_seconds for outcome in outcomes),
        Burden(
            max(outcome.growth.resident_kib for outcome in outcomes),
            max(outcome.growth.descriptors for outcome in outcomes),
        ),
        tuple(trouble for outcome in outcomes for trouble in outcome.troubles),
    )


def row(outcome: Outcome, sign: Sign | None) -> str:
    """Return the line of one fault; the sign is the metric that has moved."""
    account = outcome.account
    counts = (account.lost, account.silent, account.duplicated, account.unexpected, account.out_of_order)
    cells = [
        outcome.name,
        f"{account.deliveries:,}",
        *(shown(count, account.deliveries) for count in counts),
        _seconds(outcome.silence_seconds),
        _seconds(outcome.recovery_seconds),
        f"{outcome.growth.resident_kib / 1024:.1f} MiB",
        f"`{sign}`" if sign else "",
    ]
    return line(cells)


def shown(count: int, deliveries: int) -> str:
    """Return a count; where it is zero, the bound that so many deliveries support."""
    if count or not deliveries:
        return f"**{count:,}**" if count else "–"
    exponent = math.floor(math.log10(3 / deliveries))
    # Rounded up: a bound may be too careful, but not too bold.
    factor = math.ceil(3 / deliveries / 10.0**exponent * 10) / 10
    return f"< {factor:.1f}·10{str(exponent).translate(SUPERSCRIPTS)}"


def table(load: Load, rows: Sequence[str]) -> str:
    """Return the part of the page that is made."""
    lines = [
        BEGIN,
        f"{load.clients} stock JavaScript clients over two gateways, 200 messages a second, "
        f"{load.before_seconds:.0f} s before the fault and {load.after_seconds:.0f} s after its end. "
        "`< x` is the bound at 95 % that a run with none supports.",
        "",
        line(COLUMNS),
        line(["---", *["--:"] * (len(COLUMNS) - 2), "---"]),
        *rows,
        END,
    ]
    return "\n".join(lines)


def renewed(page: str, load: Load, names: Sequence[str], rows: Mapping[str, str]) -> str:
    """Return the page with these rows; a fault that was not run keeps the row that it has."""
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
