"""The alerts: made from the objectives, about existing metrics, each with a runbook and seen to fire."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import promql_parser as promql
import pytest
import yaml
from deploy.observability import rulebook

from queuecast_edge.metrics import LATENCY_BUCKETS

from .dashboards import OBSERVABILITY, ROOT, everything, objectives, parsed, selectors, walk
from .registries import known

RULES = OBSERVABILITY / "rules" / "queuecast.yml"
TESTS = sorted(RULES.parent.glob("*_test.yml"))

JOBS = {"gateway", "poller"}

OF_THE_TARGET = frozenset({"namespace", "job", "instance"})

THIRD_PARTY = {
    "up": "Prometheus: whether a target answers.",
    "kube_pod_container_status_restarts_total": "kube-state-metrics: a process does not see its own end.",
    "kube_horizontalpodautoscaler_status_current_replicas": "kube-state-metrics: how many there are.",
    "kube_horizontalpodautoscaler_spec_max_replicas": "kube-state-metrics: how many there may be.",
    "kube_horizontalpodautoscaler_status_condition": "kube-state-metrics: whether it can scale.",
    "keda_scaler_detail_errors_total": "KEDA: whether it knows what it scales by.",
}
"""The third-party metrics that the rules query, and why."""

AT_MOST_PAGES = 8

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: there is none on PATH"
)


def loaded() -> list[dict[str, Any]]:
    """Return the groups of the file that Prometheus loads."""
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return groups


ALL = [rule for group in loaded() for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in ALL if "alert" in rule}
RECORDED = {rule["record"]: rule for rule in ALL if "record" in rule}


def sources(tree: promql.Expr) -> Iterator[promql.VectorSelector]:
    """Yield the selectors of scraped metrics; a recorded one is replaced by its rule's own sources."""
    for selector, _ in selectors(tree):
        if selector.name in RECORDED:
            yield from sources(parsed(RECORDED[selector.name]["expr"]))
        else:
            yield selector


def asked(rule: dict[str, Any]) -> set[str]:
    """Return the scraped metrics that a rule depends on."""
    return {str(selector.name) for selector in sources(parsed(rule["expr"]))}


# Where they come from


def test_the_rules_are_those_that_the_sources_make() -> None:
    """The numbers have one source; `make docs` copies them here and into the operator's resource."""
    for path, text in rulebook.pages():
        assert path.read_text("utf-8") == text, f"{path.name}: run make docs"


def test_the_operators_resource_has_the_rules_that_are_tested() -> None:
    """A second, different copy would be a second truth."""
    resource = yaml.safe_load(rulebook.RESOURCE.read_text("utf-8"))
    assert resource["spec"]["groups"] == loaded()
    component = yaml.safe_load((OBSERVABILITY / "operator" / "kustomization.yaml").read_text("utf-8"))
    assert component["resources"] == [rulebook.RESOURCE.name]


def test_every_threshold_is_an_alerts() -> None:
    """A threshold that no alert uses is pointless; without a description nobody dares change it."""
    sources = (
        (OBSERVABILITY / "alerts.yml").read_text("utf-8"),
        (OBSERVABILITY / "rulebook.py").read_text("utf-8"),
    )
    used = set(re.findall(r"\$\{(\w+)\}", "".join(sources)))
    thresholds = objectives()["thresholds"]
    assert used - {"names"} == set(thresholds)
    assert all(threshold.keys() == {"value", "unit", "says"} for threshold in thresholds.values())


def test_no_number_but_none_and_one_stands_in_an_alert() -> None:
    """The limits are in objectives.yml, as the dashboards show them too."""
    for group in yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            expression = re.sub(r"\$\{\w+\}", "12345", rule["expr"])
            for node, _ in walk(parsed(expression)):
                if isinstance(node, promql.BinaryExpr) and isinstance(node.rhs, promql.NumberLiteral):
                    assert node.rhs.val in (0, 1, 12345, float("inf")), (rule, node.rhs.val)


@pytest.mark.parametrize("name", objectives()["objectives"])
def test_an_objective_says_what_is_promised_and_how_it_is_measured(name: str) -> None:
    """It has an objective, a window, and a ratio of bad events to all events."""
    objective = objectives()["objectives"][name]
    assert 0.9 < objective["objective"] < 1
    assert re.fullmatch(r"\d+d", objective["window"])
    assert {"says", "description", "bad", "all"} <= objective.keys()
    bounds = str(objective.get("seconds", LATENCY_BUCKETS[0])).split("|")
    assert {float(bound) for bound in bounds} <= {*LATENCY_BUCKETS}, "it must be a bucket's bound"


def test_burn_rates_are_those_of_the_workbook() -> None:
    """There are two for pages and two for tickets; the short window is a twelfth of the long one."""
    burns = objectives()["burn_rates"]
    assert [(burn["severity"], burn["factor"]) for burn in burns] == [
        ("page", 14.4),
        ("page", 6),
        ("ticket", 3),
        ("ticket", 1),
    ]
    assert all(rulebook.seconds(burn["long"]) == 12 * rulebook.seconds(burn["short"]) for burn in burns)


