import base64
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.engine import handshake, refusals
from queuecast_gateway.engine.handshake import Request
from queuecast_gateway.engine.refusals import Refused

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HEAD = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
    b"host: example.org\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
)


def asked(**headers: str | None) -> Request:
    """Return a request for a WebSocket with these headers; None removes one."""
    found: dict[str, str | None] = {"sec-websocket-key": KEY, "sec-websocket-version": "13"}
    found |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("/socket.io/", "", {name: value for name, value in found.items() if value is not None})


def refusal(request: Request) -> Refused:
    """Return why the request is refused."""
    with pytest.raises(Refused) as caught:
        handshake.switch(request)
    return caught.value


# Parsing


def test_a_head_is_parsed() -> None:
    """All decisions about a connection depend on it."""
    request = handshake.parse(HEAD)
    assert request.path == "/socket.io/"
    assert request.query == {"EIO": "4", "transport": "websocket"}
    assert request.headers == {
        "host": "example.org",
        "sec-websocket-key": KEY,
        "sec-websocket-version": "13",
    }


def test_a_path_without_a_query_has_an_empty_one() -> None:
    """Not every request names its version."""
    request = handshake.parse(b"GET /other HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (request.path, request.query_string, request.query) == ("/other", "", {})


def test_a_path_is_unquoted_and_a_query_is_not() -> None:
    """As in WSGI: a quoted ampersand must not end a value."""
    request = handshake.parse(b"GET /a%20b%C3%BC/?name=a%26b%3Dc&x=%C3%BC HTTP/1.1\r\n\r\n")
    assert request.path == "/a bü/"
    assert request.query_string == "name=a%26b%3Dc&x=%C3%BC"
    assert request.query == {"name": "a&b=c", "x": "ü"}


def test_a_second_question_mark_is_part_of_the_query() -> None:
    """Only the first one ends the path."""
    assert handshake.parse(b"GET /p?a=b?c HTTP/1.1\r\n\r\n").query == {"a": "b?c"}


def test_a_repeated_header_is_joined() -> None:
    """Each proxy may add its own X-Forwarded-For."""
    request = handshake.parse(
        b"GET / HTTP/1.1\r\nx-forwarded-for: a\r\nhost: h\r\nx-forwarded-for: b\r\n\r\n"
    )
    assert request.headers == {"x-forwarded-for": "a,b", "host": "h"}


@pytest.mark.parametrize("value", ["", "a: b", "a:b", "\xfc", "a, b"])
def test_the_value_of_a_header_is_unchanged(value: str) -> None:
    """A cookie may contain the characters that separate headers."""
    head = f"GET / HTTP/1.1\r\ncookie: {value}\r\n\r\n".encode("latin-1")
    assert handshake.parse(head).headers == {"cookie": value}


def test_the_first_of_a_repeated_parameter_counts() -> None:
    """A second `sid` must not replace the one that was checked."""
    assert Request("/", "sid=first&sid=second&EIO=4", {}).query == {"sid": "first", "EIO": "4"}


def test_a_parameter_without_a_value_is_there() -> None:
    """An empty session id is an unknown one, not a missing one."""
    assert Request("/", "sid=&b", {}).query == {"sid": "", "b": ""}


@given(st.binary(max_size=60).filter(lambda data: not set(data) & set(b" \r\n")), st.binary(max_size=60))
def test_a_target_and_a_value_of_any_bytes_can_be_parsed(target: bytes, value: bytes) -> None:
    """Clients choose them; an exception here would leave the connection unanswered."""
    head = b"GET /" + target + b" HTTP/1.1\r\nx: " + value.replace(b"\r\n", b"") + b"\r\n\r\n"
    request = handshake.parse(head)
    assert isinstance(request.query, dict)
    assert request.headers["x"].encode("latin-1") == value.replace(b"\r\n", b"").strip(b" \t")


def test_a_connect_handler_gets_the_names_of_wsgi() -> None:
    """Applications read cookies and addresses by these names."""
    request = handshake.parse(
        b"GET /socket.io/?EIO=4 HTTP/1.1\r\nx-forwarded-proto: https\r\ncookie: a=b\r\n\r\n"
    )
    assert request.environ("192.0.2.1") == {
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_COOKIE": "a=b",
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/socket.io/",
        "QUERY_STRING": "EIO=4",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.url_scheme": "https",
    }


def test_the_scheme_is_http_unless_a_proxy_says_otherwise() -> None:
    """TLS ends before the gateway, and the scheme is part of an origin."""
    assert Request("/", "", {}).environ("")["wsgi.url_scheme"] == "http"


# The version


@pytest.mark.parametrize("query", [{"EIO": "4"}, {"EIO": "4", "sid": "a"}, {"sid": "a"}])
def test_a_client_of_this_revision_is_accepted(query: dict[str, str]) -> None:
    """A session is checked when it begins, and old clients do not repeat the version later."""
    handshake.check_version(query)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"EIO": "3"},
        {"EIO": "5"},
        {"EIO": ""},
        {"EIO": "04"},
        {"EIO": "4 "},
        {"EIO": "3", "sid": "a"},
        {"eio": "4"},
    ],
)
def test_a_client_of_another_revision_is_refused(query: dict[str, str]) -> None:
    """Its pings go the other way round, so it would reconnect for ever."""
    with pytest.raises(Refused) as caught:
        handshake.check_version(query)
    assert caught.value.body == b'{"code":5,"message":"Unsupported protocol version"}'


