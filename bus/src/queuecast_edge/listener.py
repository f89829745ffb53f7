"""Opens a port for a server, or says which variable to change."""

import errno
import socket


class PortTaken(Exception):
    """The port cannot be opened; the message names it and the variable that sets it."""


def bind(
    host: str,
    port: int,
    variable: str,
    *,
    user_timeout_seconds: float | None = None,
    send_buffer_bytes: int | None = None,
) -> socket.socket:
    """Return a socket bound to `host:port`, not yet listening. Raises `PortTaken`.

    With `user_timeout_seconds`, Linux drops connections whose peer acknowledges nothing for that long while
    data is pending. `send_buffer_bytes` is SO_SNDBUF. Accepted sockets inherit both from the listener.
    """
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if user_timeout_seconds is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(user_timeout_seconds * 1000))
    if send_buffer_bytes is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
    try:
        sock.bind((host, port))
    except OSError as exc:
        sock.close()
        why = "is in use" if exc.errno == errno.EADDRINUSE else f"cannot be opened ({exc.strerror or exc})"
        raise PortTaken(f"port {port} on {host} {why}: set {variable} to another one") from exc
    return sock
