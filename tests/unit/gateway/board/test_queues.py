"""What the reports of pollers say about the queues, for operators."""

import json
from typing import Any

import pytest

from queuecast_gateway.board.queues import MAX_RECENT, Queues, summary


def report(queue: str = "orders", poller: str = "one", at_ms: float = 0, **more: Any) -> dict[str, Any]:
    return {
        "queue": queue,
        "poller": poller,
        "at_ms": at_ms,
        "backlog": {"waiting": 1, "hidden": 0, "delayed": 0},
        **dict.fromkeys(("in_flight", "received", "published", "duplicates", "dead_letters"), 1),
        "left": {},
        "dropped": {},
        "recent": [],
        **more,
    }


class FakeReports:
    def __init__(self, **texts: str) -> None:
        self.wanted = 0
        self.texts = texts

    async def want(self) -> None:
        self.wanted += 1

    async def all(self) -> dict[str, str]:
        return self.texts

    async def remove(self, names: list[str]) -> None:
        for name in names:
            del self.texts[name]


class FakeBus:
    def __init__(self, reports: FakeReports) -> None:
        self.queue_reports = reports
        self.clock = self

    def now(self) -> float:
        return 100.0


async def answer(reports: FakeReports) -> dict[str, Any]:
    bus: Any = FakeBus(reports)
    return await Queues(bus).answer()


async def test_to_look_is_to_ask_for_reports() -> None:
    """Pollers say nothing unless somebody does."""
    reports = FakeReports()
    assert await answer(reports) == {"queues": [], "recent": [], "waits": [], "sent": {}}
    assert reports.wanted == 1


async def test_who_asks_again_at_once_gets_the_same_answer() -> None:
    """A browser may ask fifty times a second, and the reports of many pollers are a megabyte."""
    reports, now = FakeReports(new=json.dumps(report(at_ms=90_000))), [5.0]
    bus: Any = FakeBus(reports)
    queues = Queues(bus, lambda: now[0])
    first = await queues.answer()
    now[0] = 5.9
    assert await queues.answer() is first
    assert reports.wanted == 1
    now[0] = 6.0
    assert await queues.answer() == first
    assert reports.wanted == 2


async def test_reports_of_pollers_that_are_gone_are_removed() -> None:
    """A queue must not look busy because of a poller that ended."""
    reports = FakeReports(
        new=json.dumps(report(poller="new", at_ms=90_000)), old=json.dumps(report(at_ms=80_000))
    )
    (queue,) = (await answer(reports))["queues"]
    assert queue["pollers"] == ["new"]
    assert list(reports.texts) == ["new"]


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"queue":7,"at_ms":1}', '{"queue":"a"}', "{}"])
async def test_what_is_no_report_is_removed(text: str) -> None:
    """Whoever wrote it, the board goes on."""
    reports = FakeReports(bad=text)
    assert (await answer(reports))["queues"] == []
    assert reports.texts == {}


def test_the_counts_of_all_pollers_of_a_queue_are_added_up() -> None:
    """The backlog is the queue's, and each of them sees the same: the newest counts."""
    one = report(poller="one", at_ms=1, left={"not_json": 1}, published=2)
    two = report(poller="two", at_ms=2, left={"not_json": 2, "no_route": 1}, backlog={"waiting": 9})
    blind = report(poller="three", at_ms=3, backlog=None)
    other = report(queue="other", backlog=None)
    orders, others = summary([other, blind, two, one])["queues"]
    assert orders["pollers"] == ["one", "two", "three"]
    assert orders["backlog"] == {"waiting": 9}
    assert orders["published"] == 4
    assert orders["left"] == {"not_json": 3, "no_route": 1}
    assert (others["queue"], others["backlog"]) == ("other", None)


def test_the_messages_that_were_left_last_are_listed_with_their_queue() -> None:
    """The newest first, of all queues, and not more than a page shows."""
    many = [{"id": str(number), "at_ms": number} for number in range(2 * MAX_RECENT)]
    recent = summary([report(recent=many[::2]), report(queue="other", recent=many[1::2])])["recent"]
    assert len(recent) == MAX_RECENT
    assert [each["at_ms"] for each in recent[:2]] == [2 * MAX_RECENT - 1, 2 * MAX_RECENT - 2]
    assert recent[0]["queue"] == "other"


def test_what_waits_is_added_up_and_listed_as_the_poller_says_that_has_it_last() -> None:
    """A message that one poller has returned is held by another one then, and may be acknowledged at last."""
    one = report(
        held=2,
        awaited=1,
        holds={"held": 3, "returned": 1},
        acks={"acknowledged": 4},
        waits=[{"id": "a", "at_ms": 5, "state": "returned"}, {"id": "b", "at_ms": 6, "state": "held"}],
        takes_sends=False,
        sent=[],
    )
    other = report(
        poller="two",
        held=1,
        awaited=0,
        holds={"held": 1},
        acks={"acknowledged": 1, "unanswered": 1},
        waits=[{"id": "a", "at_ms": 9, "state": "acknowledged"}],
        takes_sends=True,
        sent=[{"request": "r", "id": "a"}],
    )
    told = summary([one, other, report("others")])
    orders, others = told["queues"]
    assert (orders["held"], orders["awaited"], orders["takes_sends"]) == (3, 1, True)
    assert orders["holds"] == {"held": 4, "returned": 1}
    assert orders["acks"] == {"acknowledged": 5, "unanswered": 1}
    assert [(each["id"], each["state"], each["queue"]) for each in told["waits"]] == [
        ("a", "acknowledged", "orders"),
        ("b", "held", "orders"),
    ]
    assert told["sent"] == {"r": {"request": "r", "id": "a"}}
    # As a poller of an older version reports.
    assert (others["held"], others["holds"], others["takes_sends"]) == (0, {}, False)
