import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.sentinel import SentinelConnectionPool, SentinelManagedConnection
from redis.exceptions import OutOfMemoryError, RedisError

from queuecast_bus import BusUnavailable
from queuecast_bus.connection import ANSWER_SECONDS, check_url, connect, jittered, redis_call
from queuecast_bus.tls import TLS_PARAMETERS

GOOD = [
    "redis://localhost",
    "redis://:hush@redis.example:6379/2",
    "rediss://user:hush@redis.example:6380/0",
    "redis://[::1]:6379/0",
    "valkey://localhost:6379/0",
    "valkeys://localhost",
    "unix:///run/redis.sock",
    "unix:///run/redis.sock?db=2",
    "redis+sentinel://one:26379,two:26379/0/primary",
    "redis+sentinel://:hush@one:26379/0/primary",
    "valkey+sentinel://one:26379/0/primary",
    "redis+sentinel://[::1]:26379/0/primary",
    "redis+sentinel://[::1]:26379,[::2]:26379/0/primary",
    "redis://localhost?db=2",
    "rediss://localhost/2?ssl_check_hostname=false&ssl_cert_reqs=required",
    "valkeys://localhost?ssl_cert_reqs=none",
    "rediss+sentinel://one:26379,two:26379/0/primary?ssl_check_hostname=false",
    "valkeys+sentinel://:hush@one:26379/0/primary",
    "redis+cluster://one",
    "redis+cluster://user:hush@one:6379,two:6380,[::1]:6381,[::2]/0",
    "valkey+cluster://one:6379/",
    "rediss+cluster://one:6379?ssl_check_hostname=false",
    "valkeys+cluster://one,two/0",
]
BAD = {
    "": "scheme",
    "localhost:6379": "scheme",
    "http://localhost": "scheme 'http' is not one of redis://",
    "redis://": "host is missing",
    "redis:///0": "host is missing",
    "redis://:hush@:6379": "host is missing",
    "redis://localhost:port": "(?i)port",
    "redis://localhost:70000": "(?i)port",
    "rediss://": "host is missing",
    "valkey://": "host is missing",
    "unix://": "path of a socket",
    "redis+sentinel://one:26379": "service's name",
    "redis+sentinel://one:26379/0": "service's name",
    "redis+sentinel://one/0/primary": "expected redis\\+sentinel",
    "redis+sentinel://one:x/0/primary": "expected redis\\+sentinel",
    "redis+sentinel://one:26379/zero/primary": "expected redis\\+sentinel",
    "valkey+sentinel://one:26379/0": "service's name",
    "rediss+sentinel://one/0/primary": "expected rediss\\+sentinel",
    "redis://localhost?db=two": "'db'",
    "redis://localhost?dbs=2": "unknown 'dbs': did you mean db",
    "redis://localhost?socket_timeout=1&protocol=3": "unknown 'socket_timeout', an unknown 'protocol'",
    "redis+sentinel://one:26379/0/primary?db=1": "unknown 'db'",
    "redis://localhost?ssl_ca_certs=/ca.pem": "ssl_ca_certs although .* without TLS",
    "redis+sentinel://one:26379/0/primary?ssl_ca_certs=/ca.pem": "ssl_ca_certs although .* without TLS",
    "rediss://localhost?ssl_ca_cert=/ca.pem": "unknown 'ssl_ca_cert': did you mean ssl_ca_certs",
    "rediss://localhost?ssl_ca_certs=": "no value for ssl_ca_certs",
    "rediss://localhost?ssl_ca_certs": "no value for ssl_ca_certs",
    "rediss://localhost?ssl_ca_certs=/a.pem&ssl_ca_certs=/b.pem": "ssl_ca_certs more than once",
    "rediss://localhost?ssl_ca_certs=/nowhere/ca.pem": "ssl_ca_certs=/nowhere/ca.pem: .*No such file",
    "valkeys+sentinel://one:26379/0/primary?ssl_ca_certs=/nowhere/ca.pem": "ca.pem: .*No such file",
    "rediss://localhost?ssl_keyfile=/nowhere/key.pem": "ssl_keyfile=/nowhere/key.pem: certfile",
    "rediss://localhost?ssl_cert_reqs=maybe": "ssl_cert_reqs=maybe: ",
    "redis://localhost/0#prod": "written %2F",
    "redis://one:6379,two:6379/0": r"several hosts need redis\+cluster://.* or redis\+sentinel://",
    "rediss://:hush@one,two": r"several hosts need rediss\+cluster://",
    "redis+cluster://": r"expected redis\+cluster://\[user",
    "redis+cluster://one,,two": r"expected redis\+cluster://",
    "redis+cluster://one:x": r"expected redis\+cluster://",
    "redis+cluster://one:70000": r"expected redis\+cluster://",
    "redis+cluster://one:": r"expected redis\+cluster://",
    "redis+cluster://::1:6379": r"expected redis\+cluster://",
    "redis+cluster://one/2": r"redis\+cluster:// has only database 0",
    "redis+cluster://one?db=2": "unknown 'db'",
    "redis+cluster://one?ssl_ca_certs=/ca.pem": "ssl_ca_certs although .* without TLS",
    "valkeys+cluster://one?ssl_ca_certs=/nowhere/ca.pem": "ca.pem: .*No such file",
}


