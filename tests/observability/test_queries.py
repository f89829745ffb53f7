"""The metrics, labels and values that the dashboards query exist in the services' own registries."""

import re
from collections.abc import Iterator

import promql_parser as promql
import pytest

from .dashboards import (
    NAMES,
    OBSERVABILITY,
    RANGE,
    RATE_INTERVAL,
    Query,
    all_queries,
    annotations,
    dashboard,
    label_values,
    metrics,
    parsed,
    selectors,
    third_party,
    variables,
    walk,
)
from .registries import Known, known

OF_THE_TARGET = frozenset({"namespace", "job", "instance", "pod"})
"""The labels that Prometheus adds to every target; without Kubernetes there is no pod."""

QUERIES = all_queries()


def every_expression() -> Iterator[promql.Expr]:
    """Yield the parsed expressions of panels, variables and annotations."""
    yield from (query.tree for query in QUERIES)
    for name in NAMES:
        content = dashboard(name)
        yield from (parsed(expression) for expression in annotations(content).values())
        yield from (
            parsed(label_values(variable)[0])
            for variable in variables(content).values()
            if variable["type"] == "query"
        )


def test_only_metrics_that_exist_are_asked_for() -> None:
    """An unknown name makes an empty panel, which looks as if all were well."""
    names = {metric for tree in every_expression() for each, _ in selectors(tree) for metric in metrics(each)}
    assert names - set(known()) - third_party() == set()
    assert third_party() - names == set(), "no longer queried"


def test_every_metric_of_ours_is_on_a_dashboard() -> None:
    """A metric that nobody looks at is counted in vain."""
    asked = {re.sub("_(bucket|sum|count)$", "", metric) for query in QUERIES for metric in query.asked}
    ours = {re.sub("_(bucket|sum|count)$", "", name) for name in known() if name.startswith("queuecast_")}
    assert ours - asked == set()


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_a_query_is_wholly_ours_or_wholly_somebody_elses(query: Query) -> None:
    """Third-party metrics may be missing, and ours must show without them."""
    assert not query.asked & third_party() or query.asked <= third_party()


@pytest.mark.parametrize("name", NAMES)
def test_no_panel_depends_on_third_party_metrics(name: str) -> None:
    """Compose has no kube-state-metrics, and no panel may be empty there."""
    by_panel: dict[str, list[Query]] = {}
    for query in QUERIES:
        by_panel.setdefault(f"{query.dashboard} / {query.panel['title']}", []).append(query)
    for panel, its_queries in by_panel.items():
        assert any(query.asked <= set(known()) for query in its_queries), panel


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_a_query_asks_for_labels_and_values_that_exist(query: Query) -> None:
    """A reason that no service uses any more would show zero for ever."""
    for selector, _ in selectors(query.tree):
        if selector.name in third_party():
            continue
        for matcher in selector.matchers.matchers:
            if matcher.value == f"${matcher.name}":
                assert matcher.name in OF_THE_TARGET | known()[selector.name].labels.keys(), matcher.name
                continue
            values = known()[selector.name].labels[matcher.name]
            assert set(re.split(r"\|", matcher.value)) <= values, f"{selector.name}: {matcher.name}"


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_what_is_summed_by_a_label_has_it(query: Query) -> None:
    """Otherwise everything becomes one nameless line. Legends use only labels that remain."""
    for node, _ in walk(query.tree):
        if isinstance(node, promql.AggregateExpr) and node.modifier is not None:
            labels = {
                label
                for selector, _ in selectors(node.expr)
                for label in known().get(selector.name, Known("")).labels
            }
            assert set(node.modifier.labels) <= labels | OF_THE_TARGET
    named = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
    assert named <= _left(query.tree), query.legend


def _left(tree: promql.Expr) -> set[str]:
    """Return the labels that a result certainly has: those of the outermost aggregation."""
    for node, _ in walk(tree):
        if isinstance(node, promql.AggregateExpr):
            return set(node.modifier.labels) if node.modifier is not None else set()
    return set()


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_only_counters_have_rates(query: Query) -> None:
    """A gauge's rate is a number, but a wrong one."""
    for selector, parents in selectors(query.tree):
        calls = {node.func.name for node in parents[-2:] if isinstance(node, promql.Call)}
        if calls & {"rate", "irate", "increase", "changes"}:
            assert known()[selector.name].type in ("counter", "histogram"), selector.name


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_quantiles_are_of_buckets_that_were_added_up(query: Query) -> None:
    """A quantile of quantiles, or of one process's buckets out of several, means nothing."""
    for node, _ in walk(query.tree):
        if isinstance(node, promql.Call) and node.func.name == "histogram_quantile":
            added = node.args[1]
            assert isinstance(added, promql.AggregateExpr)
            assert "le" in added.modifier.labels
            assert all(each.name.endswith("_bucket") for each, _ in selectors(added))


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_a_window_is_grafanas_or_an_alerts(query: Query) -> None:
    """Any other window would be too short for some scrape interval, or too long for some screen."""
    rules = (OBSERVABILITY / "rules" / "queuecast.yml").read_text("utf-8")
    alerts = {
        node.range
        for window in set(re.findall(r"\[(\w+)\]", rules))
        for node, _ in walk(promql.parse(f"rate(x[{window}])"))
        if isinstance(node, promql.MatrixSelector)
    }
    for node, _ in walk(query.tree):
        if isinstance(node, promql.MatrixSelector):
            assert node.range in {RATE_INTERVAL, RANGE, *alerts}
            # A count over the whole displayed range is a single figure, queried once.
            assert node.range != RANGE or query.panel["type"] == "stat"
        assert not isinstance(node, promql.SubqueryExpr)
