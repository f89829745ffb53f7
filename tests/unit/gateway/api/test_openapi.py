"""The description of the API is a valid one, is complete, and is the one in the documentation."""

import json
from pathlib import Path

from openapi_spec_validator import OpenAPIV31SpecValidator

from queuecast_gateway.api.handlers import Handlers
from queuecast_gateway.api.openapi import description
from queuecast_gateway.api.operations import OPERATIONS
from queuecast_gateway.api.problems import TITLES
from queuecast_gateway.settings import Settings

DOCS = Path(__file__).parents[4] / "docs"


def document() -> dict[str, object]:
    """Return it with the default limits."""
    fields = Settings.model_fields
    return description(fields["api_max_batch"].default, fields["api_max_body_bytes"].default)


def test_it_is_a_valid_document() -> None:
    """Generators of clients refuse any other."""
    OpenAPIV31SpecValidator(document()).validate()


def test_the_one_in_the_documentation_is_the_one_that_the_code_makes() -> None:
    """`make docs` renews it."""
    assert json.loads((DOCS / "openapi.json").read_text("utf-8")) == document()


def test_every_operation_has_a_handler_and_no_handler_is_without_one() -> None:
    """A path that is described and fails would be a surprise."""
    nothing: object = None
    handlers = Handlers(nothing, nothing, nothing, nothing, nothing, b"")  # type: ignore[arg-type]  # only named here
    assert set(handlers.by_name) == {operation.name for operation in OPERATIONS}


def test_every_problem_has_a_status_that_some_operation_has() -> None:
    """A status that is not described is one that no client handles."""
    described = {status for operation in OPERATIONS for status in operation.statuses}
    assert {status.value for status, _ in TITLES.values()} - described <= {404, 405}


def test_every_problem_is_explained() -> None:
    """Whoever gets one looks here."""
    page = (DOCS / "api.md").read_text("utf-8")
    assert [kind for kind in TITLES if f"`{kind}`" not in page] == []
