"""Sessions that are connected here: what is saved of them, and what their connections get with a ping."""

from typing import Any

import pytest
from tests.unit.replica import SID, Bench, entry, texts

from queuecast_bus import BusUnavailable, Gap
from queuecast_gateway.recovery.session_state import State
from queuecast_gateway.recovery.welcome import Welcome


@pytest.fixture
def there(bench: Bench) -> Bench:
    """A bench with the connection `eio`, in both namespaces."""
    for namespace, pid in (("/", "pid"), ("/shop", "shop-pid")):
        bench.bus.connected["eio", namespace] = f"sid-of-{pid}"
        bench.recovery.sessions.opened(
            f"sid-of-{pid}", namespace, Welcome(pid, b"", b"", "103-0"), "alice", "192.0.2.1"
        )
    return bench


def test_a_session_is_saved_at_once(there: Bench) -> None:
    """A replica that is killed saves nothing more."""
    assert there.sessions.notes == [
        ("pid", "save", State("sid-of-pid", "/", {"a": "100-0"}, "103-0", "alice")),
        ("shop-pid", "save", State("sid-of-shop-pid", "/shop", {"a": "100-0"}, "103-0", "alice")),
    ]


def test_a_ping_brings_the_newest_offset(there: Bench) -> None:
    """A client that gets no event for hours reconnects with an offset that is half a minute old."""
    there.bus.read(entry("104-0"))
    assert sorted(texts(there.recovery.sessions.pinged("eio"))) == [
        '42/shop,["queuecast:offset","104-0"]',
        '42["queuecast:offset","104-0"]',
    ]
    assert sorted(there.sessions.notes[-2:], key=lambda note: note[0]) == [
        ("pid", "here", State("sid-of-pid", "/", {"a": "100-0"}, "103-0", "alice")),
        ("shop-pid", "here", State("sid-of-shop-pid", "/shop", {"a": "100-0"}, "103-0", "alice")),
    ], "its time begins anew, and it still began where it did"


def test_a_ping_without_a_recoverable_session_brings_no_offset(bench: Bench) -> None:
    """For clients that opted out, or joined only the board."""
    bench.bus.connected["eio", "/"] = SID
    assert bench.recovery.sessions.pinged("eio") == b""
    assert bench.sessions.notes == []


@pytest.mark.parametrize("verb", ["left", "sent_away", "drop"])
def test_the_end_of_a_connection_is_saved(there: Bench, verb: Any) -> None:
    """Once for every session of the connection."""
    for _ in range(2):
        there.recovery.sessions.left("eio", verb)
    noted = sorted((pid, what) for pid, what, _ in there.sessions.notes[2:])
    assert noted == [("pid", verb), ("shop-pid", verb)]


def test_a_session_that_leaves_its_namespace_is_over(there: Bench) -> None:
    """But not the connection's other session. Nothing more is saved of it."""
    there.recovery.sessions.dropped("sid-of-pid", "/")
    there.recovery.sessions.changed("sid-of-pid", "/", "a", entered=True)
    there.recovery.sessions.left("eio", "left")
    assert there.sessions.verbs("pid") == ["save", "drop"]
    assert there.sessions.verbs("shop-pid") == ["save", "left"]


async def test_rooms_can_be_saved_now(there: Bench) -> None:
    """Before they are acknowledged; a session that cannot be recovered has nothing to save."""
    await there.recovery.sessions.remember("sid-of-pid", "/")
    await there.recovery.sessions.remember("sid-of-nobody", "/")
    assert len(there.sessions.notes) == 3
    there.sessions.away = True
    with pytest.raises(BusUnavailable):
        await there.recovery.sessions.remember("sid-of-pid", "/")
    await there.recovery.sessions.remember("sid-of-nobody", "/")


@pytest.mark.parametrize(
    ("gap", "lost_up_to"),
    [(Gap("trimmed", "103-0", "200-0"), []), (Gap("rewound", "103-0", "50-0"), ["103-0"])],
)
def test_after_a_gap_no_session_goes_on(there: Bench, gap: Gap, lost_up_to: list[str]) -> None:
    """Browsers would believe that they have seen everything; a loss also ends the sessions that are away."""
    there.recovery.lost(gap)
    assert there.sessions.verbs("pid") == there.sessions.verbs("shop-pid") == ["save", "drop"]
    assert there.sessions.lost_up_to == lost_up_to
    there.recovery.sessions.left("eio", "left")
    assert there.recovery.sessions.pinged("eio") == b""
    assert there.sessions.verbs("pid") == ["save", "drop"], "it is not saved again"


def test_the_bus_reports_changes_of_rooms(bench: Bench) -> None:
    """Each change of the rooms table is saved."""
    assert bench.bus.watcher is bench.recovery.sessions