# What they ask


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_metrics_labels_and_values_that_exist(rule: dict[str, Any]) -> None:
    """An alert about an unknown name never fires, which looks as if all were well."""
    for selector in sources(parsed(rule["expr"])):
        if selector.name in THIRD_PARTY:
            continue
        labels = known()[str(selector.name)].labels
        for matcher in selector.matchers.matchers:
            values = JOBS if matcher.name == "job" else labels[matcher.name]
            assert set(matcher.value.split("|")) <= values, f"{selector.name}: {matcher.name}"


def test_what_is_not_ours_is_asked_for_and_has_a_reason() -> None:
    """A name that no rule uses any more would let a mistake pass."""
    ours = known().keys()
    assert {metric for rule in ALL for metric in asked(rule)} - ours == THIRD_PARTY.keys()


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.get("alert") or rule["record"])
def test_rates_are_of_counters_and_quantiles_of_buckets(rule: dict[str, Any]) -> None:
    """A gauge's rate is a number, but a wrong one; so are quantiles of quantiles, and averages of either."""
    for node, parents in walk(parsed(rule["expr"])):
        if isinstance(node, promql.AggregateExpr):
            assert str(node.op) != "avg"
        if isinstance(node, promql.VectorSelector) and node.name in known():
            calls = {parent.func.name for parent in parents if isinstance(parent, promql.Call)}
            is_counted = known()[node.name].type in ("counter", "histogram")
            assert bool(calls & {"rate", "increase", "changes"}) == is_counted, node.name
        if isinstance(node, promql.Call) and node.func.name == "histogram_quantile":
            added = node.args[1]
            assert isinstance(added, promql.AggregateExpr)
            assert "le" in added.modifier.labels


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_name_says_its_level_metric_and_operations(name: str) -> None:
    """https://prometheus.io/docs/practices/rules/: the name tells what the rule was made from."""
    found = re.fullmatch(r"([a-z_]+):([a-z_]+):([a-z0-9_]+)", name)
    assert found
    level, metric, operations = found.groups()
    tree = parsed(RECORDED[name]["expr"])
    aggregations = [node for node, _ in walk(tree) if isinstance(node, promql.AggregateExpr)]
    assert aggregations
    for node in aggregations:
        assert "_".join(label for label in node.modifier.labels if label != "le") == level
    assert not metric.endswith("_total")
    windows = set(re.findall(r"\[(\w+)\]", RECORDED[name]["expr"]))
    assert windows == set(re.findall(r"rate(\w+)", operations))


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_one_for_all_processes(name: str) -> None:
    """An absent Redis sends one notification, not one for each gateway."""
    tree = parsed(ALERTS[name]["expr"])
    for node, parents in walk(tree):
        if isinstance(node, promql.AggregateExpr) and not any(
            isinstance(parent, promql.AggregateExpr) for parent in parents
        ):
            assert node.modifier is not None
            assert not {"instance", "pod"} & set(node.modifier.labels), name
    alone = {
        str(selector.name)
        for selector, parents in selectors(tree)
        if selector.name not in RECORDED
        and not any(
            isinstance(parent, promql.AggregateExpr)
            or (isinstance(parent, promql.Call) and parent.func.name == "absent")
            for parent in parents
        )
    }
    assert all(metric.startswith("kube_horizontalpodautoscaler_") for metric in alone), alone


@pytest.mark.parametrize("job", sorted(JOBS))
def test_a_job_that_has_vanished_is_missed(job: str) -> None:
    """Without series no comparison is true, so rules need `absent`."""
    assert any(f'absent(up{{job="{job}"}})' in rule["expr"] for rule in ALERTS.values())


# What they say


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_whom_it_concerns_and_what_to_do(name: str) -> None:
    """Severity and service route it to the right people; the links tell them the rest."""
    rule = ALERTS[name]
    assert re.fullmatch(r"Queuecast([A-Z][a-z]+)+", name)
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["labels"]["service"] in ("gateway", "poller", "bus", "queuecast")
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url", "dashboard_url"}
    assert "$value" in rule["annotations"]["description"]
    named = set(re.findall(r"\$labels\.(\w+)", "".join(rule["annotations"].values())))
    tree = parsed(rule["expr"])
    recorded = [
        parsed(RECORDED[str(each.name)]["expr"]) for each, _ in selectors(tree) if each.name in RECORDED
    ]
    kept = {
        label
        for each in (tree, *recorded)
        for node, _ in walk(each)
        if isinstance(node, promql.AggregateExpr) and node.modifier is not None
        for label in node.modifier.labels
    }
    assert named <= kept | ({"horizontalpodautoscaler"} if name == "QueuecastReplicasAtMax" else set())


