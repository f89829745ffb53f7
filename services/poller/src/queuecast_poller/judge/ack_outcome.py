"""What has become of a message that waits for acknowledgements, from what the gateways report. Pure."""

from collections.abc import Mapping, Set
from enum import StrEnum
from typing import Protocol

from queuecast_bus.awaited import AckMode, AckReport


class AckOutcome(StrEnum):
    """What came of waiting: the closed set of a metric's label, except for messages that were returned."""

    ACKNOWLEDGED = "acknowledged"
    UNANSWERED = "unanswered"
    NOBODY_THERE = "nobody_there"


def ack_outcome(
    mode: AckMode, reports: Mapping[str, AckReport], expected: Set[str] | None, *, is_over: bool
) -> AckOutcome | None:
    """Return the outcome, None if it is still open.

    `reports` has the last report of each replica, and `expected` the replicas that have read the event or
    will; None means that nobody knows yet. `is_over`: there is no more time.
    """
    delivered, answered = totals(reports)
    if answered and mode is AckMode.ANY:
        return AckOutcome.ACKNOWLEDGED
    # A replica that has reported and is gone still counts: its browsers were there.
    is_complete = bool(expected) and expected is not None and expected <= reports.keys()
    if is_complete and delivered and answered >= delivered:
        return AckOutcome.ACKNOWLEDGED
    if (is_complete or is_over) and reports and not delivered:
        return AckOutcome.NOBODY_THERE
    return AckOutcome.UNANSWERED if is_over else None


class Rule(Protocol):
    """When a try has an outcome."""

    def outcome(
        self, reports: Mapping[str, AckReport], expected: Set[str] | None, *, is_over: bool
    ) -> AckOutcome | None:
        """Return the outcome; see `ack_outcome`."""

    def needs_all(self, reports: Mapping[str, AckReport]) -> bool:
        """Return whether the outcome depends on which replicas are still to report."""


class AckRule:
    """The rule for a message that waits for acknowledgements."""

    def __init__(self, mode: AckMode) -> None:
        self.mode = mode

    def outcome(
        self, reports: Mapping[str, AckReport], expected: Set[str] | None, *, is_over: bool
    ) -> AckOutcome | None:
        return ack_outcome(self.mode, reports, expected, is_over=is_over)

    def needs_all(self, reports: Mapping[str, AckReport]) -> bool:
        delivered, answered = totals(reports)
        return not delivered or (self.mode is AckMode.ALL and answered >= delivered)


class RollCallRule:
    """The rule for a question to all gateways: it is `ACKNOWLEDGED` once each of them has answered."""

    def outcome(
        self, reports: Mapping[str, AckReport], expected: Set[str] | None, *, is_over: bool
    ) -> AckOutcome | None:
        if expected and expected <= reports.keys():
            return AckOutcome.ACKNOWLEDGED
        return AckOutcome.UNANSWERED if is_over else None

    def needs_all(self, reports: Mapping[str, AckReport]) -> bool:
        return True


def totals(reports: Mapping[str, AckReport]) -> tuple[int, int]:
    """Return to how many sessions the event was delivered, and how many have acknowledged it.

    A session that has moved counts where it was: it is gone there, and a stray where it answered.
    """
    delivered = sum(report.delivered for report in reports.values())
    answered = sum(report.answered for report in reports.values())
    gone = {sid for report in reports.values() for sid in report.gone}
    if gone:
        answered += len(gone.intersection(*[{sid for report in reports.values() for sid in report.strays}]))
    return delivered, answered


def described(mode: AckMode, reports: Mapping[str, AckReport], seconds: float) -> str:
    """Return why a message was not acknowledged, for the log."""
    delivered, answered = totals(reports)
    if not reports:
        return f"no gateway has reported within {seconds:g} s who was sent it"
    if not delivered:
        return f"nobody is there to acknowledge it, on {len(reports)} gateways"
    wanted = "one has to" if mode is AckMode.ANY else "all have to"
    return (
        f"{answered} of {delivered} browsers on {len(reports)} gateways have acknowledged it within "
        f"{seconds:g} s, {wanted}"
    )
