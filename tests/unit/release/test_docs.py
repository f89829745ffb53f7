"""Pages that are made from the code are the ones that are in the repository."""

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from requirements import licences

from queuecast_bus.errors import FLAWS
from queuecast_edge.environment import variable
from queuecast_gateway.access.authenticator import CONNECT_REFUSALS
from queuecast_gateway.reasons import CLOSE_REASONS, REFUSAL_REASONS
from queuecast_gateway.settings import Settings as GatewaySettings
from queuecast_gateway.wire.protocol import ACK_CODES
from queuecast_poller.judge.verdict import DropReason, Reason
from queuecast_poller.settings import Settings as PollerSettings

TESTS = Path(__file__).parents[2]
DOCS = TESTS.parent / "docs"


def script(name: str) -> ModuleType:
    """Return a module of the folder `docs`, which is no package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return script("reference")


def test_the_page_about_settings_is_the_one_that_the_code_makes(reference: ModuleType) -> None:
    """A default that is only right in the code misleads; `make docs` renews it."""
    assert (DOCS / "settings.md").read_text("utf-8") == reference.page()


def test_every_setting_of_both_services_is_on_the_page_once(reference: ModuleType) -> None:
    """One that is shared is described once, for both."""
    page = reference.page()
    for field in {**GatewaySettings.model_fields, **PollerSettings.model_fields}:
        assert page.count(f"| `{variable(field)}` |") == 1, field


def test_the_page_about_metrics_is_the_one_that_the_code_makes() -> None:
    """Dashboards and alerts are written from it; `make docs` renews it."""
    assert (DOCS / "metrics.md").read_text("utf-8") == script("metrics_reference").page()


def test_the_figures_in_the_readme_are_the_measured_ones() -> None:
    """A figure that was better once is a promise that nobody keeps; `make docs` renews them."""
    readme = (DOCS.parent / "README.md").read_text("utf-8")
    assert script("readme_tables").page(readme) == readme


def test_the_page_about_licences_is_the_one_that_the_packages_make() -> None:
    """A list of what used to be in the images is none; `make docs` renews it."""
    assert (DOCS / "licences.md").read_text("utf-8") == licences.page()


# Security


def test_each_threat_has_tests_that_exist_and_are_real_traffic() -> None:
    """A defence that nobody tries out is a hope."""
    rows = _threats()
    assert len(rows) > 30
    for threat, *_, tests in rows:
        named = _tests(tests)
        assert named, threat
        for path, name in named:
            assert path.startswith(("integration/", "e2e/")), f"{threat}: {path} runs no gateway"
            assert name in _functions(path), f"{threat}: {path}::{name}"


def _threats() -> list[list[str]]:
    section = (DOCS / "security.md").read_text("utf-8").partition("## Threats")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in rows[1:] if not row[0].startswith("**")]


def _tests(cell: str) -> list[tuple[str, str]]:
    """Return path and name of each test; `::name` is in the file of the one before."""
    path, found = "", []
    for given, name in re.findall(r"`([\w/.]*)::(\w+)`", cell):
        path = given or path
        found.append((path, name))
    return found


def _functions(path: str) -> set[str]:
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_each_setting_of_a_threat_exists_and_has_this_default() -> None:
    """A limit that is only on the page protects nobody."""
    fields = {**GatewaySettings.model_fields, **PollerSettings.model_fields}
    for threat, _, cell, *_ in _threats():
        for name, default in re.findall(r"`([A-Z_]+)`(?: \(([^)]*)\))?", cell):
            field = fields[name.lower()]
            number = re.fullmatch(r"([\d,]+)(?: .*)?", default)
            if number and "MiB" not in default:
                assert field.default == int(number[1].replace(",", "")), f"{threat}: {name}"


@pytest.mark.parametrize(
    ("metric", "labels"),
    [
        ("connects_refused_total{reason}", CONNECT_REFUSALS),
        ("handshakes_refused_total{reason}", REFUSAL_REASONS),
        ("events_refused_total{reason}", CLOSE_REASONS),
        ("acks_refused_total{code}", ACK_CODES),
        ("records_skipped_total{reason}", FLAWS),
    ],
)
def test_every_reason_for_a_refusal_is_explained(metric: str, labels: tuple[str, ...]) -> None:
    """Whoever sees one on a dashboard looks here."""
    page = (DOCS / "security.md").read_text("utf-8").partition("## Every reason")[2]
    (text,) = re.findall(rf"^\* `queuecast_gateway_{re.escape(metric)}`(.*?)(?=^\* |^#)", page, re.S | re.M)
    explained = re.findall(r"`(\w+)`", text)
    assert sorted(set(explained) - {"refresh"}) == sorted(labels)


@pytest.mark.parametrize("reason", [*Reason, *DropReason])
def test_every_reason_to_leave_or_drop_a_message_is_explained(reason: str) -> None:
    """Whoever finds a message in the dead-letter queue looks here."""
    page = (DOCS / "overview.md").read_text("utf-8") + (DOCS / "messages.md").read_text("utf-8")
    assert f"`{reason}`" in page


def test_every_code_of_an_acknowledgement_is_in_the_overview() -> None:
    """It is where the author of a page reads."""
    listed = (
        (DOCS / "overview.md").read_text("utf-8").partition("An acknowledgement is")[2].partition("\n\n")[0]
    )
    assert {*ACK_CODES} <= {*re.findall(r"`(\w+)`", listed)}


def test_every_client_that_is_shown_reaches_a_gateway_of_the_manifests() -> None:
    """They serve WebSockets alone, and the stock client begins with polling unless it is told otherwise."""
    settings = (DOCS.parent / "deploy/k8s/base/gateway/settings.env").read_text("utf-8")
    assert "QUEUECAST_TRANSPORTS=websocket\n" in settings
    pages = [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("how-to/*.md"))]
    shown = [found for page in pages for found in re.findall(r'io\("http[^;]*', page.read_text("utf-8"))]
    assert len(shown) >= 10
    assert [call for call in shown if 'transports: ["websocket"]' not in call] == []


# The site


def test_every_page_has_a_place_on_the_site() -> None:
    """A page that only a search finds is not read."""
    index = (DOCS / "index.md").read_text("utf-8").splitlines()
    pages = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    pages |= {f"how-to/{path.stem}" for path in DOCS.glob("how-to/*.md")}
    assert pages <= {*index}, pages - {*index}


def test_every_decision_is_listed() -> None:
    """By its title."""
    decisions = DOCS / "decisions"
    listed = (decisions / "README.md").read_text("utf-8")
    for page in decisions.glob("0*.md"):
        title = page.read_text("utf-8").splitlines()[0].removeprefix("# ")
        assert f"[{title}]({page.name})" in listed


# The glossary


def test_each_module_and_setting_in_the_glossary_exists() -> None:
    """A rename that leaves the glossary behind sends newcomers to a place that is gone."""
    page = (DOCS / "glossary.md").read_text("utf-8")
    modules = re.findall(r"`(queuecast_[\w.]+)`", page)
    settings = re.findall(r"`(QUEUECAST_[A-Z_]+)`", page)
    assert len(modules) > 30
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []
    fields = {**GatewaySettings.model_fields, **PollerSettings.model_fields}
    assert {*settings} <= {variable(field) for field in fields}


# The guide for contributors


def test_each_test_and_page_in_the_guide_for_contributors_exists() -> None:
    """It promises which test fails if a file is forgotten."""
    guide = (DOCS.parent / "CONTRIBUTING.md").read_text("utf-8")
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", guide)
    assert len(named) > 10
    assert [(path, name) for path, name in named if name not in _functions(path)] == []
    pages = re.findall(r"\]\((?!https?:)([^)#]+)", guide)
    assert [page for page in pages if not (DOCS.parent / page).exists()] == []


def test_each_key_of_a_route_that_the_guide_follows_exists() -> None:
    """The files that it names for a feature of routes are those that know the key."""
    guide = (DOCS.parent / "CONTRIBUTING.md").read_text("utf-8")
    section = guide.partition("### … a feature of routes")[2].partition("\n### ")[0]
    package = DOCS.parent / "services" / "poller" / "src" / "queuecast_poller"
    files = re.findall(r"`((?:route|judge|cli)/\w+\.py)`", section)
    assert len(files) == 5
    assert [name for name in files if "max_age" not in (package / name).read_text("utf-8")] == []
