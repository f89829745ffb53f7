"""The dashboards have the properties and values that Grafana's own types have, and no others."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest

from .dashboards import Json, dashboard, everything, panels
from .schema import GRAFANAS, PLUGINS, faults, missing

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


LATER = {"oldest": ("'\"mode\"' does not exist in type '{ show?: boolean | undefined; yHistogram?: boolean",)}
"""What came later, and older Grafanas do without: the mode of a heatmap's tooltip."""


@pytest.mark.parametrize("grafana", GRAFANAS)
def test_the_dashboards_are_of_grafanas_types(tmp_path: Path, grafana: str) -> None:
    """Grafana ignores what it does not know: a misspelt option would be without effect, and nobody told."""
    assert {panel["type"] for content in everything().values() for panel in panels(content)} == set(PLUGINS)
    found = faults(everything(), grafana, tmp_path)
    assert [line for line in found if not any(text in line for text in LATER.get(grafana, ()))] == []


def first(content: Json, plugin: str) -> Json:
    """Return the first panel of this kind."""
    return next(panel for panel in content["panels"] if panel["type"] == plugin)


def misspelt_property(content: Json) -> None:
    content["refreshes"] = content.pop("refresh")


def unknown_tooltip(content: Json) -> None:
    content["graphTooltip"] = 7


def misspelt_option(content: Json) -> None:
    first(content, "timeseries")["options"]["legend"]["calculations"] = ["max"]


def unknown_value(content: Json) -> None:
    first(content, "stat")["options"]["colorMode"] = "colourful"


def another_panels_option(content: Json) -> None:
    first(content, "heatmap")["options"]["graphMode"] = "none"


def misspelt_custom(content: Json) -> None:
    first(content, "timeseries")["fieldConfig"]["defaults"]["custom"]["linewidth"] = 1


def text_for_a_number(content: Json) -> None:
    first(content, "timeseries")["fieldConfig"]["defaults"]["decimals"] = "2"


def misspelt_query(content: Json) -> None:
    first(content, "stat")["targets"][0]["legend"] = "x"


def misspelt_variable(content: Json) -> None:
    content["templating"]["list"][1]["includesAll"] = True


def misspelt_annotation(content: Json) -> None:
    content["annotations"]["list"][0]["colour"] = "red"


def misspelt_row(content: Json) -> None:
    first(content, "row")["colapsed"] = True


FAULTS: tuple[Callable[[Json], None], ...] = (
    misspelt_property,
    unknown_tooltip,
    misspelt_option,
    unknown_value,
    another_panels_option,
    misspelt_custom,
    text_for_a_number,
    misspelt_query,
    misspelt_variable,
    misspelt_annotation,
    misspelt_row,
)


@pytest.mark.parametrize("grafana", GRAFANAS)
def test_each_fault_is_found(tmp_path: Path, grafana: str) -> None:
    """One run for all: the compiler names the file of each."""
    wrong = {}
    for fault in FAULTS:
        content = copy.deepcopy(dashboard("overview"))
        fault(content)
        wrong[fault.__name__] = content
    found = faults(wrong, grafana, tmp_path)
    assert {line.split(".ts(")[0] for line in found} == set(wrong)
