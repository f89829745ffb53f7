"""What is said of a run of the tests."""

import sys
from pathlib import Path

import pytest
from tests.repeat import busy, last_line, once


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("...\n==== 6,940 passed in 12.00s ====\n", "6,940 passed in 12.00s"),
        (
            "== 1 failed, 2 passed in 3s ==\nmake: *** [Makefile:30: test] Error 1\n",
            "1 failed, 2 passed in 3s",
        ),
        ("npm is missing\nmake: *** no rule\n", "make: *** no rule"),
        ("", "no output"),
    ],
)
def test_the_last_line_says_what_came_of_a_run(output: str, said: str) -> None:
    """Make has a word behind pytest's, and a run may end before pytest begins."""
    assert last_line(output) == said


@pytest.mark.parametrize("code", [0, 1])
def test_a_run_is_green_if_its_command_says_so_and_its_output_is_kept(tmp_path: Path, code: int) -> None:
    """Whatever the output says: a run that was ended in the middle has no count."""
    log = tmp_path / "1.log"
    command = [sys.executable, "-c", f"print('== 3 passed in 1s =='); raise SystemExit({code})"]
    assert once(command, log) == (code == 0, "3 passed in 1s")
    assert "3 passed" in log.read_text()


def test_nothing_that_kept_cores_busy_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would keep them busy for ever."""
    ended: list[str] = []

    class Child:
        def __init__(self, command: tuple[str, ...]) -> None:
            assert "while True" in command[-1]

        def __enter__(self) -> "Child":
            return self

        def __exit__(self, *exc: object) -> None:
            ended.append("waited for")

        def kill(self) -> None:
            ended.append("killed")

    monkeypatch.setattr("tests.repeat.subprocess.Popen", Child)
    with busy(2):
        assert ended == []
    assert ended == ["killed", "waited for"] * 2
