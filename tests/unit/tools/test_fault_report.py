"""The table of the fault tests: what is printed for none, and which rows a partial run leaves alone."""

import pytest
from tests.faults.books import Account
from tests.faults.fault import Sign
from tests.faults.report import BEGIN, END, merged, renewed, row, shown
from tests.faults.residue import Footprint
from tests.faults.run import Load, Outcome


def outcome(name: str, deliveries: int = 60_000, **counts: int) -> Outcome:
    return Outcome(name, 1000, Account(deliveries, **counts), 0.5, 0.1, Footprint(1024, 0), ())


@pytest.mark.parametrize(
    ("count", "deliveries", "says"),
    [
        (0, 60_000, "< 5.0·10⁻⁵"),
        (0, 259_050, "< 1.2·10⁻⁵"),
        (0, 30, "< 1.0·10⁻¹"),
        (0, 0, "–"),
        (1200, 60_000, "**1,200**"),
    ],
)
def test_none_is_printed_as_the_bound_that_the_run_supports(count: int, deliveries: int, says: str) -> None:
    """A plain zero of a short run would promise what nobody has seen."""
    assert shown(count, deliveries) == says


def test_a_partial_run_renews_its_own_rows() -> None:
    """One fault can be looked at without half an hour of the others; the row of one that is gone goes too."""
    page = f"before\n{BEGIN}\n{END}\nafter\n"
    names = ["one", "two", "three"]
    all_of_them = {name: row(outcome(name), Sign("moved")) for name in [*names, "gone"]}
    page = renewed(page, Load(), [*names, "gone"], all_of_them)
    page = renewed(page, Load(), names, {"two": row(outcome("two", lost=7), None)})
    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")
    assert [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| ")][2:] == [
        "| one",
        "| two",
        "| three",
    ]
    assert page.count("**7**") == 2, "lost, and silently lost"
    assert "gone" not in page


def test_of_repeated_runs_counts_are_added_and_the_worst_time_counts() -> None:
    """Three runs of 60,000 without a loss are one of 180,000."""
    other = Outcome("one", 1, Account(5, lost=2), 9, 8, Footprint(1, 2), ("bad",))
    both = merged([outcome("one", lost=1), other])
    assert both == Outcome("one", 1001, Account(60_005, lost=3), 9, 8, Footprint(1024, 2), ("bad",))
