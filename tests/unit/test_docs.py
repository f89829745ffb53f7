"""Pages that are made from the code are the ones that are in the repository."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from requirements import licences

from queuecast_edge.environment import variable
from queuecast_gateway.settings import Settings as GatewaySettings
from queuecast_poller.settings import Settings as PollerSettings

DOCS = Path(__file__).parents[2] / "docs"


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


def test_the_page_about_licences_is_the_one_that_the_packages_make() -> None:
    """A list of what used to be in the images is none; `make docs` renews it."""
    assert (DOCS / "licences.md").read_text("utf-8") == licences.page()
