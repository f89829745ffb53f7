"""What a dashboard's panels show, as far as Prometheus knows: their queries, sent as Grafana sends them."""

import re
from collections.abc import Mapping

from .dashboards import Json, Query, label_values, queries, variables
from .prometheus import Prometheus, Series, Window, finite

EVERYTHING = {"namespace": ".*", "job": ".+", "instance": ".+", "queue": ".+"}
"""The values of the variables when a dashboard is opened."""


def answer(prometheus: Prometheus, query: Query, window: Window, chosen: Mapping[str, str]) -> list[Series]:
    """Return the result of a query."""
    expression = window.filled(query.expression, chosen)
    if query.panel["type"] == "stat":
        return prometheus.instant(expression, window.end)
    return prometheus.range(expression, window)


def empty(prometheus: Prometheus, content: Json, window: Window, chosen: Mapping[str, str]) -> list[Query]:
    """Return the queries of a dashboard whose result has nothing to draw."""
    return [
        query for query in queries(content) if not any(map(finite, answer(prometheus, query, window, chosen)))
    ]


def nameless(prometheus: Prometheus, content: Json, window: Window) -> list[str]:
    """Return the queries whose legends do not distinguish their series."""
    found = []
    for query in queries(content):
        series = answer(prometheus, query, window, EVERYTHING)
        names = {
            re.sub(r"\{\{(\w+)\}\}", lambda label, of=labels: of.get(label[1], ""), query.legend)  # type: ignore[misc]
            for labels, _ in series
        }
        if len(names) < len(series):
            found.append(str(query))
    return found


def offered(prometheus: Prometheus, content: Json, window: Window) -> dict[str, list[str]]:
    """Return the choices of each variable while all others are set to everything."""
    return {
        name: prometheus.label_values(
            window.filled(label_values(variable)[0], EVERYTHING), label_values(variable)[1], window
        )
        for name, variable in variables(content).items()
        if variable["type"] == "query"
    }
