"""What the workers of a run share out."""

from pathlib import Path

import pytest
from tests.scheduling import APART, ORDER, OWN_STACK, TOGETHER, rank, scope

ROOT = Path(__file__).parents[3]


def test_the_tests_of_a_file_keep_together() -> None:
    """They share servers that take longer to start than most of the tests take."""
    assert scope("tests/integration/test_bus.py::test_a") == scope(
        "tests/integration/test_bus.py::test_b[x::y]"
    )
    assert scope("tests/integration/test_bus.py::test_a") != scope("tests/integration/test_abuse.py::test_a")


def test_whole_stacks_under_load_run_one_after_another() -> None:
    """Two at once would measure each other."""
    assert scope("tests/faults/test_faults.py::test_a[x]") == scope("tests/faults/test_more.py::test_b")
    assert scope("tests/e2e/test_board.py::test_a") == scope("tests/e2e/test_recovery.py::test_b")
    assert scope("tests/e2e/test_board.py::test_a") != scope("tests/faults/test_faults.py::test_b")


def test_a_stack_of_its_own_runs_beside_others() -> None:
    """Or the end-to-end tests would end long after everything else."""
    assert scope("tests/e2e/test_console.py::test_a") == scope("tests/e2e/test_console.py::test_b[x]")
    assert scope("tests/e2e/test_console.py::test_a") != scope("tests/e2e/test_recovery.py::test_b")


def test_a_long_file_whose_tests_share_nothing_is_divided() -> None:
    """Or one worker would go on with it when all others have ended."""
    assert scope("tests/unit/tools/test_fuzz.py::test_a") != scope("tests/unit/tools/test_fuzz.py::test_b")


def test_what_takes_long_is_begun_first() -> None:
    """And quick tests fill the rest; a folder that is not known comes last."""
    ranks = [rank(f"{start}::test_a") for start in (*ORDER, "tests/compose/test_compose.py")]
    assert ranks == sorted(set(ranks))


@pytest.mark.parametrize("start", sorted({*ORDER, *TOGETHER, *OWN_STACK, *APART}))
def test_what_is_named_is_there(start: str) -> None:
    """A file that was renamed would go its own way unseen."""
    assert (ROOT / start).exists()
