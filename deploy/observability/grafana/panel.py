"""A panel: one question with its queries, in Grafana's format. Its place is the dashboard's business."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from deploy.observability.grafana.objectives import Threshold

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
GREEN, RED = "green", "red"


@dataclass(frozen=True)
class Panel:
    """One question. `queries` are expressions by their legends; `width` is in columns, 24 to a dashboard."""

    title: str
    description: str
    unit: str
    queries: Mapping[str, str]
    width: int
    threshold: Threshold | None = None
    maximum: float | None = None
    height: int = 8
    kind: str = field(init=False)
    asked: Mapping[str, Any] = field(init=False, default_factory=lambda: {"instant": False, "range": True})

    def json(self) -> dict[str, Any]:
        """Return the panel without its position."""
        note = f" {self.threshold.note}" if self.threshold else ""
        return {
            "type": self.kind,
            "title": self.title,
            "description": f"{self.description}{note}",
            "datasource": DATASOURCE,
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": self.options(),
            "targets": [
                {
                    "refId": letter,
                    "datasource": DATASOURCE,
                    "editorMode": "code",
                    "expr": expression,
                    "legendFormat": legend,
                    **self.asked,
                }
                for letter, (legend, expression) in zip(ascii_uppercase, self.queries.items(), strict=False)
            ],
        }

    def options(self) -> dict[str, Any]:
        """Return the options of this kind of panel."""
        raise NotImplementedError

    def custom(self) -> dict[str, Any]:
        """Return how this kind of panel draws a series."""
        return {}

    def _defaults(self) -> dict[str, Any]:
        defaults: dict[str, Any] = {
            "unit": self.unit,
            "min": 0,
            "color": {"mode": "thresholds" if self.kind == "stat" else "palette-classic"},
            "thresholds": {"mode": "absolute", "steps": _steps(self.threshold)},
            "custom": self.custom(),
        }
        if self.maximum is not None:
            defaults["max"] = self.maximum
        return defaults


@dataclass(frozen=True)
class Series(Panel):
    """A time series: one line each, or stacked areas that add up."""

    stacked: bool = False
    kind: str = field(init=False, default="timeseries")

    def options(self) -> dict[str, Any]:
        return {
            "legend": {
                "showLegend": True,
                "displayMode": "table",
                "placement": "bottom",
                "calcs": ["lastNotNull", "max"],
                "sortBy": "Max",
                "sortDesc": True,
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        }

    def custom(self) -> dict[str, Any]:
        return {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 30 if self.stacked else 5,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "line" if self.threshold else "off"},
        }


@dataclass(frozen=True)
class Stat(Panel):
    """One figure: the value now, or for the whole time range."""

    width: int = 4
    height: int = 4
    named: bool = False
    """True if the names of the series matter more than their values."""
    kind: str = field(init=False, default="stat")
    asked: Mapping[str, Any] = field(init=False, default_factory=lambda: {"instant": True, "range": False})

    def options(self) -> dict[str, Any]:
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "value",
            "graphMode": "none",
            "textMode": "value_and_name" if self.named else "auto",
            "justifyMode": "auto",
            "orientation": "auto",
        }


@dataclass(frozen=True)
class Heatmap(Panel):
    """Buckets over time: the whole distribution, not a quantile of it."""

    kind: str = field(init=False, default="heatmap")
    asked: Mapping[str, Any] = field(
        init=False, default_factory=lambda: {"instant": False, "range": True, "format": "heatmap"}
    )

    def options(self) -> dict[str, Any]:
        return {
            "calculate": False,
            "cellGap": 1,
            "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "tooltip": {"mode": "single", "yHistogram": True},
            "yAxis": {"axisPlacement": "left", "unit": "s"},
        }


def _steps(threshold: Threshold | None) -> list[dict[str, Any]]:
    if threshold is None:
        return [{"color": GREEN, "value": None}]
    first, second = (RED, GREEN) if threshold.below else (GREEN, RED)
    return [{"color": first, "value": None}, {"color": second, "value": threshold.value}]
