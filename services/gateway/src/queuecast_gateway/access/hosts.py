"""By which names browsers may call a gateway: a name that somebody else owns can lead here as well. Pure.

DNS rebinding: a page's own name is made to point to a gateway that only its visitor reaches. Then the page is
of the same origin as the gateway, and neither browser nor Origin says otherwise; the Host header does.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_address

MAX_CHARACTERS = 300
"""Of a Host header. A name has 253 at most, and a port 6 more."""

_NAME = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


def is_host(name: str) -> bool:
    """Say whether this is the name or the address of a host, or `*.` before a name, for all below it."""
    return len(name) <= MAX_CHARACTERS and bool(_NAME.fullmatch(name.lower()) or _is_address(name))


def check_host(name: str) -> str:
    """Return a host's name. Raises `ValueError`."""
    if not is_host(name):
        raise ValueError(
            f"{name[:80]!r} is no host: expected a name like gateway.example or *.example, without a scheme "
            "and without a port"
        )
    return name


class Hosts:
    """The names of a gateway; `*.` before one stands for all below it.

    Addresses are always among them, and `localhost`: nobody can make those lead elsewhere.
    """

    def __init__(self, names: Iterable[str]) -> None:
        lower = [name.lower() for name in names]
        self._names = frozenset({*(name for name in lower if not name.startswith("*")), "localhost"})
        self._suffixes = (*(name[1:] for name in lower if name.startswith("*")), ".localhost")

    def __contains__(self, header: str) -> bool:
        """Say whether a Host header names this gateway, with or without a port."""
        host = header[: MAX_CHARACTERS + 1].strip().lower()
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
