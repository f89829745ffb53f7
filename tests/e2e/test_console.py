"""The live board as a console: rooms, raw events, recoveries to look at, and sending, in a real Chromium."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from tests.claims import eventually
from tests.reservation import PortBlock

from queuecast_local import redis_server
from queuecast_local.ports import HOST

from .board import Board, Open
from .console import fits, join, opened, send_form, sent_from
from .rig import Rig, empty, running

GATEWAY = {
    "QUEUECAST_BOARD_RIGHTS": "view,send,kill",
    "QUEUECAST_BOARD_LINKS": "Docs=https://docs.example/",
    "QUEUECAST_PRESENCE_ROOMS": "*",
    "QUEUECAST_ACKS": "true",
}
POLLER = {
    "QUEUECAST_ACK_SECONDS": "20",
    "QUEUECAST_HOLD_SECONDS": "3600",
    "QUEUECAST_BOARD_SENDS": "true",
}

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shared_console(block: PortBlock) -> Iterator[Rig]:
    with running(block, redis_server.find(), GATEWAY, POLLER) as rig:
        rig.stack.start_balancer()
        yield rig


@pytest.fixture
def console(shared_console: Rig) -> Rig:
    """A stack whose boards may do everything; it is empty when a test begins."""
    return empty(shared_console)


def assert_counts_agree(board: Board) -> int:
    """Return how many items a board has seen; those that are here and those that were removed are as many."""
    seen, note = board.page.evaluate(
        "[document.querySelector('[data-testid=count]').value, "
        "document.querySelector('#count-note').textContent]"
    )
    found = re.fullmatch(r"([\d,]+) here, ([\d,]+) removed", note)
    assert found, note
    here, removed = (int(text.replace(",", "")) for text in found.groups())
    assert here + removed == int(seen)
    return int(seen)


def test_a_room_is_joined_and_left_and_its_events_are_shown_raw(console: Rig, open_board: Open) -> None:
    """What a developer wants to see: did it arrive, for which room, with which payload and offset."""
    board = opened(open_board(console.url(0)))
    board.opens("Events")
    join(board, "sku:7, sku:8")
    rooms = board.page.get_by_test_id("rooms")
    expect(rooms).to_contain_text("sku:8")
    console.queue.put([{"eur": 3}], rooms="sku:7", event="price")
    console.queue.put([{"id": "all"}])
    expect(board.event('{"eur":3}')).to_contain_text("sku:7")
    expect(board.event('{"id":"all"}')).to_contain_text("everyone")
    board.event('{"eur":3}').locator("summary").click()
    expect(board.event('{"eur":3}').locator("dl")).to_have_text(re.compile(r"Offset\d+-\d+Rooms"))
    expect(board.event('{"eur":3}').locator("dl")).to_have_text(re.compile(r"screen[\d.]+ m?s"))
    expect(board.event('{"eur":3}').locator("pre")).to_contain_text('"eur": 3')
    board.page.get_by_role("button", name="Leave sku:7").click()
    expect(rooms).not_to_contain_text("sku:7")
    console.queue.put([{"eur": 4}], rooms="sku:7", event="price")
    console.queue.put([{"eur": 5}], rooms="sku:8", event="price")
    expect(board.event('{"eur":5}')).to_be_visible()
    expect(board.event('{"eur":4}')).to_have_count(0)
    join(board, '["x"]')
    expect(board.page.get_by_test_id("rooms-status")).to_contain_text("looks like JSON")
    assert fits(board)
    assert board.faults == []


def test_raw_events_are_filtered_and_paused(console: Rig, open_board: Open) -> None:
    """At a thousand a second nobody reads without."""
    board = opened(open_board(console.url(0)))
    board.opens("Events")
    console.queue.put([{"id": "alpha"}, {"id": "omega"}])
    expect(board.event("omega")).to_be_visible()
    board.page.get_by_placeholder("Filter").fill("OMEGA")
    expect(board.event("alpha")).to_have_count(0)
    board.page.get_by_placeholder("Filter").fill("no such thing")
    expect(board.page.locator("#events-empty")).to_have_text("No event passes the filter")
    board.page.get_by_placeholder("Filter").fill("")
    expect(board.event("alpha")).to_be_visible()
    board.page.locator("#events-hold").click()
    console.queue.put([{"id": "while paused"}])
    expect(board.page.locator("#events-held")).to_have_text("Paused, 1 new")
    expect(board.event("while paused")).to_have_count(0)
    board.page.locator("#events-hold").click()
    expect(board.event("while paused")).to_be_visible()


def test_a_dropped_connection_comes_back_and_marks_what_it_missed(console: Rig, open_board: Open) -> None:
    """The promise, seen: what came meanwhile is there, in order, once, and says that it was recovered."""
    board = opened(open_board(console.url(0), clock=True))
    board.opens("Events")
    join(board, "sku:7")
    expect(board.page.get_by_test_id("rooms")).to_contain_text("sku:7")
    read = console.records_read(0)
    board.stop_clock()  # it comes back after a timer
    board.page.get_by_role("button", name="Drop the connection").click()
    board.shows_state("offline")
    console.queue.put([{"id": "missed"}], rooms="sku:7")
    eventually(lambda: console.records_read(0) > read)
    board.page.clock.resume()
    board.shows_state("recovered")
    expect(board.event("missed")).to_contain_text("recovered")
    expect(board.page.get_by_test_id("trial-status")).to_contain_text("1 missed event has come")
    console.queue.put([{"id": "later"}], rooms="sku:7")
    expect(board.event("later")).not_to_contain_text("recovered")
    board.opens("Items")
    expect(board.item("missed")).to_be_visible()


def test_a_board_kills_its_gateway_and_recovers_on_the_other(
    console: Rig, chromium: Browser, open_board: Open
) -> None:
    """Through the load balancer of `make run`, which starts a killed gateway again."""
    before = console.sessions()
    board = opened(open_board(f"http://{HOST}:{console.stack.ports.balancer}/"))
    eventually(lambda: console.sessions() - before)
    name = board.page.get_by_test_id("replica").inner_text()
    board.opens("Events")
    board.page.get_by_role("button", name="Kill this gateway").click()
    (revived,) = eventually(console.stack.revive)
    assert revived[0].name == name
    board.shows_state("recovered")
    expect(board.page.get_by_test_id("trial-status")).to_contain_text(f"Away from {name}")
    index = console.stack.gateways.index(revived[1])
    console.stack.ready(revived[1], console.stack.ports.gateway_admins[index])


def test_events_are_sent_from_the_page(console: Rig, open_board: Open) -> None:
    """One or many, to everyone or to a room; a mistake in the JSON is named."""
    board = opened(open_board(console.url(0)))
    other = opened(open_board(console.url(1)))
    sent_from(board, '{"id": "it", "title": "Blue kettle"}', count=3)
    for each in (board, other):
        expect(each.item("it-3")).to_contain_text("Blue kettle")
    other.opens("Events")
    join(other, "sku:9")
    expect(other.page.get_by_test_id("rooms")).to_contain_text("sku:9")
    sent_from(board, '{"id": "only"}', rooms="sku:9")
    expect(other.event("only")).to_be_visible()
    expect(board.item("only")).to_have_count(0)
    board.page.get_by_label("Data, as JSON").fill("{")
    board.page.get_by_role("button", name="Send").click()
    expect(board.page.get_by_test_id("send-status")).to_contain_text("not JSON")
    assert board.faults == []


def test_a_board_that_is_opened_late_shows_what_came_before(console: Rig, open_board: Open) -> None:
    """It does not wait for the first item while there are some, and its counts agree."""
    console.queue.put([{"id": "early"}, {"id": "gone"}])
    first = opened(open_board(console.url(0)))
    expect(first.item("early")).to_be_visible()
    first.item("gone").get_by_role("button").click()
    expect(first.item("gone")).to_have_count(0)
    late = opened(open_board(console.url(1)))
    expect(late.item("early")).to_be_visible()
    expect(late.item("gone")).to_have_count(0)
    late.opens("Events")
    expect(late.event('{"id":"early"}')).to_contain_text("from before")
    for board in (first, late):
        assert_counts_agree(board)


def test_an_operator_sees_all_replicas_and_rooms_with_counts_that_agree(
    console: Rig, open_board: Open
) -> None:
    """Each replica answers for itself, whichever the page is connected to."""
    boards = [opened(open_board(console.url(number))) for number in (0, 1, 1)]
    for number, board in enumerate(boards):
        board.opens("Events")
        join(board, f"sku:7, own:{number}")
        expect(board.page.get_by_test_id("rooms")).to_contain_text("sku:7")
    page = boards[0].page
    boards[0].opens("Replicas")
    expect(page.get_by_test_id("replicas-sum")).to_have_text("3 connections on 2 replicas")
    rows = page.get_by_test_id("replicas").locator("tr")
    this, other = re.compile(r"^gateway-1 \(this page\)serving12"), re.compile("^gateway-2serving23")
    expect(rows).to_have_text([this, other])
    expect(page.get_by_test_id("audience").locator("tr").first).to_have_text("sku:73Join")
    expect(page.get_by_test_id("audience-sum")).to_have_text("4 rooms")
    page.get_by_role("button", name="Join own:2").click()
    expect(page.get_by_test_id("audience").locator("tr").nth(1)).to_have_text("own:22Join")
    boards[2].close()
    expect(page.get_by_test_id("replicas-sum")).to_have_text("2 connections on 2 replicas")
    assert fits(boards[0])
    assert boards[0].faults == []


def test_a_room_that_is_joined_shows_how_many_are_there(console: Rig, open_board: Open) -> None:
    """On both gateways, while they come and go; that is no event of the application."""
    first = opened(open_board(console.url(0)))
    first.opens("Events")
    join(first, "hall:1")
    rooms = first.page.get_by_test_id("rooms")
    expect(rooms).to_contain_text("hall:1 · 1 here")
    second = opened(open_board(console.url(1)))
    second.opens("Events")
    join(second, "hall:1")
    expect(rooms).to_contain_text("hall:1 · 2 here")
    expect(second.page.get_by_test_id("rooms")).to_contain_text("hall:1 · 2 here")
    second.page.get_by_role("button", name="Leave hall:1").click()
    expect(rooms).to_contain_text("hall:1 · 1 here")
    expect(first.event("hall:1")).to_have_count(0)
    assert first.faults == second.faults == []


def test_a_room_that_is_joined_shows_its_last_events(console: Rig, open_board: Open) -> None:
    """In their place among those that are there, and once."""
    read = console.records_read(0)
    console.queue.put([{"eur": 1}, {"eur": 2}], rooms="past:7", event="price")
    eventually(lambda: console.records_read(0) == read + 2)
    first = opened(open_board(console.url(0)))
    first.opens("Events")
    join(first, "past:7")
    expect(first.event('{"eur":2}')).to_contain_text("from before")
    console.queue.put([{"eur": 3}], rooms="past:7", event="price")
    expect(first.event('{"eur":3}')).not_to_contain_text("from before")
    prices = first.page.get_by_test_id("events").locator("li").filter(has_text='{"eur":')
    expect(prices).to_contain_text(['{"eur":3}', '{"eur":2}', '{"eur":1}'])
    join(first, "past:7")
    expect(first.page.get_by_test_id("rooms-status")).to_contain_text("3 past events")
    expect(prices).to_have_count(3)


def test_an_operator_sees_the_queues_and_why_messages_are_left(console: Rig, open_board: Open) -> None:
    """Pollers report because somebody looks; a dead letter says what was wrong with it."""
    board = opened(open_board(console.url(0)))
    board.opens("Queues")
    row = board.page.get_by_test_id("queues").locator("tr")
    expect(row).to_contain_text("queuecast")
    console.queue.put_raw(["no json at all"])
    expect(row).to_contain_text("not_json 5")
    left = board.page.get_by_test_id("left").locator("tr").filter(has_text="not_json").first
    expect(left).to_contain_text("Expecting value")
    expect(left).to_contain_text("5: dead letter")
    assert fits(board)
    assert board.faults == []


def test_a_message_is_held_until_somebody_comes_and_acknowledges_it(console: Rig, open_board: Open) -> None:
    """Its sender and the operator see what it waits for and what came of it; whoever comes has a button."""
    sender = opened(open_board(console.url(0)))
    form = send_form(sender)
    form.locator("#send-by").select_option("queuecast")
    expect(form.locator("#send-count")).to_be_hidden()
    form.locator("#send-event").fill("order")
    form.locator("#send-rooms").fill("kitchen")
    form.locator("#send-ack").select_option("any")
    form.locator("#send-hold").fill("600")
    form.locator("#send-data").fill('{"table": 3}')
    form.locator("#send-button").click()
    status = sender.page.get_by_test_id("send-status")
    expect(status).to_contain_text("It is held, since nobody is there", timeout=30_000)
    sender.opens("Queues")
    row = sender.page.get_by_test_id("waits").locator("tr").first
    expect(row).to_contain_text("order to kitchen")
    expect(row).to_contain_text("held: nobody is there")
    expect(sender.page.get_by_test_id("waits-note")).to_contain_text("held 1")
    phone = {"width": 320, "height": 640}
    cook = opened(open_board(console.url(1), clock=True, color_scheme="dark", viewport=phone))
    cook.opens("Events")
    join(cook, "kitchen")
    answers = cook.page.get_by_test_id("answers")
    expect(answers.get_by_role("listitem")).to_contain_text('{"table":3}', timeout=30_000)
    expect(answers).to_contain_text("from one browser, sent again")
    assert fits(cook)
    assert without_name(cook) == []
    answers.get_by_role("button").focus()
    cook.stop_clock()  # the page shows it for four seconds
    cook.page.keyboard.press("Enter")
    expect(answers).to_contain_text("Acknowledged")
    expect(answers.get_by_role("heading")).to_be_focused()
    cook.page.clock.resume()
    expect(status).to_contain_text("It was acknowledged, and is deleted", timeout=30_000)
    expect(row).to_contain_text("acknowledged")
    expect(answers).to_be_hidden(timeout=30_000)
    expect(cook.page.get_by_role("tab", name="Events")).to_be_focused()
    assert fits(sender)
    assert sender.faults == cook.faults == []


def test_the_stages_of_latency_are_counted(console: Rig, open_board: Open) -> None:
    """What came from a queue is counted in each stage, what a page sent is not on the queue's."""
    board = opened(open_board(console.url(0)))
    board.opens("Latency")
    rows = board.page.get_by_test_id("stages").locator("tr")
    console.queue.put([{"id": "timed"}])
    for number in (0, 1, 3):
        expect(rows.nth(number).locator("td").last).to_have_text("1")
    expect(rows.nth(0).get_by_role("img")).to_have_attribute("aria-label", re.compile("half of all ≤"))
    expect(board.page.get_by_test_id("latency")).to_have_text(re.compile(r"\d"))
    sent_from(board, '{"id": "untimed"}')
    expect(rows.nth(1).locator("td").last).to_have_text("2")
    expect(rows.nth(0).locator("td").last).to_have_text("1")
    assert fits(board)
    assert board.faults == []


