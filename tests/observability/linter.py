"""The rules of Grafana's dashboard-linter that concern Prometheus, under its names.

https://github.com/grafana/dashboard-linter/blob/main/docs/index.md. The tool itself is a Go program that no
package registry has; the exceptions in `deploy/observability/dashboards/.lint` are in its format.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import promql_parser as promql

from .dashboards import (
    RATE_INTERVAL,
    Json,
    Query,
    label_values,
    panels,
    parsed,
    queries,
    selectors,
    variables,
)

UNITS = frozenset({"none", "short", "percentunit", "s", "bytes", "cps", "reqps"})
"""The Grafana units that we use; any other would have another scale than the panels beside it."""


@dataclass(frozen=True)
class Fault:
    """A rule's objection to a dashboard, or to one of its panels or targets."""

    dashboard: str
    says: str
    panel: str | None = None
    target: int | None = None


Faults = Iterator[Fault]


def template_datasource(content: Json) -> Faults:
    """The data source is a variable with the same name and label on all dashboards."""
    found = [variable for variable in content["templating"]["list"] if variable["type"] == "datasource"]
    if [(each["name"], each["label"], each["query"]) for each in found] != [
        ("datasource", "Data source", "prometheus")
    ]:
        yield Fault(content["title"], "no variable for the data source")


def template_job(content: Json) -> Faults:
    """You can choose one job, several, or all."""
    yield from _template(content, "job")


def template_instance(content: Json) -> Faults:
    """You can choose one instance, several, or all."""
    yield from _template(content, "instance")


def template_label_promql(content: Json) -> Faults:
    """Each variable's query is valid."""
    for variable in _asking(content):
        try:
            parsed(label_values(variable)[0])
        except (AssertionError, ValueError) as exc:
            yield Fault(content["title"], f"{variable['name']}: {exc}")


def template_on_time_change_reload(content: Json) -> Faults:
    """A variable offers the values of the displayed time range."""
    for variable in _asking(content):
        if variable["refresh"] != 2:
            yield Fault(content["title"], f"{variable['name']} is not asked anew")


def uneditable(content: Json) -> Faults:
    """Dashboards are changed in their source or in a copy."""
    if content["editable"] is not False:
        yield Fault(content["title"], "it can be edited")


def panel_datasource(content: Json) -> Faults:
    """Every panel queries the chosen data source."""
    for panel in panels(content):
        for asked in (panel, *panel["targets"]):
            if asked["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
                yield Fault(content["title"], "another data source", panel["title"])


def panel_title_description(content: Json) -> Faults:
    """Every panel says what it shows."""
    for panel in panels(content):
        if not panel["title"].strip() or len(panel["description"]) < 20:
            yield Fault(content["title"], "no title or description", panel["title"])


def panel_units(content: Json) -> Faults:
    """Every panel has a unit that Grafana knows."""
    for panel in panels(content):
        if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
            yield Fault(content["title"], "no unit", panel["title"])


def panel_no_targets(content: Json) -> Faults:
    """Every panel has a query."""
    for panel in panels(content):
        if not panel["targets"]:
            yield Fault(content["title"], "no query", panel["title"])


def target_promql(content: Json) -> Faults:
    """Every query is PromQL."""
    for query in queries(content):
        try:
            query.tree  # noqa: B018  # reading the property parses it
        except ValueError as exc:
            yield _fault(query, str(exc))


def target_rate_interval(content: Json) -> Faults:
    """Rates use the interval that fits the resolution and the scrape interval."""
    for query in queries(content):
        for selector, parents in selectors(query.tree):
            ranged, call = _ranged(parents)
            if call in ("rate", "irate") and ranged is not None and ranged.range != RATE_INTERVAL:
                yield _fault(query, f"{selector.name} is not over $__rate_interval")


def target_job(content: Json) -> Faults:
    """Every selector respects the chosen jobs."""
    yield from _matcher(content, "job")


def target_instance(content: Json) -> Faults:
    """Every selector respects the chosen instances."""
    yield from _matcher(content, "instance")


def target_counter_agg(content: Json) -> Faults:
    """A raw counter shows when its process was started, and little else."""
    for query in queries(content):
        for selector, parents in selectors(query.tree):
            if (selector.name or "").endswith("_total"):
                _, call = _ranged(parents)
                if call not in ("rate", "irate", "increase"):
                    yield _fault(query, f"{selector.name} is shown as it is")


RULES: dict[str, Callable[[Json], Faults]] = {
    f"{rule.__name__.replace('_', '-')}-rule": rule
    for rule in (
        template_datasource,
        template_job,
        template_instance,
        template_label_promql,
        template_on_time_change_reload,
        uneditable,
        panel_datasource,
        panel_title_description,
        panel_units,
        panel_no_targets,
        target_promql,
        target_rate_interval,
        target_job,
        target_instance,
        target_counter_agg,
    )
}


def _asking(content: Json) -> list[Json]:
    return [variable for variable in content["templating"]["list"] if variable["type"] == "query"]


def _template(content: Json, name: str) -> Faults:
    wanted = {
        "label": name,
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
    }
    variable = variables(content).get(name, {})
    if any(variable.get(key) != value for key, value in wanted.items()):
        yield Fault(content["title"], f"no variable {name} as there should be")


def _matcher(content: Json, name: str) -> Faults:
    for query in queries(content):
        for selector, _ in selectors(query.tree):
            if not re.search(rf'\b{name}=~"\${name}"', str(selector)):
                yield _fault(query, f"{selector} is of every {name}")


def _ranged(parents: tuple[promql.Expr, ...]) -> tuple[promql.MatrixSelector | None, str | None]:
    """Return a selector's window and the function applied to it, if it has them."""
    if not parents or not isinstance(parents[-1], promql.MatrixSelector):
        return None, None
    call = parents[-2] if len(parents) > 1 else None
    return parents[-1], call.func.name if isinstance(call, promql.Call) else None


def _fault(query: Query, says: str) -> Fault:
    return Fault(query.dashboard, says, query.panel["title"], query.index)