@pytest.mark.parametrize("url", GOOD)
def test_a_good_url_passes_and_makes_a_client(url: str) -> None:
    """What the settings accept, the process can start with."""
    check_url(url)
    connect(url)


@pytest.mark.parametrize(("url", "why"), BAD.items())
def test_a_bad_url_is_refused_with_the_reason(url: str, why: str) -> None:
    """A typing error shows at the start, not as a connection that is never made."""
    with pytest.raises(ValueError, match=why):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://:hush@localhost",
        "redis://:hush@",
        "redis://user:hush@localhost:port",
        "redis://user:hush@localhost:70000",
        "redis://user:hush@[::1/0",
        "redis+sentinel://:hush@one/0/primary",
        "redis+sentinel://:hush@one:26379/0",
        "redis://user:hush/2@localhost:6379",
        "redis://user:12/hush@localhost:6379",
        "redis://user:12?hush@localhost:6379",
        "redis://user:12#hush@localhost:6379",
        "redis+sentinel://user:12/hush@one:26379/0/primary",
        "redis://localhost?password=hush",
        "redis://user:hush@one,two",
        "redis+cluster://user:hush@one:x",
        "redis+cluster://user:12/hush@one:6379",
        "rediss://localhost?ssl_keyfile=/nowhere/key.pem&ssl_password=hush",
    ],
)
def test_a_refusal_shows_no_password(url: str) -> None:
    """The message goes to the log of a process that did not start, where everybody looks."""
    with pytest.raises(ValueError, match=r"\S") as refusal:
        check_url(url)
    assert "hush" not in str(refusal.value)


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    """Every connection would fail, and retrying would not help."""
    (tmp_path / "ca.pem").write_text("no certificate\n")
    with pytest.raises(ValueError, match=r"ssl_ca_certs=.*ca\.pem"):
        check_url(f"rediss://localhost?ssl_ca_certs={tmp_path}/ca.pem")


def test_a_database_that_is_no_number_is_refused() -> None:
    """The bus would silently use database 0, beside another application's keys."""
    with pytest.raises(ValueError, match="database"):
        check_url("redis://localhost/production")


def test_a_sentinel_without_a_host_is_refused() -> None:
    """It could never be reached."""
    with pytest.raises(ValueError, match="expected"):
        check_url("redis+sentinel://:26379/0/primary")


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("redis://h", Connection),
        ("valkey://h", Connection),
        ("rediss://h", SSLConnection),
        ("valkeys://h", SSLConnection),
        ("unix:///run/redis.sock", UnixDomainSocketConnection),
    ],
)
def test_a_scheme_decides_about_the_kind_of_connection(url: str, kind: type) -> None:
    """Valkey's schemes are Redis's; a missing s would send a password unencrypted."""
    made = connect(url).connection_pool.connection_class
    assert issubclass(made, kind)
    assert issubclass(made, SSLConnection) == (kind is SSLConnection)


