"""The events that browsers here may still acknowledge: who counts, once, and what is reported."""

from collections.abc import Collection

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeClock, Figures

from queuecast_bus import Record
from queuecast_bus.awaited import FIRST_ID, AckMode, AckReport, AckWanted
from queuecast_gateway.delivery import awaited_events as module
from queuecast_gateway.delivery.awaited_events import LATE_SECONDS, AwaitedEvents
from queuecast_gateway.metrics import Metrics

OFFSET = "1000000-0"


class Here:
    """Awaited events of a replica with some sessions, all in the room `a`."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.figure = Figures(registry, "queuecast_gateway")
        self.clock = FakeClock(1_000.0)
        self.sessions = {"one", "two", "three"}
        self.events = AwaitedEvents("here", self.is_in, self.clock, Metrics(registry))

    def is_in(self, sid: str, namespace: str, rooms: Collection[str]) -> bool:
        return sid in self.sessions and namespace == "/" and "a" in rooms

    def begin(self, mode: AckMode, *sids: str, number: int = 0, inbox: str = "inbox") -> None:
        record = order(mode, number, inbox)
        assert self.events.may_begin(record)
        self.events.begin(OFFSET, record, set(sids))

    def answer(self, *sids: str, number: int = 0, namespace: str = "/") -> None:
        for sid in sids:
            self.events.acknowledged(sid, namespace, FIRST_ID + number)

    def news(self) -> list[AckReport]:
        return [report for reports in self.events.take_news().values() for report in reports]

    def counted(self, outcome: str = "counted") -> float:
        return self.figure("acks_total", outcome=outcome)


def order(mode: AckMode, number: int = 0, inbox: str = "inbox") -> Record:
    return Record("order", b"[1]", rooms=("a",), ack=AckWanted(mode, FIRST_ID + number, inbox, 10_000))


@pytest.fixture
def here() -> Here:
    return Here()


def test_a_replica_reports_an_event_even_if_nobody_here_was_sent_it(here: Here) -> None:
    """The poller learns that it need not wait for this replica."""
    here.begin(AckMode.ANY)
    assert here.news() == [AckReport(FIRST_ID, "here", 0, 0)]
    assert here.news() == [], "once"


def test_the_first_answer_counts_for_any(here: Here) -> None:
    """More change nothing."""
    here.begin(AckMode.ANY, "one", "two")
    here.news()
    here.answer("two", "one", "one")
    assert here.news() == [AckReport(FIRST_ID, "here", 2, 1)]


def test_each_session_counts_once_for_all(here: Here) -> None:
    """A page that answers twice must not answer for another."""
    here.begin(AckMode.ALL, "one", "two")
    here.answer("one", "one")
    assert here.news() == [AckReport(FIRST_ID, "here", 2, 1)]
    assert here.counted("not_addressed") == 1
    here.answer("two")
    assert here.news() == [AckReport(FIRST_ID, "here", 2, 2)]


@pytest.mark.parametrize("mode", AckMode)
def test_a_session_that_the_event_is_not_for_does_not_count(here: Here, mode: AckMode) -> None:
    """Any client can send any id."""
    here.begin(mode, "one")
    here.answer("stranger")
    here.answer("one", namespace="/shop")
    assert here.news() == [AckReport(FIRST_ID, "here", 1, 0)]
    assert here.counted("not_addressed") == 2


def test_an_answer_counts_until_the_time_is_over(here: Here) -> None:
    """By Redis's clock, as for the poller; from when the record was stored."""
    here.begin(AckMode.ANY, "one")
    here.clock.pass_by(9.9)
    here.answer("one")
    assert here.counted() == 1
    here.clock.pass_by(0.2)
    here.answer("one")
    here.answer("one", number=1)
    assert here.counted("late") == 2


def test_a_session_that_has_gone_is_named_and_may_answer_when_it_is_back(here: Here) -> None:
    """Here as itself, elsewhere as a stray, which its poller compares with those that have gone."""
    here.begin(AckMode.ALL, "one", "two")
    here.events.left("one")
    here.events.left("three")
    assert here.news() == [AckReport(FIRST_ID, "here", 2, 0, gone=("one",))]
    here.answer("one")
    assert here.news() == [AckReport(FIRST_ID, "here", 2, 1)]
    here.answer("three")
    assert here.news() == [AckReport(FIRST_ID, "here", 2, 1, strays=("three",))]


def test_a_session_that_leaves_is_reported_of_its_own_events_alone(here: Here) -> None:
    """Whatever way an event ends for a session, nothing is remembered of the two: sessions come and go."""
    for number in range(3):
        here.begin(AckMode.ALL, "one", "two", number=number)
    here.begin(AckMode.ALL, "three", number=3)
    here.begin(AckMode.ANY, "one", number=4)
    here.answer("one", number=1)
    here.news()
    here.events.left("one")
    assert [(report.ack_id - FIRST_ID, report.gone) for report in here.news()] == [
        (0, ("one",)),
        (2, ("one",)),
    ]
    here.events.left("one")
    assert here.news() == []
    here.answer("two", number=0)
    here.clock.pass_by(10 + LATE_SECONDS + 1)
    here.events.forget_old()
    assert (len(here.events), here.events._of_session, here.events._sessions) == (0, {}, 0)


def test_an_event_whose_time_is_over_is_not_waited_for(here: Here) -> None:
    """The replica was behind, and its poller has given up."""
    here.clock.pass_by(11)
    here.begin(AckMode.ALL, "one")
    assert len(here.events) == 0
    assert here.news() == []


def test_events_are_forgotten_after_a_while(here: Here) -> None:
    """Redis may be away when their time ends; then the last report follows."""
    here.begin(AckMode.ALL, "one")
    here.clock.pass_by(10 + LATE_SECONDS - 1)
    here.events.forget_old()
    assert len(here.events) == 1
    here.clock.pass_by(2)
    here.events.forget_old()
    assert len(here.events) == 0
    here.events.report_all_again()
    assert here.news() == []


def test_an_event_with_the_id_of_another_is_sent_to_nobody(here: Here) -> None:
    """Whose would the answers be? Its message comes back with another id."""
    here.begin(AckMode.ANY, "one")
    assert not here.events.may_begin(order(AckMode.ANY))
    assert here.counted("refused") == 1


def test_events_and_sessions_that_wait_are_bounded(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for what browsers may never do."""
    monkeypatch.setattr(module, "MAX_EVENTS", 2)
    monkeypatch.setattr(module, "MAX_SESSIONS", 2)
    here.begin(AckMode.ALL, "one", "two")
    assert not here.events.may_begin(order(AckMode.ANY, 1))
    here.answer("one")
    here.begin(AckMode.ANY, "one", number=1)
    assert not here.events.may_begin(order(AckMode.ANY, 2))
    assert here.counted("refused") == 2


def test_everything_is_reported_again_after_a_failure(here: Here) -> None:
    """To each poller its own; Redis may have come back without the reports."""
    here.begin(AckMode.ANY, "one")
    here.begin(AckMode.ANY, "one", number=1, inbox="other")
    here.news()
    here.events.report_all_again()
    news = here.events.take_news()
    assert {inbox: [report.ack_id for report in reports] for inbox, reports in news.items()} == {
        "inbox": [FIRST_ID],
        "other": [FIRST_ID + 1],
    }
