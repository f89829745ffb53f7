"""What emitters in other processes publish: delivered, carried out, or counted and named in the log."""

import asyncio

import pytest
from tests.unit.gateway.delivery.emitter_replica import Replica

from queuecast_bus.command import Verb
from queuecast_gateway.delivery.emitters import MAX_NAMED
from queuecast_gateway.wire.emission import Emission, Request


@pytest.fixture
def replica() -> Replica:
    return Replica()


# Delivering


async def test_an_event_is_for_the_sessions_in_any_room_but_not_in_the_excepted(replica: Replica) -> None:
    """Each of them gets it once, with an offset if it can recover."""
    both, one, other = await replica.browser("a", "b"), await replica.browser("a"), await replica.browser("c")
    replica.emitters.deliver(Emission("e", 1, "/", ("a", "b")))
    replica.emitters.deliver(Emission("e", 2, "/", (), ("b",)))
    replica.emitters.deliver(Emission("e", 3, "/", (), ("b", "c"), ()))
    assert replica.texts(both) == ['42["e",1,"0-0"]']
    assert replica.texts(one) == [f'42["e",{number},"0-0"]' for number in (1, 2, 3)]
    assert replica.texts(other) == ['42["e",2,"0-0"]']
    assert replica.outcomes() == {"delivered": 3}
    assert replica.counted("events_delivered_total") == 5


async def test_an_event_for_nobody_here_is_counted_as_such(replica: Replica) -> None:
    """Every gateway hears everything, and most have no use for most of it."""
    await replica.browser("a")
    replica.emitters.deliver(Emission("e", 1, "/", ("b",)))
    replica.emitters.deliver(Emission("e", 1, "/shop"))
    assert replica.outcomes() == {"nobody_here": 2}


@pytest.mark.parametrize("namespace", ["/elsewhere", "/board"])
async def test_an_event_for_a_namespace_that_is_not_served_is_named_once(
    replica: Replica, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The board's is the gateway's own: nobody else's figures may be shown there."""
    board = await replica.browser(namespace="/board")
    for _ in range(3):
        replica.emitters.deliver(Emission("delivered", {"records": 1}, namespace))
        replica.emitters.carry_out(Request(Verb.DISCONNECT, namespace))
    assert replica.outcomes() == {"unknown_namespace": 6}
    assert replica.texts(board) == []
    assert [record.message for record in caplog.records] == [
        f"messages of emitters are not followed: the namespace {namespace!r} is not in QUEUECAST_NAMESPACES"
    ]


async def test_names_that_senders_choose_do_not_fill_the_log(
    replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    """Or memory."""
    for number in range(2 * MAX_NAMED):
        replica.emitters.deliver(Emission("e", 1, f"/{number}"))
    assert len(caplog.records) == MAX_NAMED
    assert replica.outcomes() == {"unknown_namespace": 2 * MAX_NAMED}


@pytest.mark.parametrize("event", ["queuecast:offset", "token_expiring", "connect", ""])
async def test_an_emitter_cannot_pose_as_the_gateway(replica: Replica, event: str) -> None:
    """As no message of a queue can: a forged offset would cost a client what it missed."""
    browser = await replica.browser()
    replica.emitters.deliver(Emission(event, 1, "/"))
    assert replica.texts(browser) == []
    assert replica.outcomes() == {"malformed": 1}
    assert replica.counted("records_skipped_total", reason="event_name") == 1


# Carrying out


async def test_a_join_is_bounded_and_a_leave_undoes_it(replica: Replica) -> None:
    """By the same limit as a browser's own rooms: here two."""
    one, other = await replica.browser("a"), await replica.browser()
    sid = replica.bus.sid_from_eio_sid(one.session.sid, "/")
    replica.emitters.carry_out(Request(Verb.JOIN, "/", ("a",), (), ("b",)))
    assert replica.bus.get_rooms(sid, "/") == [sid, "a", "b"]
    replica.emitters.carry_out(Request(Verb.JOIN, "/", ("a",), (), ("c",)))
    replica.emitters.carry_out(Request(Verb.LEAVE, "/", (), (), ("a",)))
    assert replica.bus.get_rooms(sid, "/") == [sid, "b"]
    assert replica.outcomes() == {"command": 3}
    counts = {name: replica.counted("commands_total", outcome=name) for name in ("joined", "too_many_rooms")}
    assert counts == {"joined": 1, "too_many_rooms": 1}
    assert replica.bus.sid_from_eio_sid(other.session.sid, "/")


@pytest.mark.parametrize("whole", [False, True])
async def test_a_disconnect_ends_one_namespace_or_all_of_the_connection(
    replica: Replica, *, whole: bool
) -> None:
    """As Node's `disconnectSockets(close)`."""
    browser, other = await replica.browser("a"), await replica.browser()
    await browser.joined("/shop")
    replica.emitters.carry_out(Request(Verb.DISCONNECT, "/", ("a",), whole=whole))
    await asyncio.gather(*replica.server.eio._tasks)
    left = replica.bus.namespaces_of(browser.session.sid)
    assert left == ([] if whole else ["/shop"])
    assert replica.bus.namespaces_of(other.session.sid) == ["/"]
