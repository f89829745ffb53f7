"""The live board in a real Chromium, on two gateways at once."""

import base64
import hashlib
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, expect
from tests.claims import eventually

from .board import Board, Open, TokenCheck
from .javascript import JS, missing
from .rig import Rig

CLIENT = "vendor/socket.io-4.8.4.min.js"
SOURCE_MAP = "vendor/socket.io.min.js.map"
WITHOUT_WEBSOCKETS = """
globalThis.WebSocket = class {
  constructor() { queueMicrotask(() => this.onerror(new Event("error"))); }
  close() {}
};
"""


@pytest.fixture
def boards(rig: Rig, chromium: Browser) -> Iterator[list[Board]]:
    """The boards of both gateways, one light, one dark and as narrow as a phone."""
    phone = {"width": 320, "height": 640}
    opened = [
        Board(chromium, rig.url(0), color_scheme="light"),
        Board(chromium, rig.url(1), color_scheme="dark", viewport=phone),
    ]
    for board in opened:
        board.shows_state("connected")
    yield opened
    for board in opened:
        board.close()


@pytest.mark.browser
def test_items_appear_on_every_board_and_leave_every_board(rig: Rig, boards: list[Board]) -> None:
    """A newcomer sees this first: two tabs, two gateways, one list."""
    rig.queue.put([{"id": "by-button", "title": "Blue kettle"}, {"id": "by-key", "title": "Oak lamp"}])
    for number, board in enumerate(boards):
        expect(board.item("by-button")).to_contain_text("Blue kettle")
        expect(board.item("by-key")).to_be_visible()
        expect(board.page.get_by_test_id("replica")).to_have_text(f"gateway-{number + 1}")
        expect(board.page.get_by_test_id("latency")).to_have_text(re.compile(r"\d"))
    boards[0].item("by-button").get_by_role("button").click()
    boards[1].item("by-key").focus()
    boards[1].page.keyboard.press("Delete")
    for board in boards:
        expect(board.item("by-button")).to_have_count(0)
        expect(board.item("by-key")).to_have_count(0)
        assert board.faults == []
        assert board.elsewhere == []