def test_few_alerts_wake_somebody() -> None:
    """They are the groups of symptoms that users notice. Alerts that wake too often get turned off."""
    pages = {name for name, rule in ALERTS.items() if rule["labels"]["severity"] == "page"}
    assert len(pages) <= AT_MOST_PAGES
    symptoms = {
        rule["alert"]
        for group in loaded()
        if group["name"] in ("queuecast-symptoms", "queuecast-budgets")
        for rule in group["rules"]
        if rule["labels"]["severity"] == "page"
    }
    assert pages == symptoms


def anchors() -> dict[str, str]:
    """Return the sections of the runbook page by their anchors."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    parts = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-"): body
        for title, body in zip(parts[1::2], parts[2::2], strict=True)
    }


@pytest.mark.parametrize("name", ALERTS)
def test_a_runbook_says_what_to_do(name: str) -> None:
    """It has meaning, impact, first queries, mitigation, escalation: at night nobody works these out."""
    page, anchor = ALERTS[name]["annotations"]["runbook_url"].split("#")
    assert page == "docs/operations.md"
    runbook = anchors()[anchor]
    parts = re.findall(r"^\* \*\*(\w+)\*\*:", runbook, flags=re.MULTILINE)
    assert parts == ["Means", "Users", "Look", "Do", "Escalate"]


@pytest.mark.parametrize("name", ALERTS)
def test_a_runbook_asks_for_what_exists(name: str) -> None:
    """You can copy its first queries unchanged."""
    look = re.search(r"\*\*Look\*\*:(.*?)^\* \*\*Do", anchors()[name.lower()], re.DOTALL | re.MULTILINE)
    assert look
    spans = re.findall(r"`([^`]+)`", look[1])
    trees = [parsed(span) for span in spans if re.search(r"(queuecast|process|kube|keda)_\w|\bup\{", span)]
    assert trees
    for tree in trees:
        for selector in sources(tree):
            assert selector.name in THIRD_PARTY or selector.name in known(), selector.name


def test_every_alert_has_a_dashboard() -> None:
    """The link's path is the dashboard's uid."""
    uids = {f"/d/{content['uid']}" for content in everything().values()}
    assert {rule["annotations"]["dashboard_url"] for rule in ALERTS.values()} <= uids


# Who loads them


def test_compose_loads_the_rules() -> None:
    """Compose tries out the same rules that clusters run."""
    stack = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    mounts = dict(mount.split(":")[:2] for mount in stack["services"]["prometheus"]["volumes"])
    assert mounts["./deploy/observability/rules"] == "/etc/prometheus/rules"
    config = yaml.safe_load((ROOT / "deploy" / "compose" / "prometheus.yml").read_text("utf-8"))
    assert config["rule_files"] == ["rules/queuecast.yml"]
    assert {job["job_name"] for job in config["scrape_configs"]} == JOBS


def test_every_prometheus_calls_the_jobs_what_the_rules_do() -> None:
    """The operator takes a job's name from a label of the pods."""
    monitors = yaml.safe_load_all(
        (ROOT / "deploy/k8s/components/monitoring/podmonitor.yaml").read_text("utf-8")
    )
    names = {
        monitor["metadata"]["labels"][monitor["spec"]["jobLabel"]]
        for monitor in monitors
        if monitor["kind"] == "PodMonitor"
    }
    assert names == JOBS


# promtool


@needs_promtool
def test_promtool_finds_no_fault() -> None:
    """The oldest supported Prometheus checks syntax, templates and duplicates."""
    check = subprocess.run(
        ("promtool", "check", "rules", "--lint=all", "--lint-fatal", str(RULES)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout + check.stderr


@needs_promtool
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_and_are_silent_when_they_should(path: Any) -> None:
    """The cases include missing data and counters that restart."""
    run = subprocess.run(
        ("promtool", "test", "rules", path.name), cwd=path.parent, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def cases() -> list[dict[str, Any]]:
    return [case for path in TESTS for case in yaml.safe_load(path.read_text("utf-8"))["tests"]]


def test_every_alert_is_seen_to_fire() -> None:
    """An alert that has never fired may never fire."""
    fired = set()
    for case in cases():
        for claim in case.get("promql_expr_test", []):
            for sample in claim["exp_samples"]:
                fired |= set(re.findall(r'alertname="(\w+)"', sample["labels"]))
        fired |= {claim["alertname"] for claim in case.get("alert_rule_test", []) if claim["exp_alerts"]}
    assert fired == ALERTS.keys()


def test_every_alert_is_seen_to_be_silent() -> None:
    """Nothing fires while all is well, although all the queried series exist."""
    (case,) = [case for case in cases() if case["name"].startswith("All is well")]
    silences = [claim for claim in case["promql_expr_test"] if claim["expr"] == 'ALERTS{alertstate="firing"}']
    assert len(silences) == 3
    assert all(claim["exp_samples"] == [] for claim in silences)
    there = {re.split(r"[{ ]", series["series"])[0] for series in case["input_series"]}
    for name, rule in ALERTS.items():
        assert asked(rule) <= there, name
