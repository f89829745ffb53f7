"""Which pages may connect: those of listed origins, or the page's own."""

from typing import Any

import pytest

from queuecast_gateway.access.origins import Origins, normalized


def request(host: str | None = "app.example", **headers: str) -> dict[str, Any]:
    """Return what a request without TLS says."""
    named = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return {"wsgi.url_scheme": "http", **({"HTTP_HOST": host} if host else {}), **named}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("https://app.example", "https://app.example"),
        ("https://app.example:443", "https://app.example"),
        ("http://app.example:80", "http://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("HTTPS://App.Example", "https://app.example"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://*.example.com", "https://*.example.com"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("ionic://localhost", "ionic://localhost"),
        ("tauri://localhost", "tauri://localhost"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("null", "null"),
        ("http://localhost:*", "http://localhost:*"),
        ("SELF", "self"),
    ],
)
def test_an_origin_is_read_as_browsers_write_it(said: str, meant: str) -> None:
    """Operators copy it from where they find it."""
    assert normalized(said) == meant


@pytest.mark.parametrize(
    "said",
    [
        *("", "app.example", "https://", "https://app.example/", "https://app.example/path", "https://a b"),
        *(
            "https://*",
            "https://*.com",
            "https://app.*.example",
            "*://app.example",
            "https://app.example:port",
        ),
        *("wss://app.example", "ftp://app.example", "file://app.example"),
        *("//app.example", "https://app.example?x", "https://user@app.example", "https://" + 400 * "a"),
    ],
)
def test_what_is_no_origin_is_refused_with_what_would_be_right(said: str) -> None:
    """A gateway that starts and lets nobody in is found out late."""
    with pytest.raises(ValueError, match="expected scheme://host"):
        normalized(said)


@pytest.mark.parametrize(
    ("listed", "origin", "allowed"),
    [
        ("https://app.example", "https://app.example", True),
        ("https://app.example", "https://APP.example:443", True),
        ("https://app.example", "http://app.example", False),
        ("https://app.example", "https://app.example.evil", False),
        ("https://app.example:8443", "https://app.example", False),
        ("https://*.example.com", "https://a.example.com", True),
        ("https://*.example.com", "https://a.b.example.com", True),
        ("https://*.example.com", "https://example.com", False),
        ("https://*.example.com", "https://evilexample.com", False),
        ("https://*.example.com", "http://a.example.com", False),
        ("https://*.example.com", "https://a.example.com:8443", False),
        ("https://*.example.com:8443", "https://a.example.com:8443", True),
        ("https://*.example.com", "https://*.example.com", False),
        ("https://*.example.com", "https://.example.com", False),
        ("capacitor://localhost", "capacitor://localhost", True),
        ("capacitor://localhost", "ionic://localhost", False),
        ("http://localhost:*", "http://localhost:5173", True),
        ("http://localhost:*", "http://localhost", True),
        ("http://localhost:*", "https://localhost:5173", False),
        ("http://localhost:*", "http://localhost.evil:5173", False),
        ("http://localhost:*", "http://app.localhost:5173", False),
        ("http://localhost:*", "http://localhost:*", False),
        ("https://*.example.com:*", "https://a.example.com:8443", True),
        ("self", "http://gateway.example", True),
        ("self", "http://other.example", False),
        ("self", "self", False),
        ("null", "null", True),
        ("https://app.example", "null", False),
        ("https://app.example", "not an origin", False),
    ],
)
def test_a_list_allows_what_it_names(listed: str, origin: str, allowed: bool) -> None:
    """Whole labels, and never the bare name for its subdomains."""
    assert Origins([listed]).allows(origin, request("gateway.example")) is allowed


@pytest.mark.parametrize(
    ("origin", "environ", "allowed"),
    [
        ("http://app.example", request(), True),
        ("http://app.example:80", request(), True),
        ("http://other.example", request(), False),
        ("http://app.example:8000", request(), False),
        ("http://app.example:8000", request("app.example:8000"), True),
        ("https://app.example", request(x_forwarded_proto="https"), True),
        ("https://app.example", request(x_forwarded_proto="wss"), True),
        ("http://app.example", request(x_forwarded_proto="ws"), True),
        ("https://app.example", request(x_forwarded_proto="WSS, http"), True),
        (
            "https://app.example",
            request("10.0.0.7:8000", x_forwarded_host="app.example", x_forwarded_proto="https"),
            True,
        ),
        ("https://other.example", request(x_forwarded_proto="https"), False),
        ("https://app.example", request(x_forwarded_proto="http"), False),
        ("https://app.example", request(), True),
        ("https://app.example", request(cookie="session=1"), False),
        ("https://other.example", request(), False),
        ("null", request(), False),
        ("http://app.example", request(None), False),
        ("capacitor://app.example", request(), False),
    ],
)
def test_without_a_list_it_is_the_pages_own(origin: str, environ: dict[str, Any], allowed: bool) -> None:
    """As the browser sees it, through whatever proxies there are."""
    assert Origins(None).allows(origin, environ) is allowed


def test_a_list_may_add_to_the_pages_own() -> None:
    """A developer's pages have another port, and the board is the gateway's own."""
    both = Origins(["self", "http://localhost:*"])
    for origin in ("http://app.example", "http://localhost:5173"):
        assert both.allows(origin, request()), origin
    assert not both.allows("http://other.example", request())


def test_the_advice_names_the_origin_and_the_setting() -> None:
    """One line tells an operator what to do."""
    assert Origins(["https://a.example"]).advice("https://b.example") == (
        "the origin 'https://b.example' is not in QUEUECAST_ORIGINS"
    )
    advice = Origins(None).advice("https://b.example")
    assert "'https://b.example'" in advice
    assert "QUEUECAST_ORIGINS" in advice
    assert "X-Forwarded-Proto" in advice
