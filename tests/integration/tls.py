"""A Redis that speaks TLS: by itself if it was built with it, else behind a terminator."""

import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme
from tests.claims import eventually

from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer

from .services import HOST, free_port

WITHOUT_TLS = ("Bad directive or wrong number of arguments", "Failed finding TLS support")
"""The error of a server without TLS when it is started with TLS: in 6.2, and in later versions."""


@dataclass(frozen=True)
class Certificates:
    """The files of two CAs and of the certificates that the first has issued."""

    folder: Path

    @classmethod
    def issued_into(cls, folder: Path) -> "Certificates":
        ca = trustme.CA()
        ca.cert_pem.write_to_path(folder / "ca.pem")
        trustme.CA().cert_pem.write_to_path(folder / "other-ca.pem")
        for name, host in (("server", HOST), ("elsewhere", "redis.example"), ("client", "gateway.example")):
            issued = ca.issue_cert(host)
            issued.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")
        return cls(folder)

    def __getitem__(self, name: str) -> str:
        return str(self.folder / f"{name}.pem")

    def options(self, port: int, name: str = "server", *, ask_clients: bool = False) -> dict[str, str]:
        """Return the directives of a server that speaks only TLS, with one of the certificates."""
        return {
            "port": "0",
            "tls-port": str(port),
            "tls-cert-file": self[name],
            "tls-key-file": self[name],
            "tls-ca-cert-file": self["ca"],
            "tls-auth-clients": "yes" if ask_clients else "no",
        }


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


@cache
def has_tls(server: RedisServer) -> bool:
    """Say whether a server was built with TLS."""
    with TemporaryDirectory() as folder:
        process = Process("redis", (*server.on(0), "--dir", folder, "--tls-port", str(free_port())))
        process.wait(60)  # without a certificate it exits in either case
    return not any(words in line for line in process.tail for words in WITHOUT_TLS)


class TlsServer:
    """A server that listens on `port` for TLS only or, with `plain_too`, behind a terminator for both.

    `command` starts it without a port; `directives` are Redis's TLS directives, with the certificates' paths.
    """

    def __init__(
        self,
        server: RedisServer,
        command: tuple[str, ...],
        directives: Mapping[str, str],
        *,
        plain_too: bool = False,
    ) -> None:
        self.port = int(directives["tls-port"])
        if has_tls(server):
            flags = [word for name, value in directives.items() for word in (f"--{name}", value)]
            self.processes = [Process("redis", (*command, *flags))]
        else:
            plain = free_port()
            self.processes = [
                Process("redis", (*command, "--port", str(plain))),
                Process("terminator", _terminator(self.port, plain, directives, plain_too=plain_too)),
            ]
            eventually(lambda: self._is_up(plain))
        eventually(lambda: self._is_up(self.port))

    def stop(self) -> None:
        for process in self.processes:
            process.stop(grace_seconds=0)

    def _is_up(self, port: int) -> bool:
        for process in self.processes:
            assert process.exit_code is None, "\n".join(process.tail)
        return listens(port)


def _terminator(port: int, target: int, directives: Mapping[str, str], *, plain_too: bool) -> tuple[str, ...]:
    certificate = ("--certificate", directives["tls-cert-file"], "--key", directives["tls-key-file"])
    ca = ("--ca", directives["tls-ca-cert-file"]) if directives["tls-auth-clients"] == "yes" else ()
    plain = ("--plain-too",) if plain_too else ()
    return (sys.executable, "-m", "tests.terminator", str(port), str(target), *certificate, *ca, *plain)
