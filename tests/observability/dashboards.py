"""The dashboards as files, and their PromQL as trees. This module does not know how they are made."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser as promql
import yaml

ROOT = Path(__file__).parents[2]
OBSERVABILITY = ROOT / "deploy" / "observability"
FILES = sorted((OBSERVABILITY / "dashboards").glob("*.json"))
NAMES = tuple(path.stem for path in FILES)

Json = dict[str, Any]

RATE_INTERVAL, RANGE = timedelta(seconds=671), timedelta(seconds=793)
"""The durations that replace Grafana's variables for the parser; no window has them by accident."""

MACROS = {"$__rate_interval": "671s", "$__range": "793s", "$__interval": "15s"}


@dataclass(frozen=True)
class Query:
    """One query of a panel, and where it is."""

    dashboard: str
    panel: Json
    index: int
    expression: str
    legend: str

    @property
    def tree(self) -> promql.Expr:
        """The expression, parsed. Raises `ValueError`."""
        return parsed(self.expression)

    @property
    def asked(self) -> set[str]:
        """The metrics that it queries."""
        return {metric for selector, _ in selectors(self.tree) for metric in metrics(selector)}

    def __str__(self) -> str:
        return f"{self.dashboard} / {self.panel['title']} / {self.legend}"


def dashboard(name: str) -> Json:
    content: Json = json.loads((OBSERVABILITY / "dashboards" / f"{name}.json").read_text("utf-8"))
    return content


def everything() -> dict[str, Json]:
    """Return all dashboards by name."""
    return {name: dashboard(name) for name in NAMES}


def objectives() -> Mapping[str, Any]:
    content: Mapping[str, Any] = yaml.safe_load((OBSERVABILITY / "objectives.yml").read_text("utf-8"))
    return content


@cache
def third_party() -> frozenset[str]:
    """Return the metrics that dashboards may query although they are not Queuecast's."""
    content = yaml.safe_load(Path(__file__).with_name("third_party.yml").read_text("utf-8"))
    assert all(len(each["reason"]) > 20 for each in content.values())
    return frozenset(metric for each in content.values() for metric in each["metrics"])


def panels(content: Json) -> list[Json]:
    """Return the panels that show something: all but the row titles."""
    return [panel for panel in content["panels"] if panel["type"] != "row"]


def queries(content: Json) -> list[Query]:
    return [
        Query(content["title"], panel, index, target["expr"], target["legendFormat"])
        for panel in panels(content)
        for index, target in enumerate(panel["targets"])
    ]


def all_queries() -> list[Query]:
    return [query for content in everything().values() for query in queries(content)]


def annotations(content: Json) -> dict[str, str]:
    """Return the expressions of a dashboard's annotations by name."""
    return {each["name"]: each["expr"] for each in content["annotations"]["list"] if "expr" in each}


def variables(content: Json) -> dict[str, Json]:
    return {variable["name"]: variable for variable in content["templating"]["list"]}


def label_values(variable: Json) -> tuple[str, str]:
    """Return the selector and the label of a variable's query."""
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
    assert found, variable["query"]
    return found[1], found[2]


def parsed(expression: str) -> promql.Expr:
    """Return PromQL as a tree, with Grafana's durations filled in. Raises `ValueError`."""
    for macro, duration in MACROS.items():
        expression = expression.replace(macro, duration)
    return promql.parse(expression)


def walk(tree: promql.Expr, *parents: promql.Expr) -> Iterator[tuple[promql.Expr, tuple[promql.Expr, ...]]]:
    """Yield every node with its ancestors, the outermost first."""
    yield tree, parents
    for below in _below(tree):
        yield from walk(below, *parents, tree)


def selectors(tree: promql.Expr) -> Iterator[tuple[promql.VectorSelector, tuple[promql.Expr, ...]]]:
    """Yield every selector with its ancestors."""
    for node, parents in walk(tree):
        if isinstance(node, promql.VectorSelector):
            yield node, parents


def metrics(selector: promql.VectorSelector) -> list[str]:
    """Return the metrics that a selector matches; with a pattern there may be several."""
    if selector.name:
        return [selector.name]
    (pattern,) = [each.value for each in selector.matchers.matchers if each.name == "__name__"]
    found = re.fullmatch(r"(\w*)\((\w+(?:\|\w+)+)\)(\w*)", pattern)
    assert found, f"cannot tell the names from {pattern}"
    return [f"{found[1]}{middle}{found[3]}" for middle in found[2].split("|")]


def _below(node: promql.Expr) -> list[promql.Expr]:
    match node:
        case promql.AggregateExpr():
            return [node.expr, *([node.param] if node.param is not None else [])]
        case promql.Call():
            return list(node.args)
        case promql.BinaryExpr():
            return [node.lhs, node.rhs]
        case promql.MatrixSelector():
            return [node.vector_selector]
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return [node.expr]
    return []
