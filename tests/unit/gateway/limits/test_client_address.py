from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.limits.client_address import MAX_HOPS, address_key, client_address, networks

PROXIES = networks(["10.0.0.0/8", "fd00::/8"])
PROXY = "10.0.0.1"

trusted = st.integers(0, 2**24 - 1).map(lambda number: str(IPv4Address((10 << 24) + number))) | st.integers(
    0, 2**120 - 1
).map(lambda number: str(IPv6Address((0xFD << 120) + number)))
untrusted = (
    st.ip_addresses(v=4).filter(lambda address: address not in ip_network("10.0.0.0/8"))
    | st.ip_addresses(v=6).filter(
        lambda address: (
            address not in ip_network("fd00::/8")
            and not address.ipv4_mapped  # it is the same address in another form
        )
    )
).map(str)
anything = st.text(st.characters(max_codepoint=255, exclude_characters=","), max_size=20)
forms = st.sampled_from(["{}", " {}", "{} ", "\t{}"])


def with_port(address: str) -> str:
    return f"[{address}]:443" if ":" in address else f"{address}:443"


def test_networks_are_parsed() -> None:
    """In CIDR notation, or as a single address."""
    assert networks(["10.0.0.0/8", "192.0.2.1", "fd00::/8", "::1"]) == (
        ip_network("10.0.0.0/8"),
        ip_network("192.0.2.1/32"),
        ip_network("fd00::/8"),
        ip_network("::1/128"),
    )
    assert networks([]) == ()


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("10.0.0.5/8", "'10.0.0.5/8' has bits beyond its prefix", "10.0.0.0/8, or 10.0.0.5 alone"),
        ("fd00::1/8", "'fd00::1/8' has bits beyond its prefix", "fd00::/8, or fd00::1 alone"),
        ("10.0.0.0/33", "'10.0.0.0/33' is not a network", "10.0.0.0/8"),
        ("proxy.internal", "'proxy.internal' is not a network", "an address"),
        ("", "'' is not a network", "an address"),
        ("*", "'\\*' is not a network", "an address"),
        ("::ffff:10.0.0.0/104", "is a network of IPv4 addresses", "10.0.0.0/8"),
        ("::ffff:10.0.0.1", "is a network of IPv4 addresses", "10.0.0.1/32"),
    ],
)
def test_an_invalid_network_is_an_error_that_says_what_would_be_right(
    name: str, wrong: str, right: str
) -> None:
    """The networks decide who is trusted: the gateway must not start with one that means something else."""
    with pytest.raises(ValueError, match=wrong) as caught:
        networks(["10.0.0.0/8", name])
    assert right in str(caught.value)


@given(untrusted, st.none() | st.lists(untrusted | trusted | anything, max_size=5).map(",".join))
def test_an_untrusted_peer_is_itself_the_client(peer: str, forwarded: str | None) -> None:
    """Anybody can send the header."""
    assert client_address(peer, forwarded, PROXIES) == peer
    assert client_address(peer, forwarded, ()) == peer


@given(
    trusted,
    st.lists(untrusted | anything, max_size=5),
    untrusted,
    st.lists(trusted, max_size=MAX_HOPS - 1),
    st.data(),
)
def test_no_client_can_pretend_to_be_another(
    peer: str, forged: list[str], client: str, between: list[str], data: st.DataObject
) -> None:
    """The client is the address that the outermost trusted proxy saw, whatever header the client sent."""
    hops = [
        data.draw(forms).format(data.draw(st.sampled_from([hop, with_port(hop)])))
        for hop in (client, *between)
    ]
    assert client_address(peer, ",".join([*forged, *hops]), PROXIES) == client


@given(trusted, st.lists(untrusted | anything, max_size=3), st.lists(trusted, max_size=5))
def test_entries_left_of_an_invalid_one_are_ignored(peer: str, forged: list[str], between: list[str]) -> None:
    """Whoever wrote the invalid entry may have written all before it; the last valid hop is known."""
    header = ",".join([*forged, "unknown", *between])
    assert client_address(peer, header, PROXIES) == (between[0] if between else peer)


@pytest.mark.parametrize(
    "entry",
    [
        "", " ", "unknown", "_hidden", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4 5.6.7.8", "1.2.3.4/32",
        "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:123456", "1.2.3.4:٣", "for=1.2.3.4", '"1.2.3.4"', "[1.2.3.4]",
        "[1.2.3.4]:80", "[2001:db8::1", "2001:db8::1]", "[2001:db8::1]80", "[2001:db8::1]:",
        "[2001:db8::1]:x", "2001:db8:::1", "fe80::1%eth0", "[fe80::1%<b>]:80", "x" * 8000,
    ],
)  # fmt: skip
def test_a_malformed_entry_is_not_a_client(entry: str) -> None:
    """Otherwise a client could choose the key of a limit, and a word in the log."""
    assert client_address(PROXY, f"5.6.7.8, {entry}", PROXIES) == PROXY


