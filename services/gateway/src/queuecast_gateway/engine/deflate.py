"""Compression of WebSocket messages, permessage-deflate: negotiate it, compress, inflate. Pure.

Neither side keeps a context between messages. So a connection costs no memory for it, and one compressed
frame serves every client. https://www.rfc-editor.org/rfc/rfc7692
"""

import re
import zlib
from collections.abc import Iterator
from functools import lru_cache

from queuecast_gateway.engine import frames, refusals
from queuecast_gateway.engine.frames import COMPRESSED, FrameError

MAX_CACHED = 200
"""Longest offer that is cached, in characters: clients choose it."""

LEVEL = 1
"""Level 6 takes up to three times as long, and saves 1 % more of an event of 1 kB, 5 % of one of 8 kB."""

_NAME = "permessage-deflate"
_WINDOW_BITS = frozenset(map(str, range(8, 16)))
_LARGEST_WINDOW = "15"

_TAIL = b"\x00\x00\xff\xff"
"""What a sender takes off a compressed message, and a receiver appends: the end of an empty block."""

_END = b"\x01\x00\x00\xff\xff"
"""An empty last block: after a whole message it ends the stream, after a truncated one hardly ever."""

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_PARAMETER = rf'[ \t]*+;[ \t]*+({_WORD})(?:[ \t]*+=[ \t]*+(?:({_WORD})|"((?:[^"\\]|\\.)*+)"))?+'
_EXTENSION = re.compile(rf"[ \t]*+({_WORD})((?:{_PARAMETER})*+)[ \t]*+", re.ASCII)
_ONE_PARAMETER = re.compile(_PARAMETER, re.ASCII)
_ESCAPED = re.compile(r"\\(.)")

_Parameters = list[tuple[str, str | None]]


def negotiate(offers: str) -> str:
    """Return the extension that a server accepts from a client's header, "" if it accepts none.

    It is the first offer that can be honoured; this server uses the largest window only. Raises `Refused` if
    the header is not of the form of RFC 6455, section 9.1.
    """
    return _cached(offers) if len(offers) <= MAX_CACHED else _negotiated(offers)


def _negotiated(offers: str) -> str:
    # All of the header is read first: what comes after the accepted offer must be of the right form, too.
    accepted = [_accepted(parameters) for name, parameters in list(_parsed(offers)) if name == _NAME]
    return next(filter(None, accepted), "")


_cached = lru_cache(maxsize=64)(_negotiated)


def _parsed(offers: str) -> Iterator[tuple[str, _Parameters]]:
    at, has_any = 0, False
    while at < len(offers):
        found = _EXTENSION.match(offers, at)
        if found is not None:
            has_any, at = True, found.end()
            yield found[1], [_parameter(each) for each in _ONE_PARAMETER.finditer(found[2])]
        elif offers[at] in " \t":
            at += 1
        if at < len(offers) and offers[at] not in ", \t":
            raise refusals.bad_request()
        at += offers[at : at + 1] == ","
    if not has_any:
        raise refusals.bad_request()


def _parameter(found: re.Match[str]) -> tuple[str, str | None]:
    name, token, quoted = found[1], found[2], found[3]
    if quoted is None:
        return name, token
    value = _ESCAPED.sub(r"\1", quoted)
    if not re.fullmatch(_WORD, value):
        raise refusals.bad_request()
    return name, value


def _accepted(parameters: _Parameters) -> str:
    """Return the response to one offer, "" if it has to be declined: RFC 7692, section 7.1."""
    values = dict(parameters)
    if len(values) < len(parameters):
        return ""
    response = [_NAME, "server_no_context_takeover", "client_no_context_takeover"]
    for name, value in values.items():
        if name in ("server_no_context_takeover", "client_no_context_takeover"):
            is_honoured = value is None
        elif name == "server_max_window_bits":
            is_honoured = value == _LARGEST_WINDOW
            response.append(f"{name}={value}")
        else:
            # A hint: what used a smaller window is inflated with the largest one just as well.
            is_honoured = name == "client_max_window_bits" and (value is None or value in _WINDOW_BITS)
        if not is_honoured:
            return ""
    return "; ".join(response)


class Deflater:
    """Compresses frames whose payload has at least `min_bytes`, where this makes them smaller."""

    def __init__(self, min_bytes: int) -> None:
        self.min_bytes = min_bytes
        self._stream = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)

    def __call__(self, sent: bytes) -> bytes:
        """Return these frames, compressed; the same object if none of them is."""
        if len(sent) < self.min_bytes:
            return sent
        made: list[bytes] = []
        is_changed = False
        for opcode, payload in frames.split(sent):
            compressed = self._compressed(payload) if len(payload) >= self.min_bytes else payload
            if len(compressed) < len(payload):
                made.append(frames.encode(COMPRESSED | opcode, compressed))
                is_changed = True
            else:
                made.append(frames.encode(opcode, payload))
        return b"".join(made) if is_changed else sent

    def _compressed(self, payload: bytes) -> bytes:
        # A full flush forgets the context. A new compressor for each message takes three times as long.
        return (self._stream.compress(payload) + self._stream.flush(zlib.Z_FULL_FLUSH))[: -len(_TAIL)]


def inflate(payload: bytes, max_bytes: int) -> bytes:
    """Return the message that a client compressed. Raises `FrameError` beyond `max_bytes`."""
    if not payload:
        return b""  # what some compressors make of nothing
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        message = stream.decompress(payload + _TAIL + _END, max_bytes + 1)
    except zlib.error as exc:
        raise _broken() from exc
    if len(message) > max_bytes:
        raise FrameError(
            frames.TOO_BIG, "too_big", f"a compressed message of more than {max_bytes} bytes, uncompressed"
        )
    # The client may end the stream itself: RFC 7692, section 7.2.3.4.
    if not stream.eof or stream.unused_data not in (b"", b"\x00" + _TAIL + _END):
        raise _broken()
    return message


def skip(payload: bytes, max_bytes: int) -> bytes:
    """Return nothing, for a connection that is closed, whose messages nobody reads."""
    return b""


def _broken() -> FrameError:
    return FrameError(frames.PROTOCOL_ERROR, "frame", "a compressed message that cannot be inflated")
