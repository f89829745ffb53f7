"""The keys of an issuer."""

import pytest
from tests.unit.gateway.access.issuer_tokens import IssuerKeys


@pytest.fixture
def keys() -> IssuerKeys:
    return IssuerKeys()
