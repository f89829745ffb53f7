import asyncio
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from socketio.packet import Packet
from tests.unit.fakes import FakeBus

from queuecast_bus import BadRecord, BusManager, BusSettings, BusUnavailable, Record
from queuecast_bus.manager import dump_arguments

keys = st.text(max_size=5).filter(lambda key: key not in ("_placeholder", "num"))
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10)
values = st.recursive(
    scalars | st.binary(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


def redelivered(data: Any) -> list[Any]:
    """Return the record that a gateway reads for this emit."""
    arguments, attachments = dump_arguments(data)
    values: list[Any] = json.loads(arguments)
    return Packet.reconstruct_binary(values, attachments) if attachments else values  # type: ignore[no-any-return]


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def manager(bus: FakeBus, monkeypatch: pytest.MonkeyPatch) -> BusManager:
    made = BusManager(BusSettings())
    monkeypatch.setattr(made, "_publisher", bus)
    return made


class Control:
    """A control channel that records the messages and their channels."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []

    async def publish(self, channel: str, message: str) -> int:
        self.sent.append((channel, json.loads(message)))
        return len(self.sent)


@pytest.fixture
def control(manager: BusManager, monkeypatch: pytest.MonkeyPatch) -> Control:
    channel = Control()
    monkeypatch.setattr(manager, "_control", channel)
    return channel


# Arguments


@pytest.mark.parametrize(
    ("data", "arguments"),
    [
        (None, []),
        ((), []),
        ({"id": 1}, [{"id": 1}]),
        ([1, 2], [[1, 2]]),
        ((1, 2), [1, 2]),
        ((None,), [None]),
        ("ü", ["ü"]),
        (b"\x00\xff", [b"\x00\xff"]),
        (({"deep": [b"1"]}, b"2", None), [{"deep": [b"1"]}, b"2", None]),
    ],
)
def test_data_becomes_arguments_as_in_socketio(data: Any, arguments: list[Any]) -> None:
    """A handler in a browser has as many parameters as with the stock server."""
    assert redelivered(data) == arguments


@given(st.lists(values, max_size=4))
def test_arguments_come_back_as_they_were(arguments: list[Any]) -> None:
    """Binary ones too, each in its place."""
    assert redelivered(tuple(arguments)) == arguments


def test_arguments_are_compact_utf8() -> None:
    """They are stored once per record and read by every replica."""
    assert dump_arguments({"name": "Krüger", "n": [1, 2]}) == ('[{"name":"Krüger","n":[1,2]}]'.encode(), ())


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_json_is_refused(number: float) -> None:
    """Every browser's parser would fail on the packet and close the connection."""
    with pytest.raises(BadRecord, match="JSON"):
        dump_arguments({"price": number})


def test_an_attachment_that_is_missing_is_not_made_up() -> None:
    """Text that looks like a Socket.IO placeholder is only text unless there are attachments."""
    placeholder = {"_placeholder": True, "num": 0}
    assert redelivered(placeholder) == [placeholder]


# Emits


@pytest.mark.parametrize(
    ("addressed", "rooms"),
    [
        ({}, ()),
        ({"room": None}, ()),
        ({"room": "a"}, ("a",)),
        ({"to": "a"}, ("a",)),
        ({"room": ["a", "b"]}, ("a", "b")),
        ({"to": ("a", "b")}, ("a", "b")),
        ({"room": "a", "to": "b"}, ("b",)),
    ],
)
async def test_an_emit_is_one_record(
    manager: BusManager, bus: FakeBus, addressed: dict[str, Any], rooms: tuple[str, ...]
) -> None:
    """Every replica reads the same order of events. An emit to several rooms is one event, even for a browser
    in two of them.
    """
    await manager.emit("price", {"eur": 3}, namespace="/shop", skip_sid="me", **addressed)
    assert bus.records == [Record("price", b'[{"eur":3}]', "/shop", rooms, ("me",))]


async def test_an_emit_without_a_namespace_is_for_the_main_one(manager: BusManager, bus: FakeBus) -> None:
    """As in the stock manager."""
    await manager.emit("price", 3)
    assert bus.records == [Record("price", b"[3]", "/")]


@pytest.mark.parametrize("nobody", [{"room": []}, {"to": []}, {"room": ()}, {"to": [None]}])
async def test_an_emit_to_no_room_is_refused(
    manager: BusManager, bus: FakeBus, nobody: dict[str, Any]
) -> None:
    """The stock manager broadcasts it: a private event would reach everybody."""
    with pytest.raises(ValueError, match="addresses nobody"):
        await manager.emit("price", 3, **nobody)
    assert bus.records == []


async def test_nobody_to_skip_is_nothing_wrong(manager: BusManager, bus: FakeBus) -> None:
    """`skip_sid=[]` skips nobody."""
    await manager.emit("price", 3, skip_sid=[None])
    assert bus.records[0].skip_sids == ()


async def test_an_emit_that_was_not_stored_raises(
    manager: BusManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stock manager only logs it, so that the caller takes it for done."""
    monkeypatch.setattr(manager, "_publisher", FakeBus(away_for=1))
    with pytest.raises(BusUnavailable):
        await manager.emit("price", 3)


async def test_an_emit_for_this_replica_alone_is_no_record(manager: BusManager, bus: FakeBus) -> None:
    """The fan-out delivers with such emits: a record would come back and be delivered for ever."""
    await manager.emit("price", 3, ignore_queue=True)
    assert bus.tries == []


async def test_an_emit_with_a_callback_needs_a_server(manager: BusManager, bus: FakeBus) -> None:
    """It is control for one connected browser, and follows the stock manager's rules."""
    with pytest.raises(RuntimeError, match="Callbacks"):
        await manager.emit("price", 3, to="sid", callback=print)
    assert bus.tries == []


# Control


async def test_control_messages_have_the_stock_format(manager: BusManager, control: Control) -> None:
    """Stock managers in other processes understand our messages, and we understand theirs."""
    await manager.enter_room("sid", "/", "room")
    expected = {"method": "enter_room", "sid": "sid", "room": "room", "namespace": "/"}
    assert control.sent == [("socketio", {**expected, "host_id": manager.host_id})]


async def test_one_replica_can_be_sent_a_message(manager: BusManager, control: Control) -> None:
    """A message for one replica need not be read by all. The number of receivers shows whether it is
    there.
    """
    assert await manager.send_to_replica("replica", {"method": "callback"}) == 1
    assert control.sent == [("queuecast:{socketio}:inbox:replica", {"method": "callback"})]


async def test_initialize_starts_nothing(manager: BusManager) -> None:
    """Nobody awaits the stock listener: it could end, and the replica would look healthy."""
    before = asyncio.all_tasks()
    manager.initialize()
    assert asyncio.all_tasks() == before
    assert not hasattr(manager, "thread")


@pytest.mark.parametrize("write_only", [True, False])
def test_making_a_manager_starts_nothing(write_only: bool) -> None:
    """In other people's processes it is made before there is a loop."""
    assert BusManager(BusSettings(), write_only=write_only).write_only is write_only


def test_a_write_only_manager_does_not_read() -> None:
    """A poller that reads would keep a blocking connection open for nothing."""
    manager = BusManager(BusSettings(), write_only=True)
    with pytest.raises(RuntimeError, match="write-only"):
        manager.follow()
    with pytest.raises(RuntimeError, match="write-only"):
        _ = manager.reading


def test_a_manager_is_not_reading_before_it_has_an_offset(manager: BusManager) -> None:
    """Browsers are admitted once this is set."""
    assert not manager.reading.is_set()


async def test_a_listener_that_ends_by_itself_is_an_error(
    manager: BusManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica that receives no control messages must not go on as if it did."""

    async def end() -> None:
        pass

    monkeypatch.setattr(manager, "_thread", end)
    with pytest.raises(RuntimeError, match="control channel"):
        await manager.listen_to_control()


async def test_a_listener_that_is_cancelled_ends_in_silence(
    manager: BusManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stock loop swallows the cancellation. A gateway that stops must not fail because of that."""

    async def until_cancelled() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    monkeypatch.setattr(manager, "_thread", until_cancelled)
    task = asyncio.create_task(manager.listen_to_control())
    await asyncio.sleep(0)
    task.cancel()
    await task
