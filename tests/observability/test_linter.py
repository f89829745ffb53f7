"""The dashboards obey Grafana's linter or say why not; and each rule finds its fault."""

import copy
from collections.abc import Callable

import pytest
import yaml

from .dashboards import NAMES, OBSERVABILITY, Json, dashboard, everything, panels
from .linter import RULES, Fault

EXCEPTIONS = yaml.safe_load((OBSERVABILITY / "dashboards" / ".lint").read_text("utf-8"))["exclusions"]


def excused(rule: str, fault: Fault) -> bool:
    """Say whether an exception names exactly this target."""
    place = {"dashboard": fault.dashboard, "panel": fault.panel, "targetIdx": fault.target}
    return place in EXCEPTIONS.get(rule, {"entries": []})["entries"]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_obeys_the_linter(name: str, rule: str) -> None:
    """If you import one elsewhere, it has what every good dashboard has."""
    assert [fault for fault in RULES[rule](dashboard(name)) if not excused(rule, fault)] == []


def test_every_exception_has_a_reason_and_is_needed() -> None:
    """An unneeded exception would hide the next fault there."""
    for rule, exception in EXCEPTIONS.items():
        assert len(exception["reason"]) > 20, rule
        faults = [fault for content in everything().values() for fault in RULES[rule](content)]
        places = [
            {"dashboard": fault.dashboard, "panel": fault.panel, "targetIdx": fault.target}
            for fault in faults
        ]
        assert [entry for entry in exception["entries"] if entry not in places] == [], rule


def no_datasource(content: Json) -> None:
    content["templating"]["list"][0]["name"] = "source"


def one_job(content: Json) -> None:
    content["templating"]["list"][2]["multi"] = False


def no_instance(content: Json) -> None:
    del content["templating"]["list"][3]


def a_queue_that_cannot_be_asked_for(content: Json) -> None:
    content["templating"]["list"][4]["query"]["query"] = 'label_values(x{queue="}, queue)'


def asked_once(content: Json) -> None:
    content["templating"]["list"][1]["refresh"] = 1


def editable(content: Json) -> None:
    content["editable"] = True


def another_datasource(content: Json) -> None:
    panels(content)[0]["targets"][0]["datasource"] = {"type": "prometheus", "uid": "mine"}


def no_description(content: Json) -> None:
    panels(content)[0]["description"] = ""


def a_unit_of_its_own(content: Json) -> None:
    panels(content)[0]["fieldConfig"]["defaults"]["unit"] = "Errors/sec"


def nothing_asked(content: Json) -> None:
    panels(content)[0]["targets"] = []


def asking(expression: str) -> Callable[[Json], None]:
    def ask(content: Json) -> None:
        panels(content)[0]["targets"][0]["expr"] = expression

    return ask


BOTH = 'job=~"$job", instance=~"$instance"'
FAULTS: dict[str, Callable[[Json], None]] = {
    "template-datasource-rule": no_datasource,
    "template-job-rule": one_job,
    "template-instance-rule": no_instance,
    "template-label-promql-rule": a_queue_that_cannot_be_asked_for,
    "template-on-time-change-reload-rule": asked_once,
    "uneditable-rule": editable,
    "panel-datasource-rule": another_datasource,
    "panel-title-description-rule": no_description,
    "panel-units-rule": a_unit_of_its_own,
    "panel-no-targets-rule": nothing_asked,
    "target-promql-rule": asking("sum(rate(x_total[5m])"),
    "target-rate-interval-rule": asking(f"sum(rate(x_total{{{BOTH}}}[5m]))"),
    "target-job-rule": asking('x{instance=~"$instance"}'),
    "target-instance-rule": asking('x{job=~"$job"}'),
    "target-counter-agg-rule": asking(f"sum(x_total{{{BOTH}}})"),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_finds_its_fault(rule: str) -> None:
    """A rule that never finds anything is worthless."""
    content = copy.deepcopy(dashboard("bus"))
    before = list(RULES[rule](content))
    FAULTS[rule](content)
    assert len(list(RULES[rule](content))) == len(before) + 1
