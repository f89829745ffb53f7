import asyncio
import itertools
import logging

import aiohttp
import pytest
from tests.issuer import ASYMMETRIC, EC, RSA, jwk, key_set
from tests.unit.fakes import FakeClock
from yarl import URL

from queuecast_edge.health import Health
from queuecast_gateway.access import jwks as module
from queuecast_gateway.access.download import check_url, redirected
from queuecast_gateway.access.jwks import MIN_SECONDS, Jwks
from queuecast_gateway.access.tokens import BadToken

URL_OF_KEYS = "https://issuer.example/keys"


class Server:
    """Answers with what it has, or raises `failing`; once it is told to go on."""

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
    """Counts, as a metric does."""

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


async def fault(jwks: Jwks, kid: str | None, algorithm: str = "RS256") -> str:
    with pytest.raises(BadToken) as caught:
        await jwks.key(kid, algorithm)
    return caught.value.fault


async def turns(count: int = 5) -> None:
    """Let all tasks go on as far as they can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_first_browser_finds_its_key(jwks: Jwks, server: Server) -> None:
    """It need not wait for a refresh that is on its way, nor come back."""
    assert await jwks.key("1", "RS256") == RSA.public_key()
    assert await jwks.key(None, "RS256") == RSA.public_key()
    assert server.requests == 1


async def test_a_new_key_is_found_at_once(jwks: Jwks, server: Server, clock: FakeClock) -> None:
    """An issuer may sign with a key as soon as it has published it."""
    await jwks.key("1", "RS256")
    server.answer = key_set(jwk(EC, kid="2"))
    clock.pass_by(MIN_SECONDS)
    assert await jwks.key("2", "ES256") == EC.public_key()
    assert await fault(jwks, "1") == "key", "the issuer has taken it back"


async def test_unknown_ids_make_one_request_in_ten_seconds(
    jwks: Jwks, server: Server, clock: FakeClock
) -> None:
    """Anybody can send them, and the issuer would count us as the attacker."""
    await jwks.key("1", "RS256")
    for number in range(100):
        assert await fault(jwks, f"unknown-{number}") == "key"
        clock.pass_by(MIN_SECONDS / 100)
    assert server.requests == 1
    clock.pass_by(MIN_SECONDS / 100)
    assert await fault(jwks, "unknown") == await fault(jwks, None, "ES256") == "key"
    assert server.requests == 2


async def test_who_asks_at_the_same_time_shares_a_request(jwks: Jwks, server: Server) -> None:
    """After a restart all browsers come at once."""
    server.going_on.clear()
    asking = [asyncio.create_task(jwks.key("1", "RS256")) for _ in range(20)]
    await turns()
    assert server.requests == 1
    server.going_on.set()
    assert await asyncio.gather(*asking) == [RSA.public_key()] * 20
    assert server.requests == 1


async def test_a_browser_that_leaves_takes_the_answer_from_nobody(jwks: Jwks, server: Server) -> None:
    """The one whose request it was is one of many who wait for it."""
    server.going_on.clear()
    first, second = (asyncio.create_task(jwks.key("1", "RS256")) for _ in range(2))
    await turns()
    first.cancel()
    await turns()
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
    """That is not the token's fault: its browser should come back."""
    server.failing = exc
    for _ in range(3):
        assert await fault(jwks, "1") == "keys_unavailable"
    assert (server.requests, failures.count) == (1, 1)
    assert f"{type(exc).__name__}: {exc}" in jwks.ready().reasons[0]
    server.failing = None
    clock.pass_by(MIN_SECONDS)
    assert await jwks.key("1", "RS256")
    assert jwks.ready().well


def test_a_replica_without_keys_is_not_ready(jwks: Jwks) -> None:
    """A load balancer should send browsers where they can come in."""
    assert jwks.ready().reasons == ("keys of tokens: nobody was asked yet",)


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"", b"{}", b'{"keys": null}'])
async def test_the_last_good_set_goes_on(
    answer: bytes, jwks: Jwks, server: Server, failures: Failures, clock: FakeClock
) -> None:
    """The issuer's trouble must not become that of everybody who has a token."""
    await jwks.key("1", "RS256")
    server.answer = answer
    for tried in range(1, 4):
        clock.pass_by(MIN_SECONDS)
        assert await fault(jwks, "2") == "keys_unavailable", "that key may be the issuer's newest"
        assert await jwks.key("1", "RS256") == RSA.public_key()
        assert failures.count == tried
    assert jwks.ready().well


