"""The bus's errors.

BusError
├── BadRecord        about one record: handle it, go on
└── BusUnavailable   about Redis: back off, become unready
"""

from typing import Literal, get_args

Flaw = Literal["fields", "event_name", "json", "number", "nesting", "attachments", "too_large"]
"""Why a record goes to no client: its fields or its event's name are invalid, its arguments are not JSON,
have a number that not every client can read, or are nested too deeply, its attachments do not match, or it is
too large."""

FLAWS: tuple[Flaw, ...] = get_args(Flaw)


class BusError(Exception):
    """The root of the bus's errors."""


class BadRecord(BusError):
    """A record that cannot be written or read, or that some client could not read; `flaw` says why."""

    def __init__(self, text: str, flaw: Flaw = "fields") -> None:
        super().__init__(text)
        self.flaw: Flaw = flaw


class BusUnavailable(BusError):
    """Redis did not confirm. The record may or may not have been stored. Publishing it again is safe if it
    has a dedup id.
    """
