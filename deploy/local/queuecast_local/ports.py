"""The ports of `make run`, from its variables."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass

HOST = "127.0.0.1"
SQS_PORT = 9324
LAST_PORT = 65535


class BadVariable(Exception):
    """A variable of `make run` or `make send` is wrong; the message names it and says what was expected."""


@dataclass(frozen=True)
class Ports:
    """The ports on 127.0.0.1. There is one gateway for each of `gateways`; admin ports count up from `admin`,
    the gateways' first, and so do those of their HTTP APIs from `api`, if there are any.
    """

    gateways: tuple[int, ...] = (8000, 8001)
    admin: int = 9100
    sqs: int = 9324
    redis: int = 6380
    balancer: int = 8080
    api: int | None = None

    @property
    def gateway_apis(self) -> tuple[int, ...]:
        """The ports of the gateways' HTTP APIs."""
        return () if self.api is None else tuple(range(self.api, self.api + len(self.gateways)))

    @property
    def gateway_admins(self) -> tuple[int, ...]:
        """The gateways' admin ports."""
        return tuple(range(self.admin, self.admin + len(self.gateways)))

    @property
    def poller_admin(self) -> int:
        """The poller's admin port."""
        return self.admin + len(self.gateways)


def ports_from(environ: Mapping[str, str]) -> Ports:
    """Return the ports that the environment sets. Raises `BadVariable` for invalid ports and ports in use."""
    ports = Ports(
        gateways=tuple(
            _port("GATEWAY_PORTS", text) for text in (environ.get("GATEWAY_PORTS") or "8000,8001").split(",")
        ),
        admin=port_from(environ, "ADMIN_PORT", 9100),
        sqs=port_from(environ, "SQS_PORT", SQS_PORT),
        redis=port_from(environ, "REDIS_PORT", 6380),
        balancer=port_from(environ, "BALANCER_PORT", 8080),
        # Two gateways on one machine cannot have the same port, so this one counts up too.
        api=_api_port(environ),
    )
    if mistakes := taken(ports):
        raise BadVariable("\n".join(mistakes))
    return ports


def _api_port(environ: Mapping[str, str]) -> int | None:
    given = [name for name in ("API_PORT", "QUEUECAST_API_PORT") if environ.get(name)]
    return _port(given[0], environ[given[0]]) if given else None


def port_from(environ: Mapping[str, str], variable: str, default: int) -> int:
    """Return the port that a variable sets. Raises `BadVariable`."""
    return _port(variable, environ.get(variable) or str(default))


def taken(ports: Ports) -> list[str]:
    """Return a line for each port that cannot be used, with the variable that changes it."""
    wanted = [(port, "GATEWAY_PORTS") for port in ports.gateways]
    wanted += [(port, "ADMIN_PORT") for port in (*ports.gateway_admins, ports.poller_admin)]
    wanted += [(port, "API_PORT") for port in ports.gateway_apis]
    wanted += [(ports.sqs, "SQS_PORT"), (ports.redis, "REDIS_PORT"), (ports.balancer, "BALANCER_PORT")]
    lines = []
    given: set[int] = set()
    for port, variable in wanted:
        if port > LAST_PORT:
            lines.append(f"port {port} does not exist: set {variable} to a smaller one")
        elif port in given:
            lines.append(f"port {port} is set for two parts: set {variable} to another one")
        elif not is_free(port):
            lines.append(f"port {port} is in use: set {variable} to another one")
        given.add(port)
    return lines


def _port(variable: str, text: str) -> int:
    if not text.strip().isdecimal() or not 1 <= int(text) <= LAST_PORT:
        raise BadVariable(f"{variable}: {text!r} is not a port, expected 1 to {LAST_PORT}")
    return int(text)


def is_free(port: int) -> bool:
    """Return whether nothing listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
