"""The host names under which a gateway answers, and what pages of other sites can get from it."""

import pytest

from . import wire
from .counts import HANDSHAKES_REFUSED, Counts
from .site import Site
from .wire import Answer, WebSocket

BOTH = pytest.mark.parametrize("transport", ["websocket", "polling"])


async def asked(port: int, transport: str, **headers: str) -> Answer:
    """Return the answer to a handshake with these headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if transport == "polling":
        return await wire.request(port, headers=named)
    async with await WebSocket.open(port, headers=named) as one:
        return one.answer


@BOTH
async def test_a_rebound_name_reads_no_open_gateway(site: Site, transport: str) -> None:
    """DNS rebinding: a page's name resolves to a developer's machine, so its origin is the gateway's."""
    one = await site.start(origins="http://app.example:8000")
    counts = Counts(one, HANDSHAKES_REFUSED)
    for host in ("evil.example", f"evil.example:{one.port}", "127.0.0.1.evil.example"):
        answer = await asked(one.port, transport, Host=host)
        assert answer.status == 403
        assert "QUEUECAST_HOSTS" in answer.json["message"]
    assert counts.more() == {"host": 3}
    assert "evil.example' is no name of this gateway" in one.log()
    good = 101 if transport == "websocket" else 200
    for host in (f"127.0.0.1:{one.port}", f"localhost:{one.port}", "[::1]", "app.example:8000"):
        assert (await asked(one.port, transport, Host=host)).status == good


@BOTH
async def test_an_operator_says_by_which_other_names(site: Site, transport: str) -> None:
    """The gateway cannot know the names in a proxy or a DNS server."""
    one = await site.start(hosts="gateway.example,*.svc")
    good = 101 if transport == "websocket" else 200
    for host in ("gateway.example", "gateway.shop.svc:80"):
        assert (await asked(one.port, transport, Host=host)).status == good
    assert (await asked(one.port, transport, Host="evil.example")).status == 403


@pytest.mark.parametrize("origins", ["*", "http://app.example"])
async def test_a_request_of_another_site_without_an_origin_opens_no_session(site: Site, origins: str) -> None:
    """An image or script element sends the visitor's cookies; none of our clients asks that way."""
    one = await site.start(origins=origins)
    counts = Counts(one, HANDSHAKES_REFUSED)
    for where in ("cross-site", "same-site"):
        assert (await asked(one.port, "polling", Sec_Fetch_Site=where)).status == 403
    assert counts.more() == {"origin": 2}
    for where in ("same-origin", "none"):
        assert (await asked(one.port, "polling", Sec_Fetch_Site=where)).status == 200
    answer = await asked(one.port, "polling", Sec_Fetch_Site="cross-site", Origin="http://app.example")
    assert answer.status == 200


async def test_a_client_of_the_proxies_own_network_is_no_proxy(site: Site) -> None:
    """Through a proxy it could put invented addresses before its own, and evade every limit by address."""
    settings = {
        "trusted_proxies": "127.0.0.0/8",
        "max_connections_per_address": 1,
        "max_connects_per_second": 0,
    }
    one = await site.start(**settings, trusted_hops=1)
    first = {"X-Forwarded-For": "203.0.113.1, 127.0.0.9"}
    async with await WebSocket.open(one.port, headers=first) as held:
        assert held.accepted
        answer = await asked(one.port, "websocket", X_Forwarded_For="203.0.113.2, 127.0.0.9")
        assert answer.status == 429
        assert (await asked(one.port, "websocket", X_Forwarded_For="127.0.0.8")).status == 101
