"""The variables with which `make run` starts each service."""

from collections.abc import Mapping

from pydantic import BaseModel

from queuecast_edge.environment import variable
from queuecast_gateway.settings import Settings as GatewaySettings
from queuecast_local.ports import HOST, Ports
from queuecast_poller.settings import Settings as PollerSettings

SERVICES: Mapping[str, type[BaseModel]] = {"gateway": GatewaySettings, "poller": PollerSettings}

DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "gateway": {
        "QUEUECAST_DRAIN_SECONDS": "1",
        # A web developer's own page has another port than the gateway.
        "QUEUECAST_ORIGINS": "self,http://localhost:*,http://127.0.0.1:*,http://[::1]:*",
        "QUEUECAST_BOARD_RIGHTS": "view,send,kill",
        "QUEUECAST_PRESENCE_ROOMS": "*",
        "QUEUECAST_ACKS": "true",
    },
    # The gateways show that messages arrive even if nobody sends any.
    "poller": {
        "QUEUECAST_CANARY_SECONDS": "15",
        # Long enough to look at it, and to press a button on the board.
        "QUEUECAST_ACK_SECONDS": "20",
        "QUEUECAST_HOLD_SECONDS": "3600",
        "QUEUECAST_BOARD_SENDS": "true",
    },
}
"""What a service has here unless the environment says otherwise."""


def variables(service: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return a service's defaults, or what `environ` has instead, and empty values for the other's settings.

    A service refuses a setting that is not its own; an empty variable counts as unset.
    """
    own = SERVICES[service].model_fields.keys()
    defaults = {
        name: value
        for name, value in DEFAULTS[service].items()
        # Whoever tries tokens tries what they allow.
        if name != "QUEUECAST_BOARD_RIGHTS" or environ.get("QUEUECAST_AUTH") != "jwt"
    }
    others = {field for model in SERVICES.values() for field in model.model_fields} - own
    return {
        **{name: "" for name in map(variable, others) if name in environ},
        **{name: environ.get(name) or value for name, value in defaults.items()},
    }


def links(ports: Ports, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variable with the live board's links, to everybody's metrics, unless `environ` has it."""
    admins = {f"gateway-{number}": port for number, port in enumerate(ports.gateway_admins, 1)}
    addresses = [
        f"Metrics of {name}=http://{HOST}:{port}/metrics"
        for name, port in {**admins, "the poller": ports.poller_admin}.items()
    ]
    return {} if environ.get("QUEUECAST_BOARD_LINKS") else {"QUEUECAST_BOARD_LINKS": ",".join(addresses)}