def test_where_and_as_whom_to_connect_come_from_the_url() -> None:
    """A part that got lost would lead to another database, or the server would refuse it."""
    options = connect("valkey://user:hush@redis.example:6390/3").connection_pool.connection_kwargs
    wanted = {"host": "redis.example", "port": 6390, "db": 3, "username": "user", "password": "hush"}
    assert options.items() >= wanted.items()


@pytest.mark.parametrize("scheme", ["redis+sentinel", "valkey+sentinel"])
def test_sentinels_are_asked_for_the_primary(scheme: str) -> None:
    """A replica would refuse every write."""
    pool = connect(f"{scheme}://user:hush@one:26379,two:26380/3/primary").connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.is_master
    assert pool.service_name == "primary"
    assert pool.connection_kwargs.items() >= {"db": 3, "username": "user", "password": "hush"}.items()
    sentinels = [each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels]
    assert [(each["host"], each["port"]) for each in sentinels] == [("one", 26379), ("two", 26380)]


def test_what_is_escaped_in_a_sentinels_url_is_meant_as_it_was() -> None:
    """A password with a slash cannot be written otherwise."""
    pool = connect("redis+sentinel://us%40er:h%2Fush@[::1]:26379/0/primary").connection_pool
    assert pool.connection_kwargs.items() >= {"username": "us@er", "password": "h/ush"}.items()
    assert pool.sentinel_manager.sentinels[0].connection_pool.connection_kwargs["host"] == "::1"


def clients(url: str) -> list[Any]:
    """Return the client that `connect` makes, and those of its sentinels."""
    client: Any = connect(url)
    manager = getattr(client.connection_pool, "sentinel_manager", None)
    return [client, *(manager.sentinels if manager else ())]


@pytest.mark.parametrize("scheme", ["rediss+sentinel", "valkeys+sentinel"])
def test_with_tls_for_sentinels_every_connection_uses_tls(scheme: str) -> None:
    """The sentinels name the primary: whoever can forge their answer gets its password."""
    made = clients(f"{scheme}://one:26379,two:26380/0/primary?ssl_check_hostname=false&ssl_ca_certs=/ca.pem")
    assert len(made) == 3
    assert issubclass(made[0].connection_pool.connection_class, SentinelManagedConnection)
    for client in made:
        connection = client.connection_pool.make_connection()
        assert isinstance(connection, SSLConnection)
        assert (connection.ca_certs, connection.check_hostname) == ("/ca.pem", False)


def test_tls_checks_the_certificate_and_the_host_name_unless_told_otherwise() -> None:
    """Encryption to an unknown server is little better than none."""
    for url in ("rediss://h", "rediss+sentinel://one:1/0/primary"):
        for client in clients(url):
            connection = client.connection_pool.make_connection()
            assert connection.ssl_context.get().check_hostname
            assert connection.cert_reqs.name == "CERT_REQUIRED"


@pytest.mark.parametrize("name", TLS_PARAMETERS)
def test_every_parameter_for_tls_is_one_that_redis_py_takes(name: str) -> None:
    """A new release that renames one must fail here, not at each connection."""
    for url in (f"rediss://h?{name}=none", f"rediss+sentinel://one:1/0/primary?{name}=none"):
        for client in clients(url):
            assert isinstance(client.connection_pool.make_connection(), SSLConnection)


@pytest.mark.parametrize("url", ["rediss://h", "rediss+sentinel://one:1/0/primary"])
def test_a_tls_handshake_has_a_limit_of_its_own(url: str) -> None:
    """A server without TLS never answers one. The log should say so, not only that there was no answer."""
    for client in clients(url):
        limits = client.connection_pool.make_connection()._connection_arguments()
        assert limits["ssl_handshake_timeout"] < ANSWER_SECONDS


