"""Which of the bench's figures count: one bad minute, or one server's failure, must not spoil a page."""

from bench.accounting import Reading
from bench.load import Figure
from bench.standing import Standing


def figure(name: str, value: float, others: float = 0.0) -> Figure:
    """Return a figure that took a second, in which others used a share of a core."""
    return Figure(name, value, Reading(0, 0, 0, round(others * 1e9), 1_000_000_000))


def test_a_noisy_figure_does_not_count_beside_a_quiet_one() -> None:
    """The median is of the quiet rounds."""
    standing = Standing()
    for value, others in ((1.0, 0.0), (9.0, 0.5), (2.0, 0.01)):
        standing.add("gateway", "steady", [figure("p99", value, others)])
    assert standing.value("gateway", "p99") == 1.5
    assert standing.left_out() == 1


def test_a_server_that_fails_in_a_row_loses_its_figures_of_that_row_alone() -> None:
    """Those of earlier rounds too: what lost an event in the second round has no figure from the first."""
    standing = Standing()
    standing.add("node", "steady", [figure("steady", 10.0), figure("p99", 5.0)])
    standing.add("node", "burst", [figure("burst", 3.0)])
    standing.fail("node", "steady", "an event came twice")
    assert standing.value("node", "steady") is None
    assert standing.value("node", "p99") is None
    assert standing.value("node", "burst") == 3.0
    assert standing.failed_rows == {("node", "steady"): "an event came twice"}
