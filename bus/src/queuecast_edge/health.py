"""What a process says about itself when it is asked. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """Well, or the reasons why not, each a sentence for the person who reads it."""

    reasons: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        return not self.reasons


def all_of(states: Iterable[Health]) -> Health:
    """Return what several parts say together."""
    return Health(tuple(reason for state in states for reason in state.reasons))
