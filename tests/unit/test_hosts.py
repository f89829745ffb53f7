"""By which names a gateway may be called: nobody's page reaches it by a name of its own."""

import socket

import pytest

from queuecast_gateway.access.hosts import Hosts, check_host
from queuecast_gateway.settings import Settings

HOSTS = Hosts(["Gateway.example", "*.shop.example", "10.0.0.7"])

OURS = [
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


@pytest.mark.parametrize("header", OURS)
def test_a_name_of_the_gateway_is_known(header: str) -> None:
    """With a port or without; an address cannot be made to lead elsewhere, so any is good."""
    assert header in HOSTS


@pytest.mark.parametrize("header", OTHERS)
def test_no_other_name_is(header: str) -> None:
    """Whoever owns it could point it here, and read an open gateway from a page of theirs."""
    assert header not in HOSTS


@pytest.mark.parametrize(
    "name", ["https://gateway.example", "gateway.example:8000", "", "a b", "*", "a.*", "."]
)
def test_what_is_no_host_is_a_mistake(name: str) -> None:
    """It would never fit, and the operator would look for the reason elsewhere."""
    with pytest.raises(ValueError, match="is no host"):
        check_host(name)


def test_an_open_gateway_knows_its_own_names() -> None:
    """What it is bound to, where it runs, and where its pages are; others have to be said."""
    hosts = Settings(origins=("https://app.example",), pod_name="pod-1", pod_namespace="shop").own_hosts
    assert hosts is not None
    for name in (socket.gethostname(), "pod-1", "app.example", "localhost"):
        assert name in hosts
    assert "evil.example" not in hosts
    assert "localhost" in str(hosts)


def test_a_gateway_that_asks_for_tokens_is_called_by_any_name_unless_names_are_given() -> None:
    """Another page has no token; and a name that only a proxy knows must not lock out everybody."""
    closed = {"auth": "jwt", "auth_secret": "a secret of thirty-two bytes and more"}
    assert Settings(**closed).own_hosts is None
    hosts = Settings(**closed, hosts=("gateway.example",)).own_hosts
    assert hosts is not None
    assert "evil.example" not in hosts


def test_an_operator_may_allow_any_name() -> None:
    """In words, or by letting the pages of every origin connect, which read it by any name."""
    assert Settings(hosts=("*",)).own_hosts is None
    assert Settings(origins=("*",)).own_hosts is None
    with pytest.raises(ValueError, match="`\\*` stands alone"):
        Settings(hosts=("*", "gateway.example"))
