"""A Prometheus that runs for a test, queried as Grafana does it."""

import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import yaml
from tests.claims import eventually

from queuecast_local.ports import HOST
from queuecast_local.processes import Process

BINARY = shutil.which("prometheus")

Series = tuple[dict[str, str], list[tuple[float, float]]]
"""Labels, and values with timestamps."""


@dataclass(frozen=True)
class Window:
    """A dashboard's time range and resolution."""

    start: float
    end: float
    step_seconds: float = 1.0
    rate_interval: str = "15s"

    def filled(self, expression: str, variables: Mapping[str, str]) -> str:
        """Return an expression as Grafana sends it, with its variables filled in."""
        values = {
            **variables,
            "__rate_interval": self.rate_interval,
            "__range": f"{max(1, round(self.end - self.start))}s",
        }
        # The longest name first: no name is a prefix of another yet, but one may become it.
        for name in sorted(values, key=len, reverse=True):
            expression = expression.replace(f"${name}", values[name])
        return expression


class Prometheus:
    """The Prometheus at this address."""

    def __init__(self, url: str) -> None:
        self._url = url

    def range(self, expression: str, window: Window) -> list[Series]:
        """Return the result of a range query. Raises `AssertionError` with the server's message."""
        answer = self._ask(
            "query_range", query=expression, start=window.start, end=window.end, step=window.step_seconds
        )
        return [
            (series["metric"], [(at, float(value)) for at, value in series["values"]])
            for series in answer["result"]
        ]

    def instant(self, expression: str, at: float | None = None) -> list[Series]:
        """Return the result now or at a given time. Raises `AssertionError` with the server's message."""
        answer = self._ask("query", query=expression, **({} if at is None else {"time": at}))
        return [
            (series["metric"], [(series["value"][0], float(series["value"][1]))])
            for series in answer["result"]
        ]

    def value(self, expression: str) -> float | None:
        """Return the only value of the result."""
        return next((values[-1][1] for _, values in self.instant(expression)), None)

    def label_values(self, selector: str, label: str, window: Window) -> list[str]:
        """Return the values that a variable offers."""
        path = f"label/{label}/values"
        answer: list[str] = self._ask(path, **{"match[]": selector, "start": window.start, "end": window.end})
        return answer

    def targets(self) -> list[Mapping[str, Any]]:
        """Return its scrape targets."""
        answer: list[Mapping[str, Any]] = self._ask("targets", state="active")["activeTargets"]
        return answer

    def rules(self) -> list[Mapping[str, Any]]:
        """Return every rule with its health."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    @property
    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=30):
                return True
        except OSError:
            return False

    def _ask(self, path: str, **parameters: object) -> Any:
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise AssertionError(
                    f"{parameters.get('query', path)}: {refusal.read().decode()}"
                ) from refusal


def finite(series: Series) -> bool:
    """Say whether there is anything to draw."""
    return any(isfinite(value) for _, value in series[1])


@contextmanager
def running(port: int, folder: Path, configuration: Mapping[str, Any]) -> Iterator[Prometheus]:
    """Run a Prometheus with this configuration until the context ends."""
    assert BINARY is not None
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(dict(configuration)), "utf-8")
    command = (
        BINARY,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={HOST}:{port}",
        "--log.level=warn",
    )
    process = Process("prometheus", command, {})
    try:
        prometheus = Prometheus(f"http://{HOST}:{port}")
        eventually(lambda: prometheus.ready or process.exit_code is not None)
        assert process.exit_code is None, "\n".join(process.tail)
        yield prometheus
    finally:
        process.stop(grace_seconds=10)
