"""Each of our clients meets a server whose CA certificate has no key usage, as in many real clusters.

Python 3.13 and later refuse such a CA by default (RFC 5280, section 4.2.1.3). Here the default context is
just as strict on every version.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from redis.asyncio import Redis as Client

from queuecast_bus.connection import connect
from queuecast_edge.otlp import _Adapter
from queuecast_gateway.access.download import download
from queuecast_gateway.replica.deletion_cost import DeletionCost
from queuecast_poller.sqs.transport import open_transport

from .services import HOST

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
)
PONG = b"+PONG\r\n"


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    now, is_authority = datetime.now(UTC), name == issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=is_authority)
    )
    if not is_authority:
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer, SHA256())


class Server:
    """A TLS server that answers every request with HTTP, or with a Redis PONG."""

    def __init__(self, folder: Path) -> None:
        authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.folder = folder
        self.authorities = folder / "ca.crt"
        self.authorities.write_bytes(
            _certificate("ca", authority, "ca", authority).public_bytes(Encoding.PEM)
        )
        (folder / "token").write_text("token")
        key = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain = folder / "server.pem"
        chain.write_bytes(key + _certificate("server", own, "ca", authority).public_bytes(Encoding.PEM))
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(chain)
        self.port = 0

    async def run(self) -> asyncio.Server:
        server = await asyncio.start_server(self._answer, HOST, 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        return server

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read(1 << 16)
        writer.write(PONG if b"PING" in asked else ANSWER)
        await writer.drain()
        writer.close()


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """A server with a private CA, while the default context is as strict as in Python 3.13."""
    server = Server(tmp_path)
    make = ssl.create_default_context

    def strict(*arguments: object, **options: object) -> ssl.SSLContext:
        context: ssl.SSLContext = make(*arguments, **options)  # type: ignore[arg-type]
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authorities))
    async with await server.run():
        yield server


async def _keys(server: Server) -> None:
    assert await download(server.url) == b"{}"


async def _cost(server: Server) -> None:
    failures: list[None] = []
    cost = DeletionCost(
        "pod",
        "shop",
        lambda: 1,
        server=server.url.rstrip("/"),
        account=server.folder,
        on_failure=lambda: failures.append(None),
    )
    await cost.report()
    assert not failures


async def _redis(server: Server) -> None:
    client: Client = connect(f"rediss://{HOST}:{server.port}/0?ssl_ca_certs={server.authorities}")
    assert await client.execute_command("PING")
    await client.aclose()


async def _sqs(server: Server) -> None:
    transport = await open_transport(server.url, str(server.authorities), 1)
    try:
        assert (await transport.post(b"{}", {})).status == 200
    finally:
        await transport.close()


async def _collector(server: Server) -> None:
    from requests import Session

    def post() -> int:
        with Session() as session:
            session.mount("https://", _Adapter())
            return session.post(server.url, data=b"", verify=str(server.authorities), timeout=5).status_code

    assert await asyncio.to_thread(post) == 200


async def test_a_strict_client_refuses_it(server: Server) -> None:
    """Otherwise the tests below would prove nothing."""
    context = ssl.create_default_context(cafile=str(server.authorities))
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(HOST, server.port, ssl=context)


@pytest.mark.parametrize("client", [_keys, _cost, _redis, _sqs, _collector])
async def test_a_client_of_ours_takes_it(server: Server, client: Callable[[Server], Awaitable[None]]) -> None:
    """A gateway on a real cluster could not report its deletion cost, so it counted as empty."""
    await client(server)


@pytest.mark.parametrize("client", [_keys, _cost, _redis, _sqs, _collector])
async def test_another_authority_is_refused(
    server: Server,
    client: Callable[[Server], Awaitable[None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The signature is verified as before."""
    other = tmp_path / "other"
    other.mkdir()
    stranger = Server(other)
    server.folder, server.authorities = stranger.folder, stranger.authorities
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger.authorities))
    with pytest.raises(Exception, match=r"(?i)certificate|assert"):
        await client(server)