NAMED = {
    "button",
    "textbox",
    "combobox",
    "searchbox",
    "spinbutton",
    "tab",
    "tabpanel",
    "tablist",
    "region",
    "img",
    "link",
}
"""Roles of which a screen reader has nothing to say without a name."""


def without_name(board: Board) -> list[str]:
    """Return what in the page has such a role and no name, as Chromium's accessibility tree has it."""
    tree = board.page.context.new_cdp_session(board.page).send("Accessibility.getFullAXTree")
    nodes = [node for node in tree["nodes"] if not node["ignored"] and node["role"]["value"] in NAMED]
    return [str(node["role"]["value"]) for node in nodes if not node.get("name", {}).get("value")]


def test_everything_has_a_name_for_a_screen_reader(console: Rig, open_board: Open) -> None:
    """In every view; and what changes by itself is told by a live region."""
    board = opened(open_board(console.url(0)))
    console.queue.put([{"id": "named"}])
    expect(board.item("named")).to_be_visible()
    send_form(board).locator("#send-by").select_option("queuecast")
    for tab in ("Events", "Latency", "Replicas", "Queues", "Items"):
        board.opens(tab)
        if tab == "Events":
            join(board, "sku:7")
            expect(board.page.get_by_test_id("rooms")).to_contain_text("sku:7")
        assert without_name(board) == [], tab
    for region in ("state", "rooms-status", "trial-status", "send-status", "answers-status"):
        expect(board.page.get_by_test_id(region)).to_have_attribute("role", "status")


