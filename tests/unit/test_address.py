from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.limits.address import MAX_HOPS, address_key, client_address, networks

PROXIES = networks(["10.0.0.0/8", "fd00::/8"])
PROXY = "10.0.0.1"

ours = st.integers(0, 2**24 - 1).map(lambda number: str(IPv4Address((10 << 24) + number))) | st.integers(
    0, 2**120 - 1
).map(lambda number: str(IPv6Address((0xFD << 120) + number)))
theirs = (
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


def test_networks_are_read_as_they_are_written() -> None:
    """As CIDR, or a single address."""
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
        ("10.0.0.0/33", "'10.0.0.0/33' is no network", "10.0.0.0/8"),
        ("proxy.internal", "'proxy.internal' is no network", "an address"),
        ("", "'' is no network", "an address"),
        ("*", "'\\*' is no network", "an address"),
        ("::ffff:10.0.0.0/104", "is a network of IPv4 addresses", "10.0.0.0/8"),
        ("::ffff:10.0.0.1", "is a network of IPv4 addresses", "10.0.0.1/32"),
    ],
)
def test_a_network_that_is_none_is_named_with_what_would_be_right(name: str, wrong: str, right: str) -> None:
    """It decides whom to believe; a name that contains nobody, or other than was meant, may not start."""
    with pytest.raises(ValueError, match=wrong) as caught:
        networks(["10.0.0.0/8", name])
    assert right in str(caught.value)


@given(theirs, st.none() | st.lists(theirs | ours | anything, max_size=5).map(",".join))
def test_a_stranger_is_who_its_connection_says(peer: str, forwarded: str | None) -> None:
    """Anybody can send the header."""
    assert client_address(peer, forwarded, PROXIES) == peer
    assert client_address(peer, forwarded, ()) == peer


@given(
    ours, st.lists(theirs | anything, max_size=5), theirs, st.lists(ours, max_size=MAX_HOPS - 1), st.data()
)
def test_nobody_can_pretend_to_be_another(
    peer: str, forged: list[str], client: str, between: list[str], data: st.DataObject
) -> None:
    """The client is whom the outermost trusted proxy saw, whatever that client sent along."""
    hops = [
        data.draw(forms).format(data.draw(st.sampled_from([hop, with_port(hop)])))
        for hop in (client, *between)
    ]
    assert client_address(peer, ",".join([*forged, *hops]), PROXIES) == client


@given(ours, st.lists(theirs | anything, max_size=3), st.lists(ours, max_size=5))
def test_what_is_left_of_garbage_is_not_read(peer: str, forged: list[str], between: list[str]) -> None:
    """Whoever wrote garbage there may have written all that is before it; the last good hop is known."""
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
def test_a_malformed_entry_is_no_client(entry: str) -> None:
    """It would be the key of a limit, and a word in a log, that a stranger chose."""
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
    """Or a client that comes with another port, or over another family, would be another client."""
    assert client_address(PROXY, entry, PROXIES) == client
    if "." in entry or "[" in entry:
        assert client_address(entry, None, ()) == client


def test_a_proxy_is_known_in_any_form() -> None:
    """A socket that hears both families names IPv4 peers as mapped ones."""
    assert client_address("::ffff:10.0.0.1", "1.2.3.4", PROXIES) == "1.2.3.4"
    assert client_address("[fd00::1]:80", "1.2.3.4, ::ffff:10.0.0.9", PROXIES) == "1.2.3.4"


def test_a_trusted_peer_that_speaks_for_itself_is_the_client() -> None:
    """A proxy asks for itself too, and one trusted host may call through another."""
    assert client_address(PROXY, None, PROXIES) == PROXY
    assert client_address(PROXY, "", PROXIES) == PROXY
    assert client_address(PROXY, "10.0.0.7, 10.0.0.8", PROXIES) == "10.0.0.7"


@pytest.mark.parametrize("peer", ["", "testclient", "fe80::1%eth0"])
def test_a_peer_that_is_no_address_of_ours_stays_as_it_is(peer: str) -> None:
    """That of a Unix socket is empty."""
    assert client_address(peer, None, ()) == peer
    assert client_address(peer, "1.2.3.4", PROXIES) == peer


def test_a_long_header_is_read_from_the_right_and_not_to_its_end() -> None:
    """A stranger may send 8 KB of it; what counts was appended last."""
    forged = ",".join(["5.6.7.8"] * 1000)
    assert client_address(PROXY, f"{forged}, 1.2.3.4, 10.0.0.2", PROXIES) == "1.2.3.4"
    hops = [f"10.0.1.{number}" for number in range(100)]
    assert client_address(PROXY, ",".join(["1.2.3.4", *hops]), PROXIES) == hops[-MAX_HOPS]


@given(st.ip_addresses(v=4).map(str))
def test_an_ipv4_address_counts_by_itself(address: str) -> None:
    """Its neighbours are other people's."""
    assert address_key(address) == address


@given(st.ip_addresses(v=6).filter(lambda address: int(address) >> 65), st.integers(0, 2**64 - 1))
def test_ipv6_addresses_of_one_network_count_together(address: IPv6Address, other: int) -> None:
    """A client has a /64 to itself, and with it more addresses than anybody can count."""
    key = address_key(str(address))
    assert address in IPv6Network(key)
    assert IPv6Network(key).prefixlen == 64
    assert address_key(str(IPv6Address(int(address) >> 64 << 64 | other))) == key
    assert address_key(str(IPv6Address(int(address) ^ 1 << 64))) != key


@pytest.mark.parametrize("address", ["", "testclient", "unix:/run/gateway.sock", "2001:db8:::"])
def test_what_is_no_address_counts_as_it_is(address: str) -> None:
    """There is nothing better to count it by."""
    assert address_key(address) == address


def test_a_mapped_address_counts_as_the_one_it_is() -> None:
    """All of IPv4 would be in one /64."""
    assert address_key("::ffff:1.2.3.4") == address_key("1.2.3.4") == "1.2.3.4"


@given(anything, st.none() | st.lists(anything | theirs | ours, max_size=5).map(",".join))
def test_any_peer_and_any_header_have_an_answer(peer: str, forwarded: str | None) -> None:
    """They come from outside, and this is on the way of every connection."""
    for trusted in ((), PROXIES, networks(["0.0.0.0/0", "::/0"])):
        found = client_address(peer, forwarded, trusted)
        assert found == peer or str(ip_address(found)) == found
        assert isinstance(address_key(found), str)


@pytest.mark.parametrize(
    ("most", "client"), [(1, "10.0.0.2"), (2, "10.0.0.3"), (3, "203.0.113.1"), (20, "203.0.113.1")]
)
def test_so_many_proxies_in_a_row_are_believed(most: int, client: str) -> None:
    """A client in their network would else be taken for one, and say that it is somebody else."""
    forwarded = "203.0.113.1, 10.0.0.3, 10.0.0.2"
    assert client_address("10.0.0.1", forwarded, networks(["10.0.0.0/8"]), most) == client
