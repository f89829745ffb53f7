"""The table of the interpreters: a ratio to the wrong one would choose the wrong one."""

from bench.interpreters import FIGURES, table


def cells(line: str) -> dict[str, str]:
    first, *others = [cell.strip() for cell in line.strip("|").split("|")]
    return {"": first, **dict(zip(FIGURES, others, strict=True))}


def test_each_figure_is_a_median_with_its_ratio_to_the_first() -> None:
    """The first has no ratios."""
    one, other = table(
        {
            "one": {"burst": [9.0, 2.0, 1.0], "intake": [50.0]},
            "other": {"burst": [3.0], "intake": [40.0, 35.0]},
        }
    ).splitlines()[2:]
    assert cells(one) | {"": "one", "burst": "2.00", "intake": "50.00"} == cells(one)
    assert cells(other) | {"": "other", "burst": "3.00 (1.50)", "intake": "37.50 (0.75)"} == cells(other)


def test_what_was_not_measured_has_no_figure() -> None:
    """Without one of the first there is no ratio; a failure of the first leaves the others' figures."""
    one, other = table({"one": {"burst": []}, "other": {"burst": [3.0]}}).splitlines()[2:]
    assert cells(one)["burst"] == "–"
    assert cells(other)["burst"] == "3.00"
    assert cells(other)["connect"] == "–"
