"""The parsers that the gateway does not have: how their CONNECT is known, and what can be answered."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.wire.parsers import Foreign, connect_error, foreign

NAMESPACES = ["/", "/shop", "/a/b-c_1", "/" + "x" * 60]


def connect(namespace: str = "/", **more: Any) -> dict[str, Any]:
    return {"type": 0, "nsp": namespace, **more}


@pytest.mark.parametrize(
    ("data", "namespace"),
    [
        (b"\x82\xa4type\x00\xa3nsp\xa1/", "/"),
        (b"\x83\xa4type\x00\xa3nsp\xa5/shop\xa4data\x81\xa5token\xa1t", "/shop"),
        (b"\x83\xa4type\x00\xa4data\x81\xa5token\xa1t\xa3nsp\xa5/shop", "/shop"),
        (b"\x82\xa4type\x00\xa3nsp\xd9\x24/" + b"x" * 35 + b"\xa1y", "/" + "x" * 35),
        (b"\xde\x00\x02\xa4type\x00\xa3nsp\xa1/", "/"),
        (b"\x82\xa4type\x00", "/"),
    ],
)
def test_a_connect_in_msgpack_is_known(data: bytes, namespace: str) -> None:
    """In the order of the JavaScript parser and in that of python-socketio's."""
    assert foreign(data) == Foreign("msgpack", namespace)


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_connect_in_json_is_known(namespace: str) -> None:
    """`socket.io-json-parser` writes the whole packet as an object."""
    text = json.dumps(connect(namespace, data={"token": "t"}), separators=(",", ":"))
    assert foreign(text) == Foreign("JSON", namespace)


def test_a_connect_in_cbor_is_known() -> None:
    """RFC 8949: a map of two, and text of four and three bytes."""
    assert foreign(b"\xa2\x64type\x00\x63nsp\x61/") == Foreign("CBOR")


@pytest.mark.parametrize(
    "data",
    ["", "0", '0{"type":1}', '{"a":1}', "{", b"", b"x", b"\x82", b"\x82\xa4name\x01", b"\xa2", bytes(50)],
)
def test_nothing_else_is_known(data: str | bytes) -> None:
    """Other nonsense is refused as before."""
    assert foreign(data) is None


@pytest.mark.parametrize(
    ("message", "packed"),
    [
        ("no", b"\xa2no"),
        ("x" * 31, b"\xbf" + b"x" * 31),
        ("x" * 32, b"\xd9\x20" + b"x" * 32),
        ("x" * 255, b"\xd9\xff" + b"x" * 255),
        ("x" * 256, b"\xda\x01\x00" + b"x" * 256),
        ("ü" * 16, b"\xd9\x20" + "ü".encode() * 16),
    ],
    ids=lambda value: f"{len(value)}",
)
def test_the_answer_is_a_connect_error_of_that_parser(message: str, packed: bytes) -> None:
    """The namespace is that of the CONNECT: clients drop the packets of others."""
    answer = connect_error(Foreign("msgpack", "/shop"), message)
    assert answer == b"\x83\xa4type\x04\xa3nsp\xa5/shop\xa4data\x81\xa7message" + packed
    text = connect_error(Foreign("JSON", "/shop"), message)
    assert isinstance(text, str)
    assert json.loads(text) == {"type": 4, "nsp": "/shop", "data": {"message": message}}
    assert connect_error(Foreign("CBOR"), message) is None


@given(
    st.binary(max_size=80) | st.text(max_size=80), st.sampled_from([b"\x82\xa4type", b"\x82\xa3nsp\xd9", b""])
)
def test_any_message_is_known_or_not(data: str | bytes, start: bytes) -> None:
    """Clients choose it; an exception would be a traceback for each of their messages."""
    found = foreign(start + data if isinstance(data, bytes) else data)
    assert found is None or (found.namespace == "" or found.namespace[0] == "/")
    if found is not None:
        connect_error(found, "no")
