"""A dashboard: rows of panels, with the variables, annotations and links that all dashboards share."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.observability.grafana.objectives import SELECTED
from deploy.observability.grafana.panel import DATASOURCE, Panel
from deploy.observability.grafana.query import gateway

COLUMNS = 24
TAG = "queuecast"
SERVICES = '{__name__=~"queuecast_(gateway|poller)_build_info"%s}'
"""Every running process: the build metric has exactly one series per process."""


@dataclass(frozen=True)
class Row:
    """Panels under a title, from left to right; a panel that does not fit starts a new line."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Dashboard:
    """One dashboard. `name` is its file name and the end of its uid."""

    name: str
    title: str
    description: str
    rows: Sequence[Row]

    def text(self) -> str:
        """Return the content of the file."""
        return json.dumps(self.json(), indent=2, ensure_ascii=False) + "\n"

    def json(self) -> dict[str, Any]:
        """Return it in Grafana's Classic model; a newer Grafana migrates the schema."""
        panels = list(self._panels())
        return {
            "id": None,
            "uid": f"queuecast-{self.name}",
            "title": f"Queuecast / {self.title}",
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": 39,
            "editable": False,
            "graphTooltip": 1,
            "timezone": "browser",
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "timepicker": {},
            "fiscalYearStartMonth": 0,
            "liveNow": False,
            "weekStart": "",
            "links": [_link()],
            "annotations": {"list": _annotations()},
            "templating": {"list": _variables(any("$queue" in json.dumps(panel) for panel in panels))},
            "panels": panels,
        }

    def _panels(self) -> Iterator[dict[str, Any]]:
        number, top = 0, 0
        for row in self.rows:
            number += 1
            yield {
                "id": number,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
                "panels": [],
            }
            top += 1
            left = height = 0
            for panel in row.panels:
                if left + panel.width > COLUMNS:
                    top, left, height = top + height, 0, 0
                number += 1
                place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
                yield {"id": number, "gridPos": place, **panel.json()}
                left, height = left + panel.width, max(height, panel.height)
            top += height


def _variables(by_queue: bool) -> list[dict[str, Any]]:
    namespace, job, _ = SELECTED.split(", ")
    return [
        {
            "type": "datasource",
            "name": "datasource",
            "label": "Data source",
            "query": "prometheus",
            "current": {},
            "hide": 0,
            "includeAll": False,
            "multi": False,
            "options": [],
            "refresh": 1,
            "regex": "",
            "skipUrlSync": False,
        },
        # Outside Kubernetes this label does not exist, so its pattern must match its absence.
        _variable("namespace", SERVICES % "", all_value=".*"),
        _variable("job", SERVICES % f", {namespace}"),
        _variable("instance", SERVICES % f", {namespace}, {job}"),
        _variable("queue", f"queuecast_poller_received_total{{{SELECTED}}}", hidden=not by_queue),
    ]


def _variable(name: str, series: str, all_value: str = ".+", hidden: bool = False) -> dict[str, Any]:
    query = f"label_values({series}, {name})"
    return {
        "type": "query",
        "name": name,
        "label": name,
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": "variable"},
        "allValue": all_value,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        # 2 means hidden: no panel here uses it, but links to other dashboards pass it on.
        "hide": 2 if hidden else 0,
        "includeAll": True,
        "multi": True,
        "options": [],
        # 2 means whenever the time range changes.
        "refresh": 2,
        "regex": "",
        "skipUrlSync": False,
        "sort": 1,
    }


def _annotations() -> list[dict[str, Any]]:
    return [
        {
            "builtIn": 1,
            "name": "Annotations & Alerts",
            "type": "dashboard",
            "datasource": {"type": "grafana", "uid": "-- Grafana --"},
            "enable": True,
            "hide": True,
            "iconColor": "rgba(0, 211, 255, 1)",
        },
        *(
            _annotation(f"New {service}", "blue", _new_build(service), "version {{version}} ({{revision}})")
            for service in ("gateway", "poller")
        ),
        _annotation("Drains", "orange", f"{gateway('draining')} == 1", "{{pod}} {{instance}}"),
        _annotation(
            "Alerts",
            "red",
            'ALERTS{namespace=~"$namespace", alertname=~"Queuecast.+", alertstate="firing"}',
            "{{alertname}}",
        ),
    ]


def _new_build(service: str) -> str:
    builds = f"count by (version, revision) (queuecast_{service}_build_info{{{SELECTED}}}%s)"
    return f"{builds % ''} unless on (version, revision) {builds % ' offset 5m'}"


def _annotation(name: str, color: str, expression: str, text: str) -> dict[str, Any]:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "expr": expression,
        "step": "30s",
        "titleFormat": name,
        "textFormat": text,
        "useValueForTime": False,
    }


def _link() -> dict[str, Any]:
    return {
        "type": "dashboards",
        "title": "Queuecast",
        "tags": [TAG],
        "asDropdown": False,
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
        "url": "",
    }
