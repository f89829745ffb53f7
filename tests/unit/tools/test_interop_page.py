"""The table of clients: what a row says, and that the page has every client, of the pinned version."""

import re
from collections.abc import Sequence

import pytest
from tests.faults.books import Account
from tests.interop.clients import CLIENTS, Client
from tests.interop.course import Passed, wrong
from tests.interop.page import BEGIN, END, PAGE, Result, renewed, row

NODE = next(client for client in CLIENTS if client.recovers)
REFUSED = next(client for client in CLIENTS if client.refused)
OLD = next(client for client in CLIENTS if not client.recovers and not client.refused)


def result(client: Client, *, failed: Sequence[str] = (), passed: Passed | None = None) -> Result:
    reasons = dict.fromkeys(failed, "it did not")
    return Result(client, "1.2.3", "Node 20", reasons, None if client.refused else True, passed)


def account(**counts: int) -> Passed:
    return Passed(Account(**counts), 2, frozenset(), ())


def test_a_row_adds_up_what_was_seen_on_all_platforms() -> None:
    """One lost event anywhere must show."""
    told = row(
        [
            result(NODE, passed=account(deliveries=100)),
            result(NODE, passed=account(deliveries=100, lost=1, duplicated=2)),
        ]
    )
    assert "| yes | yes | 1 of 199 | 2 | yes | yes |" in told


def test_a_check_that_failed_stands_in_the_row() -> None:
    """A table that says only yes would be worth nothing."""
    told = row([result(NODE), result(NODE, failed=["carries bytes"])])
    assert "**fails: carries bytes**" in told


def test_a_client_that_is_refused_has_no_figures() -> None:
    """It has received nothing, and that is right."""
    assert "| no: its user sees why | – | – |" in row([result(REFUSED)])


def test_a_connection_that_broke_is_counted() -> None:
    """Some clients' patience is shorter than a stall."""
    broke = Passed(Account(deliveries=5), 1, frozenset({"stall"}), ())
    assert "| 1 of 2 broke |" in row([result(OLD, passed=broke), result(OLD, passed=account(deliveries=5))])


@pytest.mark.parametrize(
    ("client", "counts", "said"),
    [
        (NODE, {"lost": 1, "told": 1}, ["1 lost"]),
        (OLD, {"lost": 1, "told": 1}, []),
        (OLD, {"lost": 2, "told": 1}, ["1 lost without a word"]),
        (OLD, {"duplicated": 1}, ["1 twice"]),
        (OLD, {"unexpected": 1}, ["1 not for it"]),
        (OLD, {"out_of_order": 1}, ["1 out of order"]),
    ],
)
def test_what_must_not_be_is_told(client: Client, counts: dict[str, int], said: list[str]) -> None:
    """Who recovers misses nothing; nobody misses anything without knowing, or gets anything twice."""
    assert wrong(client, Account(deliveries=10, **counts)) == said


def test_only_the_table_is_renewed() -> None:
    """The rest of the page is written by hand."""
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    made = renewed(page, [result(NODE), result(REFUSED)])
    assert made.startswith(f"before\n{BEGIN}\n| client |")
    assert made.endswith(f"{END}\nafter\n")
    assert "old" not in made


def test_names_are_unique() -> None:
    """A driver is known by its client's name."""
    assert len({client.name for client in CLIENTS}) == len(CLIENTS)


@pytest.mark.parametrize(
    "client", {client.row: client for client in CLIENTS}.values(), ids=lambda one: one.row
)
def test_the_page_has_a_row_for_every_client_of_the_pinned_version(client: Client) -> None:
    """`make interop` makes it; a new version has to be tried before the page may name it."""
    table = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    found = re.search(rf"^\| {re.escape(client.row)} \| ([\d.]+) \|", table, re.MULTILINE)
    assert found
    assert re.search(rf"(?<![\d.]){re.escape(found[1])}(?![\d.])", client.kit.pins.read_text("utf-8"))
