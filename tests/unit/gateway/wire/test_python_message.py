"""What python-socketio's managers publish is read; what their older versions pickle is recognised."""

import base64
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_bus import BadRecord
from queuecast_gateway.wire.emission import Emission, Unsupported
from queuecast_gateway.wire.python_message import (
    MAX_GROWTH,
    Pickled,
    is_of_an_emitter,
    read_emission,
    read_python_message,
)

LARGEST = 1_000
EMIT = {"method": "emit", "event": "e", "data": [1], "namespace": "/", "host_id": "elsewhere"}


def read(message: Any) -> dict[str, Any]:
    return read_python_message(json.dumps(message).encode(), LARGEST)


class Trap:
    """Whoever unpickles it calls `print`."""

    def __reduce__(self) -> Any:
        return print, ("it was unpickled",)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_recognised_and_never_read(protocol: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Reading it would run its writer's code. Python 2's protocols 0 and 1 are simply no JSON."""
    for message in (EMIT, Trap()):
        with pytest.raises(Pickled):
            read_python_message(pickle.dumps(message, protocol), LARGEST)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x80",
        b"\x80\x04",
        b"{",
        b"\xff",
        pickle.dumps(EMIT, 0),
        b"[]",
        b"5",
        b"{}",
        b'{"method":5}',
        b'{"method":"emit","data":[NaN]}',
        b"[" * 100_000,
        b'{"method":"disconnect","namespace":"/"}',
        b'{"method":"disconnect","sid":["a"],"namespace":"/"}',
        b'{"method":"disconnect","sid":"a"}',
        b'{"method":"enter_room","sid":"a","namespace":"/"}',
        b'{"method":"leave_room","sid":"a","room":7,"namespace":"/"}',
        b'{"method":"close_room","namespace":"/"}',
        b'{"method":"close_room","room":null,"namespace":"/"}',
        b'{"method":"disconnect","sid":"a","namespace":"/","question":"1","host_id":"a"}',
        b'{"method":"disconnect","sid":"a","namespace":"/","question":"1","claim":1}',
        b'{"method":"disconnect","sid":"a","namespace":"/","question":1,"claim":1,"host_id":"a"}',
        b'{"method":"' + b"x" * (MAX_GROWTH * LARGEST) + b'"}',
    ],
    ids=lambda message: f"{message[:40]!r}",
)
def test_what_is_no_message_is_refused(message: bytes) -> None:
    """A room to close that is missing must not be that of everybody."""
    with pytest.raises(BadRecord):
        read_python_message(message, LARGEST)


def test_a_method_of_a_later_version_is_told_apart() -> None:
    """It is no noise: its user should hear that nothing happened."""
    with pytest.raises(Unsupported, match="enter_hall"):
        read({"method": "enter_hall"})


@pytest.mark.parametrize(
    ("message", "is_emitters"),
    [
        (EMIT, True),
        ({"method": "enter_room", "sid": "a", "room": "b", "namespace": "/"}, True),
        ({"method": "close_room", "room": "b", "namespace": "/"}, True),
        ({"method": "disconnect", "sid": "a", "namespace": "/"}, True),
        (
            {
                "method": "disconnect",
                "sid": "a",
                "namespace": "/",
                "question": "1",
                "claim": 1,
                "host_id": "a",
            },
            False,
        ),
        ({"method": "callback", "answer": "1"}, False),
    ],
    ids=lambda message: message["method"] if isinstance(message, dict) else None,
)
def test_messages_between_replicas_are_told_from_those_of_emitters(
    message: dict[str, Any], is_emitters: bool
) -> None:
    """They are heard also where no emitter of Python is."""
    assert is_of_an_emitter(read(message)) is is_emitters


def binary(data: Any, *attachments: bytes) -> dict[str, Any]:
    return {"binary": True, "data": [data, *(base64.b64encode(each).decode() for each in attachments)]}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Emission("e", 1, "/")),
        ({"data": [None]}, Emission("e", None, "/")),
        ({"data": [1, 2]}, Emission("e", (1, 2), "/")),
        ({"data": [[1, 2]]}, Emission("e", [1, 2], "/")),
        ({"namespace": None}, Emission("e", 1, "/")),
        ({"namespace": "/shop", "room": "a"}, Emission("e", 1, "/shop", ("a",))),
        ({"room": ["a", "b"], "skip_sid": "s"}, Emission("e", 1, "/", ("a", "b"), (), ("s",))),
        ({"skip_sid": ["s", None]}, Emission("e", 1, "/", (), (), ("s",))),
        (binary([{"_placeholder": True, "num": 0}], b"x"), Emission("e", b"x", "/")),
    ],
)
def test_an_emit_is_read_as_the_manager_meant_it(changes: dict[str, Any], expected: Emission) -> None:
    """A list of data is the arguments, as python-socketio writes them since 5.14."""
    assert read_emission(read({**EMIT, **changes})) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"event": 5},
        {"event": None},
        {"namespace": 5},
        {"room": []},
        {"room": {"a": 1}},
        {"room": [["a"]]},
        {"skip_sid": 1.5},
        binary([{"_placeholder": True, "num": 3}], b"x"),
        {"binary": True, "data": 5},
        {"binary": True, "data": []},
        {"binary": True, "data": [[], 5]},
    ],
    ids=str,
)
def test_what_is_no_emit_is_refused(changes: dict[str, Any]) -> None:
    """Above all, one whose rooms cannot be read must not become one for everybody."""
    with pytest.raises(BadRecord):
        read_emission(read({**EMIT, **changes}))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)
fields = st.sampled_from(["event", "data", "namespace", "room", "skip_sid", "binary", "sid", "host_id"])


@given(st.dictionaries(fields, values), st.sampled_from(["emit", "disconnect", "enter_room", "close_room"]))
def test_no_message_raises_anything_else(message: dict[str, Any], method: str) -> None:
    """Whoever can publish on the channel cannot end the listener."""
    try:
        found = read({**message, "method": method})
        read_emission(found)
    except BadRecord:
        pass
