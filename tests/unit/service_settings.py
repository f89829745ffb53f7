"""Reading the settings of a service from variables, and what it says of a mistake."""

from typing import Any

import pytest
from pydantic import BaseModel

from queuecast_edge.environment import SettingsError, read
from queuecast_gateway.settings import Settings as GatewaySettings
from queuecast_poller.settings import Settings as PollerSettings

SERVICES: dict[str, tuple[type[BaseModel], dict[str, str]]] = {
    "gateway": (GatewaySettings, {}),
    "poller": (PollerSettings, {"QUEUECAST_QUEUES": "orders"}),
}
both = pytest.mark.parametrize("service", SERVICES)


def settings(service: str, **variables: str) -> Any:
    model, least = SERVICES[service]
    return read(model, {**least, **{f"QUEUECAST_{name}": value for name, value in variables.items()}})


def assert_refused(service: str, name: str, value: str) -> None:
    """The value is refused by one line, which begins with the variable."""
    with pytest.raises(SettingsError) as caught:
        settings(service, **{name: value})
    assert str(caught.value).startswith(f"QUEUECAST_{name}: ")
    assert len(str(caught.value).splitlines()) == 1


def assert_mistake(name: str, variables: dict[str, str], *parts: str) -> None:
    """These are refused by one line, which begins with the variable and says this."""
    with pytest.raises(SettingsError) as caught:
        settings("gateway", **variables)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"QUEUECAST_{name}: ")
    for part in parts:
        assert part in line
