"""The page of `make cluster`: what a row says, and that what was not run keeps its place."""

from tests.cluster.admission import Admitted
from tests.cluster.course import Load, Outcome
from tests.cluster.page import BEGIN, END, PAGE, renewed, row, sentence
from tests.cluster.rows import ROWS, Row
from tests.cluster.versions import Fact
from tests.faults.books import Account

FACTS = [Fact("etcd", "3.5.0")]
EMPTY = f"before\n{BEGIN}\n{END}\nafter\n"


def outcome(which: Row, **counts: int) -> Outcome:
    return Outcome(which, 100, Account(**counts), 1.25, 0.5, 61.0, 7.0, ())


def test_a_row_says_what_was_counted() -> None:
    """None among some deliveries is an upper bound, and what was lost is shown."""
    told = row(outcome(ROWS[0], deliveries=1_000, lost=2, told=2))
    assert "| 1,000 | **2** | < 3.0·10⁻³ |" in told
    assert told.endswith("| 1.2 s | 61 s | 7.0 |")


def test_a_run_of_one_row_keeps_the_others_and_the_order() -> None:
    """A run takes half an hour; nobody repeats it for one row."""
    first, second = (row(outcome(each, deliveries=10)) for each in ROWS[:2])
    page = renewed(EMPTY, Load(), FACTS, "**Applied**: all.", {ROWS[1].name: second})
    page = renewed(page, Load(), [Fact("runc", "1.1")], None, {ROWS[0].name: first})
    lines = page.splitlines()
    assert lines[2:6] == ["| part | version |", "| --- | --- |", "| etcd | 3.5.0 |", "| runc | 1.1 |"]
    assert lines.index(first) == lines.index(second) - 1
    assert "**Applied**: all." in lines
    assert (lines[0], lines[-1]) == ("before", "after")


def test_the_api_servers_words_are_on_the_page() -> None:
    """A warning that nobody reads would be one that does not matter."""
    assert "no warning" in sentence(Admitted(18, 300, ()))
    assert sentence(Admitted(18, 300, ("base: Warning: no",))).endswith("base: Warning: no")


def test_the_page_can_be_renewed() -> None:
    """Its generated part has a place."""
    assert BEGIN in PAGE.read_text("utf-8")
    assert len({each.name for each in ROWS}) == len(ROWS)