@pytest.mark.browser
def test_the_board_fits_a_phone_in_light_and_dark(rig: Rig, boards: list[Board]) -> None:
    """Sideways scrolling and unreadable colours are defects."""
    rig.queue.put([{"id": "long", "title": "word" * 100, "note": "x" * 300}])
    backgrounds = set()
    for board in boards:
        expect(board.item("long")).to_be_visible()
        width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert board.page.evaluate(width) == 0
        backgrounds.add(board.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2
    boards[0].item("long").get_by_role("button").click()


@pytest.mark.browser
def test_the_board_says_when_its_gateway_is_gone_and_comes_back(own_rig: Rig, chromium: Browser) -> None:
    """People must know whether what they see is current."""
    board = Board(chromium, own_rig.url(0))
    board.shows_state("connected")
    own_rig.queue.put([{"id": "seen"}])
    expect(board.item("seen")).to_be_visible()
    own_rig.end_gateway(0)
    board.shows_state("offline")
    own_rig.start_gateway(0)
    board.shows_state("recovered")
    board.close()


@pytest.mark.browser
@pytest.mark.parametrize(("script", "over"), [("", "WebSocket"), (WITHOUT_WEBSOCKETS, "HTTP polling")])
def test_the_board_does_all_it_does_within_its_policy(
    rig: Rig, open_board: Open, script: str, over: str
) -> None:
    """A policy that the page itself violates gets switched off sooner or later."""
    board = open_board(rig.url(0), script=script)
    board.shows_state("connected")
    expect(board.page.locator("#replica-note")).to_contain_text(over)
    rig.queue.put([{"id": "strict", "title": "<img src=x onerror=alert(1)>"}])
    expect(board.item("strict")).to_contain_text("<img src=x onerror=alert(1)>")
    board.item("strict").get_by_role("button").click()
    expect(board.item("strict")).to_have_count(0)
    board.page.reload()
    board.shows_state("connected")
    assert board.faults == []
    assert board.elsewhere == []


@pytest.mark.browser
def test_what_somebody_smuggles_into_the_page_does_not_run(rig: Rig, open_board: Open) -> None:
    """The policy is the second line of defence, should text ever become markup."""
    board = open_board(rig.url(0))
    board.shows_state("connected")
    for smuggled in (
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')",
        "setTimeout('alert(1)')",
        "trustedTypes.createPolicy('default', { createHTML: (text) => text })",
    ):
        with pytest.raises(Error, match=r"TypeError|EvalError"):
            board.page.evaluate(smuggled)
    board.page.evaluate("document.body.setAttribute('style', 'color: red')")
    board.page.evaluate("document.body.append(Object.assign(new Image(), { src: 'https://example.com/' }))")
    board.page.evaluate("fetch('https://example.com/').catch(() => null)")
    blocked = {"require-trusted-types-for", "trusted-types", "style-src-attr", "img-src", "connect-src"}
    eventually(lambda: board.page.evaluate("true") and blocked <= board.violated)


@pytest.mark.browser
def test_a_token_comes_in_the_fragment_and_goes_to_the_gateway_alone(rig: Rig, open_board: Open) -> None:
    """It reaches no proxy's log and no bookmark, and nobody can read it in the address bar."""
    check = TokenCheck("sesame+b/c=")
    board = open_board(rig.url(0), "#token=sesame+b%2Fc=", check)
    board.shows_state("connected")
    expect(board.page.get_by_test_id("replica")).to_have_text("gateway-1")
    assert sorted(check.shown, key=str) == [
        ("/", {"token": "sesame+b/c="}),
        ("/board", {"token": "sesame+b/c="}),
    ]
    assert board.page.evaluate("location.href") == rig.url(0)
    assert board.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert not [url for url in board.asked if "sesame" in url]
    assert board.faults == []


@pytest.mark.browser
def test_a_board_without_a_token_sends_none(rig: Rig, open_board: Open) -> None:
    """A gateway without authentication gets no payload, even if the URL has some other fragment."""
    check = TokenCheck(None)
    board = open_board(rig.url(0), "#items-heading", check)
    board.shows_state("connected")
    expect(board.page.get_by_test_id("replica")).to_have_text("gateway-1")
    assert sorted(check.shown, key=str) == [("/", None), ("/board", None)]
    assert board.page.evaluate("location.href") == rig.url(0, "/#items-heading")


@pytest.mark.browser
@pytest.mark.parametrize(
    ("fragment", "sentence"),
    [("", "Add #token=… to this page's address"), ("#token=old", "Open this page with a new token")],
)
def test_a_board_that_is_not_let_in_says_what_to_do_and_waits_for_it(
    rig: Rig, open_board: Open, fragment: str, sentence: str
) -> None:
    """Each attempt counts against an address that others may share. A new token needs no reload."""
    check = TokenCheck("new")
    board = open_board(rig.url(0), fragment, check)
    board.shows_state("refused")
    board.says("Not let in")
    board.says(sentence)
    expect(board.page.locator("#replica-note")).to_have_text("the gateway tells us nothing")
    assert board.page.title().startswith("Not let in")
    eventually(lambda: board.page.evaluate("location.href") == rig.url(0) and len(check.shown) == 2)
    board.page.clock.fast_forward(600_000)
    another = open_board(rig.url(0), fragment, check)
    another.shows_state("refused")
    eventually(lambda: another.page.evaluate("true") and len(check.shown) >= 4)
    assert len(check.shown) == 4, "the first board tried again"
    board.page.evaluate("location.hash = '#token=new'")
    board.shows_state("connected")
    expect(board.page.get_by_test_id("replica")).to_have_text("gateway-1")
    assert len(check.shown) == 6
    assert board.page.evaluate("location.href") == rig.url(0)
    assert board.faults == []


@pytest.mark.browser
@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("too_many_tries", "Too many tries from here; wait a minute"),
        ("too_many_connections", "Too many connections from here"),
    ],
)
def test_a_board_that_is_one_too_many_comes_back_in_a_while(
    rig: Rig, open_board: Open, code: str, sentence: str
) -> None:
    """No token is wrong, so the board can only wait."""
    check = TokenCheck("later", code=code)
    board = open_board(rig.url(0), "#token=now", check)
    board.shows_state("offline")
    board.says("Offline, trying again")
    board.says(sentence)
    eventually(lambda: board.page.evaluate("true") and len(check.shown) == 2)
    check.token = "now"
    board.page.clock.fast_forward(121_000)
    board.shows_state("connected")
    assert board.faults == []


def test_the_page_names_the_hash_of_the_client_that_the_gateway_serves(rig: Rig) -> None:
    """With Subresource Integrity a browser runs the published client or none."""
    page = urllib.request.urlopen(rig.url(0), timeout=30).read().decode()
    client = urllib.request.urlopen(rig.url(0, f"/{CLIENT}"), timeout=30).read()
    digest = base64.b64encode(hashlib.sha384(client).digest()).decode()
    assert f'src="/{CLIENT}" integrity="sha384-{digest}"' in page


@pytest.mark.javascript
def test_the_served_client_is_the_published_one(rig: Rig) -> None:
    """It equals npm's file byte for byte."""
    published: Path = JS / "node_modules" / "socket.io-client" / "dist" / "socket.io.min.js"
    assert missing() is None
    for path, original in ((CLIENT, published), (SOURCE_MAP, published.with_suffix(".js.map"))):
        served = urllib.request.urlopen(rig.url(0, f"/{path}"), timeout=30).read()
        assert served == original.read_bytes(), path


def test_only_the_boards_files_are_served(rig: Rig) -> None:
    """A static file server must not serve anything outside its folder."""
    for path in ("/..%2fapp.py", "/../app.py", "/%2e%2e/app.py", "/nothing"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(rig.url(0, path), timeout=30)
    eventually(lambda: all(gateway.ready for gateway in rig.gateways))
