import json
import logging
from collections.abc import Iterator

import pytest

from queuecast_edge import logs

Stderr = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet = {name: logging.getLogger(name).level for name in logs.QUIET_LOGGERS}
    root.handlers = []  # or `force` would close pytest's
    yield
    root.handlers, root.level = handlers, level
    for name, old in quiet.items():
        logging.getLogger(name).setLevel(old)


def test_a_json_line_is_one_object_with_the_promised_keys(capsys: Stderr) -> None:
    """Log collectors find time, level and message by name."""
    logs.configure("info", "json")
    logging.getLogger("queuecast_x").warning("left: %s", 'a "quoted"\nword')
    shown = capsys.readouterr().err
    line = json.loads(shown)
    assert line.pop("time")
    assert line == {"level": "WARNING", "name": "queuecast_x", "message": 'left: a "quoted"\nword'}
    assert shown.count("\n") == 1


def test_a_traceback_is_part_of_its_json_line(capsys: Stderr) -> None:
    """Spread over thirty lines it would be thirty events."""
    logs.configure("info", "json")
    try:
        raise KeyError("gone")
    except KeyError:
        logging.getLogger("queuecast_x").exception("died")
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "KeyError: 'gone'" in json.loads(shown)["exc_info"]


def test_a_text_line_reads_from_left_to_right(capsys: Stderr) -> None:
    """When, how severe, which logger, what."""
    logs.configure("info", "text")
    logging.getLogger("queuecast_x").warning("left")
    assert capsys.readouterr().err.endswith(" WARNING queuecast_x: left\n")


@pytest.mark.parametrize(("level", "shown"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_decides_what_is_shown(capsys: Stderr, level: str, shown: int) -> None:
    """Lines of this severity and above."""
    logs.configure(level, "text")
    for severity in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger("queuecast_x").log(severity, "x")
    assert len(capsys.readouterr().err.splitlines()) == shown


@pytest.mark.parametrize(
    ("level", "least"), [("debug", "warning"), ("warning", "warning"), ("error", "error")]
)
def test_libraries_are_heard_from_warnings_on_at_most(level: str, least: str) -> None:
    """At debug, python-socketio would log the data of every event."""
    logs.configure(level, "text")
    for name in logs.QUIET_LOGGERS:
        assert logging.getLogger(name).level == getattr(logging, least.upper())


def test_no_text_begins_a_line_of_its_own(capsys: Stderr) -> None:
    """Senders and browsers choose some of what is quoted, and a terminal carries out escape sequences."""
    logs.configure("info", "text")
    logging.getLogger("queuecast_x").warning("left: %s", "a\n2026 ERROR b\r\x1b[2J\x9b\u2028ü")
    shown = capsys.readouterr().err
    assert shown.endswith(r" left: a\n2026 ERROR b\r\x1b[2J\x9b\u2028ü" + "\n")
    assert shown.count("\n") == 1


def test_a_traceback_keeps_its_lines(capsys: Stderr) -> None:
    """People read it."""
    logs.configure("info", "text")
    try:
        raise KeyError("gone")
    except KeyError:
        logging.getLogger("queuecast_x").exception("died")
    assert capsys.readouterr().err.splitlines()[-1] == "KeyError: 'gone'"