async def test_closing_the_client_closes_the_connections_to_its_sentinels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control channel makes a client for each try: while a primary is away, sockets would accumulate."""
    closed = []
    made = clients("redis+sentinel://one:1,two:2/0/primary")
    for client in made:

        async def close(pool: Any = client.connection_pool) -> None:
            closed.append(pool)

        monkeypatch.setattr(client.connection_pool, "aclose", close)
    await made[0].aclose()
    assert closed == [client.connection_pool for client in made]


@pytest.mark.parametrize("url", ["redis://h", "rediss://h", "unix:///s", "redis+sentinel://one:1/0/primary"])
def test_a_client_does_not_introduce_itself(url: str) -> None:
    """CLIENT SETINFO would have to be allowed to every user, and Redis before 7.2 does not know it."""
    for client in clients(url):
        assert client.connection_pool.make_connection().driver_info is None


@pytest.mark.parametrize("url", ["redis://h", "redis+sentinel://one:1/0/primary"])
def test_a_command_is_sent_once(url: str) -> None:
    """redis-py would repeat an XADD whose answer got lost, and browsers would see it twice."""
    for client in clients(url):
        assert client.connection_pool.connection_kwargs["retry"].get_retries() == 0


def test_a_client_connects_with_its_first_command_only() -> None:
    """A service must be able to start, and say what is wrong, while Redis is away."""
    pool = connect("redis://h").connection_pool
    assert (pool._available_connections, pool._in_use_connections) == ([], set())


@pytest.mark.parametrize(
    "error", [RedisError("no"), OutOfMemoryError("full"), OSError("reset"), TimeoutError("slow")]
)
async def test_what_redis_refuses_says_what_was_being_done(error: Exception) -> None:
    """Callers handle one error, and the log has the step, the type and the message."""
    with pytest.raises(BusUnavailable, match=f"publishing: {type(error).__name__}: {error}") as caught:
        async with redis_call("publishing"):
            raise error
    assert caught.value.__cause__ is error


async def test_no_answer_is_unavailable() -> None:
    """A silent connection must not block a message for ever."""
    with pytest.raises(BusUnavailable, match="publishing: no answer in 0 s"):
        async with redis_call("publishing", 0):
            await asyncio.get_running_loop().create_future()


async def test_a_mistake_of_our_own_is_not_taken_for_redis() -> None:
    """Tried again for ever, a bug would look like an outage."""
    with pytest.raises(KeyError):
        async with redis_call("publishing"):
            raise KeyError


async def test_a_cancellation_stays_one() -> None:
    """A cancelled task must not read on (the reason for `redis_call`)."""
    with pytest.raises(asyncio.CancelledError):
        async with redis_call("reading"):
            raise asyncio.CancelledError


@given(st.integers(0, 10_000))
def test_a_back_off_has_bounds(attempt: int) -> None:
    """After hours the next try must still come within seconds, and no pause may be negative."""
    assert 0 <= jittered(attempt) < 5.0
    assert jittered(attempt, cap_seconds=1.0) < 1.0
    assert jittered(attempt, base_seconds=0.1) < 0.1 * 2 ** min(attempt, 16)


def test_a_back_off_grows_and_is_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """All replicas lose Redis at the same time, and must not come back at the same time."""
    monkeypatch.setattr("random.random", lambda: 0.5)
    assert [jittered(attempt) for attempt in (0, 1, 2, 9)] == pytest.approx([0.05, 0.1, 0.2, 2.5])


@pytest.mark.parametrize(
    ("command", "packed"),
    [
        (("GET", "räum"), b"*2\r\n$3\r\nGET\r\n$5\r\nr\xc3\xa4um\r\n"),
        (("SET", b"\xff", 7), b"*3\r\n$3\r\nSET\r\n$1\r\n\xff\r\n$1\r\n7\r\n"),
        (("SCRIPT LOAD", "return 1"), b"*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$8\r\nreturn 1\r\n"),
        (("SET", "k", b"x" * 10_000), b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10000\r\n" + b"x" * 10_000 + b"\r\n"),
    ],
    ids=["text", "bytes and number", "two words", "large"],
)
def test_commands_are_encoded_as_redis_py_would(command: tuple[Any, ...], packed: bytes) -> None:
    """Every kind of connection encodes them in C; an argument that is encoded differently is lost data."""
    for url in ("redis://h", "rediss://h", "unix:///s", "redis+sentinel://one:1/0/primary"):
        connection: Any = connect(url).connection_pool.make_connection()
        assert b"".join(connection.pack_command(*command)) == packed
        (kind,) = type(connection).__bases__
        assert b"".join(kind.pack_command(connection, *command)) == packed
