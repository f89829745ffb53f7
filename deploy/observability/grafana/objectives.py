"""What `objectives.yml` promises and calls too much, as the dashboards need it. Not where a figure stands."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[1] / "objectives.yml"
FIGURES: Mapping[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))

SELECTED = 'namespace=~"$namespace", job=~"$job", instance=~"$instance"'
"""What every selector begins with: the dashboard's variables."""


@dataclass(frozen=True)
class Threshold:
    """From `value` on (`below`: under it) a panel is red, and `note` says why."""

    value: float
    note: str
    below: bool = False


def threshold(name: str) -> Threshold:
    """Return what the alerts call too much, by its name in the file."""
    return Threshold(FIGURES["thresholds"][name]["value"], f"Red: what alerts call too much (`{name}`).")


ANY = Threshold(0.5, "Red: any.")
"""More than none. Half of one, as `increase()` extrapolates: it may say 0.98 of what was one."""


class Objective:
    """One promise: a share of good events."""

    def __init__(self, name: str) -> None:
        self._given = FIGURES["objectives"][name]
        self.says: str = self._given["says"]

    @property
    def target(self) -> Threshold:
        """The promised share."""
        share = self._given["objective"]
        return Threshold(share, f"Red: less than the promised {share:.1%}.", below=True)

    @property
    def burn(self) -> Threshold:
        """From which burn rate on somebody is paged, over the windows of `burn_windows`."""
        rate = FIGURES["burn_rates"][0]
        return Threshold(rate["factor"], f"Red: {rate['factor']} times as fast as allowed, which pages.")

    @property
    def burn_windows(self) -> tuple[str, str]:
        """The two windows of the fastest burn rate; both have to be over it for an alert."""
        rate = FIGURES["burn_rates"][0]
        return rate["long"], rate["short"]

    def kept(self, window: str) -> str:
        """Return the expression for the share of good events. It is 1 where nothing happened."""
        return f"1 - {self._bad_share(window)}"

    def burn_rate(self, window: str) -> str:
        """Return the expression for how many times faster than allowed the budget is used up."""
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
