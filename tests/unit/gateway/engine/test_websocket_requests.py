"""The usual first request, which no full HTTP parser reads: what is accepted, and that both read the same."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.engine import handshake
from queuecast_gateway.engine.handshake import MAX_USUAL_BYTES, MAX_USUAL_HEADERS, Request

TARGET = "/socket.io/?EIO=4&transport=websocket"
SENT = {
    "Host": "gateway.example",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
FIREFOX = {**SENT, "Connection": "keep-alive, Upgrade"}


def head(*more: str, sent: dict[str, str] = SENT, first: str = f"GET {TARGET} HTTP/1.1") -> bytes:
    """Return a request's head with these lines more."""
    lines = [first, *(f"{name}: {value}" for name, value in sent.items()), *more]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class FullParser:
    """What the HTTP parser of the public port says of a head."""

    def __init__(self, data: bytes) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_complete = False
        parser = httptools.HttpRequestParser(self)
        with pytest.raises(httptools.HttpParserUpgrade):
            parser.feed_data(data)
        assert parser.get_method() == b"GET"
        assert parser.get_http_version() == "1.1"
        assert parser.should_upgrade()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.is_complete = True

    @property
    def request(self) -> Request:
        """The request, as it is passed on after an upgrade."""
        lines = [b"%b: %b\r\n" % header for header in self.headers]
        return handshake.parse(b"GET %b HTTP/1.1\r\n" % self.url + b"".join(lines) + b"\r\n")


def check(data: bytes) -> None:
    """Check that a head is not accepted here, or means the same to the full parser."""
    request = handshake.parse_websocket_request(data)
    if request is not None:
        full = FullParser(data)
        assert full.is_complete
        assert full.request == request


@pytest.mark.parametrize(
    "data",
    [
        head(),
        head(sent=FIREFOX),
        head("Cookie: a=b; c=\u00fc", "Origin: https://app.example"),
        head("x-empty:", "x-tab:\tvalue\t", "X-Twice: 1", "x-twice: 2"),
        head(first="GET /realtime/socket.io/?EIO=4&transport=websocket&sid=a%20b HTTP/1.1"),
        head(*(f"x-{number}: 1" for number in range(MAX_USUAL_HEADERS - len(SENT)))),
        head(f"x: {'a' * (MAX_USUAL_BYTES - len(head('x: ')))}"),
    ],
    ids=["plain", "Firefox", "cookie", "blanks", "path", "60 headers", "8,000 bytes"],
)
def test_the_usual_request_is_read_here(data: bytes) -> None:
    """It is nearly every connection of a browser, and of a client in another language."""
    assert handshake.parse_websocket_request(data) is not None
    check(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        head()[:-1],
        head() + b"\x81",
        head() + head(),
        head().replace(b"\r\n", b"\n"),
        head(first=f"POST {TARGET} HTTP/1.1"),
        head(first=f"GET {TARGET} HTTP/1.0"),
        head(first=f"GET http://gateway.example{TARGET} HTTP/1.1"),
        head(first=f"GET {TARGET}#part HTTP/1.1"),
        head(first="GET /\u00fc HTTP/1.1"),
        head("Content-Length: 1"),
        head("Transfer-Encoding: chunked"),
        head(" folded"),
        head("blank : before the colon"),
        head(": no name"),
        head("no colon"),
        head("control: \x01"),
        head("Upgrade: websocket"),
        head(sent=SENT | {"Upgrade": "h2c"}),
        head(sent=SENT | {"Connection": "close"}),
        head(sent={"Host": "gateway.example"}),
        head(*(f"x-{number}: 1" for number in range(MAX_USUAL_HEADERS))),
        head(f"x: {'a' * MAX_USUAL_BYTES}"),
    ],
)
def test_every_other_first_request_is_left_to_the_full_parser(data: bytes) -> None:
    """It knows what to refuse, and how."""
    assert handshake.parse_websocket_request(data) is None


pieces = st.sampled_from(
    [
        b"\r\n",
        b"\r",
        b"\n",
        b":",
        b" ",
        b"\t",
        b"\0",
        b"\xff",
        b"#",
        b"?",
        b"%",
        b"a",
        b"x: y\r\n",
        b"Host: b\r\n",
    ]
)


@given(st.lists(st.tuples(st.integers(0, len(head(sent=FIREFOX))), pieces, st.integers(0, 3)), max_size=4))
def test_both_read_the_same(changes: list[tuple[int, bytes, int]]) -> None:
    """A request that two parsers understand differently is how requests are smuggled past a check."""
    data = head(sent=FIREFOX)
    for at, piece, removed in changes:
        data = data[:at] + piece + data[at + removed :]
    check(data)
