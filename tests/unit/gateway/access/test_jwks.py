"""Fetching the keys of an issuer: when, how often, and what an outage of it does."""

import asyncio
import logging

import aiohttp
import pytest
from tests.issuer import ASYMMETRIC, EC, RSA, jwk, key_set
from tests.unit.fakes import FakeClock, replace_sleep

from queuecast_edge.health import Health
from queuecast_gateway.access import jwks as module
from queuecast_gateway.access.jwks import MIN_SECONDS, Jwks
from queuecast_gateway.access.tokens import BadToken

URL_OF_KEYS = "https://issuer.example/keys"


class Server:
    """Answers with what it has, or raises `failing`, once the test lets it."""

    def __init__(self) -> None:
        self.answer = key_set(jwk(RSA, kid="1"))
        self.failing: Exception | None = None
        self.requests = 0
        self.going_on = asyncio.Event()
        self.going_on.set()

    async def fetch(self, url: str) -> bytes:
        assert url == URL_OF_KEYS
        self.requests += 1
        await self.going_on.wait()
        if self.failing is not None:
            raise self.failing
        return self.answer


class Failures:
    """Counts calls, as a metric does."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def failures() -> Failures:
    return Failures()


@pytest.fixture
def jwks(server: Server, clock: FakeClock, failures: Failures) -> Jwks:
    return Jwks(URL_OF_KEYS, ASYMMETRIC, on_failure=failures, fetch=server.fetch, clock=clock)


async def reason(jwks: Jwks, kid: str | None, algorithm: str = "RS256") -> str:
    with pytest.raises(BadToken) as caught:
        await jwks.key(kid, algorithm)
    return caught.value.reason


async def iterations(count: int = 5) -> None:
    """Let all tasks run as far as they can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_first_browser_finds_its_key(jwks: Jwks, server: Server) -> None:
    """It need neither wait for the next refresh nor connect again."""
    assert await jwks.key("1", "RS256") == RSA.public_key()
    assert await jwks.key(None, "RS256") == RSA.public_key()
    assert server.requests == 1


async def test_a_new_key_is_found_at_once(jwks: Jwks, server: Server, clock: FakeClock) -> None:
    """An issuer may sign with a key as soon as it has published it."""
    await jwks.key("1", "RS256")
    server.answer = key_set(jwk(EC, kid="2"))
    clock.pass_by(MIN_SECONDS)
    assert await jwks.key("2", "ES256") == EC.public_key()
    assert await reason(jwks, "1") == "key", "the issuer has taken it back"


async def test_unknown_ids_cause_one_request_in_ten_seconds(
    jwks: Jwks, server: Server, clock: FakeClock
) -> None:
    """Anybody can send them, and to the issuer we would look like the attacker."""
    await jwks.key("1", "RS256")
    for number in range(100):
        assert await reason(jwks, f"unknown-{number}") == "key"
        clock.pass_by(MIN_SECONDS / 100)
    assert server.requests == 1
    clock.pass_by(MIN_SECONDS / 100)
    assert await reason(jwks, "unknown") == await reason(jwks, None, "ES256") == "key"
    assert server.requests == 2


async def test_tokens_that_wait_at_the_same_time_share_a_request(jwks: Jwks, server: Server) -> None:
    """After a restart all browsers connect at once."""
    server.going_on.clear()
    asking = [asyncio.create_task(jwks.key("1", "RS256")) for _ in range(20)]
    await iterations()
    assert server.requests == 1
    server.going_on.set()
    assert await asyncio.gather(*asking) == [RSA.public_key()] * 20
    assert server.requests == 1


async def test_a_browser_that_leaves_does_not_cancel_the_request(jwks: Jwks, server: Server) -> None:
    """The browser that caused the request is one of many that wait for it."""
    server.going_on.clear()
    first, second = (asyncio.create_task(jwks.key("1", "RS256")) for _ in range(2))
    await iterations()
    first.cancel()
    await iterations()
    assert first.cancelled()
    server.going_on.set()
    assert await second == RSA.public_key()


