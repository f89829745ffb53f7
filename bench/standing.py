"""The measurements so far, and which of them count. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from bench.load import Figure

NOISE = 0.08
"""While others use more than this share of a core, a figure depends on them as much as on the server."""

UNMOVED = ("rss", "empty")
"""Figures that do not depend on other processes."""


@dataclass
class Standing:
    """The figures of each contestant by round, and who failed and why: wholly, or in one row."""

    figures: dict[tuple[str, str], list[Figure]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    failed_rows: dict[tuple[str, str], str] = field(default_factory=dict)
    _names: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def add(self, contestant: str, row: str, figures: Iterable[Figure]) -> None:
        """Keep a row's figures of one round."""
        for figure in figures:
            self._names.setdefault((contestant, row), set()).add(figure.name)
            self.figures.setdefault((contestant, figure.name), []).append(figure)

    def fail(self, contestant: str, row: str, why: str) -> None:
        """Note that a contestant failed in a row, and forget its other figures of that row."""
        self.failed_rows[contestant, row] = why
        for name in self._names.pop((contestant, row), ()):
            del self.figures[contestant, name]

    def counting(self, contestant: str, name: str) -> list[Figure]:
        """Return the figures that count: those of quiet moments or, if there was none, the quietest.

        No figure counts for a server that failed in any round.
        """
        found = self.figures.get((contestant, name), [])
        if not found or contestant in self.failures:
            return []
        if name in UNMOVED:
            return found
        quiet = [figure for figure in found if figure.spent.others_busy <= NOISE]
        return quiet or [min(found, key=lambda figure: figure.spent.others_busy)]

    def value(self, contestant: str, name: str) -> float | None:
        """Return the median of the figures that count, or None if there is none."""
        counting = self.counting(contestant, name)
        return median(figure.value for figure in counting) if counting else None

    def notes(self, contestant: str, name: str) -> str:
        """Return the notes that belong to the value."""
        counting = self.counting(contestant, name)
        notes = sorted({figure.note for figure in counting if figure.note})
        worst = max((figure.spent.others_busy for figure in counting), default=0.0)
        if worst > NOISE and name not in UNMOVED:
            notes.append(f"others used {worst:.0%} of a core meanwhile")
        return "; ".join(notes)

    def left_out(self) -> int:
        """Return how many figures do not count, because of noise."""
        counts = (len(found) - len(self.counting(*key)) for key, found in self.figures.items())
        return sum(counts) if not self.failures else 0
