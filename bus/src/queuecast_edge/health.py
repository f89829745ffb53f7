"""What a process says about itself when it is asked. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """Well, or the reasons why not, each a sentence for the person who reads it.

    `notes` are what that person should know in either case.
    """

    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        return not self.reasons


def all_of(states: Iterable[Health]) -> Health:
    """Return what several parts say together."""
    states = tuple(states)
    return Health(
        tuple(reason for state in states for reason in state.reasons),
        tuple(note for state in states for note in state.notes),
    )
