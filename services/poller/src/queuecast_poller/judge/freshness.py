"""Drops messages that are older than their route allows. Pure."""

from collections.abc import Sequence

from queuecast_poller.judge.verdict import Drop, DropReason, Publish, Verdict


def drop_too_old(verdicts: Sequence[Verdict], now_ms: float) -> list[Verdict]:
    """Return the verdicts, with `Drop` for each message that is older than its route allows."""
    return [
        Drop(verdict.message, DropReason.TOO_OLD, f"older than {verdict.max_age_seconds:g} s")
        if isinstance(verdict, Publish) and _is_too_old(verdict, now_ms)
        else verdict
        for verdict in verdicts
    ]


def _is_too_old(verdict: Publish, now_ms: float) -> bool:
    sent_ms = verdict.message.sent_ms
    if verdict.max_age_seconds is None or sent_ms is None:
        return False
    return now_ms - sent_ms > 1000 * verdict.max_age_seconds
