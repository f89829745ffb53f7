"""`python -m tests.terminator`: TLS in front of a server that was built without it.

To a client it looks like a server with TLS: handshake, certificate, request for a client certificate. If a
Redis has TLS itself, the tests use that; those from pip have none.
"""

import argparse
import asyncio
import socket
import ssl
from contextlib import suppress

HOST = "127.0.0.1"

HANDSHAKE = b"\x16"
"""The first byte that a TLS client sends: RFC 8446, section 5.1."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Terminator:
    """Terminates TLS for the server on `target`; with `plain_too`, it forwards plain connections as well."""

    def __init__(self, target: int, context: ssl.SSLContext, *, plain_too: bool) -> None:
        self._target = target
        self._context = context
        self._plain_too = plain_too
        self._links: set[asyncio.Task[None]] = set()

    async def serve(self, port: int) -> None:
        """Serve until it is cancelled."""
        with socket.create_server((HOST, port)) as listener:
            listener.setblocking(False)
            while True:
                sock, _ = await asyncio.get_running_loop().sock_accept(listener)
                link = asyncio.create_task(self._link(sock))
                self._links.add(link)
                link.add_done_callback(self._links.discard)

    async def _link(self, sock: socket.socket) -> None:
        with suppress(OSError):  # includes ssl.SSLError: the handshake has told the client why
            plain = self._plain_too and await _first_byte(sock) != HANDSHAKE
            near = await _streams(sock, None if plain else self._context)
            far = await asyncio.open_connection(HOST, self._target)
            await asyncio.gather(_copy(near[0], far[1]), _copy(far[0], near[1]))


async def _first_byte(sock: socket.socket) -> bytes:
    """Peek at the first byte and leave it in the socket."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sock, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sock)
    return sock.recv(1, socket.MSG_PEEK)


async def _streams(sock: socket.socket, context: ssl.SSLContext | None) -> Streams:
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=context)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.terminator", description=__doc__)
    options.add_argument("port", type=int)
    options.add_argument("target", type=int)
    options.add_argument("--certificate", required=True)
    options.add_argument("--key")
    options.add_argument("--ca", help="require client certificates from this CA")
    options.add_argument("--plain-too", action="store_true")
    given = options.parse_args()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=given.ca)
    context.load_cert_chain(given.certificate, given.key)
    context.verify_mode = ssl.CERT_REQUIRED if given.ca else ssl.CERT_NONE
    with suppress(KeyboardInterrupt):
        asyncio.run(Terminator(given.target, context, plain_too=given.plain_too).serve(given.port))


if __name__ == "__main__":
    main()
