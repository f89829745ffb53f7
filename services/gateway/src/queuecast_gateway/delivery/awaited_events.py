"""The events that browsers here may still acknowledge, and who has. Pure, but for the metrics.

An acknowledgement counts if its session was sent the event here, or elsewhere before it came here: the id of
the packet is the same on every replica, and a recovered session keeps its own.
"""

from collections.abc import Callable, Collection, Iterable

from queuecast_bus.awaited import MAX_NAMED, AckMode, AckReport, AckWanted
from queuecast_bus.record import Record, offset_ms
from queuecast_gateway.metrics import ACK_OUTCOMES, Metrics

MAX_EVENTS = 10_000
"""Most events that may wait here. Of more, none is sent to anybody: their messages come back later."""

MAX_SESSIONS = 1_000_000
"""Most sessions, counted for each event with `all`, that may wait here."""

LATE_SECONDS = 30.0
"""How long an event is remembered after its time is over, to report on it once Redis is back."""

Inbox = str


class AwaitedEvent:
    """One event: who was sent it, and who has acknowledged it."""

    __slots__ = (
        *("answered", "delivered", "done", "gone", "namespace", "rooms", "strays"),
        *("until_ms", "waiting", "wanted"),
    )

    def __init__(self, wanted: AckWanted, offset: str, record: Record, sids: Collection[str]) -> None:
        self.wanted = wanted
        self.until_ms = offset_ms(offset) + wanted.limit_ms
        self.namespace = record.namespace
        self.rooms = record.rooms
        self.delivered = len(sids)
        self.answered = 0
        is_all = wanted.mode is AckMode.ALL
        self.waiting: set[str] = set(sids) if is_all else set()
        self.done: set[str] = set()
        self.gone: dict[str, None] = {}
        self.strays: dict[str, None] = {}

    def report(self, replica: str) -> AckReport:
        """Return what this replica knows of it."""
        gone, strays = list(self.gone)[:MAX_NAMED], list(self.strays)[:MAX_NAMED]
        return AckReport(
            self.wanted.ack_id, replica, self.delivered, self.answered, tuple(gone), tuple(strays)
        )


class AwaitedEvents:
    """The awaited events of this replica. `is_addressed` says whether a session is in any of these rooms of
    a namespace now; `now` is Unix time by Redis's clock; `on_news` is called when there is something to
    report.
    """

    def __init__(
        self,
        replica: str,
        is_addressed: Callable[[str, str, Collection[str]], bool],
        now: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self.on_news: Callable[[], object] = lambda: None
        self._replica = replica
        self._is_addressed = is_addressed
        self._now = now
        self._outcomes = {outcome: metrics.acks.labels(outcome) for outcome in ACK_OUTCOMES}
        self._events: dict[int, AwaitedEvent] = {}
        self._of_session: dict[str, set[int]] = {}
        """The events with `all` that each session still has to acknowledge: sessions leave in thousands at a
        time, and must not be looked for in each event."""
        self._news: dict[int, None] = {}
        self._answers: list[tuple[Inbox, AckReport]] = []
        """Answers to roll calls. If Redis fails, pollers ask again."""
        self._sessions = 0

    def __len__(self) -> int:
        return len(self._events)

    def may_begin(self, record: Record) -> bool:
        """Return whether an event may be sent, and waited for. If not, nobody will be sent it."""
        wanted = record.ack
        if wanted is None:
            return False
        is_free = wanted.ack_id not in self._events
        if is_free and len(self._events) < MAX_EVENTS and self._sessions < MAX_SESSIONS:
            return True
        self._outcomes["refused"].inc()
        return False

    def begin(self, offset: str, record: Record, sids: Collection[str]) -> None:
        """Note that the event at this offset was sent to these sessions, perhaps to none.

        It must be one that `may_begin`.
        """
        if record.ack is None:
            return
        event = AwaitedEvent(record.ack, offset, record, sids)
        if event.until_ms <= 1000 * self._now():
            return  # its poller no longer waits
        self._events[event.wanted.ack_id] = event
        self._sessions += len(event.waiting)
        for sid in event.waiting:
            self._of_session.setdefault(sid, set()).add(event.wanted.ack_id)
        self._tell(event)

    def answer(self, wanted: AckWanted, places: Iterable[str]) -> None:
        """Report in which places somebody is, in answer to a poller's roll call."""
        found = tuple(places)
        report = AckReport(wanted.ack_id, self._replica, len(found), 0, strays=found)
        self._answers.append((wanted.inbox, report))
        self.on_news()

    def acknowledged(self, sid: str, namespace: str, ack_id: int) -> None:
        """Count the acknowledgement of a session."""
        event = self._events.get(ack_id)
        if event is None or event.until_ms <= 1000 * self._now():
            self._outcomes["late"].inc()
        elif self._counts(event, sid, namespace):
            self._outcomes["counted"].inc()
            self._tell(event)
        else:
            self._outcomes["not_addressed"].inc()

    def left(self, sid: str) -> None:
        """Note that a session has gone. It may come back, here or elsewhere, and acknowledge then."""
        for ack_id in sorted(self._of_session.get(sid, ())):
            event = self._events[ack_id]
            self._wait_no_longer(event, sid)
            event.gone[sid] = None
            self._tell(event)

    def take_news(self) -> dict[Inbox, list[AckReport]]:
        """Return what is to be reported now, by the poller's inbox."""
        news, self._news = self._news, {}
        by_inbox: dict[Inbox, list[AckReport]] = {}
        answers, self._answers = self._answers, []
        for inbox, report in answers:
            by_inbox.setdefault(inbox, []).append(report)
        for event in self._known(news):
            by_inbox.setdefault(event.wanted.inbox, []).append(event.report(self._replica))
        return by_inbox

    def report_all_again(self) -> None:
        """Have every event reported again: Redis failed, and may have lost reports."""
        for ack_id in self._events:
            self._news[ack_id] = None

    def forget_old(self) -> None:
        """Forget the events for which nobody waits any more."""
        latest_ms = 1000 * (self._now() - LATE_SECONDS)
        for ack_id in [key for key, event in self._events.items() if event.until_ms < latest_ms]:
            event = self._events[ack_id]
            for sid in list(event.waiting):
                self._wait_no_longer(event, sid)
            del self._events[ack_id]

    def _known(self, ack_ids: Iterable[int]) -> Iterable[AwaitedEvent]:
        return (event for ack_id in ack_ids if (event := self._events.get(ack_id)) is not None)

    def _counts(self, event: AwaitedEvent, sid: str, namespace: str) -> bool:
        """Take a session's acknowledgement; return whether it may give one."""
        if event.namespace != namespace:
            return False
        if event.wanted.mode is AckMode.ANY:
            if not self._is_addressed(sid, namespace, event.rooms):
                return False
            event.answered = 1
            return True
        if sid in event.waiting or sid in event.gone:
            if sid in event.waiting:
                self._wait_no_longer(event, sid)
            event.gone.pop(sid, None)
            event.done.add(sid)
            event.answered += 1
            return True
        if sid in event.done or not self._is_addressed(sid, namespace, event.rooms):
            return False
        event.strays[sid] = None
        return True

    def _wait_no_longer(self, event: AwaitedEvent, sid: str) -> None:
        event.waiting.discard(sid)
        self._sessions -= 1
        events = self._of_session[sid]
        events.discard(event.wanted.ack_id)
        if not events:
            del self._of_session[sid]

    def _tell(self, event: AwaitedEvent) -> None:
        self._news[event.wanted.ack_id] = None
        self.on_news()
