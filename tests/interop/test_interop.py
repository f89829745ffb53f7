"""The quick part of `make interop`: the stock clients that need nothing but Node and Python."""

from collections.abc import Sequence

import pytest
from tests.interop import checks
from tests.interop.clients import CLIENTS, Client
from tests.interop.conftest import Drive
from tests.interop.course import QUICK, Course
from tests.interop.site import Site

QUICK_CLIENTS = [client for client in CLIENTS if client.quick]


def _params(clients: Sequence[Client]) -> list[object]:
    skip = {client.name: client.kit.missing for client in clients}
    return [
        pytest.param(
            client,
            check,
            id=f"{client.name}-{check}",
            marks=[pytest.mark.skip(reason=skip[client.name])] if skip[client.name] else [],
        )
        for client in clients
        for check in checks.of(client)
    ]


@pytest.mark.parametrize(("client", "check"), _params(QUICK_CLIENTS))
def test_a_stock_client_is_served(site: Site, drive: Drive, client: Client, check: str) -> None:
    """Connects, acknowledgements, bytes both ways, namespaces, tokens; or a reason that its user sees."""
    checks.CHECKS[check](drive(client), site)


def test_every_client_comes_back_from_a_gateway_that_ends(site: Site, drive: Drive) -> None:
    """Who recovers has missed nothing, the others know that they have; nobody gets anything twice."""
    present = [client for client in QUICK_CLIENTS if client.refused is None and client.kit.missing is None]
    passed = Course(site, [drive(client) for client in present]).run(QUICK)
    troubles = [
        f"{client.name}: {trouble}"
        for client, one in zip(present, passed, strict=True)
        for trouble in one.troubles
    ]
    assert not troubles, "\n".join(troubles)  # pytest would cut them short
    assert all(one.account.deliveries and one.returns for one in passed)
