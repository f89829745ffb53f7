"""A client with another parser: told once, and closed when its time to join is over."""

import pytest
from tests.unit.browser import Browser, residue
from tests.unit.fakes import Figures

from queuecast_gateway.engine.frames import BINARY, CLOSE
from queuecast_gateway.server.socketio_server import SocketServer

CONNECT = b"\x82\xa4type\x00\xa3nsp\xa1/"


async def said(server: SocketServer, *messages: bytes) -> Browser:
    """Return a connection that has sent these attachments."""
    browser = Browser(server)
    for message in messages:
        browser.session.receive(message)
    await browser.settle()
    return browser


async def test_it_is_told_and_may_leave_by_itself(
    server: SocketServer, figure: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    """The stock client does not come back after that; closing at once would not let it read why."""
    browser = await said(server, CONNECT)
    ((opcode, payload),) = browser.transport.frames
    assert opcode == BINARY
    assert b"not msgpack" in payload
    assert figure("events_refused_total", reason="parser") == figure.sum("events_refused_total") == 1
    assert "has the parser msgpack" in caplog.text
    browser.session.connection_lost(None)
    await browser.settle()
    assert residue(server) == {}


async def test_it_is_closed_with_the_reason_when_its_time_to_join_is_over(
    server: SocketServer, figure: Figures
) -> None:
    """It is counted once, and reconnects no more often than that."""
    browser = await said(server, CONNECT)
    server._end_unjoined(browser.session.sid)
    await browser.settle()
    opcode, payload = browser.transport.frames[-1]
    assert opcode == CLOSE
    assert payload.startswith((1008).to_bytes(2, "big"))
    assert payload.endswith(b"remove the option `parser`")
    assert figure.sum("events_refused_total") == 1
    assert residue(server) == {}


async def test_it_is_told_once(server: SocketServer, figure: Figures) -> None:
    """Whoever goes on breaks the protocol like anybody else."""
    browser = await said(server, CONNECT, CONNECT)
    assert browser.close_code == 1008
    assert figure("events_refused_total", reason="attachments") == 1
    assert residue(server) == {}


async def test_a_parser_that_the_gateway_cannot_write_ends_the_connection(
    server: SocketServer, figure: Figures
) -> None:
    """Its client finds the reason in the CLOSE frame."""
    browser = await said(server, b"\xa2\x64type\x00\x63nsp\x61/")
    assert browser.close_code == 1008
    assert b"not CBOR" in browser.transport.frames[-1][1]
    assert figure("events_refused_total", reason="parser") == 1


async def test_a_client_that_has_joined_has_the_default_parser(server: SocketServer, figure: Figures) -> None:
    """What looks like another one is an attachment of nothing."""
    browser = Browser(server)
    await browser.joined()
    browser.session.receive(CONNECT)
    await browser.settle()
    assert browser.close_code == 1008
    assert figure("events_refused_total", reason="attachments") == 1