# Refusals


@pytest.mark.parametrize(
    ("refused", "status", "body"),
    [
        (refusals.unknown_transport(), 400, b'{"code":0,"message":"Transport unknown"}'),
        (refusals.unknown_session(), 400, b'{"code":1,"message":"Session ID unknown"}'),
        (refusals.bad_method(), 400, b'{"code":2,"message":"Bad handshake method"}'),
        (refusals.bad_request(), 400, b'{"code":3,"message":"Bad request"}'),
        (refusals.forbidden(), 403, b'{"code":4,"message":"Forbidden"}'),
        (refusals.draining(), 503, b'{"code":4,"message":"Forbidden"}'),
        (refusals.unsupported_version(), 400, b'{"code":5,"message":"Unsupported protocol version"}'),
    ],
)
def test_a_refusal_is_the_stock_servers(refused: Refused, status: int, body: bytes) -> None:
    """Developers of clients look these codes up in the stock server's documentation."""
    assert (refused.status.value, refused.body) == (status, body)


def test_a_refused_websocket_gets_a_whole_answer() -> None:
    """The connection closes after it, so its length must be right for a proxy to forward it."""
    head, _, body = refusals.refusal(refusals.forbidden()).partition(b"\r\n\r\n")
    assert body == b'{"code":4,"message":"Forbidden"}'
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 403 Forbidden",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        b"Connection: close",
    ]


def test_a_draining_server_says_when_to_try_again() -> None:
    """By then the load balancer uses another replica; proxies and clients know the header."""
    refused = refusals.draining()
    assert refused.headers == {"Retry-After": "1"}
    assert b"\r\nRetry-After: 1\r\n" in refusals.refusal(refused)


# Upgrade to a WebSocket


def test_a_key_is_answered_as_the_rfc_says() -> None:
    """The example of RFC 6455, section 1.3; a browser checks the answer."""
    assert handshake.switch(handshake.parse(HEAD)) == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    )


def test_spaces_around_a_key_are_not_part_of_it() -> None:
    """HTTP allows them around any value."""
    assert handshake.switch(asked(sec_websocket_key=f" {KEY} ")) == handshake.switch(asked())


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        base64.b64encode(bytes(15)).decode(),
        base64.b64encode(bytes(17)).decode(),
        KEY[:-1],
        KEY[:-2],
        KEY + "=",
        KEY.replace("d", "-", 1),
        f"{KEY},{KEY}",
        "\xe9" * 24,
        "ü" * 16,
    ],
)
def test_a_key_that_is_not_16_bytes_is_refused(key: str | None) -> None:
    """RFC 6455, section 4.2.1; a missing or doubled key is a mistake of a proxy."""
    refused = refusal(asked(sec_websocket_key=key))
    assert (refused.status, refused.code) == (HTTPStatus.BAD_REQUEST, 3)


@pytest.mark.parametrize("version", [None, "", "8", "12", "14", "013", "13,13", "13, 8"])
def test_a_refusal_of_another_websocket_version_names_the_right_one(version: str | None) -> None:
    """RFC 6455, section 4.2.2: without the header the client cannot try again with the right one."""
    refused = refusal(asked(sec_websocket_version=version))
    assert refused.status is HTTPStatus.UPGRADE_REQUIRED
    answer = refusals.refusal(refused)
    assert answer.startswith(b"HTTP/1.1 426 Upgrade Required\r\n")
    assert b"\r\nsec-websocket-version: 13\r\n" in answer.lower(), "names of headers have no case"
    assert answer.endswith(b'\r\n\r\n{"code":3,"message":"Bad request"}')


def test_the_version_is_checked_before_the_key() -> None:
    """A client of an older draft has another kind of key, and must learn that its version is the reason."""
    refused = refusal(asked(sec_websocket_key=None, sec_websocket_version="8"))
    assert refused.status is HTTPStatus.UPGRADE_REQUIRED


@given(st.binary(min_size=16, max_size=16))
def test_any_key_of_16_bytes_is_answered(nonce: bytes) -> None:
    """Browsers choose it at random."""
    answer = handshake.switch(asked(sec_websocket_key=base64.b64encode(nonce).decode()))
    assert answer.startswith(b"HTTP/1.1 101 ")


@given(st.text(st.characters(max_codepoint=255), max_size=30))
def test_any_other_key_is_refused(key: str) -> None:
    """Clients choose it; any other exception would leave the connection unanswered."""
    try:
        handshake.switch(asked(sec_websocket_key=key))
    except Refused:
        return
    assert len(base64.b64decode(key.strip())) == 16
