"""The health of a process, as it reports it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """Healthy, or the reasons why not: each a sentence for operators.

    `notes` are what operators should know in either case.
    """

    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        return not self.reasons


def combine(states: Iterable[Health]) -> Health:
    """Return the health of several parts as one: the reasons and notes of all."""
    states = tuple(states)
    return Health(
        tuple(reason for state in states for reason in state.reasons),
        tuple(note for state in states for note in state.notes),
    )