@pytest.mark.parametrize("answer", [key_set(), key_set({"kty": "oct", "k": "AAAA"}), key_set(7)])
async def test_a_set_without_keys_is_the_truth(
    answer: bytes, jwks: Jwks, server: Server, failures: Failures, clock: FakeClock
) -> None:
    """An issuer that takes its last key back, after a theft, says it so; the thief's tokens end with that."""
    await jwks.key("1", "RS256")
    server.answer = answer
    clock.pass_by(MIN_SECONDS)
    assert await fault(jwks, "2") == await fault(jwks, "1") == "key"
    assert failures.count == 0
    assert jwks.ready() == Health(notes=("keys of tokens: the issuer publishes none that can be used",))


async def test_an_issuer_without_keys_is_told_of_once(
    jwks: Jwks, server: Server, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a mistake more often than a theft, and nobody can come in."""
    for answer in (key_set(), key_set(), key_set(jwk(RSA, kid="1")), key_set()):
        server.answer = answer
        clock.pass_by(MIN_SECONDS)
        await jwks._ask()
    assert (
        caplog.messages
        == [f"the keys from {URL_OF_KEYS}: the issuer publishes none that can be used, so nobody can come in"]
        * 2
    )


@pytest.mark.parametrize(("stale_seconds", "good_for"), [(0, 125 + MIN_SECONDS), (300, 425 + MIN_SECONDS)])
async def test_the_last_set_does_not_go_on_for_ever(
    server: Server, clock: FakeClock, caplog: pytest.LogCaptureFixture, stale_seconds: float, good_for: float
) -> None:
    """Whoever has stolen a key could otherwise keep it good by keeping the issuer from answering."""
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
    assert jwks.ready().well
    clock.pass_by(0.1)
    assert await fault(jwks, "1") == "keys_unavailable"
    assert not jwks.ready().well
    assert "are too old, nobody can come in" in caplog.text
    server.failing = None
    clock.pass_by(MIN_SECONDS)
    assert await jwks.key("1", "RS256")
    assert jwks.ready() == Health()


async def test_each_set_is_told_of(server: Server, clock: FakeClock) -> None:
    """So that sessions can end with their key; what is no set tells of nothing."""
    told: list[int] = []
    jwks = Jwks(
        URL_OF_KEYS, ASYMMETRIC, on_set=lambda keys: told.append(len(keys)), fetch=server.fetch, clock=clock
    )
    for answer in (server.answer, b"<html>", key_set()):
        server.answer = answer
        await jwks._ask()
        clock.pass_by(MIN_SECONDS)
    assert told == [1, 0]


async def test_trouble_is_logged_when_it_begins_and_when_it_ends(
    jwks: Jwks, server: Server, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A line for every try would be thousands in a night; the counter has them."""
    caplog.set_level(logging.INFO, module.__name__)
    for exc in (TimeoutError("no answer"), ValueError("HTTP 503"), TimeoutError("no answer"), None, None):
        server.failing = exc
        clock.pass_by(MIN_SECONDS)
        assert await fault(jwks, "2") == ("keys_unavailable" if exc else "key")
    assert [record.getMessage() for record in caplog.records] == [
        f"no keys from {URL_OF_KEYS}, nobody can come in: TimeoutError: no answer",
        f"keys from {URL_OF_KEYS} again, after 3 failures",
    ]
    server.failing = ValueError("HTTP 500")
    clock.pass_by(MIN_SECONDS)
    await fault(jwks, "2")
    assert caplog.messages[2:] == [f"no keys from {URL_OF_KEYS}, the last ones go on: ValueError: HTTP 500"]


async def test_a_mistake_of_ours_is_no_trouble_of_the_server(jwks: Jwks, server: Server) -> None:
    """It ends the process loudly, by `run`; nobody would find it among the server's failures."""
    server.failing = ZeroDivisionError("a mistake")
    with pytest.raises(ZeroDivisionError):
        await jwks.run()


class Sleep:
    """`asyncio.sleep` by a clock that jumps; from the nth call on it only waits."""

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
    """Run it until it has slept so often; return for how long each time."""
    sleep = Sleep(clock, calls)
    monkeypatch.setattr(module.asyncio, "sleep", sleep)
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
    """A key that the issuer takes back is not good here for long; and replicas should not ask together."""
    slept = await ran(jwks, clock, 20, monkeypatch)
    assert server.requests == 20
    assert all(450 <= seconds <= 750 for seconds in slept)
    assert len(set(slept)) == 20


async def test_a_server_in_trouble_is_asked_ever_less(
    jwks: Jwks, server: Server, clock: FakeClock, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But again within a minute, and at once as ever when it is back."""
    monkeypatch.setattr(module.random, "random", lambda: 1.0)
    server.failing = TimeoutError("no answer")
    slept = await ran(jwks, clock, 6, monkeypatch)
    assert slept[0] == MIN_SECONDS + 10
    assert slept == sorted(slept)
    assert slept[-1] == 60
    assert server.requests == failures.count == 6
    server.failing = None
    assert (await ran(jwks, clock, 1, monkeypatch))[0] > 60


async def test_no_setting_makes_it_ask_more_often(
    server: Server, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh every 0 s would be a loop without a pause."""
    jwks = Jwks(URL_OF_KEYS, ASYMMETRIC, refresh_seconds=0, fetch=server.fetch, clock=clock)
    assert await ran(jwks, clock, 3, monkeypatch) == [MIN_SECONDS] * 3


async def test_the_end_of_the_process_leaves_no_request_behind(jwks: Jwks, server: Server) -> None:
    """Its connection would be torn while the loop closes."""
    server.going_on.clear()
    running = asyncio.create_task(jwks.run())
    await turns()
    others = asyncio.all_tasks() - {running, asyncio.current_task()}
    assert len(others) == 1
    running.cancel()
    await asyncio.wait([running])
    assert all(task.cancelled() for task in others)


def test_a_secret_is_not_looked_for_at_a_url() -> None:
    """It would be nobody's secret."""
    with pytest.raises(ValueError, match="HS256 takes a secret"):
        Jwks(URL_OF_KEYS, ("RS256", "HS256"))


SAFE = [
    "https://issuer.example/keys?tenant=7",
    "https://issuer.example:8443",
    "https://127.0.0.1/",
    "http://127.0.0.1:8080/keys",
    "http://127.9.9.9/",
    "http://[::1]:8080/",
    "http://localhost/keys",
]
UNSAFE = [
    "",
    "/keys",
    "https://",
    "https:///keys",
    "issuer.example/keys",
    "ftp://issuer.example/keys",
    "file:///etc/keys",
    "http://issuer.example/keys",
    "http://10.0.0.1/",
    "http://localhost.example/",
    "http://[::2]/",
    "http://127.0.0.1.example/",
    "http://127.0.0.1@issuer.example/",
    "https://ann:secret@issuer.example/",
    "https://issuer.example:port/",
]


@pytest.mark.parametrize("url", SAFE)
def test_keys_come_by_https_or_from_the_host_itself(url: str) -> None:
    """A sidecar may have them."""
    check_url(url)
    Jwks(url, ASYMMETRIC)


@pytest.mark.parametrize("url", UNSAFE)
def test_keys_come_from_nowhere_else(url: str) -> None:
    """Who could change them on their way could sign tokens."""
    with pytest.raises(ValueError, match=r"expected|[Pp]ort") as caught:
        Jwks(url, ASYMMETRIC)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("origin", "target"), list(itertools.product(SAFE, SAFE)))
def test_a_redirect_never_leaves_https(origin: str, target: str) -> None:
    """Neither for the network nor for a service of this host, which an issuer has no business with."""
    if origin.startswith("https:") and target.startswith("http:"):
        with pytest.raises(ValueError, match="leaves https"):
            redirected(URL(origin), target)
    else:
        assert redirected(URL(origin), target) == URL(target)


@pytest.mark.parametrize(
    "target", ["http://issuer.example/", "ftp://127.0.0.1/", "https://ann:secret@b.example/"]
)
def test_a_redirect_goes_nowhere_that_keys_may_not_come_from(target: str) -> None:
    """What is asked of the URL is asked of every step."""
    for origin in SAFE:
        with pytest.raises(ValueError, match="expected"):
            redirected(URL(origin), target)


def test_a_redirect_may_be_relative() -> None:
    """As most are."""
    assert redirected(URL("https://issuer.example/a/keys"), "../b") == URL("https://issuer.example/b")
