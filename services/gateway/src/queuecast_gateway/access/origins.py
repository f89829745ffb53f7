"""The origins whose pages may connect: RFC 6454, and the Fetch standard's Origin header. Pure.

A browser says with every connection on whose page it was made. Other clients may say anything, or nothing.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

MAX_CHARACTERS = 350
"""Longest Origin header. A scheme, a host name of 253 characters and a port fit into it."""

DEFAULT_PORTS = {"http": "80", "https": "443"}

HTTP_SCHEMES = {"ws": "http", "wss": "https"}
"""Some proxies put the WebSocket's scheme into `X-Forwarded-Proto`, such as npm's http-proxy and Traefik."""

NO_PAGES = ("ws", "wss", "ftp", "file", "data")
"""Schemes that no page's origin has: a page of a WebSocket's host has http or https, a file's is null."""

_HOST = r"\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*"

_ORIGIN = re.compile(rf"([a-z][a-z0-9+.-]*)://(\*\.)?({_HOST})(?::(\d{{1,5}}|\*))?")

OWN = "self"
"""In a list: the page's own origin, as in a Content-Security-Policy."""

RIGHT = (
    "expected scheme://host or scheme://host:port, https://*.example.com for all subdomains, "
    "http://localhost:* for all ports, an app's origin such as capacitor://localhost, null, or self"
)


def normalized(origin: str) -> str:
    """Return an origin in the form in which browsers send it: lower case, without a default port.

    Raises `ValueError` if it is none.
    """
    text = origin.strip().lower()
    if text in ("null", OWN):
        return text
    found = _ORIGIN.fullmatch(text) if len(text) <= MAX_CHARACTERS else None
    if found is None:
        raise ValueError(f"{origin[:80]!r} is not an origin: {RIGHT}")
    scheme, subdomains, host, port = found.groups()
    if scheme in NO_PAGES:
        raise ValueError(f"{origin[:80]!r} is the origin of no page: {RIGHT}")
    if subdomains and "." not in host:
        raise ValueError(f"{origin[:80]!r} would allow every name that ends in .{host}: {RIGHT}")
    port = "" if port is None or port == DEFAULT_PORTS.get(scheme) else f":{port}"
    return f"{scheme}://{subdomains or ''}{host}{port}"


class Origins:
    """The origins that were listed, or without a list the page's own: the origin that the request is for."""

    def __init__(self, names: Iterable[str] | None) -> None:
        self._listed = frozenset((OWN,) if names is None else map(normalized, names))
        self._patterns = [_pattern(name) for name in self._listed if "*" in name]

    def allows(self, origin: str | None, environ: Mapping[str, Any]) -> bool:
        """Say whether a page of this origin may connect, by a request with this environ; None is no page."""
        if origin is None:
            return False
        try:
            origin = normalized(origin)
        except ValueError:
            return False
        if "*" in origin or origin == OWN:
            return False
        if OWN in self._listed and _is_own(origin, environ):
            return True
        return origin in self._listed or any(pattern.fullmatch(origin) for pattern in self._patterns)

    def advice(self, origin: str) -> str:
        """Return what lets this origin in, for the log of whoever runs the gateway."""
        shown = repr(origin[:80])
        if self._listed != {OWN}:
            return f"the origin {shown} is not in QUEUECAST_ORIGINS"
        return (
            f"the origin {shown} is not the one that the request is for. If this is your page, add it to "
            "QUEUECAST_ORIGINS. If a proxy ends its TLS or changes Host, have it send X-Forwarded-Proto and "
            "X-Forwarded-Host"
        )


def _pattern(name: str) -> re.Pattern[str]:
    """Return what matches an origin with one label or more for `*.`, and with any port or none for `:*`."""
    text = re.escape(name).replace(r"\*\.", r".+\.").replace(r":\*", r"(?::\d+)?")
    return re.compile(text)


def _is_own(origin: str, environ: Mapping[str, Any]) -> bool:
    host = environ.get("HTTP_HOST")
    if not host:
        return False
    scheme = environ.get("wsgi.url_scheme", "http")
    forwarded_scheme, forwarded_host = (
        str(environ.get(f"HTTP_X_FORWARDED_{name}", "")).split(",")[0].strip() for name in ("PROTO", "HOST")
    )
    own = {(scheme, host)}
    if forwarded_scheme or forwarded_host:
        forwarded_scheme = forwarded_scheme.lower() or scheme
        own.add((HTTP_SCHEMES.get(forwarded_scheme, forwarded_scheme), forwarded_host or host))
    elif "HTTP_COOKIE" not in environ:
        # A proxy that ends TLS and does not say so. No cookie goes along, so no right of the visitor does.
        own.add(("https", host))
    return any(_same(origin, *each) for each in own)


def _same(origin: str, scheme: str, host: str) -> bool:
    try:
        return origin == normalized(f"{scheme}://{host}")
    except ValueError:
        return False
