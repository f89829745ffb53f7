"""Objectives and thresholds from `objectives.yml`, as the dashboards need them. It defines no figures."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[1] / "objectives.yml"
FIGURES: Mapping[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))

SELECTED = 'namespace=~"$namespace", job=~"$job", instance=~"$instance"'
"""The start of every selector: the dashboard's variables."""


@dataclass(frozen=True)
class Threshold:
    """A panel turns red at `value` and above (with `below`, under it); `note` says why."""

    value: float
    note: str
    below: bool = False


def threshold(name: str) -> Threshold:
    """Return an alert's threshold, by its name in the file."""
    return Threshold(FIGURES["thresholds"][name]["value"], f"Red: above the alert threshold (`{name}`).")


ANY = Threshold(0.5, "Red: any.")
"""More than none. One half, because `increase()` extrapolates and may show one event as 0.98."""


class Objective:
    """One promise: a share of good events."""

    def __init__(self, name: str) -> None:
        self._given = FIGURES["objectives"][name]
        self.says: str = self._given["says"]

    @property
    def target(self) -> Threshold:
        """The promised share."""
        share = self._given["objective"]
        return Threshold(share, f"Red: below the promised {share:.1%}.", below=True)

    @property
    def burn(self) -> Threshold:
        """The burn rate that pages, over the windows of `burn_windows`."""
        rate = FIGURES["burn_rates"][0]
        return Threshold(rate["factor"], f"Red: {rate['factor']} times as fast as allowed, which pages.")

    @property
    def burn_windows(self) -> tuple[str, str]:
        """The two windows of the fastest burn rate; an alert needs both to be above it."""
        rate = FIGURES["burn_rates"][0]
        return rate["long"], rate["short"]

    def kept(self, window: str) -> str:
        """Return the expression for the share of good events. It is 1 if nothing happened."""
        return f"1 - {self._bad_share(window)}"

    def burn_rate(self, window: str) -> str:
        """Return the expression for how many times faster than allowed the budget burns."""
        return f"{self._bad_share(window)} / {1 - self._given['objective']:.6g}"

    def _bad_share(self, window: str) -> str:
        bad, everything = (self._over(self._given[part], window) for part in ("bad", "all"))
        return f"({bad}) / clamp_min({everything}, 1)"

    def _over(self, rates: str, window: str) -> str:
        seconds = str(self._given.get("seconds", ""))
        counts = rates.replace("$window", window).replace("$seconds", seconds).replace("rate(", "increase(")
        return " ".join(re.sub(r"(queuecast_\w+)(\{)?", _selected, counts).split())


def _selected(found: "re.Match[str]") -> str:
    metric, has_labels = found.groups()
    return f"{metric}{{{SELECTED}, " if has_labels else f"{metric}{{{SELECTED}}}"
