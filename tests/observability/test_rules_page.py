"""docs/operations.md: what it links to exists, and its instructions can be followed."""

import ast
import re
import shlex

import pytest
from tests.faults import attack_run
from tests.faults.faults import FAULTS

from queuecast_edge.environment import variable
from queuecast_gateway.settings import Settings as GatewaySettings
from queuecast_poller.settings import Settings as PollerSettings

from .dashboards import ROOT
from .registries import known

DOCS = ROOT / "docs"
PAGE = (DOCS / "operations.md").read_text("utf-8")

MATRIX = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.partition("## When something fails")[2].partition("## Game days")[0].splitlines()
    if line.startswith("| **")
]


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def functions(path: str) -> set[str]:
    """Return the names of a test file's tests."""
    tree = ast.parse((ROOT / "tests" / path).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_links_lead_somewhere() -> None:
    """At night nobody wants to search for a page that was moved."""
    links = re.findall(r"\]\(([^)#]*)(?:#([^)]+))?\)", PAGE)
    assert links
    for path, anchor in links:
        target = (DOCS / path) if path else DOCS / "operations.md"
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target.read_text("utf-8")), f"{path}#{anchor}"


def test_the_failures_that_everybody_asks_about_are_there() -> None:
    """Each says what happens, what you see, what to do, and which test shows it."""
    assert all(all(row) and len(row) == 5 for row in MATRIX)
    found = {row[0].strip("*") for row in MATRIX}
    assert {
        "Redis is down",
        "Redis is full",
        "Redis lost its data",
        "SQS throttles, fails or hangs",
        "a poller is dead",
        "a gateway is lost",
        "a zone is lost",
        "Prometheus is lost",
        "the keys' URL is down",
    } <= found


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row[0].strip("*"))
def test_a_failure_is_shown_by_a_test_or_a_game(row: list[str]) -> None:
    """A failure that nobody has seen is a guess."""
    tests = re.findall(r"`([\w/]+\.py)::(\w+)`", row[4])
    assert tests or "--only" in row[4]
    for path, name in tests:
        assert name in functions(path), f"{path}::{name}"


def test_every_game_has_a_fault() -> None:
    """Otherwise `make faults` would refuse the name only when somebody types it."""
    names = [fault.name for fault in FAULTS] + [attack_run.NAME]
    games = re.findall(r"--only ([^`'\n\"]+|\"[^\"]+\")", PAGE)
    assert len(games) > 10
    for game in games:
        for part in shlex.split(game)[0].split(","):
            assert any(part in name for name in names), part


def test_settings_that_are_named_exist() -> None:
    """An unknown setting ends a service's start."""
    settings = {variable(name) for name in {**GatewaySettings.model_fields, **PollerSettings.model_fields}}
    assert set(re.findall(r"QUEUECAST_[A-Z_]+", PAGE)) <= settings


def test_metrics_that_are_named_exist() -> None:
    """A query without a result tells nothing."""
    named = set(re.findall(r"(?<![:\w])queuecast_(?:gateway|poller)_\w+", PAGE))
    assert named <= known().keys(), named - known().keys()