@pytest.mark.parametrize(
    "exc",
    [
        TimeoutError("no answer"),
        aiohttp.ClientError("gone"),
        ConnectionRefusedError(),
        ValueError("HTTP 500"),
    ],
    ids=repr,
)
async def test_without_any_set_the_keys_are_unavailable(
    exc: Exception, jwks: Jwks, server: Server, failures: Failures, clock: FakeClock
) -> None:
    """The token may be valid, so its browser should try again."""
    server.failing = exc
    for _ in range(3):
        assert await reason(jwks, "1") == "keys_unavailable"
    assert (server.requests, failures.count) == (1, 1)
    assert f"{type(exc).__name__}: {exc}" in jwks.ready().reasons[0]
    server.failing = None
    clock.pass_by(MIN_SECONDS)
    assert await jwks.key("1", "RS256")
    assert jwks.ready().healthy


def test_a_replica_without_keys_is_not_ready(jwks: Jwks) -> None:
    """A load balancer should send browsers to replicas that have keys."""
    assert jwks.ready().reasons == ("token keys: not fetched yet",)


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"", b"{}", b'{"keys": null}'])
async def test_the_last_good_set_stays_in_use(
    answer: bytes, jwks: Jwks, server: Server, failures: Failures, clock: FakeClock
) -> None:
    """An outage of the issuer must not lock out everybody who has a token."""
    await jwks.key("1", "RS256")
    server.answer = answer
    for tried in range(1, 4):
        clock.pass_by(MIN_SECONDS)
        assert await reason(jwks, "2") == "keys_unavailable", "that key may be the issuer's newest"
        assert await jwks.key("1", "RS256") == RSA.public_key()
        assert failures.count == tried
    assert jwks.ready().healthy


@pytest.mark.parametrize("answer", [key_set(), key_set({"kty": "oct", "k": "AAAA"}), key_set(7)])
async def test_a_set_without_keys_counts_at_once(
    answer: bytes, jwks: Jwks, server: Server, failures: Failures, clock: FakeClock
) -> None:
    """That is how an issuer withdraws its last key after a theft, and with it the thief's tokens."""
    await jwks.key("1", "RS256")
    server.answer = answer
    clock.pass_by(MIN_SECONDS)
    assert await reason(jwks, "2") == await reason(jwks, "1") == "key"
    assert failures.count == 0
    assert jwks.ready() == Health(notes=("token keys: the issuer publishes no usable key",))


