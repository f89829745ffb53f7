"""What every client must be able to do, one function each. They raise AssertionError if one cannot."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence

from tests.claims import WITHIN_SECONDS, eventually
from tests.interop.clients import Client
from tests.interop.driver import Driver, Socket, coded, without_offset
from tests.interop.site import NAMESPACE, Site

BYTES = 300
"""More than a line of base64 has, where a language breaks it into lines."""
TRIES = 4
"""Of a client that may lose an event with bytes: it garbles the next one as well."""


def connects(driver: Driver, site: Site) -> None:
    """It connects with a good token; or, if it cannot, its user sees why."""
    socket = opened(driver, site, "connects")
    reason = driver.client.refused
    if reason is None:
        await_connect(socket)
    else:
        assert eventually(lambda: any(reason in error for error in socket.errors))
        assert not socket.connects
    socket.close()


def acknowledges(driver: Driver, site: Site) -> None:
    """What it asks for is answered, yes or no, to the asking socket."""
    with_room = connected(driver, site, "acks")
    assert with_room.ask("subscribe", "quarter-1") == [{"ok": True, "rooms": ["quarter-1"]}]
    (refusal,) = with_room.ask("subscribe", "secret")
    assert refusal["ok"] is False, refusal
    with_room.close()


def carries_bytes(driver: Driver, site: Site) -> None:
    """What it sends as bytes comes back to it as the same bytes.

    A client that handles each packet in a thread of its own may take bytes before their event.
    """
    socket, sent = connected(driver, site, "bytes"), os.urandom(BYTES)

    def is_back() -> bool:
        return coded(sent) in [without_offset(args) for args in socket.events("item_removed")]

    tries = 1 if driver.client.keeps_order else TRIES
    for left in reversed(range(tries)):
        socket.tell("item_removed", sent)
        with contextlib.suppress(AssertionError) if left else contextlib.nullcontext():
            eventually(is_back, WITHIN_SECONDS / tries)
            break
    socket.close()


def has_namespaces(driver: Driver, site: Site) -> None:
    """It hears what is sent to its namespace, and nothing that is sent to another."""
    there = connected(driver, site, "there", namespace=NAMESPACE)
    here = connected(driver, site, "here")
    site.queue.put(['{"for": "the namespace"}'], event="price", namespace=NAMESPACE)
    site.queue.put(['{"for": "the main one"}'], event="price")
    for socket, heard in ((there, "the namespace"), (here, "the main one")):
        eventually(lambda socket=socket: socket.events("price"))  # type: ignore[misc]  # bound at once
        assert {without_offset(args)["for"] for args in socket.events("price")} == {heard}
        socket.close()


def shows_tokens(driver: Driver, site: Site) -> None:
    """With a bad token it is not let in, and its user hears of it."""
    socket = driver.open(site.url, "bad", advised=False)
    eventually(lambda: socket.errors or socket.disconnects)
    assert not socket.connects
    socket.close()


CHECKS: Mapping[str, Callable[[Driver, Site], None]] = {
    "connects": connects,
    "acknowledges": acknowledges,
    "carries bytes": carries_bytes,
    "has namespaces": has_namespaces,
    "shows tokens": shows_tokens,
}


def of(client: Client) -> Sequence[str]:
    """Return the names of the checks for a client: of one that is refused, only the first."""
    return [name for name in (list(CHECKS)[:1] if client.refused else CHECKS) if name not in client.lacks]


def gets_offsets(driver: Driver, site: Site) -> bool:
    """Say whether a handler gets the offset as one more argument if its user says nothing."""
    socket = opened(driver, site, "offsets", advised=False)
    eventually(lambda: socket.connected)
    site.queue.put(['{"n": 0}'], event="price")
    (args, *_) = eventually(lambda: socket.events("price"))
    socket.close()
    return len(args) > 1


def connected(driver: Driver, site: Site, subject: str, *, namespace: str = "/") -> Socket:
    """Open a socket and wait until it is connected."""
    socket = opened(driver, site, subject, namespace=namespace)
    await_connect(socket)
    return socket


def await_connect(socket: Socket) -> None:
    """Wait until it is connected; if it never is, say what it reported."""
    try:
        eventually(lambda: socket.connected)
    except AssertionError:
        raise AssertionError(f"not connected: {socket.last}") from None


def opened(driver: Driver, site: Site, subject: str, *, namespace: str = "/", advised: bool = True) -> Socket:
    """Open a socket with a good token."""
    return driver.open(site.url, site.token(subject), namespace=namespace, advised=advised)
