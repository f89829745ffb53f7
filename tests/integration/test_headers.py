"""The headers of a running gateway's public port, as they arrive over the network."""

import http.client
import json
import re
from collections.abc import Iterator

import pytest
from tests.claims import eventually

from queuecast_local.redis_server import RedisServer

from .gateway import Gateway, browser
from .services import HOST, Redis

CLIENT = "/vendor/socket.io-4.8.4.min.js"
DIRECTIVES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
STRICT = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


class Answer:
    """An answer in which each header came once."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.body = response.read()
        came = [(name.lower(), text) for name, text in response.getheaders()]
        self.headers = dict(came)
        assert len(self.headers) == len(came), f"a header came twice: {came}"


@pytest.fixture(scope="module")
def port(any_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The public port of a gateway that is ready."""
    redis = Redis(any_redis, tmp_path_factory.mktemp("redis"))
    service = Gateway(redis.url)
    eventually(service.ready)
    yield service.port
    service.process.stop(grace_seconds=0)
    redis.close()


def ask(port: int, path: str, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        connection.request(method, path, headers=named)
        return Answer(connection.getresponse())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/board.js", 200),
        ("HEAD", "/board.css", 200),
        ("GET", "/favicon.svg", 200),
        ("GET", CLIENT, 200),
        ("GET", "/nothing", 404),
        ("HEAD", "/nothing", 404),
        ("GET", "/..%2fapp.py", 404),
        ("POST", "/", 405),
        ("OPTIONS", "/board.js", 405),
        ("GET", "/favicon.ico", 308),
        ("DELETE", "/favicon.ico", 405),
        ("GET", "/vendor", 404),
    ],
)
def test_every_answer_of_the_board_is_strict(port: int, method: str, path: str, status: int) -> None:
    """One answer without the policy is a page that can be framed, or a file that may run as a script."""
    answer = ask(port, path, method)
    assert answer.status == status
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy == DIRECTIVES
    assert {name: answer.headers.get(name) for name in STRICT} == STRICT
    features = answer.headers["permissions-policy"].split(", ")
    assert all(re.fullmatch(r"[a-z-]+=\(\)", feature) for feature in features)
    assert {"camera=()", "geolocation=()", "microphone=()", "payment=()", "usb=()"} <= set(features)


def test_a_page_that_has_not_changed_is_strict_and_sent_once(port: int) -> None:
    """A browser updates its cached copy with the headers of the 304."""
    kept = ask(port, "/")
    again = ask(port, "/", If_None_Match=kept.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    for name in (*STRICT, "content-security-policy", "permissions-policy"):
        assert again.headers[name] == kept.headers[name], name


def test_a_files_type_is_named_because_none_is_guessed(port: int) -> None:
    """With nosniff, browsers do not use a script or style sheet of another type at all."""
    assert ask(port, "/").headers["content-type"] == "text/html; charset=utf-8"
    assert ask(port, "/board.js").headers["content-type"].startswith("text/javascript")
    assert ask(port, "/board.css").headers["content-type"].startswith("text/css")
    assert ask(port, "/favicon.svg").headers["content-type"] == "image/svg+xml"


def test_files_that_browsers_request_by_themselves_exist(port: int) -> None:
    """Browsers ask for an icon that no page names, and for the client's source map: no 404 in a console."""
    moved = ask(port, "/favicon.ico")
    assert ask(port, moved.headers["location"]).status == 200
    (name,) = re.findall(rb"sourceMappingURL=(\S+)", ask(port, CLIENT).body)
    source_map = json.loads(ask(port, f"/vendor/{name.decode()}").body)
    assert (source_map["version"], source_map["file"]) == (3, "socket.io.min.js")


@pytest.mark.parametrize("name", ["socket.io.js", "socket.io.min.js"])
def test_the_stock_client_is_where_nodes_server_has_it(port: int, name: str) -> None:
    """A page of any site may load it, also with an integrity; its source map is beside it."""
    answer = ask(port, f"/socket.io/{name}")
    assert (answer.status, answer.body) == (200, ask(port, CLIENT).body)
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ask(port, f"/socket.io/{name}", If_None_Match=answer.headers["etag"]).status == 304
    (source_map,) = re.findall(rb"sourceMappingURL=(\S+)", answer.body)
    assert ask(port, f"/socket.io/{source_map.decode()}").status == 200
    assert ask(port, f"/socket.io/{name}", "POST").status == 405
    assert ask(port, "/socket.io/other.js").status == 404


@pytest.mark.parametrize(
    ("method", "query", "status"),
    [
        ("GET", "EIO=4&transport=polling", 200),
        ("GET", "EIO=3&transport=polling", 200),
        ("GET", "EIO=5&transport=polling", 400),
        ("GET", "EIO=4&transport=polling&sid=nobody", 400),
        ("OPTIONS", "EIO=4&transport=polling", 204),
    ],
)
def test_no_answer_of_socket_io_is_kept_or_guessed_about(
    port: int, method: str, query: str, status: int
) -> None:
    """They hold one session's packets and texts by others: no cache may keep them, no browser run them."""
    answer = ask(port, f"/socket.io/?{query}", method)
    assert answer.status == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    # Pages of other sites may be clients; the board's policy concerns the board alone.
    assert "cross-origin-resource-policy" not in answer.headers


def test_a_websocket_is_as_it_was(port: int) -> None:
    """Nothing stands between a WebSocket and the engine."""
    with browser(port) as one:
        assert one.ask("subscribe", ["a"]) == {"ok": True, "rooms": ["a"]}
