"""The part of MessagePack that Node's Redis adapter writes: nil, integers ≥ 0, floats, text, lists, maps.

https://github.com/msgpack/msgpack/blob/master/spec.md
"""

import struct
from collections.abc import Iterator
from typing import Any


def pack(value: Any) -> bytes:
    """Return `value` packed. Raises `TypeError` for unsupported types."""
    return b"".join(_parts(value))


def _parts(value: Any) -> Iterator[bytes]:
    if value is None:
        yield b"\xc0"
    elif isinstance(value, int):
        yield bytes((value,)) if 0 <= value < 128 else b"\xcf" + value.to_bytes(8, "big")
    elif isinstance(value, float):
        yield b"\xcb" + struct.pack(">d", value)
    elif isinstance(value, str):
        raw = value.encode()
        yield bytes((0xA0 | len(raw),)) if len(raw) < 32 else b"\xda" + len(raw).to_bytes(2, "big")
        yield raw
    elif isinstance(value, list):
        yield b"\xdc" + len(value).to_bytes(2, "big")
        for item in value:
            yield from _parts(item)
    elif isinstance(value, dict):
        yield b"\xde" + len(value).to_bytes(2, "big")
        for key, item in value.items():
            yield from _parts(key)
            yield from _parts(item)
    else:
        raise TypeError(f"{type(value).__name__} is not packed here")