def test_a_thousand_at_once_are_all_there(console: Rig, open_board: Open) -> None:
    """The page shows the last ones, and its counts are right."""
    board = opened(open_board(console.url(0)))
    sent_from(board, '{"id": "many"}', count=1000)
    expect(board.item("many-1000")).to_be_visible()
    board.opens("Events")
    expect(board.event('"many-1000"')).to_be_visible()
    assert assert_counts_agree(board) >= 1000
    assert board.page.get_by_test_id("events").locator("li").count() == 100
    assert board.faults == []


def test_tabs_and_lists_work_by_keyboard_alone(console: Rig, open_board: Open) -> None:
    """Arrows move between tabs and rows, Enter opens a row."""
    board = opened(open_board(console.url(0)))
    console.queue.put([{"id": "first"}, {"id": "second"}])
    expect(board.item("second")).to_be_visible()
    board.page.get_by_role("tab", name="Items").focus()
    board.page.keyboard.press("ArrowRight")
    expect(board.page.get_by_role("tab", name="Events")).to_be_focused()
    expect(board.page.locator("#panel-events")).to_be_visible()
    expect(board.page.locator("#panel-items")).to_be_hidden()
    rows = board.page.get_by_test_id("events").locator("summary")
    expect(rows.nth(1)).to_be_visible()
    rows.first.focus()
    board.page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    board.page.keyboard.press("Enter")
    expect(board.page.get_by_test_id("events").locator("details[open]")).to_have_count(1)


def test_a_page_without_rights_has_no_operators_part(rig: Rig, open_board: Open) -> None:
    """It shows what every browser gets: its rooms, its events, its recovery."""
    board = open_board(rig.url(0))
    board.shows_state("connected")
    expect(board.page.get_by_test_id("replica")).to_have_text("gateway-1")
    rig.queue.put([{"id": "seen"}])
    expect(board.item("seen")).to_be_visible()
    for hidden in ("#send", "#kill", "#links"):
        expect(board.page.locator(hidden)).to_be_hidden()
    assert board.page.locator('[role="tab"][data-right]:visible').count() == 0
    board.opens("Events")
    expect(board.event('{"id":"seen"}')).to_be_visible()
    expect(board.page.get_by_role("button", name="Drop the connection")).to_be_visible()
    assert board.faults == []
