"""Every kind of URL reaches a real server."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.claims import eventually

from queuecast_bus import BusManager
from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer

from .publishing import confirmed, refused
from .services import HOST, Redis, bus_settings, free_port, is_open
from .tls import TlsServer


async def stored(url: str) -> None:
    """Publish through `url` until Redis has confirmed."""
    async with aclosing(BusManager(bus_settings(url), write_only=True)) as manager:
        await confirmed(manager, 1)


async def refusal(url: str, why: str) -> str:
    """Publish through `url` until it fails for this reason, a regular expression; return the whole reason."""
    async with aclosing(BusManager(bus_settings(url), write_only=True)) as manager:
        return await refused(manager, why)


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
async def test_a_tcp_url_reaches_the_server(shared_redis: Redis, scheme: str) -> None:
    """Valkey speaks Redis's protocol, so its URL scheme must not need another client."""
    await stored(f"{scheme}://{HOST}:{shared_redis.port}/3")


async def test_a_unix_url_reaches_the_server(any_redis: RedisServer, tmp_path: Path) -> None:
    """A Redis in a sidecar is often reached over a Unix socket."""
    path = tmp_path / "redis.sock"
    redis = Redis(any_redis, tmp_path, "--unixsocket", str(path))
    await stored(f"unix://{path}?db=1")
    redis.close()


async def test_a_password_is_sent_and_a_wrong_one_is_named_but_not_shown(
    any_redis: RedisServer, tmp_path: Path
) -> None:
    """Managed Redis always requires a password; a log must never show it."""
    port = free_port()
    process = Process("redis", (*any_redis.on(port), "--requirepass", "s3cret", "--dir", str(tmp_path)))
    eventually(lambda: is_open(port))
    await stored(f"redis://:s3cret@{HOST}:{port}/0")
    assert "wr0ng" not in await refusal(f"redis://:wr0ng@{HOST}:{port}/0", r"(?i)password|auth")
    process.stop(grace_seconds=0)


@pytest.fixture
def sentinel(own_redis: Redis, any_redis: RedisServer, tmp_path: Path) -> Iterator[int]:
    """A Sentinel that watches `own_redis` under the name `mymaster`; its port."""
    port = free_port()
    configuration = tmp_path / "sentinel.conf"
    configuration.write_text(
        f"port {port}\nbind {HOST}\nsentinel monitor mymaster {HOST} {own_redis.port} 1\n"
    )
    process = Process("sentinel", (*any_redis.command, str(configuration), "--sentinel"))
    eventually(lambda: "+monitor" in "\n".join(process.tail))
    yield port
    process.stop(grace_seconds=0)


@pytest.mark.parametrize("scheme", ["redis+sentinel", "valkey+sentinel"])
async def test_a_sentinel_url_reaches_the_master(sentinel: int, scheme: str) -> None:
    """Fail-over set-ups are addressed by their sentinels."""
    await stored(f"{scheme}://{HOST}:{sentinel}/0/mymaster")


async def test_a_sentinel_that_is_gone_or_silent_is_passed_over(sentinel: int) -> None:
    """A host that is down does not answer: the next one must be asked before the deadline."""
    with socket.create_server((HOST, 0)) as silent:
        dead = f"{HOST}:{free_port()},{HOST}:{silent.getsockname()[1]}"
        await stored(f"redis+sentinel://{dead},{HOST}:{sentinel}/0/mymaster")


async def test_an_unknown_sentinel_service_is_unavailable_not_a_crash(sentinel: int) -> None:
    """A sentinel that has no master yet is a dependency that will recover."""
    await refusal(f"redis+sentinel://{HOST}:{sentinel}/0/othermaster", "othermaster")


@pytest.fixture
def tls(any_redis: RedisServer, tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The port and certificate of a Redis that speaks TLS with a self-signed certificate."""
    certificate, key = _self_signed(tmp_path)
    directives = {
        "tls-port": str(free_port()),
        "tls-cert-file": str(certificate),
        "tls-key-file": str(key),
        "tls-ca-cert-file": str(certificate),
        "tls-auth-clients": "no",
    }
    server = TlsServer(any_redis, (*any_redis.on(0), "--dir", str(tmp_path)), directives)
    yield server.port, certificate
    server.stop()


@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
async def test_a_tls_url_reaches_the_server_and_checks_its_certificate(
    tls: tuple[int, Path], scheme: str
) -> None:
    """Managed Redis is TLS only; an unknown certificate must be refused."""
    port, certificate = tls
    await stored(f"{scheme}://{HOST}:{port}/0?ssl_ca_certs={certificate}")
    await refusal(f"{scheme}://{HOST}:{port}/0", r"(?i)certificate")


def _self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "cert.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_file, key_file