@pytest.mark.parametrize(
    ("entry", "client"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:567", "1.2.3.4"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("[::ffff:1.2.3.4]:567", "1.2.3.4"),
        ("::ffff:102:304", "1.2.3.4"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:8", "2001:db8::1"),
    ],
)
def test_an_address_has_one_form(entry: str, client: str) -> None:
    """Otherwise a client would be another one with each port, and over each address family."""
    assert client_address(PROXY, entry, PROXIES) == client
    if "." in entry or "[" in entry:
        assert client_address(entry, None, ()) == client


def test_a_proxy_is_recognised_in_any_form() -> None:
    """A dual-stack socket reports IPv4 peers as mapped addresses."""
    assert client_address("::ffff:10.0.0.1", "1.2.3.4", PROXIES) == "1.2.3.4"
    assert client_address("[fd00::1]:80", "1.2.3.4, ::ffff:10.0.0.9", PROXIES) == "1.2.3.4"


def test_a_trusted_peer_without_a_header_is_the_client() -> None:
    """A proxy sends requests of its own too, and one trusted host may call through another."""
    assert client_address(PROXY, None, PROXIES) == PROXY
    assert client_address(PROXY, "", PROXIES) == PROXY
    assert client_address(PROXY, "10.0.0.7, 10.0.0.8", PROXIES) == "10.0.0.7"


@pytest.mark.parametrize("peer", ["", "testclient", "fe80::1%eth0"])
def test_a_peer_that_is_not_an_address_stays_unchanged(peer: str) -> None:
    """The peer of a Unix socket is empty."""
    assert client_address(peer, None, ()) == peer
    assert client_address(peer, "1.2.3.4", PROXIES) == peer


def test_only_the_right_end_of_a_long_header_is_read() -> None:
    """A client may send 8 KB of it; the entries that count were appended last."""
    forged = ",".join(["5.6.7.8"] * 1000)
    assert client_address(PROXY, f"{forged}, 1.2.3.4, 10.0.0.2", PROXIES) == "1.2.3.4"
    hops = [f"10.0.1.{number}" for number in range(100)]
    assert client_address(PROXY, ",".join(["1.2.3.4", *hops]), PROXIES) == hops[-MAX_HOPS]


@given(st.ip_addresses(v=4).map(str))
def test_an_ipv4_address_counts_by_itself(address: str) -> None:
    """The addresses next to it belong to other people."""
    assert address_key(address) == address


@given(st.ip_addresses(v=6).filter(lambda address: int(address) >> 65), st.integers(0, 2**64 - 1))
def test_ipv6_addresses_of_one_network_count_together(address: IPv6Address, other: int) -> None:
    """One client has a whole /64, with more addresses than anybody can count."""
    key = address_key(str(address))
    assert address in IPv6Network(key)
    assert IPv6Network(key).prefixlen == 64
    assert address_key(str(IPv6Address(int(address) >> 64 << 64 | other))) == key
    assert address_key(str(IPv6Address(int(address) ^ 1 << 64))) != key


@pytest.mark.parametrize("address", ["", "testclient", "unix:/run/gateway.sock", "2001:db8:::"])
def test_a_key_that_is_not_an_address_stays_unchanged(address: str) -> None:
    """There is no better key."""
    assert address_key(address) == address


def test_a_mapped_address_counts_as_its_ipv4_address() -> None:
    """Otherwise all of IPv4 would be in one /64."""
    assert address_key("::ffff:1.2.3.4") == address_key("1.2.3.4") == "1.2.3.4"


@given(anything, st.none() | st.lists(anything | untrusted | trusted, max_size=5).map(",".join))
def test_any_peer_and_any_header_have_an_answer(peer: str, forwarded: str | None) -> None:
    """Both come from outside, and this code runs for every connection."""
    for trusted in ((), PROXIES, networks(["0.0.0.0/0", "::/0"])):
        found = client_address(peer, forwarded, trusted)
        assert found == peer or str(ip_address(found)) == found
        assert isinstance(address_key(found), str)


@pytest.mark.parametrize(
    ("max_hops", "client"), [(1, "10.0.0.2"), (2, "10.0.0.3"), (3, "203.0.113.1"), (20, "203.0.113.1")]
)
def test_only_so_many_proxies_in_a_row_are_trusted(max_hops: int, client: str) -> None:
    """Otherwise a client in their network would pass for a proxy, and could name any address as its own."""
    forwarded = "203.0.113.1, 10.0.0.3, 10.0.0.2"
    assert client_address("10.0.0.1", forwarded, networks(["10.0.0.0/8"]), max_hops) == client
