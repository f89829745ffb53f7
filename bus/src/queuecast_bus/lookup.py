"""Looks up the addresses of a name, at most once at a time for each name, and connects to them.

An event loop asks the system's resolver in a thread, which cannot be interrupted. While DNS does not answer,
each try to connect would leave another thread behind, and an exception that nobody retrieves.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from redis.asyncio.connection import Connection

LOOK_UP_SHARE = 0.8
"""Of the time to connect, so that the error says what was too slow."""

Lookup = asyncio.Task[list[str]]

_under_way: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, int], Lookup]] = WeakKeyDictionary()
"""The look-ups of each event loop: a poller has one loop for each queue."""


async def addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a name, in the order in which to try them. Raises `OSError`.

    Cancelling this leaves the look-up to those that ask after it.
    """
    if _is_address(host):
        return [host]
    loop = asyncio.get_running_loop()
    lookups = _under_way.setdefault(loop, {})
    key = host, port
    if (lookup := lookups.get(key)) is None:
        lookup = lookups[key] = loop.create_task(_look_up(loop, host, port))
        lookup.add_done_callback(lambda done: _ended(lookups, key, done))
    return await asyncio.shield(lookup)


async def _look_up(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[str]:
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def _ended(lookups: dict[tuple[str, int], Lookup], key: tuple[str, int], done: Lookup) -> None:
    del lookups[key]
    if not done.cancelled():
        done.exception()  # retrieved, although nobody may wait for it any more


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class ByAddress(Connection):
    """A TCP connection to the first address of its host that can be reached."""

    _address: str | None = None

    def _connection_arguments(self) -> Mapping[str, Any]:
        arguments = {**super()._connection_arguments(), "host": self._address or self.host}
        if "ssl" in arguments:
            arguments["server_hostname"] = self.host
        return arguments

    async def _connect(self) -> None:
        seconds = LOOK_UP_SHARE * (self.socket_connect_timeout or 0)
        try:
            async with asyncio.timeout(seconds):
                found = await addresses(self.host, self.port)
        except TimeoutError as exc:
            raise OSError(f"the name {self.host} was not looked up in {seconds:.1f} s") from exc
        for number, self._address in enumerate(found, 1):
            try:
                await super()._connect()  # type: ignore[no-untyped-call]
            except OSError:
                if number == len(found):
                    raise
            else:
                return