async def test_an_issuer_without_keys_is_logged_once(
    jwks: Jwks, server: Server, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is more often a mistake than a theft, and no browser can connect."""
    for answer in (key_set(), key_set(), key_set(jwk(RSA, kid="1")), key_set()):
        server.answer = answer
        clock.pass_by(MIN_SECONDS)
        await jwks._ask()
    assert (
        caplog.messages
        == [f"keys from {URL_OF_KEYS}: the issuer publishes no usable key, so no browser can connect"] * 2
    )


@pytest.mark.parametrize(("stale_seconds", "good_for"), [(0, 125 + MIN_SECONDS), (300, 425 + MIN_SECONDS)])
async def test_the_last_set_does_not_stay_in_use_for_ever(
    server: Server, clock: FakeClock, caplog: pytest.LogCaptureFixture, stale_seconds: float, good_for: float
) -> None:
    """Otherwise a thief could keep a stolen key valid by keeping the issuer from answering."""
    jwks = Jwks(
        URL_OF_KEYS,
        ASYMMETRIC,
        refresh_seconds=100,
        stale_seconds=stale_seconds,
        fetch=server.fetch,
        clock=clock,
    )
    await jwks.key("1", "RS256")
    server.failing = TimeoutError("no answer")
    clock.pass_by(good_for)
    assert await jwks.key("1", "RS256")
    assert jwks.ready().healthy
    clock.pass_by(0.1)
    assert await reason(jwks, "1") == "keys_unavailable"
    assert not jwks.ready().healthy
    assert "are too old, so no browser can connect" in caplog.text
    server.failing = None
    clock.pass_by(MIN_SECONDS)
    assert await jwks.key("1", "RS256")
    assert jwks.ready() == Health()


async def test_on_set_is_called_with_each_set(server: Server, clock: FakeClock) -> None:
    """So sessions can end with their key. A response that is not a set causes no call."""
    told: list[int] = []
    jwks = Jwks(
        URL_OF_KEYS, ASYMMETRIC, on_set=lambda keys: told.append(len(keys)), fetch=server.fetch, clock=clock
    )
    for answer in (server.answer, b"<html>", key_set()):
        server.answer = answer
        await jwks._ask()
        clock.pass_by(MIN_SECONDS)
    assert told == [1, 0]


async def test_an_outage_is_logged_when_it_begins_and_when_it_ends(
    jwks: Jwks, server: Server, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A line for each attempt would be thousands in a night; the metric counts them."""
    caplog.set_level(logging.INFO, module.__name__)
    for exc in (TimeoutError("no answer"), ValueError("HTTP 503"), TimeoutError("no answer"), None, None):
        server.failing = exc
        clock.pass_by(MIN_SECONDS)
        assert await reason(jwks, "2") == ("keys_unavailable" if exc else "key")
    assert [record.getMessage() for record in caplog.records] == [
        f"no keys from {URL_OF_KEYS}, no browser can connect: TimeoutError: no answer",
        f"keys from {URL_OF_KEYS} again, after 3 failures",
    ]
    server.failing = ValueError("HTTP 500")
    clock.pass_by(MIN_SECONDS)
    await reason(jwks, "2")
    assert caplog.messages[2:] == [
        f"no keys from {URL_OF_KEYS}, the last ones stay in use: ValueError: HTTP 500"
    ]


async def test_a_bug_of_ours_is_not_an_outage_of_the_server(jwks: Jwks, server: Server) -> None:
    """`run` raises it and so ends the process; nobody would find it among the server's failures."""
    server.failing = ZeroDivisionError("a mistake")
    with pytest.raises(ZeroDivisionError):
        await jwks.run()


class Sleep:
    """`asyncio.sleep` on a clock that jumps; after a number of calls it waits for ever."""

    def __init__(self, clock: FakeClock, calls: int) -> None:
        self._clock = clock
        self._calls = calls
        self.slept: list[float] = []
        self.enough = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._clock.pass_by(seconds)
        if len(self.slept) == self._calls:
            self.enough.set()
            await asyncio.Event().wait()


async def ran(jwks: Jwks, clock: FakeClock, calls: int, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Run until it has slept `calls` times; return the seconds of each sleep."""
    sleep = Sleep(clock, calls)
    replace_sleep(monkeypatch, module, sleep)
    running = asyncio.create_task(jwks.run())
    await sleep.enough.wait()
    monkeypatch.undo()
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])
    return sleep.slept


async def test_the_set_is_refreshed_every_ten_minutes_or_so(
    jwks: Jwks, server: Server, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A withdrawn key is not accepted for long, and replicas do not ask at the same time."""
    slept = await ran(jwks, clock, 20, monkeypatch)
    assert server.requests == 20
    assert all(450 <= seconds <= 750 for seconds in slept)
    assert len(set(slept)) == 20


async def test_a_failing_server_is_asked_less_and_less_often(
    jwks: Jwks, server: Server, clock: FakeClock, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But within a minute, and as often as before once it is back."""
    monkeypatch.setattr(module.random, "random", lambda: 1.0)
    server.failing = TimeoutError("no answer")
    slept = await ran(jwks, clock, 6, monkeypatch)
    assert slept[0] == MIN_SECONDS + 10
    assert slept == sorted(slept)
    assert slept[-1] == 60
    assert server.requests == failures.count == 6
    server.failing = None
    assert (await ran(jwks, clock, 1, monkeypatch))[0] > 60


async def test_no_setting_makes_it_ask_too_often(
    server: Server, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh every 0 s would be a busy loop."""
    jwks = Jwks(URL_OF_KEYS, ASYMMETRIC, refresh_seconds=0, fetch=server.fetch, clock=clock)
    assert await ran(jwks, clock, 3, monkeypatch) == [MIN_SECONDS] * 3


async def test_the_end_of_the_process_leaves_no_request_behind(jwks: Jwks, server: Server) -> None:
    """Its connection would break while the loop closes."""
    server.going_on.clear()
    running = asyncio.create_task(jwks.run())
    await iterations()
    others = asyncio.all_tasks() - {running, asyncio.current_task()}
    assert len(others) == 1
    running.cancel()
    await asyncio.wait([running])
    assert all(task.cancelled() for task in others)


def test_a_secret_is_not_fetched_from_a_url() -> None:
    """It would not be a secret."""
    with pytest.raises(ValueError, match="HS256 takes a secret"):
        Jwks(URL_OF_KEYS, ("RS256", "HS256"))
