"""`python deploy/observability/rulebook.py`: write the rules, from objectives.yml and alerts.yml.

rules/queuecast.yml is what Prometheus loads and promtool tests; operator/prometheusrule.yaml has the same for
the Prometheus operator. Nobody edits these two.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml

HERE = Path(__file__).parent
RULES = HERE / "rules" / "queuecast.yml"
RESOURCE = HERE / "operator" / "prometheusrule.yaml"

NOTICE = "# Made by `make docs` from alerts.yml and objectives.yml; edit those.\n"

FOR = {"page": "2m", "ticket": "15m"}
SPEED = {"page": "Fast", "ticket": "Slowly"}
SECONDS = {"m": 60, "h": 3600, "d": 86400}

_NAME = re.compile(r"\$\{(\w+)\}")
"""A threshold's place. Without braces a name is one of Prometheus's own templates, as in `{{ $value }}`."""


def read(name: str) -> Any:
    """Return what is in one of the two sources."""
    return yaml.safe_load((HERE / name).read_text("utf-8"))


def rules() -> dict[str, Any]:
    """Return what Prometheus loads: `groups`."""
    objectives, alerts = read("objectives.yml"), read("alerts.yml")
    groups = [_ratios(objectives), _burns(objectives), *alerts["groups"]]
    thresholds = {name: threshold["value"] for name, threshold in objectives["thresholds"].items()}
    return {"groups": [_completed(group, alerts, thresholds) for group in groups]}


def resource() -> dict[str, Any]:
    """Return the PrometheusRule with the same groups."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "queuecast",
            "labels": {"app.kubernetes.io/name": "queuecast", "app.kubernetes.io/component": "alerts"},
        },
        "spec": rules(),
    }


def page(content: Mapping[str, Any]) -> str:
    """Return a file's text."""
    # Long strings stay on one line, or in the lines that they are written in.
    return NOTICE + yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def seconds(window: str) -> int:
    """Return the seconds of a duration such as 5m, 6h or 3d."""
    return int(window[:-1]) * SECONDS[window[-1]]


def _ratios(objectives: Mapping[str, Any]) -> dict[str, Any]:
    burns = objectives["burn_rates"]
    windows = sorted({burn[side] for burn in burns for side in ("long", "short")}, key=seconds)
    made = []
    for name, objective in objectives["objectives"].items():
        for window in windows:
            values = {**objective, "window": window}
            bad, every = (Template(objective[part]).substitute(values) for part in ("bad", "all"))
            made += [
                {"record": f"namespace:queuecast_{name}:rate{window}", "expr": every},
                {
                    "record": f"namespace:queuecast_{name}_bad_per_all:ratio_rate{window}",
                    "expr": f"({bad})\n/ ({every})",
                },
            ]
    return {"name": "queuecast-objectives", "rules": made}


def _burns(objectives: Mapping[str, Any]) -> dict[str, Any]:
    made = []
    for name, objective in objectives["objectives"].items():
        for severity in dict.fromkeys(burn["severity"] for burn in objectives["burn_rates"]):
            burns = [burn for burn in objectives["burn_rates"] if burn["severity"] == severity]
            made.append(
                {
                    "alert": f"Queuecast{name.capitalize()}BudgetBurns{SPEED[severity]}",
                    "expr": "\nor\n".join(_burn(name, objective, burn) for burn in burns),
                    "for": FOR[severity],
                    "labels": {"severity": severity, "service": "gateway", "slo": name},
                    "annotations": {
                        "summary": f"Too seldom: {objective['says'][0].lower()}{objective['says'][1:]}",
                        "description": f"{objective['description']} "
                        f"The objective is {objective['objective']:.1%} in {objective['window']}.",
                    },
                    "dashboard": "overview",
                }
            )
    return {"name": "queuecast-budgets", "rules": made}


def _burn(name: str, objective: Mapping[str, Any], burn: Mapping[str, Any]) -> str:
    budget = round(1 - objective["objective"], 12)
    ratio = f"namespace:queuecast_{name}_bad_per_all:ratio_rate"
    return (
        f"({ratio}{burn['long']} > {burn['factor']} * {budget}\n"
        f"  and {ratio}{burn['short']} > {burn['factor']} * {budget}\n"
        f"  and namespace:queuecast_{name}:rate{burn['long']} * {seconds(burn['long'])}"
        " > ${events_for_a_rate})"
    )


def _completed(
    group: Mapping[str, Any], links: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> dict[str, Any]:
    made: list[dict[str, Any]] = []
    for each in group["rules"]:
        rule = {**each, "expr": _filled(each["expr"].strip(), thresholds)}
        if "alert" in rule:
            dashboard = rule.pop("dashboard")
            rule["annotations"] = {
                **{name: _filled(text.strip(), thresholds) for name, text in rule["annotations"].items()},
                "runbook_url": f"{links['runbooks']}#{rule['alert'].lower()}",
                "dashboard_url": links["dashboards"][dashboard],
            }
        made.append(rule)
    return {**group, "rules": made}


def _filled(text: str, values: Mapping[str, Any]) -> str:
    return _NAME.sub(lambda match: str(values[match[1]]), text)


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as such."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def pages() -> Iterable[tuple[Path, str]]:
    """Yield each file that is made, and its text."""
    yield RULES, page(rules())
    yield RESOURCE, page(resource())


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text, "utf-8")
