"""What can go wrong on the bus.

BusError
├── BadRecord        about one record: judge it, go on
└── BusUnavailable   about Redis: back off, become unready
"""

from typing import Literal, get_args

Flaw = Literal["fields", "event_name", "json", "number", "nesting", "attachments", "too_large"]
"""Why no client is given a record: its fields or its event's name are none, its arguments are not JSON, have
a number that not everyone can read, or are nested too deeply; its attachments do not fit; it is too large."""

FLAWS: tuple[Flaw, ...] = get_args(Flaw)


class BusError(Exception):
    """The root of the bus's errors."""


class BadRecord(BusError):
    """A record that cannot be written or read, or that some client could not take; `flaw` says why."""

    def __init__(self, text: str, flaw: Flaw = "fields") -> None:
        super().__init__(text)
        self.flaw: Flaw = flaw


class BusUnavailable(BusError):
    """Redis did not confirm. The record may or may not have been stored; publishing it again is safe
    when it carries a dedup id.
    """
