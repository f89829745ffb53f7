"""What is too old to be shown: by its route, or because something newer came with it. Pure.

After an outage browsers see the present, not an hour of history.
"""

from collections.abc import Sequence

from queuecast_poller.verdict import Drop, DropReason, Publish, Verdict


def drop_stale(verdicts: Sequence[Verdict], now_ms: float) -> list[Verdict]:
    """Return the verdicts on what was received together, with a `Drop` for each message that is stale.

    Of those with the same event, namespace and key `latest`, the one counts that was sent last; of several at
    the same moment, the last.
    """
    newest: dict[tuple[str, str, str], int] = {}
    fresh: list[Verdict] = []
    for place, verdict in enumerate(verdicts):
        kept: Verdict = verdict
        if isinstance(verdict, Publish):
            if _is_too_old(verdict, now_ms):
                kept = Drop(verdict.message, DropReason.TOO_OLD, f"older than {verdict.max_age_seconds:g} s")
            elif verdict.latest is not None:
                key = verdict.record.event, verdict.record.namespace, verdict.latest
                other = newest.get(key)
                if other is not None and _sent_ms(fresh[other]) > _sent_ms(verdict):
                    kept = _superseded(verdict)
                else:
                    if other is not None:
                        fresh[other] = _superseded(fresh[other])
                    newest[key] = place
        fresh.append(kept)
    return fresh


def _is_too_old(verdict: Publish, now_ms: float) -> bool:
    sent_ms = verdict.message.sent_ms
    if verdict.max_age_seconds is None or sent_ms is None:
        return False
    return now_ms - sent_ms > 1000 * verdict.max_age_seconds


def _sent_ms(verdict: Verdict) -> int:
    return verdict.message.sent_ms or 0


def _superseded(verdict: Verdict) -> Drop:
    return Drop(verdict.message, DropReason.SUPERSEDED, "a newer message of the same key came with it")
