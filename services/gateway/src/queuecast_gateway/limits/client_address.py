"""The address of a client that connects through proxies: the last one that a trusted proxy saw. Pure."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Networks = tuple[IPv4Network | IPv6Network, ...]

MAX_HOPS = 20
"""Entries of the header that are read, from the right. Real chains have three or four."""

MAX_ADDRESS = 64
"""Characters. The longest address has 45, a port 8 more; anything longer is not parsed."""

CACHED = 1024

_MAPPED = IPv6Network("::ffff:0:0/96")


def networks(names: Iterable[str]) -> Networks:
    """Parse networks such as `10.0.0.0/8` or `::1`.

    Raises `ValueError`, which names the wrong entry and, if it can be known, the right one.
    """
    return tuple(map(_network, names))


def _network(name: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(name, strict=False)
    except ValueError as exc:
        raise ValueError(
            f"{name!r} is not a network: expected one like 10.0.0.0/8 or fd00::/8, or an address"
        ) from exc
    right: IPv4Network | IPv6Network = network
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        # Mapped addresses are read as IPv4 addresses, so this network would contain none.
        right = IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
        raise ValueError(f"{name!r} is a network of IPv4 addresses: expected {right}")
    address, _, length = name.partition("/")
    if length and ip_address(address) != network.network_address:
        raise ValueError(f"{name!r} has bits beyond its prefix: expected {network}, or {address} alone")
    return network


def client_address(peer: str, forwarded: str | None, trusted: Networks, max_hops: int = MAX_HOPS) -> str:
    """Return the client's address; or `peer` unchanged if it is not an address (a Unix socket's is empty).

    `forwarded` is the X-Forwarded-For header; several are joined by commas. Each proxy appends the address
    that called it, so only entries that a trusted proxy wrote count: from the right, up to the first address
    that is not trusted, and at most `max_hops` of them, so that a client in the proxies' own network is not
    taken for a proxy. Anybody could have written what stands left of that, or of an invalid entry.
    """
    if not trusted or not forwarded:
        return peer if _is_canonical(peer) else str(_address(peer) or peer)
    client = _address(peer)
    if client is None:
        return peer
    hops = forwarded.rsplit(",", MAX_HOPS)  # the rest, on the left, is no valid entry
    for _ in range(min(max_hops, len(hops))):
        if not _is_in(client, trusted):
            break
        before = _hop(hops.pop())
        if before is None:
            break
        client = before
    return str(client)


def address_key(address: str) -> str:
    """Return the key for limits per address: for IPv6 its /64 network, all of which belongs to one client."""
    if ":" not in address:
        return address
    return _network_key(address)


@lru_cache(CACHED)
def _network_key(address: str) -> str:
    parsed = _address(address)
    if parsed is None:
        return address
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    # IPv6Network, or ip_address to find the version, would take twice as long.
    network = int(parsed) >> 64
    return (
        f"{network >> 48:x}:{network >> 32 & 0xFFFF:x}:{network >> 16 & 0xFFFF:x}:{network & 0xFFFF:x}::/64"
    )


def _is_canonical(peer: str) -> bool:
    """Say whether an address already has its final form: it has no port and is not a mapped address."""
    return ":" not in peer or not ("." in peer or "[" in peer)


def _is_in(address: IPv4Address | IPv6Address, trusted: Networks) -> bool:
    return any(address in network for network in trusted)


def _hop(entry: str) -> IPv4Address | IPv6Address | None:
    """Return an entry's address. None if it has a zone (`%eth0`), which is an interface of another host."""
    return None if "%" in entry or len(entry) > MAX_ADDRESS else _address(entry.strip(" \t"))


@lru_cache(CACHED)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address, with or without a port; a mapped IPv4 address becomes IPv4."""
    host = text
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or ":" not in host or (port and not _is_port(port)):
            return None
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not _is_port(":" + port):
            return None
    try:
        if ":" not in host:
            return IPv4Address(host)
        address = IPv6Address(host)
    except ValueError:
        return None
    return address.ipv4_mapped or address


def _is_port(text: str) -> bool:
    digits = text[1:]
    return text[0] == ":" and len(digits) <= 5 and digits.isascii() and digits.isdecimal()
