"""The host names by which browsers may call this gateway. Pure.

This stops DNS rebinding: an attacker points the name of their own page at a gateway that only its visitor can
reach. To the browser, page and gateway then have the same origin; only the Host header tells them apart.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address

MAX_CHARACTERS = 300
"""Longest Host header. A name has 253 characters at most, a port 6 more."""

CACHED = 256
"""The headers whose answer is kept."""

_NAME = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


def is_host(name: str) -> bool:
    """Say whether this is a host's name or address, or `*.` and a name, for all its subdomains."""
    return len(name) <= MAX_CHARACTERS and bool(_NAME.fullmatch(name.lower()) or _is_address(name))


def check_host(name: str) -> str:
    """Return a host's name. Raises `ValueError`."""
    if not is_host(name):
        raise ValueError(
            f"{name[:80]!r} is not a host: expected a name like gateway.example or *.example, without a "
            "scheme and without a port"
        )
    return name


class Hosts:
    """The names of a gateway; `*.` and a name stands for all its subdomains.

    Addresses and `localhost` always belong to them: no attacker can point those elsewhere.
    """

    def __init__(self, names: Iterable[str]) -> None:
        lower = [name.lower() for name in names]
        self._names = frozenset({*(name for name in lower if not name.startswith("*")), "localhost"})
        self._suffixes = (*(name[1:] for name in lower if name.startswith("*")), ".localhost")
        # Nearly all clients send the same few: 0.1 µs instead of 4.
        self._knows = lru_cache(CACHED)(self._has)

    def __contains__(self, header: str) -> bool:
        """Say whether a Host header names this gateway, with or without a port."""
        return self._knows(header[: MAX_CHARACTERS + 1])

    def _has(self, header: str) -> bool:
        host = header.strip().lower()
        if host.startswith("["):
            host, bracket, port = host[1:].partition("]")
            return bool(bracket) and _is_address(host) and (not port or _is_port(port))
        name, colon, port = host.partition(":")
        if colon and not _is_port(colon + port):
            return False
        name = name.removesuffix(".")
        return name in self._names or name.endswith(self._suffixes) or _is_address(name)

    def __str__(self) -> str:
        return ", ".join(["addresses", *sorted(self._names), *(f"*{suffix}" for suffix in self._suffixes)])


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _is_port(text: str) -> bool:
    return re.fullmatch(r":[0-9]{1,5}", text) is not None
