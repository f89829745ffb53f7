"""The names by which a gateway may be called: no page reaches it by a name of its own."""

import socket

import pytest

from queuecast_gateway.access.hosts import Hosts, check_host
from queuecast_gateway.settings import Settings

HOSTS = Hosts(["Gateway.example", "*.shop.example", "10.0.0.7"])

OWN_NAMES = [
    "gateway.example",
    "GATEWAY.example:8000",
    "gateway.example.",
    "eu.shop.example",
    "localhost",
    "localhost:8000",
    "board.localhost:1",
    "127.0.0.1",
    "127.0.0.1:8000",
    "192.0.2.1:65535",
    "[::1]",
    "[::1]:8000",
    "[2001:db8::1]",
]
OTHERS = [
    "",
    "evil.example",
    "evil.example:8000",
    "gateway.example.evil",
    "xgateway.example",
    "shop.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "gateway.example,evil.example",
    "gateway.example:80:80",
    "gateway.example:port",
    "evil.example#gateway.example",
    "[::1",
    "[::1].evil.example",
    "[evil.example]",
    "[fe80::1%eth0]",
    "a." * 200 + "shop.example",
    "\u0661.0.0.1",
]


@pytest.mark.parametrize("header", OWN_NAMES)
def test_a_name_of_the_gateway_is_accepted(header: str) -> None:
    """With or without a port. Any address is accepted, as nobody can point it elsewhere."""
    assert header in HOSTS


@pytest.mark.parametrize("header", OTHERS)
def test_any_other_name_is_refused(header: str) -> None:
    """Its owner could point it at an open gateway, and read that from a page of their own."""
    assert header not in HOSTS


@pytest.mark.parametrize(
    "name", ["https://gateway.example", "gateway.example:8000", "", "a b", "*", "a.*", "."]
)
def test_an_invalid_host_is_an_error(name: str) -> None:
    """It would never match, and the operator would look for the cause elsewhere."""
    with pytest.raises(ValueError, match="is not a host"):
        check_host(name)


def test_an_open_gateway_knows_its_own_names() -> None:
    """The address it binds to, its host name, and its origins; other names have to be set."""
    hosts = Settings(origins=("https://app.example",), pod_name="pod-1", pod_namespace="shop").own_hosts
    assert hosts is not None
    for name in (socket.gethostname(), "pod-1", "app.example", "localhost"):
        assert name in hosts
    assert "evil.example" not in hosts
    assert "localhost" in str(hosts)


def test_a_gateway_that_needs_tokens_accepts_any_name_unless_names_are_set() -> None:
    """A page of an attacker has no token, and a name that only a proxy knows must not lock out everybody."""
    closed = {"auth": "jwt", "auth_secret": "a secret of thirty-two bytes and more"}
    assert Settings(**closed).own_hosts is None
    hosts = Settings(**closed, hosts=("gateway.example",)).own_hosts
    assert hosts is not None
    assert "evil.example" not in hosts


def test_an_operator_may_allow_any_name() -> None:
    """By `*`, or by allowing every origin, whose pages could read it anyway."""
    assert Settings(hosts=("*",)).own_hosts is None
    assert Settings(origins=("*",)).own_hosts is None
    with pytest.raises(ValueError, match="`\\*` stands alone"):
        Settings(hosts=("*", "gateway.example"))
