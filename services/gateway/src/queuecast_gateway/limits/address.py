"""Who a client is that connects through proxies: the last address that somebody trusted has seen. Pure."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Networks = tuple[IPv4Network | IPv6Network, ...]

MAX_HOPS = 20
"""Entries of a header that are looked at, from the right. Real chains have three or four."""

MAX_ADDRESS = 64
"""Characters. The longest address has 45, and a port 8 more; what is longer is not even tried."""

CACHED = 1024

_MAPPED = IPv6Network("::ffff:0:0/96")


def networks(names: Iterable[str]) -> Networks:
    """Return the networks of these names, `10.0.0.0/8` or `::1`.

    Raises `ValueError` that says which name is wrong and, where that can be known, what would be right.
    """
    return tuple(map(_network, names))


def _network(name: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(name, strict=False)
    except ValueError as exc:
        raise ValueError(
            f"{name!r} is no network: expected one like 10.0.0.0/8 or fd00::/8, or an address"
        ) from exc
    right: IPv4Network | IPv6Network = network
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        # Addresses of this kind are read as the IPv4 ones that they are, so it would contain none.
        right = IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
        raise ValueError(f"{name!r} is a network of IPv4 addresses: expected {right}")
    address, _, length = name.partition("/")
    if length and ip_address(address) != network.network_address:
        raise ValueError(f"{name!r} has bits beyond its prefix: expected {network}, or {address} alone")
    return network


def client_address(peer: str, forwarded: str | None, trusted: Networks, most_hops: int = MAX_HOPS) -> str:
    """Return the client's address, or `peer` as it is if that is none (a Unix socket's is empty).

    `forwarded` is the X-Forwarded-For header, several of them joined by commas. Each proxy appends whom it
    was called by, so only what trusted ones wrote counts: from the right, up to the first address that is not
    theirs, and at most `most_hops` entries: so a client in the network of the proxies is not taken for one.
    What is left of that, or of an entry that is no address, anybody could have written.
    """
    if not trusted or not forwarded:
        return peer if _as_the_kernel_writes(peer) else str(_address(peer) or peer)
    client = _address(peer)
    if client is None:
        return peer
    hops = forwarded.rsplit(",", MAX_HOPS)  # what is left of those is no address
    for _ in range(min(most_hops, len(hops))):
        if not _is_in(client, trusted):
            break
        before = _hop(hops.pop())
        if before is None:
            break
        client = before
    return str(client)


def address_key(address: str) -> str:
    """Return what limits per address count: of an IPv6 address its /64, which one client has all of."""
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
    # Its own words for this, and to have `ip_address` find out the version, take twice as long.
    network = int(parsed) >> 64
    return (
        f"{network >> 48:x}:{network >> 32 & 0xFFFF:x}:{network >> 16 & 0xFFFF:x}:{network & 0xFFFF:x}::/64"
    )


def _as_the_kernel_writes(peer: str) -> bool:
    """Say whether this has the form already that is returned: it is no mapped address and has no port."""
    return ":" not in peer or not ("." in peer or "[" in peer)


def _is_in(address: IPv4Address | IPv6Address, trusted: Networks) -> bool:
    return any(address in network for network in trusted)


def _hop(entry: str) -> IPv4Address | IPv6Address | None:
    """Return an entry's address. A zone (`%eth0`) names an interface of another host, so there is none."""
    return None if "%" in entry or len(entry) > MAX_ADDRESS else _address(entry.strip(" \t"))


@lru_cache(CACHED)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a text is, with or without a port; an IPv4 one that is mapped as IPv4."""
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
