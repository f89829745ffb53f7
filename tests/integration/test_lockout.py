"""An address that guesses tokens has to wait, but keeps nobody else out: real tokens, running gateways."""

import asyncio
import json
import time
from typing import Any

from tests.issuer import signed

from . import wire
from .access import JWT, UNAUTHORIZED, environment
from .counts import CONNECTS_REFUSED, EVENTS_REFUSED, Counts
from .gateway import Gateway
from .page import page
from .services import Service, free_port
from .site import Site, until
from .wire import WebSocket

TOO_MANY = {"message": "Too many tries, come back later", "data": {"code": "too_many_tries"}}
HERS, HIS = {"X-Forwarded-For": "203.0.113.1"}, {"X-Forwarded-For": "203.0.113.2"}
WARNING = "203.0.113.1 has shown as many forged tokens as QUEUECAST_MAX_FAILED_TRIES allows"


async def shown(port: int, *tokens: str, headers: dict[str, str] | None = None) -> list[Any]:
    """Show tokens over one connection; return the answer to each, and the close code if it ends."""
    async with await WebSocket.open(port, headers=headers) as one:
        await one.opening()
        answers: list[Any] = []
        for each in tokens:
            one.send(f"40{json.dumps({'token': each, 'recovery': False})}")
            packet = await one.text()
            answers.append(json.loads(packet[2:]) if packet.startswith("44") else packet[:2])
        if answers[-1] == TOO_MANY:
            opcode, payload = await one.next_frame()
            assert opcode == wire.CLOSE
            answers.append(int.from_bytes(payload[:2], "big"))
        return answers


async def test_who_guesses_has_to_wait_and_nobody_else(site: Site) -> None:
    """Others at the same address do not: good tokens are let in, and sessions can refresh theirs."""
    one = await site.start(**JWT, max_failed_tries=4, trusted_proxies="127.0.0.1")
    counts, closed = Counts(one, CONNECTS_REFUSED), Counts(one, EVENTS_REFUSED)
    async with await WebSocket.open(one.port, headers=HERS) as neighbour:
        await neighbour.opening()
        neighbour.send(f"40{json.dumps({'token': signed(300), 'recovery': False})}")
        assert (await neighbour.text()).startswith("40{")
        guesses = [f"guess-{number}" for number in range(5)]
        assert await shown(one.port, *guesses, headers=HERS) == [*[UNAUTHORIZED] * 4, TOO_MANY, 1008]
        assert await shown(one.port, "another", headers=HERS) == [TOO_MANY, 1008]
        assert counts.more() == {"malformed": 4, "too_many_tries": 2}
        assert closed.more() == {"tries": 2}
        assert await shown(one.port, signed(), headers=HERS) == ["40"]
        assert await shown(one.port, "guess", headers=HIS) == [UNAUTHORIZED]
        for number, (said, answer) in enumerate((("guess", '"unauthorized"'), (signed(600), '"ok":true'))):
            neighbour.send(f"42{number}{json.dumps(['refresh', said])}")
            assert answer in await neighbour.text()
    # The operator sees it in the log, once, at a level that is logged by default.
    await until(lambda: WARNING in one.log())
    assert one.log().count(WARNING) == 1


async def test_an_expired_token_is_no_guess(site: Site) -> None:
    """A page that was left open shows its old token again and again, perhaps behind a shared proxy."""
    one = await site.start(**JWT, max_failed_tries=2)
    counts = Counts(one, CONNECTS_REFUSED)
    for made in (lambda: signed(-5), lambda: signed(nbf=9e9), lambda: signed(aud="another")):
        assert await shown(one.port, *(made() for _ in range(5))) == [UNAUTHORIZED] * 5
    assert counts.more() == {"expired": 5, "not_yet": 5, "audience": 5}
    assert await shown(one.port, signed()) == ["40"]
    assert "forged tokens" not in one.log()


async def test_who_guessed_may_try_again_after_a_while(site: Site) -> None:
    """A page that was told to wait gets another try afterwards."""
    port = free_port()
    soon = (
        "from queuecast_gateway import composition; composition.TRIES_SECONDS = 3.0;"
        "from queuecast_gateway.__main__ import main; main()"
    )
    settings = JWT | {"redis_url": site.redis.url, "port": port, "max_failed_tries": 2}
    settings["max_connects_per_second"] = 0  # the test reconnects until the window has ended
    service = Service("queuecast_gateway", environment(**settings), soon)
    try:
        await until(service.ready)
        async with asyncio.timeout(60):
            while (await shown(port, "sesame"))[0] != TOO_MANY:
                pass  # three tries in three seconds: a busy machine may need more than one window
            while (await shown(port, "sesame"))[0] == TOO_MANY:
                pass
        async with page(port, token=signed()):
            pass
    finally:
        service.process.stop(grace_seconds=0)


async def test_the_longest_subject_has_a_room_of_its_own(site: Site) -> None:
    """An issuer may use the full length of a subject; its room works like any other."""
    one = await site.start(**JWT)
    for subject in ("x" * 256, "ж" * 128):
        async with page(one.port, token=signed(sub=subject)) as longest:
            assert (await longest.ask("subscribe", f"user:{subject}"))["ok"]


async def test_a_board_goes_on_with_another_token(site: Site) -> None:
    """Its two namespaces share a connection, which ends when the first of their tokens does."""
    one = await site.start(**JWT)
    async with page(one.port, namespace="/board", token=signed(30), recovery=False) as board:
        ack = await board.ask("refresh", signed(600))
        assert ack["ok"]
        assert ack["expires"] > 500
        refused = await board.ask("refresh", signed(600, sub="bob"))
        assert refused["error"]["code"] == "unauthorized"


async def test_a_full_redis_does_not_fill_the_log(site: Site) -> None:
    """Every browser's events fail then: the metric counts them all, the log has ten lines a second."""
    one: Gateway = await site.start(max_events_per_second=0, max_bytes_per_second=0)
    async with page(one.port, recovery=False) as writer:
        site.redis.client.config_set("maxmemory", "1")
        start = time.monotonic()
        for number in range(100):
            ack = await writer.ask("item_removed", {"id": number})
            assert ack["error"]["code"] == "bus_unavailable"
        site.redis.client.config_set("maxmemory", "0")
    assert 0 < one.log().count("was not relayed") <= 50 + 10 * (time.monotonic() - start)
    assert one.metric("queuecast_gateway_relays_total", outcome="failed") == 100
