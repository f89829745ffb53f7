"""Several hosts in one URL, which the standard library reads less and less."""

from urllib.parse import SplitResult, urlsplit

import pytest

from queuecast_bus import urls
from queuecast_bus.urls import split_url


def strict(url: str) -> SplitResult:
    """Split a URL as Python 3.13.2 and later do: brackets are around all of the host."""
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2] or url.removeprefix("//")
    if "[" in host and not (host.startswith("[") and host.count("[") == 1):
        raise ValueError("Invalid IPv6 URL")
    return urlsplit(url)


@pytest.mark.parametrize(
    ("url", "netloc", "path"),
    [
        (
            "redis+cluster://user:p%5Bss@one:7001,[::1]:7002,[::2]/0",
            "user:p%5Bss@one:7001,[::1]:7002,[::2]",
            "/0",
        ),
        ("redis+sentinel://[::1]:26379,[::2]:26379/0/primary", "[::1]:26379,[::2]:26379", "/0/primary"),
        ("redis+cluster://[::1]:7002,[::2]", "[::1]:7002,[::2]", ""),
        ("redis+cluster://[::1]:7002,one?db=2", "[::1]:7002,one", ""),
        ("redis://[::1]:6379/0", "[::1]:6379", "/0"),
        ("unix:///run/one,two.sock", "", "/run/one,two.sock"),
    ],
)
def test_each_of_several_hosts_may_be_an_ipv6_address(
    monkeypatch: pytest.MonkeyPatch, url: str, netloc: str, path: str
) -> None:
    """Python's own `urlsplit` refuses them in the versions of our images."""
    monkeypatch.setattr(urls, "urlsplit", strict)
    parts = split_url(url)
    assert (parts.netloc, parts.path) == (netloc, path)
    assert split_url(parts.geturl()) == parts


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:hush@[::1/0",
        "redis+cluster://user:hush@one,[::1",
        "redis+cluster://user:hush@one,::1]",
        "redis+cluster://user:hush@[one],two",
        "redis+cluster://user:hush@one\u2100,two",
        "redis://user:hush@one\u2100",
    ],
)
def test_a_host_that_cannot_be_is_refused_without_the_password(url: str) -> None:
    """Python's message shows everything before the path, or what is between brackets."""
    with pytest.raises(ValueError, match="around an IPv6 address") as refusal:
        split_url(url)
    assert "hush" not in str(refusal.value)
