"""A service's admin port: liveness, readiness, and its metrics as numbers."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from tests.exposition import samples_of

from queuecast_local.ports import HOST


@dataclass(frozen=True)
class Answer:
    """The answer of `/livez` or `/readyz`."""

    status: int
    reasons: tuple[str, ...]


class Admin:
    """One service's admin port."""

    def __init__(self, port: int, host: str = HOST) -> None:
        self._url = f"http://{host}:{port}"

    def livez(self) -> Answer:
        return self._ask("/livez")

    def readyz(self) -> Answer:
        return self._ask("/readyz")

    @property
    def ready(self) -> bool:
        return self.readyz().status == 200

    def exposition(self) -> str:
        """Return the text of `/metrics`."""
        with urllib.request.urlopen(f"{self._url}/metrics", timeout=30) as answer:
            text: str = answer.read().decode()
            return text

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that carry these labels; a missing name is an error."""
        return _sum(self.exposition(), name, labels)

    def sum(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples with these labels; 0 if there is none yet."""
        return _sum(self.exposition(), name, labels, must_be=False)

    def totals(self, *names: str) -> list[float]:
        """Return the sums of several metrics from a single scrape."""
        exposition = self.exposition()
        return [_sum(exposition, name, {}) for name in names]

    def _ask(self, path: str) -> Answer:
        try:
            with urllib.request.urlopen(f"{self._url}{path}", timeout=30) as answer:
                return Answer(answer.status, tuple(json.load(answer)["reasons"]))
        except urllib.error.HTTPError as refusal:
            with refusal:
                return Answer(refusal.code, tuple(json.load(refusal)["reasons"]))


def _sum(exposition: str, name: str, labels: Mapping[str, str], *, must_be: bool = True) -> float:
    samples = samples_of(name, exposition)
    assert samples or not must_be, f"there is no metric {name}"
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())
