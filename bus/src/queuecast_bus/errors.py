"""What can go wrong on the bus.

BusError
├── BadRecord        about one record: judge it, go on
└── BusUnavailable   about Redis: back off, become unready
"""


class BusError(Exception):
    """The root of the bus's errors."""


class BadRecord(BusError):
    """A record that cannot be written or read; the message names the field."""


class BusUnavailable(BusError):
    """Redis did not confirm. The record may or may not have been stored; publishing it again is safe
    when it carries a dedup id.
    """
